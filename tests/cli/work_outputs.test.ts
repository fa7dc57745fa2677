import { cleanUpSandboxes, Sandbox, until } from "../support/sandbox.ts";
import { describe, expect, test } from "../support/testing.ts";

cleanUpSandboxes();

/** Busy machines take their time. */
const patient = { timeoutMs: 60_000 };

describe("work --to", () => {
  test(
    "sends outputs to another queue, which it makes if needed, with their origin and trace",
    async () => {
      await using sandbox = new Sandbox();
      const traceparent =
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
      await sandbox.good(
        ["push", "-q", "a", "--header", `traceparent:${traceparent}`],
        { stdin: "x\nempty\ny\n" },
      );
      const { code, out, err } = await sandbox.run([
        ...["work", "-q", "a", "--until-empty", "--to", "b", "--exec"],
        'read -r x; [ "$x" = empty ] || printf "<%s>" "$x"',
      ]);
      expect(code).toBe(0);
      expect(out).toBe("");
      expect(err).toContain("queue b did not exist: created");
      const { uuid } = JSON.parse(
        await sandbox.good(["stat", "a", "-o", "json"]),
      ).queue;
      const records = (
        await sandbox.good(["pop", "-q", "b", "--until-empty", "-o", "jsonl"])
      )
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line));
      expect(records.map(({ data }) => data)).toEqual(["<x>", "<y>"]);
      expect(records[0].headers.traceparent).toBe(traceparent);
      expect(records[1].headers["message-id"]).toBe(`${uuid}.3`);
    },
    patient,
  );

  test(
    "--split makes a message of each record of an output",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["push", "-q", "a"], { stdin: "1 2\n3\n" });
      await sandbox.good([
        ...["work", "-q", "a", "--until-empty", "--to", "b", "--split", "line"],
        ...["--exec", "tr ' ' '\\n'"],
      ]);
      expect(await sandbox.good(["pop", "-q", "b", "--until-empty"])).toBe(
        "1\n2\n3\n",
      );
    },
    patient,
  );

  test(
    "a chain of stages ends by itself: --until-end and --end hand the end on",
    async () => {
      await using sandbox = new Sandbox();
      for (const queue of ["a", "b", "c"])
        await sandbox.good(["create", queue, "--max-messages", "16"]);
      // Small queues: each stage has to wait for the next one.
      const { code, out } = await sandbox.bash(`
      seq 1 300 | ringwire-queue-worker push -q a --end &
      ringwire-queue-worker work -q a --until-end --coproc --to b --end -- sed -u 's/$/0/' &
      ringwire-queue-worker work -q b --until-end --batch 7 --framing line --to c --split line --end -- sed 's/^/1/' &
      ringwire-queue-worker pop -q c --until-end | sort -n | md5sum
      wait`);
      expect(code).toBe(0);
      const expected = await sandbox.bash(
        "seq 1 300 | sed 's/$/0/; s/^/1/' | sort -n | md5sum",
      );
      expect(out).toBe(expected.out);
    },
    patient,
  );

  test(
    "an output that the other queue can never take is a dead letter",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["create", "b", "--max-message-size", "10"]);
      await sandbox.good(["push", "-q", "a"], { stdin: "small\nbig\n" });
      const { code } = await sandbox.run([
        ...["work", "-q", "a", "--until-empty", "--to", "b", "--exec"],
        'read -r x; [ "$x" = big ] && seq 1 100 || echo ok',
      ]);
      expect(code).toBe(123);
      expect(await sandbox.good(["pop", "-q", "b", "--until-empty"])).toBe(
        "ok\n\n",
      );
      expect(
        await sandbox.good(["dlq", "ls", "-q", "a", "-o", "jsonl"]),
      ).toContain("cannot go to queue b");
    },
    patient,
  );

  test(
    "waits for room in a full queue, and gives the message back when it has to leave meanwhile",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["create", "b", "--max-messages", "1"]);
      await sandbox.good(["push", "-q", "b", "there"]);
      await sandbox.good(["push", "-q", "a"], { stdin: "1\n2\n" });
      const work = sandbox.start([
        ...["ringwire-queue-worker", "work", "-q", "a", "--to", "b"],
        ...["--drain-timeout", "100ms", "--", "cat"],
      ]);
      await until("it says so", () =>
        work.err().includes("outputs wait for room"),
      );
      expect(await sandbox.good(["pop", "-q", "b"])).toBe("there\n");
      await until(
        "one went",
        async () => (await sandbox.status("a")).counters.acked === 1,
      );
      work.kill("SIGTERM");
      expect((await work.ended).code).toBe(143);
      expect(await sandbox.waiting("a")).toEqual(["2 0"]);
      expect(await sandbox.waiting("b")).toEqual(["1 0"]);
    },
    patient,
  );

  test(
    "a queue that has ended stops the worker, and the message is not lost",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["push", "-q", "b", "x", "--end"]);
      await sandbox.good(["push", "-q", "a", "1"]);
      const { code, err } = await sandbox.run([
        ...["work", "-q", "a", "--to", "b", "--", "cat"],
      ]);
      expect(code).toBe(1);
      expect(err).toContain("a handler's output cannot be passed on");
      expect(await sandbox.waiting("a")).toEqual(["1 0"]);
    },
    patient,
  );

  test(
    "killed between sending and acknowledging, it sends again under the same id",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["create", "a", "--max-deliver", "255"]);
      await sandbox.good(["create", "b"]);
      await sandbox.good(["push", "-q", "a"], {
        stdin: Array.from({ length: 300 }, (_, index) => `${index}\n`).join(""),
      });
      let kills = 0;
      for (;;) {
        const work = sandbox.start([
          ...[
            "ringwire-queue-worker",
            "work",
            "-q",
            "a",
            "-j4",
            "--until-empty",
          ],
          ...["--to", "b", "--", "cat"],
        ]);
        await Promise.race([work.ended, Bun.sleep(60)]);
        work.kill("SIGKILL");
        if ((await work.ended).code === 0) break;
        if (kills++ === 20) break;
      }
      await sandbox.good([
        ...[
          "work",
          "-q",
          "a",
          "-j4",
          "--until-empty",
          "--to",
          "b",
          "--",
          "cat",
        ],
      ]);
      const records = (
        await sandbox.good(["pop", "-q", "b", "--until-empty", "-o", "jsonl"])
      )
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line));
      const bodies = new Map<string, string>();
      for (const { headers, data } of records) {
        const id = headers["message-id"];
        expect(bodies.get(id) ?? data).toBe(data);
        bodies.set(id, data);
      }
      expect(kills).toBeGreaterThan(0);
      expect(bodies.size).toBe(300);
      expect(new Set(bodies.values()).size).toBe(300);
    },
    patient,
  );

  test(
    "--out-framing sets each output apart on stdout",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["push", "-q", "a"], { stdin: "1\n2\n" });
      const { bytes } = await sandbox.run([
        ...["work", "-q", "a", "--until-empty", "--out-framing", "len32"],
        ...["--", "cat"],
      ]);
      expect([...bytes]).toEqual([0, 0, 0, 1, 49, 0, 0, 0, 1, 50]);
    },
    patient,
  );
});
