/**
 * A wall clock that jumps a day forward or back while leases, delays, times to live, back-offs and time limits run.
 * Nothing here measures how long something took: what must not happen early is awaited by something slower, and what must
 * not happen late would be late by a day.
 */
import { cleanUpSandboxes, Sandbox, until } from "../support/sandbox.ts";
import { day, makeShiftedClock } from "../support/shifted_clock.ts";
import {
  describe,
  expect,
  superuser,
  test,
  testIf,
} from "../support/testing.ts";

cleanUpSandboxes();

describe("the clock of these tests", () => {
  test("holds for the executable, for the native library and for handlers, and jumps while they run", async () => {
    await using sandbox = new Sandbox();
    const { environment: env, jumpTo } = makeShiftedClock(sandbox);
    await sandbox.good(["create", "q"]);
    jumpTo(day);
    await sandbox.good(["push", "-q", "q", "x"], { env });
    const [shown = ""] = (
      await sandbox.good(["peek", "q", "-o", "jsonl"])
    ).split("\n");
    expect(JSON.parse(shown).enqueued_ms).toBeGreaterThan(
      Date.now() + (day - 3600) * 1000,
    );
    const worker = sandbox.start(
      [
        ...["ringwire-queue-worker", "work", "-q", "q", "-n", "1", "--exec"],
        "date +%s >>begun; while [ ! -e go ]; do sleep 0.02; done; date +%s",
      ],
      { env },
    );
    await until("the handler", () => sandbox.lines("begun").length === 1);
    jumpTo(-day);
    await Bun.write(sandbox.file("go"), "");
    const { out } = await worker.ended;
    expect(Number(sandbox.lines("begun")[0]) - Number(out)).toBeGreaterThan(
      2 * day - 3600,
    );
  });
});

for (const [direction, jump] of [
  ["forward", day],
  ["back", -day],
] as const) {
  describe(`the wall clock jumps ${direction} by a day: in shared memory`, () => {
    test(
      "a delayed message and one with a time to live come when they would have come",
      async () => {
        await using sandbox = new Sandbox();
        const { environment: env, jumpTo } = makeShiftedClock(sandbox);
        await sandbox.good(["create", "q"]);
        await sandbox.good(["push", "-q", "q", "later", "--delay", "1h"]);
        await sandbox.good(["push", "-q", "q", "short", "--ttl", "500ms"]);
        await sandbox.good(["push", "-q", "q", "long", "--ttl", "1h"]);
        await sandbox.good(["create", "waits"]);
        // It reads the clocks before the jump, and again after it.
        const pop = sandbox.start(
          [
            ...["ringwire-queue-worker", "pop", "-q", "waits", "-n", "2"],
            ...["--wait", "60s"],
          ],
          { env },
        );
        await sandbox.good(["push", "-q", "waits", "first"]);
        await until("the first", () => pop.out() === "first\n");
        jumpTo(jump);
        await sandbox.good([
          "push",
          "-q",
          "waits",
          "soon",
          "--delay",
          "1200ms",
        ]);
        await Bun.sleep(600);
        // What was sent before the jump, as one sees it who came after it.
        expect(
          await sandbox.good(["pop", "-q", "q", "--until-empty"], { env }),
        ).toBe("long\n");
        expect((await sandbox.status("q")).delayed).toBe(1);
        expect((await pop.ended).out).toBe("first\nsoon\n");
      },
      { timeoutMs: 60_000 },
    );

    test(
      "a lease that is renewed is kept, and one that is not is over in its time",
      async () => {
        await using sandbox = new Sandbox();
        const { environment: env, jumpTo } = makeShiftedClock(sandbox);
        await sandbox.good(["create", "q", "--lease", "600ms"]);
        await sandbox.good(["push", "-q", "q", "x"]);
        const first = sandbox.start(
          [
            ...["ringwire-queue-worker", "work", "-q", "q", "-n", "1"],
            ...[
              "--exec",
              "echo >>begun; while [ ! -e go ]; do sleep 0.02; done",
            ],
          ],
          { env },
        );
        await until("the handler", () => sandbox.lines("begun").length === 1);
        jumpTo(jump);
        const words = ["work", "-q", "q", "-n", "1", "--wait", "1200ms"];
        const early = await sandbox.run([...words, "--exec", "echo early"], {
          env,
        });
        expect([early.code, early.out]).toEqual([124, ""]);
        first.kill("SIGSTOP");
        jumpTo(0);
        const later = await sandbox.run(
          [
            "work",
            "-q",
            "q",
            "-n",
            "1",
            "--exec",
            "echo $RINGWIRE_MSG_ATTEMPT",
          ],
          { env },
        );
        expect([later.code, later.out]).toEqual([0, "2\n"]);
      },
      { timeoutMs: 60_000 },
    );

    test(
      "back-offs and time limits of work neither vanish nor last",
      async () => {
        await using sandbox = new Sandbox();
        const { environment: env, jumpTo } = makeShiftedClock(sandbox);
        await sandbox.good(["push", "-q", "q", "x"]);
        const worker = sandbox.start(
          [
            ...["ringwire-queue-worker", "work", "-q", "q", "--until-empty"],
            ...[
              "--backoff",
              "1s..1s",
              "--timeout",
              "500ms",
              "--kill-after",
              "500ms",
            ],
            ...["--exec"],
            // Fails, hangs in spite of TERM, and succeeds.
            `echo $RINGWIRE_MSG_ATTEMPT >>begun; case $RINGWIRE_MSG_ATTEMPT in 1) exit 1 ;; 2) trap 'echo >>term' TERM; while :; do sleep 0.05; done ;; esac; echo done`,
          ],
          { env },
        );
        await until("a failure", () => sandbox.lines("begun").length === 1);
        jumpTo(jump);
        await until("a hang", () => sandbox.lines("begun").length === 2);
        jumpTo(0);
        await until("its end", () => sandbox.lines("term").length === 1);
        jumpTo(jump);
        const { code, out } = await worker.ended;
        expect([code, out]).toEqual([0, "done\n"]);
        // --wait and --drain-timeout.
        await sandbox.good(["push", "-q", "q", "y"]);
        const waiting = sandbox.start(
          [
            ...["ringwire-queue-worker", "work", "-q", "q", "--wait", "500ms"],
            ...["--exec", "echo >>third"],
          ],
          { env },
        );
        await until("a message", () => sandbox.lines("third").length === 1);
        jumpTo(0);
        expect((await waiting.ended).code).toBe(124);
      },
      { timeoutMs: 60_000 },
    );
  });
}

