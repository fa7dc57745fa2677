import {
  readdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
} from "node:fs";
import {
  isAlive,
  type Running,
  cleanUpSandboxes,
  Sandbox,
  until,
} from "../support/sandbox.ts";
import { describe, expect, test } from "../support/testing.ts";

function work(sandbox: Sandbox, ...words: string[]): Running {
  return sandbox.start(["ringwire-queue-worker", "work", "-q", "q", ...words]);
}

const quick = ["--backoff", "1ms..5ms", "--until-empty"];

cleanUpSandboxes();

describe("stopping work", () => {
  test(
    "stops with 141 when nobody reads its stdout, and the message is not lost",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["push", "-q", "q"], { stdin: "a\nb\nc\n" });
      const { out, err } = await sandbox.bash(
        `ringwire-queue-worker work -q q --until-empty --exec 'while [ ! -e closed ]; do sleep 0.02; done; cat' | { exec <&-; echo >closed; }
echo \${PIPESTATUS[0]}`,
      );
      expect([out, err]).toEqual(["141\n", ""]);
      expect(await sandbox.waiting("q")).toEqual(["a 0", "b 0", "c 0"]);
    },
    { timeoutMs: 15_000 },
  );

  test(
    "--timeout sends TERM to the whole process group, --kill-after KILL",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["push", "-q", "q", "x"]);
      const handler =
        'trap "echo term >>log" TERM; sleep 1000 & echo $! >>pids; sh -c "trap : TERM; while :; do sleep 0.05; done" & echo $! >>pids; while :; do sleep 0.05; done';
      const { code } = await sandbox.run([
        "work",
        "-q",
        "q",
        "--max-deliver",
        "1",
        "--timeout",
        "300ms",
        "--kill-after",
        "300ms",
        ...quick,
        "--",
        "sh",
        "-c",
        handler,
      ]);
      expect(code).toBe(123);
      expect(sandbox.lines("log")).toEqual(["term"]);
      for (const pid of sandbox.lines("pids").map(Number))
        await until(
          `process ${pid} to be gone`,
          async () => !(await isAlive(pid)),
        );
      expect(await sandbox.good(["dlq", "ls", "-q", "q"])).toContain(
        "timed out after 300ms",
      );
    },
    { timeoutMs: 20_000 },
  );

  test(
    "renews the lease while the handler lives",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["create", "q", "--lease", "600ms"]);
      await sandbox.good(["push", "-q", "q", "x"]);
      const first = work(
        sandbox,
        "--count",
        "1",
        "--",
        "sh",
        "-c",
        "echo >>runs; sleep 2",
      );
      await until(
        "the handler to begin",
        () => sandbox.lines("runs").length === 1,
      );
      // Its lease would have run out several times by then.
      const other = await sandbox.run([
        "work",
        "-q",
        "q",
        "--wait",
        "3s",
        "--",
        "sh",
        "-c",
        "echo >>runs",
      ]);
      expect([(await first.ended).code, other.code]).toEqual([0, 124]);
      expect(sandbox.lines("runs")).toHaveLength(1);
      expect((await sandbox.status("q")).counters.acked).toBe(1);
    },
    { timeoutMs: 20_000 },
  );

  test(
    "SIGTERM lets handlers finish and ends with 0; SIGUSR1 only stops the taking",
    async () => {
      for (const signal of ["SIGTERM", "SIGUSR1"] as const) {
        await using sandbox = new Sandbox();
        await sandbox.good(["push", "-q", "q"], { stdin: "1\n2\n3\n" });
        const worker = work(
          sandbox,
          "--",
          "sh",
          "-c",
          "echo >>begun; while [ ! -e go ]; do sleep 0.02; done; echo done",
        );
        await until(
          "the handler to begin",
          () => sandbox.lines("begun").length === 1,
        );
        worker.kill(signal);
        await until("the worker to say so", () =>
          worker.err().includes(signal),
        );
        writeFileSync(sandbox.file("go"), "");
        const { code, out } = await worker.ended;
        expect(`${code} ${out}`).toBe("0 done\n");
        expect(await sandbox.waiting("q")).toHaveLength(2);
      }
    },
    { timeoutMs: 30_000 },
  );

  test(
    "--drain-timeout ends with TERM to the handlers, and their messages go back uncounted",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["push", "-q", "q", "x"]);
      const worker = work(
        sandbox,
        "--drain-timeout",
        "100ms",
        "--",
        "sh",
        "-c",
        "echo $$ >>begun; exec sleep 1000",
      );
      await until(
        "the handler to begin",
        () => sandbox.lines("begun").length === 1,
      );
      worker.kill("SIGTERM");
      expect((await worker.ended).code).toBe(143);
      expect(await isAlive(Number(sandbox.lines("begun")[0]))).toBe(false);
      expect(await sandbox.waiting("q")).toEqual(["x 0"]);
    },
    { timeoutMs: 20_000 },
  );

  test(
    "a worker on a stream that has ended rests, goes on when it is reopened, and heeds signals",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["push", "-q", "q", "a", "--end"]);
      const worker = work(sandbox, "--", "cat");
      await until("the first message", () => worker.out() === "a");
      const ticks = async (): Promise<number> =>
        Number(
          (await Bun.file(`/proc/${worker.pid}/stat`).text()).split(" ")[13],
        );
      const spent = await ticks();
      await Bun.sleep(1000);
      // A tick is 10 ms: a loop that never rests would use about 100.
      expect((await ticks()) - spent).toBeLessThan(30);
      await sandbox.good(["create", "q", "--reopen"]);
      await sandbox.good(["push", "-q", "q", "b"]);
      await until("the second message", () => worker.out() === "ab");
      worker.kill("SIGTERM");
      expect((await worker.ended).code).toBe(0);
    },
    { timeoutMs: 30_000 },
  );

  test(
    "a worker that was halted for too long loses the message, and its handler with it, but goes on",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["create", "q", "--lease", "300ms"]);
      await sandbox.good(["push", "-q", "q", "x"]);
      const halted = work(
        sandbox,
        "--drain-timeout",
        "100ms",
        "--kill-after",
        "1h",
        "--",
        "sh",
        "-c",
        // A lost lease leaves no time for TERM.
        "read -r x; [ $x = y ] || trap '' TERM; echo $x >>bodies; echo $$ >>begun; [ $RINGWIRE_MSG_ATTEMPT -gt 1 ] || exec sleep 1000",
      );
      await until(
        "the handler to begin",
        () => sandbox.lines("begun").length === 1,
      );
      halted.kill("SIGSTOP");
      const other = await sandbox.run([
        "work",
        "-q",
        "q",
        "--count",
        "1",
        "--exec",
        "echo $RINGWIRE_MSG_ATTEMPT",
      ]);
      expect([other.code, other.out]).toEqual([0, "2\n"]);
      const handler = Number(sandbox.lines("begun")[0]);
      expect(await isAlive(handler)).toBe(true);
      halted.kill("SIGCONT");
      await until(
        "the handler to be stopped",
        async () => !(await isAlive(handler)),
      );
      await sandbox.good(["push", "-q", "q", "y"]);
      await until(
        "the next message to be taken",
        () => sandbox.lines("begun").length === 2,
      );
      halted.kill("SIGTERM");
      const { err } = await halted.ended;
      expect(err).toContain("1 messages lost their lease");
      expect((await sandbox.status("q")).counters.acked).toBe(1);
    },
    { timeoutMs: 30_000 },
  );

  test(
    "a second signal stops handlers at once",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["push", "-q", "q", "x"]);
      const worker = work(
        sandbox,
        "--",
        "sh",
        "-c",
        "trap : TERM INT; echo $$ >>begun; while :; do sleep 0.05; done",
      );
      await until(
        "the handler to begin",
        () => sandbox.lines("begun").length === 1,
      );
      worker.kill("SIGINT");
      await until("the worker to say so", () =>
        worker.err().includes("SIGINT"),
      );
      worker.kill("SIGINT");
      expect((await worker.ended).code).toBe(130);
      expect(await isAlive(Number(sandbox.lines("begun")[0]))).toBe(false);
      expect(await sandbox.waiting("q")).toEqual(["x 0"]);
    },
    { timeoutMs: 20_000 },
  );

  test(
    "a handler dies with a killed worker, and not before; the message comes again, flagged",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["push", "-q", "q", "x"]);
      const worker = work(
        sandbox,
        "--",
        "sh",
        "-c",
        "echo $$ >>begun; exec sleep 1000",
      );
      await until(
        "the handler to begin",
        () => sandbox.lines("begun").length === 1,
      );
      const pid = Number(sandbox.lines("begun")[0]);
      await Bun.sleep(300);
      expect(await isAlive(pid)).toBe(true);
      worker.kill("SIGKILL");
      await worker.ended;
      await until("the handler to die", async () => !(await isAlive(pid)));
      expect(
        (
          await sandbox.run([
            "work",
            "-q",
            "q",
            "--count",
            "1",
            "--exec",
            "echo $RINGWIRE_MSG_ATTEMPT",
          ])
        ).out,
      ).toBe("2\n");
    },
    { timeoutMs: 30_000 },
  );

  test(
    "a process that a handler leaves behind does not hold the worker up",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["push", "-q", "q"], { stdin: "1\n2\n" });
      const { code, out } = await sandbox.run([
        "work",
        "-q",
        "q",
        "--until-empty",
        "--",
        "sh",
        "-c",
        "sleep 1000 & echo $! >>left; cat",
      ]);
      for (const pid of sandbox.lines("left").map(Number))
        process.kill(pid, "SIGKILL");
      expect([code, out]).toEqual([0, "12"]);
    },
    { timeoutMs: 15_000 },
  );

  test(
    "SIGTERM and SIGUSR1 count as soon as they are caught, before the queue is open",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["push", "-q", "q", "x"]);
      for (const [signal, bit] of [
        ["SIGTERM", 14n],
        ["SIGUSR1", 9n],
      ] as const) {
        const worker = work(sandbox, "--", "sh", "-c", "echo >>begun; cat");
        // Without a pause: from catching it to the first message it is some 20 ms.
        for (const deadline = Date.now() + 10_000; Date.now() < deadline;) {
          const status = readFileSync(`/proc/${worker.pid}/status`, "utf8");
          const caught = /^SigCgt:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0";
          if ((BigInt(`0x${caught}`) >> bit) & 1n) break;
        }
        worker.kill(signal);
        const first = await Promise.race([worker.ended, Bun.sleep(5000)]);
        expect(first?.code).toBe(0);
      }
      expect(await sandbox.waiting("q")).toHaveLength(
        1 - sandbox.lines("begun").length,
      );
    },
    { timeoutMs: 30_000 },
  );

  test(
    "leaves also while nobody reads its stdout, and the message goes back",
    async () => {
      for (const [signals, words] of [
        [2, []],
        [1, ["--drain-timeout", "100ms"]],
      ] as const) {
        await using sandbox = new Sandbox();
        await sandbox.good(["push", "-q", "q", "x"]);
        // More than a pipe holds, and the shell keeps the other end open without reading.
        const worker = sandbox.bash(
          `mkfifo out; exec 3<>out
ringwire-queue-worker work -q q ${words.join(" ")} --exec 'head -c 1000000 /dev/zero; echo >>written' >out 3<&- &
while [ ! -e written ]; do sleep 0.02; done; sleep 0.3
kill -TERM $!; ${signals === 2 ? "sleep 0.2; kill -TERM $!;" : ""} wait $!; echo $?`,
        );
        expect((await worker).out).toBe("143\n");
        expect(await sandbox.waiting("q")).toEqual(["x 0"]);
      }
    },
    { timeoutMs: 20_000 },
  );

  test(
    "a handler that finishes its work after TERM has done it",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["push", "-q", "q", "x"]);
      const worker = work(
        sandbox,
        "--drain-timeout",
        "100ms",
        "--exec",
        "trap 'sleep 0.4; echo finished; exit 0' TERM; echo >>begun; while :; do sleep 0.05; done",
      );
      await until(
        "the handler to begin",
        () => sandbox.lines("begun").length === 1,
      );
      worker.kill("SIGTERM");
      const { code, out } = await worker.ended;
      expect([code, out]).toEqual([0, "finished\n"]);
      expect(await sandbox.waiting("q")).toEqual([]);
    },
    { timeoutMs: 20_000 },
  );

  test(
    "a process that a handler leaves behind costs no descriptors",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["create", "q"]);
      const worker = work(
        sandbox,
        "--exec",
        "setsid sleep 1000 & echo $! >>left; echo said >&2; cat",
      );
      // The worker's own stdout and stderr are sockets: the test runner makes them.
      const pipes = (): number =>
        readdirSync(`/proc/${worker.pid}/fd`).filter((descriptor) => {
          try {
            const path = `/proc/${worker.pid}/fd/${descriptor}`;
            return readlinkSync(path).startsWith("pipe:");
          } catch {
            return false;
          }
        }).length;
      try {
        await sandbox.good(["push", "-q", "q"], { stdin: "x\n".repeat(9) });
        await until("the messages", () => worker.out() === "x".repeat(9));
        await until("the pipes to be closed", () => pipes() === 0, 5000);
        worker.kill("SIGTERM");
        expect((await worker.ended).err).toBe("said\n".repeat(9));
      } finally {
        for (const pid of sandbox.lines("left").map(Number))
          process.kill(pid, "SIGKILL");
      }
    },
    { timeoutMs: 30_000 },
  );

  test(
    "a queue that is destroyed ends the worker with 3; handlers get --drain-timeout, not for ever",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["push", "-q", "q", "x"]);
      const work = sandbox.start([
        ...["ringwire-queue-worker", "work", "-q", "q"],
        ...[
          "--drain-timeout",
          "50ms",
          "--exec",
          "echo $$ >>pids; exec sleep 600",
        ],
      ]);
      await until("it works", () => sandbox.lines("pids").length === 1);
      await sandbox.good(["rm", "q"]);
      expect((await work.ended).code).toBe(3);
      expect(await isAlive(Number(sandbox.lines("pids")[0]))).toBe(false);
    },
    { timeoutMs: 60_000 },
  );
});
