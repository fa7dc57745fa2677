/** What workers write reaches the daemon's stdout: whole records, whoever writes them, and however slowly it is read. */
import { TestedDaemon } from "../support/daemon_fixture.ts";
import {
  cleanUpSandboxes,
  Sandbox,
  until,
  worker,
} from "../support/sandbox.ts";
import { startOnTerminal } from "../support/terminal.ts";
import { describe, expect, test } from "../support/testing.ts";

cleanUpSandboxes();

const queues = { q: { create: true } };
/** One line, longer than what a pipe takes in one piece. */
const long = 'read x; head -c 100000 /dev/zero | tr "\\0" $x; echo';

describe("daemon output", () => {
  test(
    "records of several workers come whole, in one piece each",
    async () => {
      await using sandbox = new Sandbox();
      const daemon = TestedDaemon.start(sandbox, {
        queues: { ...queues, words: { create: true } },
        workers: {
          long: { queue: "q", exec: long, processes: 3, jobs: 2 },
          // Answers come without their line feeds, and get them again.
          kept: {
            queue: "words",
            command: ["sed", "-u", "s/^/kept /"],
            coproc: true,
          },
        },
      });
      await daemon.untilWorker("long", (w) => w.pids.length === 3);
      await sandbox.good(["push", "-q", "q"], {
        stdin: "a\nb\nc\nd\n".repeat(10),
      });
      await sandbox.good(["push", "-q", "words"], { stdin: "one\ntwo\n" });
      await until(
        "all records",
        () => daemon.process.out().split("\n").length === 43,
      );
      const lines = daemon.process.out().split("\n").slice(0, -1);
      expect(lines.filter((line) => line.startsWith("kept"))).toEqual([
        "kept one",
        "kept two",
      ]);
      for (const line of lines)
        if (!line.startsWith("kept")) expect(line).toMatch(/^(.)\1{99999}$/);
    },
    { timeoutMs: 40_000 },
  );

  test(
    "a worker that is alone with it writes by itself, one with another queue as its destination not at all",
    async () => {
      await using sandbox = new Sandbox();
      const daemon = TestedDaemon.start(sandbox, {
        queues: { ...queues, next: { create: true } },
        workers: {
          first: { queue: "q", exec: "cat", to: "next", processes: 2 },
          second: { queue: "next", exec: "cat; echo", "out-framing": "nul" },
        },
      });
      await sandbox.run(["push", "-q", "q"], { stdin: "x\n" });
      await until("the output", () => daemon.process.out() === "x\n\0");
      const [pid] = (
        await daemon.untilWorker("second", (w) => w.pids.length === 1)
      ).pids;
      expect(await Bun.file(`/proc/${pid}/cmdline`).text()).not.toContain(
        "len32",
      );
    },
    { timeoutMs: 30_000 },
  );

  test(
    "holds workers up while nobody reads, and leaves all the same; what was not passed on is said",
    async () => {
      await using sandbox = new Sandbox();
      await Bun.write(
        sandbox.file("daemon.json"),
        JSON.stringify({
          queues,
          workers: {
            w: {
              queue: "q",
              exec: "head -c 400000 /dev/zero; echo >>written",
              processes: 2,
              "drain-timeout": "50ms",
            },
          },
        }),
      );
      await sandbox.good(["create", "q"]);
      await sandbox.good(["push", "-q", "q"], { stdin: "x\n".repeat(100) });
      const { out, err } = await sandbox.bash(
        `mkfifo out; exec 3<>out
ringwire-queue-worker daemon -c daemon.json >out 3<&- &
while [ ! -e written ]; do sleep 0.02; done; sleep 0.5
ringwire-queue-worker ls -o jsonl | sed 's/.*"waiting":\\([0-9]*\\).*/\\1/' >left
kill -TERM $!; wait $!; echo $?`,
      );
      expect(out).toBe("143\n");
      expect(err).toContain("nobody reads stdout: ");
      // The pipes and what is read ahead hold a few of them.
      expect(Number(sandbox.lines("left")[0])).toBeGreaterThan(80);
    },
    { timeoutMs: 40_000 },
  );

  test(
    "on a terminal workers show no progress of their own, and their messages come",
    async () => {
      await using sandbox = new Sandbox();
      await Bun.write(
        sandbox.file("daemon.json"),
        JSON.stringify({
          queues,
          workers: {
            w: {
              queue: "q",
              exec: "echo heard >&2; sleep 0.8; cat >>done",
              stdout: "null",
            },
          },
        }),
      );
      await using daemon = startOnTerminal({
        command: [worker, "daemon", "-c", sandbox.file("daemon.json")],
        env: {
          PATH: process.env.PATH,
          RINGWIRE_SHM_DIR: sandbox.directory,
          TERM: "xterm",
        },
        cwd: sandbox.files,
      });
      await until("the worker", () => daemon.raw().includes("started"));
      await sandbox.good(["push", "-q", "q"], { stdin: "x\n" });
      await until(
        "the handler",
        () =>
          sandbox.lines("done").length === 0 && daemon.raw().includes("heard"),
      );
      await Bun.sleep(700);
      daemon.type("\x03");
      expect(await daemon.ended).toBe(0);
      expect(daemon.raw()).not.toContain("\x1b[");
      expect(daemon.raw()).toContain("SIGINT received: 1 processes are asked");
    },
    { timeoutMs: 30_000 },
  );
});
