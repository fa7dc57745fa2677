/** Leases of workers whose JavaScript does not run: busy, or stopped. */
import { join } from "node:path";
import {
  cleanUpSandboxes,
  isAlive,
  root,
  type Running,
  Sandbox,
  until,
} from "../support/sandbox.ts";
import { describe, expect, test } from "../support/testing.ts";

const program = join(import.meta.dir, "module_worker_program.ts");
const runtimes = {
  bun: [process.execPath, "run"],
  deno: ["deno", "run", "--quiet", "--no-lock", "-A"],
} as const;

cleanUpSandboxes();

function startModuleWorker(
  sandbox: Sandbox,
  runtime: keyof typeof runtimes,
): Running {
  return sandbox.start(
    [...runtimes[runtime], program, "q", sandbox.file("go")],
    { cwd: root },
  );
}

for (const runtime of ["bun", "deno"] as const) {
  describe(`a worker of the module in ${runtime}`, () => {
    test(
      "keeps its lease while its event loop is blocked for many times as long",
      async () => {
        await using sandbox = new Sandbox();
        await sandbox.good(["create", "q", "--lease", "600ms"]);
        await sandbox.good(["push", "-q", "q", "x"]);
        const busy = startModuleWorker(sandbox, runtime);
        await until("it to begin", () => busy.out() === "begun\n");
        const other = await sandbox.run([
          ...["work", "-q", "q", "--wait", "1500ms", "--exec", "echo early"],
        ]);
        expect([other.code, other.out]).toEqual([124, ""]);
        await Bun.write(sandbox.file("go"), "");
        const { code, out } = await busy.ended;
        expect(code).toBe(0);
        const { acked, lost } = JSON.parse(out.split("\n")[1] ?? "");
        expect([acked, lost]).toEqual([1, 0]);
      },
      { timeoutMs: 30_000 },
    );

    test(
      "that is stopped for longer than its lease acknowledges nothing late",
      async () => {
        await using sandbox = new Sandbox();
        await sandbox.good(["create", "q", "--lease", "600ms"]);
        await sandbox.good(["push", "-q", "q", "x"]);
        const stopped = startModuleWorker(sandbox, runtime);
        await until("it to begin", () => stopped.out() === "begun\n");
        stopped.kill("SIGSTOP");
        const other = await sandbox.run([
          ...["work", "-q", "q", "-n", "1", "--exec"],
          "echo $RINGWIRE_MSG_ATTEMPT",
        ]);
        expect([other.code, other.out]).toEqual([0, "2\n"]);
        await Bun.write(sandbox.file("go"), "");
        stopped.kill("SIGCONT");
        const { code, out } = await stopped.ended;
        expect(code).toBe(0);
        const { acked, lost } = JSON.parse(out.split("\n")[1] ?? "");
        expect([acked, lost]).toEqual([0, 1]);
        expect((await sandbox.status("q")).counters.acked).toBe(1);
      },
      { timeoutMs: 30_000 },
    );
  });
}

test(
  "a handler that ignores TERM is killed when its worker, halted for too long, learns that the message is another's",
  async () => {
    await using sandbox = new Sandbox();
    await sandbox.good(["create", "q", "--lease", "600ms"]);
    await sandbox.good(["push", "-q", "q", "x"]);
    const halted = sandbox.start([
      ...["ringwire-queue-worker", "work", "-q", "q", "--kill-after", "200ms"],
      ...[
        "--exec",
        "trap '' TERM; echo $$ >>pid; while :; do sleep 0.05; done",
      ],
    ]);
    await until("the handler", () => sandbox.lines("pid").length === 1);
    halted.kill("SIGSTOP");
    const other = await sandbox.run([
      ...["work", "-q", "q", "-n", "1", "--exec", "echo $RINGWIRE_MSG_ATTEMPT"],
    ]);
    expect([other.code, other.out]).toEqual([0, "2\n"]);
    const handler = Number(sandbox.lines("pid")[0]);
    expect(await isAlive(handler)).toBe(true);
    halted.kill("SIGCONT");
    await until("the handler to die", async () => !(await isAlive(handler)));
    halted.kill("SIGTERM");
    expect((await halted.ended).err).toContain("1 messages lost their lease");
    expect((await sandbox.status("q")).counters.acked).toBe(1);
  },
  { timeoutMs: 30_000 },
);
