/** Reading the configuration again: what stays, what is replaced, what is refused. */
import { quickRestart, TestedDaemon } from "../support/daemon_fixture.ts";
import {
  cleanUpSandboxes,
  isAlive,
  Sandbox,
  until,
} from "../support/sandbox.ts";
import { describe, expect, test } from "../support/testing.ts";

cleanUpSandboxes();

const queues = { q: { create: true }, other: { create: true } };
/** Holds its message until there is a file `go`. */
const patient =
  "echo >>begun; while [ ! -e go ]; do sleep 0.02; done; echo >>done";
const idle = { queue: "other", exec: "true", stdout: "null" };

function pidsOf(worker: {
  readonly pids: readonly number[];
}): readonly number[] {
  return worker.pids;
}

describe("daemon reload", () => {
  test(
    "starts what is new, replaces what has changed, drains what is gone, and touches nothing else",
    async () => {
      await using sandbox = new Sandbox();
      const busy = { queue: "q", exec: patient, stdout: "null" };
      const daemon = TestedDaemon.start(sandbox, {
        queues,
        workers: { same: { ...idle, processes: 2 }, changed: busy, gone: busy },
      });
      const same = pidsOf(
        await daemon.untilWorker("same", (w) => w.pids.length === 2),
      );
      const [changed = 0] = pidsOf(
        await daemon.untilWorker("changed", (w) => w.pids.length === 1),
      );
      const [gone = 0] = pidsOf(
        await daemon.untilWorker("gone", (w) => w.pids.length === 1),
      );
      await sandbox.good(["push", "-q", "q"], { stdin: "x\ny\n" });
      await until("both handlers", () => sandbox.lines("begun").length === 2);
      daemon.configure({
        queues,
        workers: {
          // How it is started again, and one process more, is nothing to the processes that run.
          same: { ...idle, processes: 3, restart: quickRestart },
          changed: { ...busy, jobs: 2 },
          added: idle,
        },
      });
      const { body } = await daemon.post("reload");
      expect(body).toEqual({
        started: ["added"],
        changed: ["same", "changed"],
        removed: ["gone"],
        unchanged: [],
      });
      const after = await daemon.untilWorker(
        "same",
        (w) => w.pids.length === 3,
      );
      expect(after.pids.slice(0, 2)).toEqual([...same]);
      await daemon.untilWorker("added", (w) => w.state === "running");
      // Their handlers have not finished, so neither has left.
      for (const [name, pid] of [
        ["changed", changed],
        ["gone", gone],
      ] as const)
        expect(
          await daemon.worker(name).then((w) => [w?.state, ...(w?.pids ?? [])]),
        ).toEqual(["draining", pid]);
      await Bun.write(sandbox.file("go"), "");
      await until(
        "the worker that is gone",
        async () => (await daemon.worker("gone")) === undefined,
      );
      const replaced = await daemon.untilWorker(
        "changed",
        (w) => w.state === "running" && w.pids[0] !== changed,
      );
      expect(replaced.restarts).toBe(0);
      expect(sandbox.lines("done")).toHaveLength(2);
      expect((await sandbox.status("q")).counters.acked).toBe(2);
    },
    { timeoutMs: 40_000 },
  );

  test(
    "a configuration that is wrong changes nothing and says why; SIGHUP is a reload too",
    async () => {
      await using sandbox = new Sandbox();
      const daemon = TestedDaemon.start(sandbox, {
        queues,
        workers: { w: idle },
      });
      const { pids } = await daemon.untilWorker(
        "w",
        (w) => w.pids.length === 1,
      );
      daemon.configure({ queues, workers: { w: { ...idle, jbos: 3 } } });
      const refused = await daemon.post("reload");
      expect(refused.status).toBe(409);
      expect(JSON.stringify(refused.body)).toContain(
        "workers.w.jbos: no such key; allowed are ",
      );
      daemon.configure("{");
      daemon.process.kill("SIGHUP");
      await until("the daemon to say so", () =>
        daemon.process.err().includes("nothing is changed: "),
      );
      await until("the report", async () =>
        (await daemon.report())?.config_error?.includes("JSON"),
      );
      expect((await daemon.worker("w"))?.pids).toEqual([...pids]);
      daemon.configure({ queues, workers: { v: idle } });
      daemon.process.kill("SIGHUP");
      await daemon.untilWorker("v", (w) => w.state === "running");
      await until(
        "the old one to leave",
        async () => (await daemon.worker("w")) === undefined,
      );
      expect((await daemon.report())?.config_error).toBeNull();
    },
    { timeoutMs: 30_000 },
  );

  test(
    "the last of several reloads counts, also while processes of the first one still drain",
    async () => {
      await using sandbox = new Sandbox();
      const worker = (jobs: number) => ({
        queues,
        workers: { w: { queue: "q", exec: patient, jobs, stdout: "null" } },
      });
      const daemon = TestedDaemon.start(sandbox, worker(1));
      const { pids } = await daemon.untilWorker(
        "w",
        (w) => w.pids.length === 1,
      );
      await sandbox.good(["push", "-q", "q", "x"]);
      await until("the handler", () => sandbox.lines("begun").length === 1);
      for (const jobs of [2, 3, 4]) {
        daemon.configure(worker(jobs));
        expect((await daemon.post("reload")).status).toBe(200);
      }
      expect((await daemon.worker("w"))?.pids).toEqual([...pids]);
      await Bun.write(sandbox.file("go"), "");
      const { pids: last } = await daemon.untilWorker(
        "w",
        (w) => w.state === "running" && w.pids[0] !== pids[0],
      );
      const words = await Bun.file(`/proc/${last[0]}/cmdline`).text();
      expect(words).toContain("--jobs=4\0");
      expect(
        daemon.process.err().match(/w-1 \(pid \d+\): started/g),
      ).toHaveLength(2);
    },
    { timeoutMs: 30_000 },
  );

  test(
    "tries again at once what failed before, and is refused while the daemon leaves",
    async () => {
      await using sandbox = new Sandbox();
      const config = {
        queues,
        workers: {
          w: { queue: "q", command: ["./late"], stdout: "null" },
          busy: { queue: "other", exec: patient, stdout: "null" },
        },
      };
      const daemon = TestedDaemon.start(sandbox, config);
      await daemon.untilWorker("w", (w) => w.state === "failed");
      await Bun.write(sandbox.file("late"), "#!/bin/sh\n");
      await sandbox
        .bash("chmod +x late")
        .then(({ code }) => expect(code).toBe(0));
      const { body } = await daemon.post("reload");
      expect(JSON.stringify(body)).toContain('"unchanged":["w","busy"]');
      await daemon.untilWorker("w", (w) => w.state === "running");
      await sandbox.good(["push", "-q", "other", "x"]);
      await until("the handler", () => sandbox.lines("begun").length === 1);
      await daemon.post("drain");
      const refused = await daemon.post("reload");
      expect([refused.status, JSON.stringify(refused.body)]).toEqual([
        409,
        '{"error":"the daemon is leaving: nothing is reloaded any more","code":"Draining"}',
      ]);
      await Bun.write(sandbox.file("go"), "");
      expect((await daemon.process.ended).code).toBe(0);
    },
    { timeoutMs: 30_000 },
  );

  test(
    "restart replaces a worker's processes, or one of them, and knows no others",
    async () => {
      await using sandbox = new Sandbox();
      const daemon = TestedDaemon.start(sandbox, {
        queues,
        workers: { w: { ...idle, processes: 2 } },
      });
      const { pids } = await daemon.untilWorker(
        "w",
        (w) => w.pids.length === 2,
      );
      expect((await daemon.post("restart", { worker: "w-2" })).body).toEqual({
        restarted: ["w-2"],
      });
      const half = await daemon.untilWorker(
        "w",
        (w) => w.pids.length === 2 && w.pids[1] !== pids[1],
      );
      expect(half.pids[0]).toBe(pids[0] ?? 0);
      expect((await daemon.post("restart", { worker: "w" })).body).toEqual({
        restarted: ["w-1", "w-2"],
      });
      const whole = await daemon.untilWorker(
        "w",
        (w) =>
          w.pids.length === 2 && !w.pids.some((pid) => half.pids.includes(pid)),
      );
      expect(whole.restarts).toBe(0);
      for (const pid of half.pids) expect(await isAlive(pid)).toBe(false);
      const unknown = await daemon.post("restart", { worker: "v" });
      expect([unknown.status, JSON.stringify(unknown.body)]).toEqual([
        409,
        '{"error":"worker: given \\"v\\", allowed are w and the names of their processes","code":"NoSuchWorker"}',
      ]);
    },
    { timeoutMs: 30_000 },
  );

  test(
    "health, restart, reload and drain find the daemon by its name",
    async () => {
      await using sandbox = new Sandbox();
      const path = sandbox.file("daemon.json");
      await Bun.write(path, JSON.stringify({ queues, workers: { w: idle } }));
      const daemon = sandbox.start([
        "ringwire-queue-worker",
        "daemon",
        "-c",
        path,
        "--name",
        "media",
      ]);
      const pids = (): string[] =>
        [...daemon.err().matchAll(/w-1 \(pid (\d+)\): started/g)].map(
          (match) => match[1] ?? "",
        );
      await until(
        "health",
        async () => (await sandbox.run(["health", "media"])).code === 0,
      );
      await until("the worker", () => pids().length === 1);
      await sandbox.good(["restart", "media", "w"]);
      await until("its successor", () => pids().length === 2);
      const unknown = await sandbox.run(["restart", "media", "v"]);
      expect([unknown.code, unknown.err]).toEqual([
        1,
        `ringwire-queue-worker: media (${daemon.pid}, daemon): worker: given "v", allowed are w and the names of their processes\n`,
      ]);
      expect((await sandbox.run(["restart", "nobody", "w"])).code).toBe(3);
      await sandbox.good(["reload", "media"]);
      await Bun.write(path, "[]");
      const refused = await sandbox.run(["reload", "media"]);
      expect([refused.code, refused.err]).toEqual([
        1,
        `ringwire-queue-worker: media (${daemon.pid}, daemon): ${path}: the file: given a list, allowed is a table\n`,
      ]);
      await sandbox.good(["drain", "media"]);
      expect((await daemon.ended).code).toBe(0);
    },
    { timeoutMs: 30_000 },
  );
});
