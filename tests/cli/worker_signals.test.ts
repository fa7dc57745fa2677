/** Signals at every moment of a worker's life: at its start, while it settles, and those that only halt it. */
import { cleanUpSandboxes, Sandbox, until } from "../support/sandbox.ts";
import { describe, expect, test } from "../support/testing.ts";

cleanUpSandboxes();

/** What a message's whereabouts must add up to: handled once, or waiting as if nobody had touched it. */
async function expectHandledOrUntouched(
  sandbox: Sandbox,
  messages: readonly string[],
  handled: readonly string[],
): Promise<void> {
  const waiting = await sandbox.waiting("q");
  expect([...handled.map((text) => `${text} 0`), ...waiting].sort()).toEqual(
    messages.map((text) => `${text} 0`).sort(),
  );
  const { counters, leased, delayed, buried } = await sandbox.status("q");
  expect([counters.acked, leased, delayed, buried]).toEqual([
    handled.length,
    0,
    0,
    0,
  ]);
}

describe("a signal", () => {
  for (const [signal, number, drained] of [
    ["SIGTERM", 15, 0],
    ["SIGINT", 2, 130],
    ["SIGHUP", 1, 0],
    ["SIGUSR1", 10, 0],
  ] as const) {
    test(
      `${signal} in the first milliseconds ends the worker, at once or drained, and costs no attempt`,
      async () => {
        await using sandbox = new Sandbox();
        const messages = ["1", "2", "3", "4", "5", "6", "7", "8", "9"];
        await sandbox.good(["push", "-q", "q"], {
          stdin: `${messages.join("\n")}\n`,
        });
        for (const delayMs of [0, 4, 8, 12, 16, 24, 32, 48, 64]) {
          const worker = sandbox.start([
            ...["ringwire-queue-worker", "work", "-q", "q", "-n", "1"],
            ...["--exec", "read -r x; echo $x >>handled"],
          ]);
          await Bun.sleep(delayMs);
          worker.kill(signal);
          const { code } = await worker.ended;
          // 0 also when it had done its one message before the signal came.
          expect([0, drained, 128 + number]).toContain(code);
        }
        await expectHandledOrUntouched(
          sandbox,
          messages,
          sandbox.lines("handled"),
        );
      },
      { timeoutMs: 30_000 },
    );
  }

  test(
    "SIGTERM while messages are being settled: each was handled once, or is untouched",
    async () => {
      await using sandbox = new Sandbox();
      const messages = Array.from({ length: 400 }, (_, index) => `${index}`);
      await sandbox.good(["push", "-q", "q"], {
        stdin: `${messages.join("\n")}\n`,
      });
      for (let round = 1; round <= 6; round++) {
        const worker = sandbox.start([
          ...["ringwire-queue-worker", "work", "-q", "q", "-j4"],
          ...["--exec", "read -r x; echo $x >>handled"],
        ]);
        const before = sandbox.lines("handled").length;
        await until(
          "some to be handled",
          () => sandbox.lines("handled").length >= before + 5,
        );
        await Bun.sleep(Math.random() * 10);
        worker.kill("SIGTERM");
        expect((await worker.ended).code).toBe(0);
      }
      const handled = sandbox.lines("handled");
      expect(handled.length).toBeLessThan(messages.length);
      await expectHandledOrUntouched(sandbox, messages, handled);
    },
    { timeoutMs: 60_000 },
  );

  test(
    "a second SIGTERM right after the first, while messages are being settled: none is lost, none has lost an attempt",
    async () => {
      await using sandbox = new Sandbox();
      const messages = Array.from({ length: 300 }, (_, index) => `${index}`);
      await sandbox.good(["push", "-q", "q"], {
        stdin: `${messages.join("\n")}\n`,
      });
      for (let round = 1; round <= 6; round++) {
        const worker = sandbox.start([
          ...["ringwire-queue-worker", "work", "-q", "q", "-j4"],
          ...["--exec", "read -r x; echo $x >>begun; sleep 0.02"],
        ]);
        const before = sandbox.lines("begun").length;
        await until(
          "some to begin",
          () => sandbox.lines("begun").length >= before + 5,
        );
        worker.kill("SIGTERM");
        await Bun.sleep(Math.random() * 20);
        worker.kill("SIGTERM");
        // 0 when all had come to their end before the second.
        expect([0, 143]).toContain((await worker.ended).code);
      }
      const { counters } = await sandbox.status("q");
      const waiting = await sandbox.waiting("q");
      expect(waiting.filter((line) => !line.endsWith(" 0"))).toEqual([]);
      expect(waiting.length + counters.acked).toBe(messages.length);
      for (const text of messages)
        if (!waiting.includes(`${text} 0`))
          expect(sandbox.lines("begun")).toContain(text);
    },
    { timeoutMs: 60_000 },
  );
});

test(
  "SIGHUP drains as SIGTERM does",
  async () => {
    await using sandbox = new Sandbox();
    await sandbox.good(["push", "-q", "q"], { stdin: "1\n2\n" });
    const worker = sandbox.start([
      ...["ringwire-queue-worker", "work", "-q", "q", "--exec"],
      "echo >>begun; while [ ! -e go ]; do sleep 0.02; done; echo done",
    ]);
    await until("the handler", () => sandbox.lines("begun").length === 1);
    worker.kill("SIGHUP");
    await until("the worker to say so", () => worker.err().includes("SIGHUP"));
    await Bun.write(sandbox.file("go"), "");
    const { code, out } = await worker.ended;
    expect([code, out]).toEqual([0, "done\n"]);
    expect(await sandbox.waiting("q")).toHaveLength(1);
  },
  { timeoutMs: 20_000 },
);

test(
  "SIGTSTP halts a worker, not its handler; after longer than a lease the message is another's, and a late success counts for nothing",
  async () => {
    await using sandbox = new Sandbox();
    await sandbox.good(["create", "q", "--lease", "300ms"]);
    await sandbox.good(["push", "-q", "q", "x"]);
    // Job control gives it a process group of its own, in which the signal works as from a terminal.
    const shell = sandbox.start(
      [
        ...["bash", "-c"],
        `set -m
ringwire-queue-worker work -q q -n 1 --exec 'echo >>begun; while [ ! -e go ]; do sleep 0.02; done; echo $RINGWIRE_MSG_ATTEMPT >>done' &
echo $! >worker; read -r _; wait $!; echo $?`,
      ],
      { stdin: "pipe" },
    );
    await until("the handler", () => sandbox.lines("begun").length === 1);
    const pid = Number(sandbox.lines("worker")[0]);
    process.kill(pid, "SIGTSTP");
    await until("the worker to be halted", async () =>
      (await Bun.file(`/proc/${pid}/stat`).text()).includes(") T "),
    );
    const other = await sandbox.run([
      ...["work", "-q", "q", "-n", "1", "--exec", "echo $RINGWIRE_MSG_ATTEMPT"],
    ]);
    expect([other.code, other.out]).toEqual([0, "2\n"]);
    // The first attempt ends well while nobody looks.
    await Bun.write(sandbox.file("go"), "");
    await until("the handler to end", () => sandbox.lines("done").length === 1);
    process.kill(pid, "SIGCONT");
    await until(
      "the worker to go on",
      async () => (await sandbox.status("q")).participants.length === 0,
    );
    shell.write("\n");
    const { out, err } = await shell.ended;
    expect(out).toBe("0\n");
    expect(err).toContain("1 messages lost their lease");
    expect((await sandbox.status("q")).counters.acked).toBe(1);
    expect(await sandbox.waiting("q")).toEqual([]);
  },
  { timeoutMs: 30_000 },
);
