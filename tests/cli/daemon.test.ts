/** The daemon keeps workers running: whatever is killed, and however often they crash. */
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { quickRestart, TestedDaemon } from "../support/daemon_fixture.ts";
import {
  cleanUpSandboxes,
  isAlive,
  Sandbox,
  until,
} from "../support/sandbox.ts";
import {
  describe,
  expect,
  superuser,
  test,
  testIf,
} from "../support/testing.ts";

cleanUpSandboxes();

const created = { q: { create: true } };
/** Writes its process id and then waits for the file `go`. */
const patient = "echo $$ >>begun; while [ ! -e go ]; do sleep 0.02; done";

function begun(sandbox: Sandbox, count: number): Promise<number> {
  return until(`handler ${count} to begin`, () => {
    const line = sandbox.lines("begun")[count - 1];
    return line === undefined ? undefined : Number(line);
  });
}

async function untilDead(pid: number): Promise<void> {
  await until(`process ${pid} to be gone`, async () => !(await isAlive(pid)));
}

describe("daemon", () => {
  test(
    "starts a killed worker again, and its message comes back",
    async () => {
      await using sandbox = new Sandbox();
      const daemon = TestedDaemon.start(sandbox, {
        queues: created,
        workers: { w: { queue: "q", exec: patient, restart: quickRestart } },
      });
      const { pids } = await daemon.untilWorker(
        "w",
        (w) => w.pids.length === 1,
      );
      const [pid = 0] = pids;
      await sandbox.good(["push", "-q", "q", "x"]);
      const handler = await begun(sandbox, 1);
      process.kill(pid, "SIGKILL");
      await untilDead(handler);
      await begun(sandbox, 2);
      await Bun.write(sandbox.file("go"), "");
      const again = await daemon.untilWorker(
        "w",
        (w) => w.restarts === 1 && w.state === "running",
      );
      expect(again.pids).not.toEqual(pids);
      expect(again.last_exit?.signal).toBe("SIGKILL");
      expect(daemon.process.err()).toMatch(
        new RegExp(
          `w-1 \\(pid ${pid}\\): killed by SIGKILL after .*; started again in \\d+ms\n`,
        ),
      );
      await until(
        "the message to be done",
        async () => (await sandbox.status("q")).counters.acked === 1,
      );
    },
    { timeoutMs: 30_000 },
  );

  test(
    "leaves a killed handler to its worker",
    async () => {
      await using sandbox = new Sandbox();
      const daemon = TestedDaemon.start(sandbox, {
        queues: created,
        workers: { w: { queue: "q", exec: patient, backoff: "1ms..5ms" } },
      });
      await sandbox.run(["push", "-q", "q", "x"]);
      process.kill(await begun(sandbox, 1), "SIGKILL");
      await Bun.write(sandbox.file("go"), "");
      await until(
        "the message to be done",
        async () => (await sandbox.status("q")).counters.acked === 1,
      );
      expect((await daemon.worker("w"))?.restarts).toBe(0);
    },
    { timeoutMs: 30_000 },
  );

  test(
    "takes everything along when it is killed, and the messages come back",
    async () => {
      await using sandbox = new Sandbox();
      const daemon = TestedDaemon.start(sandbox, {
        queues: created,
        workers: {
          w: { queue: "q", exec: patient, processes: 2, stdout: "null" },
        },
      });
      const { pids } = await daemon.untilWorker(
        "w",
        (w) => w.pids.length === 2,
      );
      await sandbox.good(["push", "-q", "q"], { stdin: "x\ny\n" });
      const handlers = [await begun(sandbox, 1), await begun(sandbox, 2)];
      daemon.process.kill("SIGKILL");
      for (const pid of [...pids, ...handlers]) await untilDead(pid);
      const { out } = await sandbox.run([
        "work",
        "-q",
        "q",
        "-n",
        "2",
        "--exec",
        "echo $RINGWIRE_MSG_ATTEMPT",
      ]);
      expect(out).toBe("2\n2\n");
    },
    { timeoutMs: 30_000 },
  );

  test(
    "waits longer after each crash, at random up to a limit that doubles",
    async () => {
      await using sandbox = new Sandbox();
      const daemon = TestedDaemon.start(sandbox, {
        queues: created,
        workers: {
          // A handler that ends with 255 ends its worker with 1.
          grows: {
            queue: "q",
            exec: "exit 255",
            stdout: "null",
            restart: { "min-delay": "4ms", "max-delay": "20ms" },
          },
          stable: {
            queue: "q",
            exec: "exit 255",
            stdout: "null",
            restart: {
              "min-delay": "4ms",
              "max-delay": "10m",
              "stable-after": "0",
            },
          },
        },
      });
      await sandbox.run(["push", "-q", "q", "x"]);
      for (const name of ["grows", "stable"])
        await daemon.untilWorker(name, (w) => w.restarts >= 8);
      const delays = (name: string): number[] =>
        [
          ...daemon.process
            .err()
            .matchAll(
              new RegExp(`${name}-1 .*exit status 1 .*again in (\\d+)ms`, "g"),
            ),
        ].map((match) => Number(match[1]));
      for (const [index, delay] of delays("grows").entries())
        expect(delay).toBeLessThanOrEqual(Math.min(20, 4 * 2 ** index));
      // It lives for longer than no time at all, so each crash is its first.
      for (const delay of delays("stable"))
        expect(delay).toBeLessThanOrEqual(4);
      expect(delays("stable").length).toBeGreaterThanOrEqual(8);
    },
    { timeoutMs: 60_000 },
  );

  test(
    "tells a fault of the configuration and tries it at the longest delay only",
    async () => {
      await using sandbox = new Sandbox();
      await Bun.write(sandbox.file("plain"), "no program");
      await sandbox.bash("mkfifo fifo");
      const daemon = TestedDaemon.start(sandbox, {
        queues: created,
        workers: {
          missing: { queue: "q", stdout: "null", command: ["./nowhere"] },
          plain: { queue: "q", stdout: "null", command: ["./plain"] },
          refused: {
            queue: "q",
            stdout: "null",
            exec: "true",
            "max-deliver": 200,
          },
          lost: {
            queue: "q",
            stdout: "null",
            exec: "true",
            directory: "nowhere",
          },
          unwritable: { queue: "q", exec: "true", stdout: "nowhere/out" },
          unread: { queue: "q", exec: "true", stdout: "fifo" },
        },
      });
      for (const [name, text] of [
        ["missing", "exit status 127, the command was not found"],
        ["plain", "exit status 126, the command is not executable"],
        ["refused", "exit status 2, its options are refused"],
        ["lost", `not started: ${sandbox.file("nowhere")} is no directory`],
        ["unwritable", "not started: ENOENT"],
        ["unread", "not started: ENXIO"],
      ] as const) {
        const worker = await daemon.untilWorker(
          name,
          (w) => w.state === "failed",
        );
        expect(worker.last_exit?.text).toContain(text);
        expect(worker.restarts).toBe(0);
        expect(worker.processes[0]?.starts_in_ms).toBeGreaterThan(20_000);
        expect(daemon.process.err()).toMatch(
          new RegExp(
            `${name}-1.*: ${text}.*this has to be put right; started again in 1m\n`,
          ),
        );
      }
    },
    { timeoutMs: 30_000 },
  );

  test(
    "starts a worker as soon as its queue is there",
    async () => {
      await using sandbox = new Sandbox();
      const daemon = TestedDaemon.start(sandbox, {
        workers: {
          w: {
            queue: "late",
            exec: "true",
            restart: { "min-delay": "10m", "max-delay": "10m" },
          },
        },
        "sweep-every": "20ms",
      });
      const { last_exit } = await daemon.untilWorker(
        "w",
        (w) => w.state === "backoff",
      );
      expect(last_exit?.text).toBe("exit status 3, there is no such queue");
      await sandbox.good(["create", "late"]);
      await daemon.untilWorker("w", (w) => w.state === "running");
    },
    { timeoutMs: 30_000 },
  );

  test(
    "gives workers their directory, environment, flags and files; paths are relative to the configuration",
    async () => {
      await using sandbox = new Sandbox();
      mkdirSync(sandbox.file("there"));
      TestedDaemon.start(
        sandbox,
        {
          queues: { "file:q.queue": { create: true, "max-deliver": 7 } },
          workers: {
            w: {
              queue: "file:q.queue",
              command: [
                "sh",
                "-c",
                'echo "$PWD $ONE $TWO $RINGWIRE_MSG_MAX_DELIVER $1"; echo noise >&2',
                "sh",
                "--dash",
              ],
              directory: "there",
              environment: { ONE: "eins", TWO: 2 },
              "max-deliver": 6,
              stdout: "out",
              stderr: "err",
            },
          },
        },
        { ONE: "one" },
      );
      await until("the queue", () => existsSync(sandbox.file("q.queue")));
      await sandbox.good([
        "push",
        "-q",
        `file:${sandbox.file("q.queue")}`,
        "x",
      ]);
      await until("the output", () => sandbox.lines("there/out").length > 0);
      expect(sandbox.lines("there/out")).toEqual([
        `${sandbox.file("there")} eins 2 6 --dash`,
      ]);
      await until("the noise", () =>
        sandbox.lines("there/err").includes("noise"),
      );
    },
    { timeoutMs: 30_000 },
  );

  test(
    "gives workers the options of all verbs that it was given itself, wherever they run",
    async () => {
      await using sandbox = new Sandbox();
      mkdirSync(sandbox.file("there"));
      await Bun.write(
        sandbox.file("options.json"),
        '{"queue-worker":{"work":{"max-deliver":2}}}',
      );
      for (const way of ["flag", "variable"]) {
        await Bun.write(
          sandbox.file("daemon.json"),
          JSON.stringify({
            queues: created,
            workers: {
              w: {
                queue: "q",
                exec: `echo $RINGWIRE_MSG_MAX_DELIVER >${way}`,
                directory: "there",
              },
            },
          }),
        );
        const daemon = sandbox.start(
          ["ringwire-queue-worker", "daemon", "-c", "daemon.json"].concat(
            way === "flag" ? ["--config", "options.json"] : [],
          ),
          way === "flag" ? {} : { env: { RINGWIRE_CONFIG: "options.json" } },
        );
        await sandbox.run(["push", "-q", "q", "x"]);
        await until("the handler", () => sandbox.lines(`there/${way}`).length);
        expect(sandbox.lines(`there/${way}`)).toEqual(["2"]);
        daemon.kill("SIGTERM");
        await daemon.ended;
      }
    },
    { timeoutMs: 30_000 },
  );

  test(
    "processes that share a file mingle no records; a full disk loses none",
    async () => {
      await using sandbox = new Sandbox();
      // Longer than what a pipe takes in one piece.
      const long = 'read x; head -c 20000 /dev/zero | tr "\\0" $x; echo';
      const daemon = TestedDaemon.start(sandbox, {
        queues: { q: { create: true }, full: { create: true } },
        workers: {
          long: {
            queue: "q",
            exec: long,
            processes: 3,
            jobs: 2,
            stdout: "out",
          },
          full: {
            queue: "full",
            exec: "cat",
            stdout: "/dev/full",
            restart: { "min-delay": "10m", "max-delay": "10m" },
          },
        },
      });
      await daemon.untilWorker("long", (w) => w.pids.length === 3);
      await sandbox.good(["push", "-q", "q"], {
        stdin: "a\nb\nc\nd\n".repeat(10),
      });
      await sandbox.good(["push", "-q", "full", "kept"]);
      await until("all records", () => sandbox.lines("out").length === 40);
      for (const line of sandbox.lines("out"))
        expect(line).toMatch(/^(.)\1{19999}$/);
      const { last_exit } = await daemon.untilWorker(
        "full",
        (w) => w.state === "backoff",
      );
      expect(last_exit?.text).toBe(
        "exit status 8, no space in shared memory or on the disk",
      );
      expect(await sandbox.waiting("full")).toEqual(["kept 0"]);
    },
    { timeoutMs: 60_000 },
  );

  test(
    "workers have process groups of their own: Ctrl-C is for the daemon",
    async () => {
      await using sandbox = new Sandbox();
      const daemon = TestedDaemon.start(sandbox, {
        queues: created,
        workers: { w: { queue: "q", exec: "true" } },
      });
      const { pids } = await daemon.untilWorker(
        "w",
        (w) => w.pids.length === 1,
      );
      const stat = readFileSync(`/proc/${pids[0]}/stat`, "utf8");
      const [, , group] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      expect(Number(group)).toBe(pids[0] ?? 0);
    },
    { timeoutMs: 30_000 },
  );

  testIf(
    superuser,
    "to make a namespace of process ids",
    "as the first process of a container, reaps what handlers left behind",
    async () => {
      await using sandbox = new Sandbox();
      await Bun.write(
        sandbox.file("daemon.json"),
        JSON.stringify({
          queues: created,
          // Outlives its handler, and then ends as an orphan.
          workers: {
            w: {
              queue: "q",
              exec: "setsid sh -c 'echo $$ >left; sleep 0.3; echo >over' </dev/null >/dev/null 2>&1 &",
            },
          },
        }),
      );
      const daemon = sandbox.start([
        "unshare",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
        "ringwire-queue-worker",
        "daemon",
        "-c",
        sandbox.file("daemon.json"),
      ]);
      await until("a worker", () => daemon.err().includes("w-1 (pid"));
      await sandbox.good(["push", "-q", "q", "x"]);
      await until("the orphan to end", () => existsSync(sandbox.file("over")));
      const child = Number(
        readFileSync(`/proc/${daemon.pid}/task/${daemon.pid}/children`, "utf8"),
      );
      const zombies = (): string[] =>
        readFileSync(`/proc/${child}/task/${child}/children`, "utf8")
          .trim()
          .split(" ")
          .filter((pid) =>
            /\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8")),
          );
      await until("no zombie to be left", () => {
        try {
          return zombies().length === 0;
        } catch {
          return false;
        }
      });
      process.kill(child, "SIGTERM");
      expect((await daemon.ended).code).toBe(0);
    },
    { timeoutMs: 40_000 },
  );
});
