import { join } from "node:path";
import {
  cleanUpSandboxes,
  isAlive,
  root,
  Sandbox,
  until,
} from "../support/sandbox.ts";
import { describe, expect, test } from "../support/testing.ts";

const quick = ["--backoff", "1ms..5ms", "--until-empty"];

cleanUpSandboxes();

/** Busy machines take their time. */
const patient = { timeoutMs: 60_000 };

describe("work --coproc", () => {
  test(
    "keeps one process for all messages and writes each answer as a record",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["push", "-q", "q"], { stdin: "a\nb\nc\n" });
      expect(
        await sandbox.good([
          ...["work", "-q", "q", "--until-empty", "--coproc", "--exec"],
          'echo $$ >>pids; while read -r line; do echo "<$line>"; done',
        ]),
      ).toBe("<a>\n<b>\n<c>\n");
      expect(sandbox.lines("pids").length).toBe(1);
      expect((await sandbox.status("q")).counters.acked).toBe(3);
    },
    patient,
  );

  test(
    "-j keeps as many, each with one message at a time",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["push", "-q", "q"], { stdin: "1\n2\n3\n4\n" });
      const out = await sandbox.good([
        ...["work", "-q", "q", "--until-empty", "--coproc", "-j2", "--exec"],
        // Each answers only when the other one has a message too.
        'while read -r line; do touch "at.$line"; n=0; while [ "$(ls at.* | wc -l)" -lt 2 ] && [ $n -lt 1000 ]; do sleep 0.01; n=$((n+1)); done; echo "$$ $line"; done',
      ]);
      const lines = out.trim().split("\n");
      expect(lines.map((line) => line.split(" ")[1]).sort()).toEqual([
        "1",
        "2",
        "3",
        "4",
      ]);
      expect(new Set(lines.map((line) => line.split(" ")[0])).size).toBe(2);
    },
    patient,
  );

  test(
    "any bytes with len32, NUL with nul; what cannot be framed is buried and does not disturb the others",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["push", "-q", "q", "--in-framing", "raw"], {
        stdin: new Uint8Array([0, 10, 255]),
      });
      await sandbox.good(["push", "-q", "q", "--in-framing", "raw"], {
        stdin: new Uint8Array(0),
      });
      const { bytes, code } = await sandbox.run([
        ...[
          "work",
          "-q",
          "q",
          "--until-empty",
          "--coproc",
          "--framing",
          "len32",
        ],
        ...["--", "cat"],
      ]);
      expect(code).toBe(0);
      expect([...bytes]).toEqual([0, 0, 0, 3, 0, 10, 255, 0, 0, 0, 0]);

      await sandbox.good(["push", "-q", "q", "a\nb"]);
      await sandbox.good(["push", "-q", "q", "fine"]);
      const lines = await sandbox.run([
        ...["work", "-q", "q", "--until-empty", "--coproc", "--", "cat"],
      ]);
      expect(lines.code).toBe(123);
      expect(lines.out).toBe("fine\n");
    },
    patient,
  );

  test(
    "one that dies has failed at its message only, and is started again",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["push", "-q", "q"], { stdin: "a\nbad\nb\n" });
      const { code, out } = await sandbox.run([
        ...["work", "-q", "q", "--max-deliver", "2", ...quick, "--coproc"],
        ...[
          "--exec",
          'echo start >>starts; while read -r x; do [ "$x" = bad ] && { echo broken >&2; exit 3; }; echo "$x"; done',
        ],
      ]);
      expect(code).toBe(123);
      expect(out.trim().split("\n").sort()).toEqual(["a", "b"]);
      const shown = await sandbox.good(["dlq", "ls", "-q", "q", "-o", "jsonl"]);
      expect(JSON.parse(shown).note).toContain(
        "ended without an answer, exit status 3\nbroken",
      );
      expect(sandbox.lines("starts").length).toBeGreaterThan(1);
    },
    patient,
  );

  test(
    "the last answer counts, also without its terminator and from one that ends right after",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["push", "-q", "q"], { stdin: "a\nb\n" });
      expect(
        await sandbox.good([
          ...["work", "-q", "q", "--until-empty", "--coproc", "--exec"],
          'read -r x; printf "%s" "$x"',
        ]),
      ).toBe("a\nb\n");
      expect((await sandbox.status("q")).counters.acked).toBe(2);
    },
    patient,
  );

  test(
    "one that takes too long is killed, and its message tried again",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["push", "-q", "q", "slow"]);
      const { code } = await sandbox.run([
        ...["work", "-q", "q", "--max-deliver", "2", ...quick, "--coproc"],
        ...["--timeout", "100ms", "--kill-after", "50ms", "--exec"],
        "trap '' TERM; while read -r x; do echo $$ >>pids; sleep 600; done",
      ]);
      expect(code).toBe(123);
      const pids = sandbox.lines("pids");
      expect(pids.length).toBe(2);
      for (const pid of pids) expect(await isAlive(Number(pid))).toBe(false);
      expect(
        await sandbox.good(["dlq", "ls", "-q", "q", "-o", "jsonl"]),
      ).toContain("timed out after 100ms");
    },
    patient,
  );

  test(
    "one that says more than it was asked is not believed any more",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["push", "-q", "q"], { stdin: "a\nb\nc\n" });
      const { code, out } = await sandbox.run([
        ...["work", "-q", "q", ...quick, "--coproc", "--exec"],
        'while read -r x; do printf "%s\\nmore\\n" "$x"; done',
      ]);
      expect(code).toBe(0);
      expect(out).toBe("a\nb\nc\n");
    },
    patient,
  );

  test(
    "what it writes beyond its answer is not the beginning of the next one",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["push", "-q", "q"], { stdin: "a\nb\nc\n" });
      const out = await sandbox.good([
        ...["work", "-q", "q", ...quick, "--coproc", "--exec"],
        'while read -r x; do printf "%s\\nmo" "$x"; done',
      ]);
      expect(out).toBe("a\nb\nc\n");
    },
    patient,
  );

  test(
    "a coprocess dies with a worker that is killed, and leaves by the end of its input when the worker leaves",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["push", "-q", "q"], { stdin: "a\n" });
      const handler =
        "echo $$ >>pids; while read -r x; do echo; done; echo left >>left";
      const killed = sandbox.start([
        ...["ringwire-queue-worker", "work", "-q", "q", "--coproc"],
        ...["--exec", handler],
      ]);
      await until(
        "it works",
        async () => (await sandbox.status("q")).counters.acked === 1,
      );
      killed.kill("SIGKILL");
      await killed.ended;
      const [pid] = sandbox.lines("pids");
      await until("it is gone", async () => !(await isAlive(Number(pid))));

      // The dead one may have seen the end of its input just before it was killed.
      const before = sandbox.lines("left").length;
      await sandbox.good(["push", "-q", "q", "b"]);
      await sandbox.good([
        ...["work", "-q", "q", "--until-empty", "--coproc", "--exec", handler],
      ]);
      expect(sandbox.lines("left").length).toBe(before + 1);
    },
    patient,
  );

  test(
    "one that ignores the end of its input and TERM is killed, at once when asked twice",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["push", "-q", "q"], { stdin: "a\n" });
      const handler =
        "trap '' TERM; echo $$ >>pids; read -r x; echo; while :; do sleep 0.1; done";
      await sandbox.good([
        ...["work", "-q", "q", "--until-empty", "--kill-after", "50ms"],
        ...["--coproc", "--exec", handler],
      ]);
      await sandbox.good(["push", "-q", "q", "b"]);
      const work = sandbox.start([
        ...["ringwire-queue-worker", "work", "-q", "q", "--coproc"],
        ...["--kill-after", "1h", "--exec", handler],
      ]);
      await until(
        "it has answered",
        async () => (await sandbox.status("q")).counters.acked === 2,
      );
      work.kill("SIGTERM");
      await Bun.sleep(50);
      work.kill("SIGTERM");
      await work.ended;
      for (const pid of sandbox.lines("pids"))
        expect(await isAlive(Number(pid))).toBe(false);
      expect(sandbox.lines("pids").length).toBe(2);
    },
    patient,
  );

  test(
    "one that closes its stdout and goes on holds no message for ever",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["push", "-q", "q", "x"]);
      const { code } = await sandbox.run([
        ...["work", "-q", "q", "--max-deliver", "1", "--until-empty"],
        ...["--coproc", "--exec", "exec >&-; sleep 600"],
      ]);
      expect(code).toBe(123);
      const shown = await sandbox.good(["dlq", "ls", "-q", "q", "-o", "jsonl"]);
      expect(JSON.parse(shown).note).toContain("it closed its stdout");
    },
    patient,
  );

  test(
    "answers a request with its record, and goes on with messages that are none",
    async () => {
      await using sandbox = new Sandbox();
      const asking = sandbox.start(
        [
          ...[process.execPath, "-e"],
          `import { CrossProcessQueue } from ${JSON.stringify(join(root, "src/mod.ts"))};
          using queue = CrossProcessQueue.create("q");
          const reply = await queue.request("ping", { timeoutMs: 50_000 });
          queue.send("plain");
          console.log(reply.text());`,
        ],
        { cwd: root },
      );
      await until(
        "the queue is there",
        async () => (await sandbox.run(["stat", "q"])).code === 0,
      );
      const work = await sandbox.run([
        ...["work", "-q", "q", "-n", "2", "--coproc", "--"],
        ...["sed", "-u", "s/$/!/"],
      ]);
      expect((await asking.ended).out).toBe("ping!\n");
      expect(work.out).toBe("plain!\n");
    },
    patient,
  );

  test(
    "one that never reads holds up nothing for ever, also with a body larger than a pipe",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["create", "q", "--max-message-size", "1MiB"]);
      await sandbox.good(["push", "-q", "q", "--in-framing", "raw"], {
        stdin: "x".repeat(1 << 20),
      });
      const { code } = await sandbox.run([
        ...[
          "work",
          "-q",
          "q",
          "--max-deliver",
          "1",
          "--coproc",
          "--until-empty",
        ],
        ...[
          "--timeout",
          "200ms",
          "--kill-after",
          "100ms",
          "--",
          "sleep",
          "600",
        ],
      ]);
      expect(code).toBe(123);
    },
    patient,
  );
});
