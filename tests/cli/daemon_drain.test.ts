/** The daemon leaves: in good order, within bounds, and at once when it is told twice. */
import { TestedDaemon } from "../support/daemon_fixture.ts";
import {
  cleanUpSandboxes,
  isAlive,
  Sandbox,
  until,
} from "../support/sandbox.ts";
import { describe, expect, test } from "../support/testing.ts";

cleanUpSandboxes();

const queues = { q: { create: true } };

/** A daemon with one worker of two processes, both busy with a handler of that shape. */
async function busyDaemon(
  sandbox: Sandbox,
  exec: string,
  more: object = {},
): Promise<TestedDaemon> {
  const daemon = TestedDaemon.start(sandbox, {
    queues,
    workers: {
      w: {
        queue: "q",
        exec: `echo $$ >>begun; ${exec}`,
        processes: 2,
        stdout: "null",
        ...more,
      },
      idle: { queue: "q", exec: "true", stdout: "null", directory: "nowhere" },
    },
  });
  await daemon.untilWorker("w", (w) => w.pids.length === 2);
  await sandbox.good(["push", "-q", "q"], { stdin: "x\ny\nz\n" });
  await until("both handlers", () => sandbox.lines("begun").length === 2);
  return daemon;
}

const patient = "while [ ! -e go ]; do sleep 0.02; done";
const deaf = "trap : TERM INT; while :; do sleep 0.05; done";

async function expectGone(sandbox: Sandbox): Promise<void> {
  for (const pid of sandbox.lines("begun").map(Number))
    expect(await isAlive(pid)).toBe(false);
}

describe("daemon drain", () => {
  test(
    "after SIGTERM and SIGINT lets handlers finish, takes no more, and ends with 0",
    async () => {
      for (const signal of ["SIGTERM", "SIGINT"] as const) {
        await using sandbox = new Sandbox();
        const daemon = await busyDaemon(sandbox, patient);
        daemon.process.kill(signal);
        await daemon.untilWorker("w", (w) =>
          w.processes.every(({ state }) => state === "draining"),
        );
        expect((await daemon.report())?.state).toBe("draining");
        await Bun.write(sandbox.file("go"), "");
        expect((await daemon.process.ended).code).toBe(0);
        expect(await sandbox.waiting("q")).toHaveLength(1);
        expect((await sandbox.status("q")).counters.acked).toBe(2);
      }
    },
    { timeoutMs: 40_000 },
  );

  test(
    "handlers that do not finish in time are stopped, their messages go back uncounted, and it ends with 143",
    async () => {
      await using sandbox = new Sandbox();
      const daemon = await busyDaemon(sandbox, deaf, {
        "drain-timeout": "50ms",
        "kill-after": "50ms",
      });
      daemon.process.kill("SIGTERM");
      expect((await daemon.process.ended).code).toBe(143);
      expect(await sandbox.waiting("q")).toEqual(["x 0", "y 0", "z 0"]);
      await expectGone(sandbox);
    },
    { timeoutMs: 30_000 },
  );

  test(
    "a second signal stops handlers at once, and their messages go back uncounted",
    async () => {
      await using sandbox = new Sandbox();
      const daemon = await busyDaemon(sandbox, deaf);
      daemon.process.kill("SIGINT");
      await until("the daemon to say so", () =>
        daemon.process.err().includes("SIGINT received"),
      );
      daemon.process.kill("SIGINT");
      expect((await daemon.process.ended).code).toBe(130);
      expect(await sandbox.waiting("q")).toEqual(["x 0", "y 0", "z 0"]);
      await expectGone(sandbox);
    },
    { timeoutMs: 30_000 },
  );

  test(
    "SIGUSR1 takes no more and waits as long as handlers need; SIGTERM after it has its own bounds",
    async () => {
      for (const isPatient of [true, false]) {
        await using sandbox = new Sandbox();
        const daemon = await busyDaemon(sandbox, isPatient ? patient : deaf, {
          "drain-timeout": "50ms",
          "kill-after": "50ms",
        });
        daemon.process.kill("SIGUSR1");
        await until(
          "the workers to say so",
          () => (daemon.process.err().match(/SIGUSR1/g) ?? []).length === 3,
        );
        if (isPatient) await Bun.write(sandbox.file("go"), "");
        else daemon.process.kill("SIGTERM");
        expect((await daemon.process.ended).code).toBe(isPatient ? 0 : 143);
        expect(await sandbox.waiting("q")).toHaveLength(isPatient ? 1 : 3);
      }
    },
    { timeoutMs: 40_000 },
  );

  test(
    "a worker that cannot even be asked is killed in the end",
    async () => {
      await using sandbox = new Sandbox();
      const daemon = await busyDaemon(sandbox, patient, {
        "drain-timeout": "20ms",
        "kill-after": "20ms",
      });
      const { pids } = await daemon.untilWorker("w", () => true);
      for (const pid of pids) process.kill(pid, "SIGSTOP");
      daemon.process.kill("SIGTERM");
      const { code, err } = await daemon.process.ended;
      expect(code).toBe(143);
      expect(err).toMatch(/w-1 \(pid \d+\): still there after 5040ms: killed/);
      await expectGone(sandbox);
      // Nobody could give them back: they count as delivered.
      const { out } = await sandbox.run([
        "work",
        "-q",
        "q",
        "-n",
        "3",
        "--exec",
        "echo $RINGWIRE_MSG_ATTEMPT",
      ]);
      expect(out.split("\n").sort()).toEqual(["", "1", "2", "2"]);
    },
    { timeoutMs: 40_000 },
  );

  test(
    "leaves with 141 when nobody reads its stdout any more",
    async () => {
      for (const processes of [1, 2]) {
        await using sandbox = new Sandbox();
        await sandbox.good(["push", "-q", "q", "x"]);
        await Bun.write(
          sandbox.file("daemon.json"),
          JSON.stringify({
            workers: {
              w: {
                queue: "q",
                processes,
                exec: "while [ ! -e closed ]; do sleep 0.02; done; cat",
              },
            },
          }),
        );
        const { out } = await sandbox.bash(
          `ringwire-queue-worker daemon -c daemon.json | { exec <&-; echo >closed; }
echo \${PIPESTATUS[0]}`,
        );
        expect(out).toBe("141\n");
        // Alone, the worker sees it by itself. Else it has handed its record over before anybody can see it.
        if (processes === 1)
          expect(await sandbox.waiting("q")).toEqual(["x 0"]);
      }
    },
    { timeoutMs: 30_000 },
  );

  test(
    "a drain that is asked for with a time of its own gives handlers that time",
    async () => {
      for (const isPatient of [true, false]) {
        await using sandbox = new Sandbox();
        const daemon = await busyDaemon(sandbox, isPatient ? patient : deaf, {
          "drain-timeout": isPatient ? "0" : "10m",
          "kill-after": "50ms",
        });
        await daemon.post("drain", { timeout_ms: isPatient ? 600_000 : 50 });
        await until(
          "the workers to say so",
          () =>
            (daemon.process.err().match(/asked to drain/g) ?? []).length === 2,
        );
        if (isPatient) {
          await Bun.sleep(300);
          await Bun.write(sandbox.file("go"), "");
        }
        expect((await daemon.process.ended).code).toBe(isPatient ? 0 : 143);
        expect(await sandbox.waiting("q")).toHaveLength(isPatient ? 1 : 3);
      }
    },
    { timeoutMs: 40_000 },
  );
});
