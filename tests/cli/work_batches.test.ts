import { join } from "node:path";
import { cleanUpSandboxes, Sandbox } from "../support/sandbox.ts";
import { describe, expect, test } from "../support/testing.ts";

const program = join(import.meta.dir, "foreign_headers_program.ts");
const quick = ["--backoff", "1ms..5ms", "--until-empty"];

cleanUpSandboxes();

/** Busy machines take their time. */
const patient = { timeoutMs: 60_000 };

describe("work --batch", () => {
  test(
    "gives one handler up to so many messages, as len32 records unless told otherwise",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["push", "-q", "q"], { stdin: "a\nbb\nccc\n" });
      const counted = await sandbox.run([
        ...["work", "-q", "q", "--batch", "2", "--until-empty", "--exec"],
        'echo "$RINGWIRE_MSG_COUNT $RINGWIRE_MSG_QUEUE $RINGWIRE_MSG_ATTEMPT $RINGWIRE_MSG_ID." >>seen; cat',
      ]);
      expect(counted.code).toBe(0);
      expect([...counted.bytes]).toEqual([
        0, 0, 0, 1, 97, 0, 0, 0, 2, 98, 98, 0, 0, 0, 3, 99, 99, 99,
      ]);
      expect(sandbox.lines("seen")).toEqual(["2 q 1 .", "1 q 1 ."]);

      await sandbox.good(["push", "-q", "q"], { stdin: "x y\n\n'z\n" });
      expect(
        await sandbox.good([
          ...["work", "-q", "q", "--batch", "10", "--framing", "nul"],
          ...["--until-empty", "--", "xargs", "-0", "printf", "<%s>"],
        ]),
      ).toBe("<x y><><'z>");
    },
    patient,
  );

  test(
    "acknowledges all together, and after a failure tries each alone, so that only the bad one is buried",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["push", "-q", "q"], { stdin: "1\n2\nbad\n4\n" });
      const { code } = await sandbox.run([
        ...["work", "-q", "q", "--batch", "10", "--framing", "line", ...quick],
        ...[
          "--exec",
          "cat >batch.$$; cat batch.$$ >>all; ! grep -q bad batch.$$",
        ],
      ]);
      expect(code).toBe(123);
      // All four once together; then each by itself, the bad one until its last attempt.
      const lines = sandbox.lines("all");
      expect(lines.slice(0, 4)).toEqual(["1", "2", "bad", "4"]);
      expect(lines.slice(4).sort()).toEqual([
        "1",
        "2",
        "4",
        "bad",
        "bad",
        "bad",
        "bad",
      ]);
      const { buried, counters } = await sandbox.status("q");
      expect(buried).toBe(1);
      expect(counters.acked).toBe(3);
    },
    patient,
  );

  test(
    "an exit status that condemns a message does not condemn its neighbours",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["push", "-q", "q"], { stdin: "ok\nworse\nfine\n" });
      const { code } = await sandbox.run([
        ...["work", "-q", "q", "--batch", "3", "--framing", "line", ...quick],
        ...["--exec", "grep -q worse && exit 65; exit 0"],
      ]);
      expect(code).toBe(123);
      expect(
        await sandbox.good(["dlq", "export", "-q", "q", "-o", "raw"]),
      ).toBe("worse\n");
      expect((await sandbox.status("q")).counters.acked).toBe(2);
    },
    patient,
  );

  test(
    "waits for more when it is told to, and not beyond a full batch, a count or the end",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["create", "q"]);
      const waiting = sandbox.start([
        ...["ringwire-queue-worker", "work", "-q", "q", "--batch", "3"],
        ...["--batch-wait", "10m", "-n", "5", "--exec"],
        'echo "$RINGWIRE_MSG_COUNT"',
      ]);
      // Not one after the other: five processes would not make it in time for one batch if it did not wait.
      for (const body of ["a", "b", "c", "d", "e"])
        await sandbox.good(["push", "-q", "q", body]);
      const { code, out } = await waiting.ended;
      expect(code).toBe(0);
      expect(out).toBe("3\n2\n");
    },
    patient,
  );

  test(
    "stops waiting for more at SIGTERM, and works on what it has",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["push", "-q", "q", "a"]);
      const waiting = sandbox.start([
        ...["ringwire-queue-worker", "work", "-q", "q", "--batch", "3"],
        ...["--batch-wait", "10m", "--exec", "cat >>done"],
      ]);
      while ((await sandbox.status("q")).leased === 0) await Bun.sleep(10);
      waiting.kill("SIGTERM");
      expect((await waiting.ended).code).toBe(0);
      const { message_count, leased } = await sandbox.status("q");
      expect([message_count, leased]).toEqual([0, 0]);
    },
    patient,
  );

  test(
    "a body that cannot be framed is buried, its neighbours are not",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["push", "-q", "q", "two\nlines"]);
      await sandbox.good(["push", "-q", "q", "one"]);
      const { code } = await sandbox.run([
        ...["work", "-q", "q", "--batch", "5", "--framing", "line", ...quick],
        ...["--", "cat"],
      ]);
      expect(code).toBe(123);
      const [dead] = (
        await sandbox.good(["dlq", "ls", "-q", "q", "-o", "jsonl"])
      )
        .trim()
        .split("\n");
      expect(dead).toContain("use --framing len32");
      expect((await sandbox.status("q")).counters.acked).toBe(1);
    },
    patient,
  );

  test(
    "headers that cannot be read are their message's dead end, and nobody else's",
    async () => {
      for (const flags of [
        [],
        ["--batch", "5"],
        ["--order", "key"],
        ["--coproc"],
        ["--coproc", "--to", "out"],
      ]) {
        await using sandbox = new Sandbox();
        await sandbox.start([process.execPath, program, "q"]).ended;
        const { code } = await sandbox.run([
          ...["work", "-q", "q", ...flags, ...quick, "--", "cat"],
        ]);
        expect([flags, code]).toEqual([flags, 123]);
        expect(await sandbox.good(["dlq", "ls", "-q", "q"])).toContain(
          "are not JSON",
        );
        expect((await sandbox.status("q")).counters.acked).toBe(1);
      }
    },
    patient,
  );

  test(
    "headers that nobody can read hide neither a message nor a dead letter",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.start([process.execPath, program, "q"]).ended;
      const peeked = await sandbox.good(["peek", "q", "-o", "jsonl"]);
      expect(JSON.parse(peeked.split("\n")[0] ?? "").headers_error).toContain(
        "not JSON",
      );
      await sandbox.run(["work", "-q", "q", "--until-empty", "--", "true"]);
      const shown = await sandbox.good(["dlq", "show", "-q", "q", "1"]);
      expect(shown).toContain("not JSON");
    },
    patient,
  );

  test(
    "a worker within a handler tells its own handlers nothing about the message outside",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["push", "-q", "outer", "x"]);
      await sandbox.good(["push", "-q", "inner", "y"]);
      const out = await sandbox.good([
        ...["work", "-q", "outer", "--until-empty", "--exec"],
        "ringwire-queue-worker work -q inner --until-empty --batch 5 --exec 'env | cut -d= -f1 | grep RINGWIRE_MSG | sort'",
      ]);
      expect(out.trim().split("\n")).toEqual([
        "RINGWIRE_MSG_ATTEMPT",
        "RINGWIRE_MSG_COUNT",
        "RINGWIRE_MSG_MAX_DELIVER",
        "RINGWIRE_MSG_QUEUE",
      ]);
    },
    patient,
  );

  test(
    "--envelope tells all about each message",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["push", "-q", "q", "--header", "kind:x"], {
        stdin: '{"a":1}\nplain\n',
      });
      const out = await sandbox.good([
        ...["work", "-q", "q", "--batch", "5", "--envelope", "--until-empty"],
        ...["--", "cat"],
      ]);
      const records = out
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line));
      expect(records.map(({ data }) => data)).toEqual([{ a: 1 }, "plain"]);
      expect(records[0].headers).toEqual({ kind: "x" });
      expect(records[1].attempts).toBe(1);
    },
    patient,
  );

  test(
    "refuses what makes no sense together",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["create", "q"]);
      const refused: readonly (readonly [readonly string[], string])[] = [
        [["--batch", "2", "--coproc"], "--batch and --coproc"],
        [["--batch", "2", "--order", "k"], "--batch and --order"],
        [["--batch", "2", "--framing", "raw"], "allowed with --batch"],
        [["--batch-wait", "1s"], "it needs --batch"],
        [["--batch", "0"], "1 to 65536"],
        [["--split", "line"], "it needs --to"],
        [["--to", "x", "--end"], "it needs --until-end"],
        [["--to", "q"], "the queue itself"],
        [["--to", "x", "--out-framing", "nul"], "--to and --out-framing"],
        [["--halt", "soon,fail=10%"], "soon,fail=1"],
      ];
      for (const [flags, reason] of refused) {
        const { code, err } = await sandbox.run([
          ...["work", "-q", "q", ...flags, "--", "true"],
        ]);
        expect(err).toContain(reason);
        expect(code).toBe(2);
      }
    },
    patient,
  );
});