describe("the wall clock jumps: in a journal", () => {
  test(
    "delays and times to live follow it, leases do not",
    async () => {
      await using sandbox = new Sandbox();
      const { environment: env, jumpTo } = makeShiftedClock(sandbox);
      const queue = `file:${sandbox.file("journal")}`;
      await sandbox.good(["create", queue, "--lease", "600ms"], { env });
      const push = (...words: string[]): Promise<string> =>
        sandbox.good(["push", "-q", queue, ...words], { env });
      const take = (): Promise<string> =>
        sandbox.good(["pop", "-q", queue, "--until-empty"], { env });
      await push("tomorrow", "--delay", "23h");
      await push("today only", "--ttl", "23h");
      expect((await sandbox.status(queue)).delayed).toBe(1);
      jumpTo(day);
      expect(await take()).toBe("tomorrow\n");
      await push("soon", "--delay", "300ms");
      jumpTo(0);
      await Bun.sleep(700);
      expect(await take()).toBe("");
      jumpTo(day + 1);
      expect(await take()).toBe("soon\n");
      // A waiting consumer notices within its second.
      await push("in an hour", "--delay", "1h");
      const pop = sandbox.start(
        ["ringwire-queue-worker", "pop", "-q", queue, "--wait", "60s"],
        { env },
      );
      await until(
        "pop to wait",
        async () => (await sandbox.status(queue)).participants.length === 1,
      );
      jumpTo(day + 7200);
      expect((await pop.ended).out).toBe("in an hour\n");
      await push("x");
      const worker = sandbox.start(
        [
          ...["ringwire-queue-worker", "work", "-q", queue, "-n", "1"],
          ...["--exec", "echo >>begun; while [ ! -e go ]; do sleep 0.02; done"],
        ],
        { env },
      );
      await until("the handler", () => sandbox.lines("begun").length === 1);
      jumpTo(3 * day);
      expect(
        (
          await sandbox.run(
            ["work", "-q", queue, "--wait", "1200ms", "--exec", "echo early"],
            { env },
          )
        ).out,
      ).toBe("");
      await Bun.write(sandbox.file("go"), "");
      expect((await worker.ended).code).toBe(0);
    },
    { timeoutMs: 60_000 },
  );
});

testIf(
  superuser,
  "to make a time namespace",
  "a worker in a time namespace of its own ends leases and delays of others: they are told, and nothing is lost",
  async () => {
    await using sandbox = new Sandbox();
    await sandbox.good(["create", "q", "--lease", "1h"]);
    await sandbox.good(["push", "-q", "q", "x"]);
    await sandbox.good(["push", "-q", "q", "later", "--delay", "1h"]);
    const first = sandbox.start([
      ...["ringwire-queue-worker", "work", "-q", "q", "-n", "1", "--exec"],
      "echo $$ >>begun; exec sleep 1000",
    ]);
    await until("the handler", () => sandbox.lines("begun").length === 1);
    // Its monotonic clock is a day ahead.
    const ahead = await sandbox.bash(
      `unshare --time --monotonic ${day} --fork ringwire-queue-worker work -q q -n 2 --wait 20s --exec 'echo "$(cat) $RINGWIRE_MSG_ATTEMPT"' | sort`,
    );
    expect([ahead.code, ahead.out]).toEqual([0, "later 1\nx 2\n"]);
    const { code, err } = await first.ended;
    expect(code).toBe(0);
    expect(err).toContain("1 messages lost their lease");
    expect((await sandbox.status("q")).counters.acked).toBe(2);
  },
  { timeoutMs: 40_000 },
);
