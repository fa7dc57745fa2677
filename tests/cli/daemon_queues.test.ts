/** The daemon looks after queues that nobody works on, and tells when something is wrong with them. */
import { rmSync } from "node:fs";
import { quickRestart, TestedDaemon } from "../support/daemon_fixture.ts";
import { cleanUpSandboxes, Sandbox, until } from "../support/sandbox.ts";
import { describe, expect, test } from "../support/testing.ts";

cleanUpSandboxes();

async function participants(
  sandbox: Sandbox,
  queue: string,
): Promise<string[]> {
  const { code, out } = await sandbox.run(["stat", queue, "-o", "json"]);
  if (code !== 0) return [];
  const found: { name: string }[] = JSON.parse(out).status.participants;
  return found.map(({ name }) => name);
}

async function untilLookedAfter(
  sandbox: Sandbox,
  queue: string,
): Promise<void> {
  await until(`the daemon to open ${queue}`, async () =>
    (await participants(sandbox, queue)).includes("daemon"),
  );
}

describe("daemon with queues", () => {
  test(
    "moves delayed messages, expired leases and what the dead held, without any worker",
    async () => {
      await using sandbox = new Sandbox();
      TestedDaemon.start(sandbox, {
        queues: { q: { create: true, lease: "300ms", "max-messages": 100 } },
        "sweep-every": "20ms",
      });
      await untilLookedAfter(sandbox, "q");
      await sandbox.good(["push", "-q", "q"], { stdin: "held\nstopped\n" });
      const workers = [1, 2].map((count) => {
        const worker = sandbox.start([
          "ringwire-queue-worker",
          "work",
          "-q",
          "q",
          "--exec",
          "echo >>begun; sleep 1000",
        ]);
        return {
          worker,
          begun: until(
            "a handler",
            () => sandbox.lines("begun").length >= count,
          ),
        };
      });
      for (const { begun } of workers) await begun;
      // From now on nobody but the daemon does anything; stat only looks.
      workers[0]?.worker.kill("SIGKILL");
      workers[1]?.worker.kill("SIGSTOP");
      await until(
        "both messages to come back",
        async () => (await sandbox.status("q")).message_count === 2,
      );
      expect(await sandbox.waiting("q")).toEqual(["held 1", "stopped 1"]);
      await sandbox.good(["push", "-q", "q", "--delay", "1s", "delayed"]);
      expect((await sandbox.status("q")).delayed).toBe(1);
      await until(
        "the delayed message",
        async () => (await sandbox.status("q")).message_count === 3,
      );
    },
    { timeoutMs: 30_000 },
  );

  test(
    "finds a queue again that was removed and made anew, by rm or by hand, and makes its own",
    async () => {
      await using sandbox = new Sandbox();
      const daemon = TestedDaemon.start(sandbox, {
        queues: { own: { create: true, "max-deliver": 3 }, guest: {} },
        "sweep-every": "20ms",
      });
      await until("the daemon to miss it", () =>
        daemon.process.err().includes("queue guest: it is not there"),
      );
      for (const remove of [
        async () => rmSync(`${sandbox.directory}/ringwire.guest`),
        () => sandbox.good(["rm", "guest"]),
        () => undefined,
      ]) {
        await sandbox.good(["create", "guest"]);
        await untilLookedAfter(sandbox, "guest");
        await remove();
      }
      await untilLookedAfter(sandbox, "own");
      await sandbox.good(["rm", "own"]);
      await untilLookedAfter(sandbox, "own");
      expect(await sandbox.good(["stat", "own"])).toContain("3 deliveries");
      daemon.configure({ queues: { own: { create: true, "max-deliver": 4 } } });
      await daemon.post("reload");
      expect(daemon.process.err()).toContain(
        "queue own: it was created with maxDeliver 3 and keeps that; configured is 4",
      );
      expect(await participants(sandbox, "own")).toEqual(["daemon"]);
    },
    { timeoutMs: 30_000 },
  );

  test(
    "health turns with restarts, ages, dead letters and missing queues, and back again",
    async () => {
      await using sandbox = new Sandbox();
      const daemon = TestedDaemon.start(sandbox, {
        queues: { q: { create: true, health: { "max-dead": 1 } }, missing: {} },
        workers: {
          w: { queue: "crash", exec: "exit 255", restart: quickRestart },
        },
        health: { "max-restarts": 5, "max-oldest-age": "1s", "max-dead": 0 },
        "sweep-every": "20ms",
      });
      await sandbox.good(["create", "crash"]);
      await daemon.untilWorker("w", (w) => w.state === "running");
      expect(
        await daemon.untilHealth(
          ({ reasons }) => !reasons.some((reason) => reason.includes("crash")),
        ),
      ).toEqual({
        healthy: false,
        reasons: ["queue missing: it is not there"],
      });
      await sandbox.good(["create", "missing"]);
      await daemon.untilHealth(({ healthy }) => healthy);

      await sandbox.good(["push", "-q", "crash", "x"]);
      const { reasons } = await daemon.untilHealth(({ reasons }) =>
        reasons.some((reason) => reason.includes("restarts")),
      );
      expect(reasons.join("\n")).toMatch(
        /^worker w: (?:[6-9]|\d\d) restarts in the last minute, allowed 5, last exit status 1$/m,
      );

      await sandbox.good(["push", "-q", "q"], { stdin: "a\nb\n" });
      await sandbox.run([
        "work",
        "-q",
        "q",
        "--until-empty",
        "--exec",
        "exit 65",
      ]);
      await sandbox.good(["push", "-q", "q", "old"]);
      const all = await daemon.untilHealth(
        ({ reasons }) =>
          reasons.filter((reason) => reason.startsWith("queue q")).length === 2,
      );
      expect(
        all.reasons.filter((reason) => reason.startsWith("queue q")).join("\n"),
      ).toMatch(
        /^queue q: oldest waiting message \d+s, allowed 1s\nqueue q: 2 dead letters, allowed 1$/,
      );
      await sandbox.good(["dlq", "drop", "-q", "q", "--all"]);
      await sandbox.good(["pop", "-q", "q"]);
      await daemon.untilHealth(
        ({ reasons }) =>
          !reasons.some((reason) => reason.startsWith("queue q")),
      );
    },
    { timeoutMs: 40_000 },
  );
});
