import { createHash } from "node:crypto";
import {
  describe,
  expect,
  superuser,
  test,
  testIf,
} from "../support/testing.ts";
import { cleanUpSandboxes, Sandbox, until } from "../support/sandbox.ts";

function md5(text: string | Uint8Array): string {
  return createHash("md5").update(text).digest("hex");
}

cleanUpSandboxes();

describe("push and pop", () => {
  test(
    "carry any bytes, one record after the other",
    async () => {
      await using sandbox = new Sandbox();
      const body = Uint8Array.from({ length: 512 }, (_, index) => index & 255);
      await sandbox.good(["push", "-q", "q", "--in-framing", "raw"], {
        stdin: body,
      });
      expect(
        md5(
          (await sandbox.run(["pop", "-q", "q", "--out-framing", "raw"])).bytes,
        ),
      ).toBe(md5(body));
      await sandbox.good(["push", "-q", "q", "--in-framing", "nul"], {
        stdin: "a\nb\0\0c",
      });
      expect(
        await sandbox.good([
          "pop",
          "-q",
          "q",
          "--until-empty",
          "--out-framing",
          "nul",
        ]),
      ).toBe("a\nb\0\0c\0");
      const framed = Uint8Array.of(0, 0, 0, 2, 10, 0, 0, 0, 0, 0);
      await sandbox.good(["push", "-q", "q", "--in-framing", "len32"], {
        stdin: framed,
      });
      expect(
        md5(
          (
            await sandbox.run([
              "pop",
              "-q",
              "q",
              "--until-empty",
              "--out-framing",
              "len32",
            ])
          ).bytes,
        ),
      ).toBe(md5(framed));
    },
    { timeoutMs: 15_000 },
  );

  test("show metadata as JSON, and bytes that are no text as base64", async () => {
    await using sandbox = new Sandbox();
    await sandbox.good([
      "push",
      "-q",
      "q",
      '{"t":81}',
      "--header",
      "Kind: test",
      "--id",
      "k1",
      "--priority",
      "high",
    ]);
    await sandbox.good(["push", "-q", "q", "--in-framing", "raw"], {
      stdin: Uint8Array.of(255, 0),
    });
    const records = (
      await sandbox.good(["pop", "-q", "q", "--until-empty", "-o", "jsonl"])
    )
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    // Every 16th take starts at the lowest priority: the order is not certain.
    const [first, second] =
      records[0].priority === "high" ? records : records.reverse();
    expect(first.data).toEqual({ t: 81 });
    expect(first.headers).toEqual({ kind: "test", "message-id": "k1" });
    expect([first.priority, first.attempts]).toEqual(["high", 1]);
    expect(second.data_base64).toBe("/wA=");
  });

  test(
    "keep to priority and delay, and drop what has outlived its time",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["push", "-q", "q", "normal"]);
      await sandbox.good(["push", "-q", "q", "high", "--priority", "high"]);
      await sandbox.good(["push", "-q", "q", "later", "--delay", "1h"]);
      await sandbox.good(["push", "-q", "q", "gone", "--ttl", "1ms"]);
      await Bun.sleep(50);
      expect(
        (await sandbox.good(["pop", "-q", "q", "--until-empty"]))
          .split("\n")
          .sort(),
      ).toEqual(["", "high", "normal"]);
      expect((await sandbox.status("q")).delayed).toBe(1);
      await sandbox.good(["push", "-q", "q", "soon", "--delay", "300ms"]);
      expect(await sandbox.good(["pop", "-q", "q", "--wait", "20s"])).toBe(
        "soon\n",
      );
    },
    { timeoutMs: 30_000 },
  );

  test(
    "the pipeline of 100000 numbers gives them all, once each and in order",
    async () => {
      await using sandbox = new Sandbox();
      const { code, out, err } =
        await sandbox.bash(`ringwire-queue-worker create nums --max-messages 131072 --max-message-size 64
seq 1 100000 | ringwire-queue-worker push -q nums && ringwire-queue-worker pop -q nums --until-empty | tee popped | sort -n | md5sum
seq 1 100000 | md5sum; md5sum <popped`);
      expect(`${code} ${err}`).toBe("0 ");
      const sums = out.trimEnd().split("\n");
      expect(new Set(sums).size).toBe(1);
      expect(sums).toHaveLength(3);
    },
    { timeoutMs: 30_000 },
  );

  test(
    "run at once: --until-end leaves when all before the end is settled",
    async () => {
      await using sandbox = new Sandbox();
      const { code, out } =
        await sandbox.bash(`ringwire-queue-worker create s --max-messages 100
for i in 1 2 3; do ringwire-queue-worker pop -q s --until-end >part.$i & pids+=($!); done
seq 1 20000 | ringwire-queue-worker push -q s --end || exit
for pid in "\${pids[@]}"; do wait "$pid" || exit; done
cat part.* | sort -n | md5sum; seq 1 20000 | md5sum`);
      const [got, wanted] = out.split("\n");
      expect(`${code} ${got}`).toBe(`0 ${wanted}`);
    },
    { timeoutMs: 40_000 },
  );

  test(
    "end with 3 when there is nothing, 0 for --until-empty, 124 when --wait has passed",
    async () => {
      await using sandbox = new Sandbox();
      for (const words of [
        ["pop", "-q", "none"],
        ["stat", "none"],
        ["work", "-q", "none", "--", "true"],
        ["rm", "none"],
        ["peek", "none"],
        ["pause", "none"],
        ["dlq", "ls", "-q", "none"],
      ]) {
        const { code, out, err } = await sandbox.run(words);
        expect(`${words[0]} ${code} ${out}`).toBe(`${words[0]} 3 `);
        expect(err).toContain("none");
      }
      await sandbox.good(["create", "q"]);
      expect((await sandbox.run(["pop", "-q", "q"])).code).toBe(3);
      expect(
        (await sandbox.run(["pop", "-q", "q", "--until-empty"])).code,
      ).toBe(0);
      expect(
        (await sandbox.run(["pop", "-q", "q", "--wait", "50ms"])).code,
      ).toBe(124);
      expect(
        (await sandbox.run(["work", "-q", "q", "--wait", "50ms", "--", "true"]))
          .code,
      ).toBe(124);
      expect((await sandbox.run(["create", "q"])).code).toBe(1);
    },
    { timeoutMs: 20_000 },
  );

  test(
    "a waiting pop gets what is pushed later",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["create", "q"]);
      const pop = sandbox.start([
        "ringwire-queue-worker",
        "pop",
        "-q",
        "q",
        "--count",
        "2",
        "--wait",
        "20s",
      ]);
      await sandbox.good(["push", "-q", "q", "one"]);
      // The first is on stdout although the second is still awaited.
      await until("the first message on stdout", () => pop.out() === "one\n");
      await sandbox.good(["push", "-q", "q", "two"]);
      expect((await pop.ended).out).toBe("one\ntwo\n");
    },
    { timeoutMs: 30_000 },
  );

  test("push creates a missing queue and says so on stderr", async () => {
    await using sandbox = new Sandbox();
    const first = await sandbox.run(["push", "-q", "q", "x"]);
    expect(`${first.code} ${first.out}`).toBe("0 ");
    expect(first.err).toContain("queue q did not exist: created");
    expect((await sandbox.run(["push", "-q", "q", "x"])).err).toBe("");
  });

  test(
    "a full queue: block waits and says so, fail ends with 1 or 7, drop-oldest makes room",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["create", "q", "--max-messages", "4"]);
      const some = await sandbox.run(["push", "-q", "q", "--on-full", "fail"], {
        stdin: "1\n2\n3\n4\n5\n6\n",
      });
      expect(some.code).toBe(7);
      expect(some.err).toContain("4 messages were accepted");
      expect(
        (await sandbox.run(["push", "-q", "q", "--on-full", "fail", "x"])).code,
      ).toBe(1);
      await sandbox.good(["push", "-q", "q", "--on-full", "drop-oldest", "7"]);
      const blocked = sandbox.start(
        ["ringwire-queue-worker", "push", "-q", "q"],
        { stdin: "8\n9\n" },
      );
      await until("the notice that the queue is full", () =>
        blocked.err().includes("full"),
      );
      expect(await sandbox.good(["pop", "-q", "q", "--count", "2"])).toBe(
        "2\n3\n",
      );
      expect((await blocked.ended).code).toBe(0);
      expect(await sandbox.good(["pop", "-q", "q", "--until-empty"])).toBe(
        "4\n7\n8\n9\n",
      );
    },
    { timeoutMs: 30_000 },
  );

  test(
    "a message one byte too large ends with 6, and those before it are in",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["create", "q", "--max-message-size", "8"]);
      const line = await sandbox.run(["push", "-q", "q"], {
        stdin: "12345678\n123456789\nx\n",
      });
      expect(line.code).toBe(6);
      expect(line.err).toContain("record 2");
      expect((await sandbox.run(["push", "-q", "q", "123456789"])).code).toBe(
        6,
      );
      expect(
        (
          await sandbox.run(["push", "-q", "q", "--in-framing", "raw"], {
            stdin: "123456789",
          })
        ).code,
      ).toBe(6);
      expect(
        (
          await sandbox.run([
            "push",
            "-q",
            "q",
            "x",
            "--header",
            `k:${"v".repeat(300)}`,
          ])
        ).code,
      ).toBe(6);
      expect(await sandbox.good(["pop", "-q", "q", "--until-empty"])).toBe(
        "12345678\n",
      );
    },
    { timeoutMs: 15_000 },
  );

  test(
    "an ended stream refuses with 1 until it is reopened",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["push", "-q", "q", "a", "--end"]);
      expect((await sandbox.run(["push", "-q", "q", "b"])).code).toBe(1);
      expect(await sandbox.good(["pop", "-q", "q", "--until-end"])).toBe("a\n");
      await sandbox.good(["create", "q", "--reopen"]);
      await sandbox.good(["push", "-q", "q", "b"]);
      expect(await sandbox.good(["pop", "-q", "q"])).toBe("b\n");
    },
    { timeoutMs: 15_000 },
  );

  test(
    "a reader that leaves ends pop quietly with 141, and nothing that was not written is lost",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.bash(
        "ringwire-queue-worker create q --max-messages 65536 && seq 1 50000 | ringwire-queue-worker push -q q",
      );
      const { out, err } = await sandbox.bash(
        "ringwire-queue-worker pop -q q --until-empty | head -n 1; echo $PIPESTATUS",
      );
      expect(out).toBe("1\n141\n");
      expect(err).toBe("");
      const rest = (
        await sandbox.good(["pop", "-q", "q", "--until-empty", "-o", "jsonl"])
      )
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line));
      // What is left is the end of the row, without a gap, and its attempts do not count the failure.
      const numbers = rest
        .map((record) => Number(record.data))
        .sort((a, b) => a - b);
      expect(numbers.length).toBeGreaterThan(0);
      expect(numbers.at(-1)).toBe(50_000);
      expect((numbers.at(-1) ?? 0) - (numbers[0] ?? 0) + 1).toBe(
        numbers.length,
      );
      expect(Math.max(...rest.map((record) => record.attempts))).toBe(1);
    },
    { timeoutMs: 30_000 },
  );

  test(
    "Ctrl-C in the middle of a pop loses nothing",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.bash(
        "ringwire-queue-worker create q --max-messages 65536 && seq 1 50000 | ringwire-queue-worker push -q q",
      );
      // The reader takes a little and then nothing: pop is caught in a write.
      const stuck = sandbox.start([
        "bash",
        "-c",
        "mkfifo fifo; ringwire-queue-worker pop -q q --until-empty >fifo & exec 3<fifo; read -r line <&3; echo $! $line; exec sleep 60",
      ]);
      const [pid] =
        (await until("the first line", () =>
          stuck.out().match(/^(\d+) 1\n/),
        )) ?? [];
      const popPid = Number.parseInt(pid ?? "", 10);
      process.kill(popPid, "SIGINT");
      await until("pop to leave", async () =>
        (await sandbox.good(["ls", "-o", "json"])).includes('"leased":0'),
      );
      const left = (await sandbox.good(["pop", "-q", "q", "--until-empty"]))
        .trimEnd()
        .split("\n")
        .map(Number);
      stuck.kill("SIGKILL");
      expect(left.length).toBeGreaterThan(0);
      expect(Math.max(...left)).toBe(50_000);
      expect(50_000 - Math.min(...left) + 1).toBe(left.length);
    },
    { timeoutMs: 40_000 },
  );

  test(
    "a pop that waits ends with 130 on SIGINT and 143 on SIGTERM",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["create", "q"]);
      for (const [signal, code] of [
        ["SIGINT", 130],
        ["SIGTERM", 143],
      ] as const) {
        const pop = sandbox.start([
          "ringwire-queue-worker",
          "pop",
          "-q",
          "q",
          "--wait",
          "1h",
        ]);
        await until(
          "pop to be there",
          async () => (await sandbox.status("q")).participants.length === 1,
        );
        pop.kill(signal);
        expect((await pop.ended).code).toBe(code);
      }
    },
    { timeoutMs: 30_000 },
  );

  test(
    "lines are pushed as they come, not at the end of the input",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["create", "q"]);
      const push = sandbox.start(["ringwire-queue-worker", "push", "-q", "q"], {
        stdin: "pipe",
      });
      push.write("one\ntw");
      expect(await sandbox.good(["pop", "-q", "q", "--wait", "20s"])).toBe(
        "one\n",
      );
      push.write("o\n");
      expect(await sandbox.good(["pop", "-q", "q", "--wait", "20s"])).toBe(
        "two\n",
      );
      push.closeInput();
      expect((await push.ended).code).toBe(0);
    },
    { timeoutMs: 50_000 },
  );

  test("an empty input is no message, and a directory is a mistake of the caller", async () => {
    await using sandbox = new Sandbox();
    expect(
      (await sandbox.bash("ringwire-queue-worker push -q q </dev/null")).code,
    ).toBe(0);
    const { code, err } = await sandbox.bash(
      "ringwire-queue-worker push -q q <.",
    );
    expect(code).toBe(2);
    expect(err).toContain("stdin is a directory");
    expect((await sandbox.run(["pop", "-q", "q"])).code).toBe(3);
  });

  testIf(
    superuser,
    "to mount a small tmpfs",
    "no space in shared memory ends with 8, and what was accepted is there",
    async () => {
      await using sandbox = new Sandbox();
      const { out, err } =
        await sandbox.bash(`mkdir small && mount -t tmpfs -o size=1m tmpfs small || exit
trap 'umount -l small' EXIT
export RINGWIRE_SHM_DIR=$PWD/small
ringwire-queue-worker create q --max-messages 1000 --max-message-size 64KiB
for i in $(seq 200); do head -c 60000 /dev/zero | tr '\\0' x; echo; done | ringwire-queue-worker push -q q; echo "push $?"
ringwire-queue-worker pop -q q --until-empty | wc -l
echo one | ringwire-queue-worker push -q q && ringwire-queue-worker pop -q q
ringwire-queue-worker create p --max-messages 1000000; echo "create $?"`);
      expect(err).toContain("accepted before the failure");
      const lines = out.split("\n");
      expect(lines[0]).toBe("push 8");
      expect(Number(lines[1])).toBe(
        Number(/(\d+) messages were accepted/.exec(err)?.[1]),
      );
      expect(lines[2]).toBe("one");
    },
    { timeoutMs: 30_000 },
  );

  test("a paused queue is not empty, also after --wait", async () => {
    await using sandbox = new Sandbox();
    await sandbox.good(["push", "-q", "q", "x"]);
    await sandbox.good(["pause", "q"]);
    for (const wait of [[], ["--wait", "100ms"]]) {
      const { code, err } = await sandbox.run([
        "pop",
        "-q",
        "q",
        "--until-empty",
        ...wait,
      ]);
      expect(code).toBe(3);
      expect(err).toContain("is paused");
    }
  });

  test("any key is a header", async () => {
    await using sandbox = new Sandbox();
    await sandbox.good(["push", "-q", "q", "x", "--header", "__proto__:y"]);
    expect(await sandbox.good(["pop", "-q", "q", "-o", "jsonl"])).toContain(
      '"headers":{"__proto__":"y"}',
    );
  });

  test("nothing is taken when stdout is closed; /dev/null is a stdout", async () => {
    await using sandbox = new Sandbox();
    await sandbox.good(["push", "-q", "q", "x"]);
    for (const words of ["pop -q q", "work -q q --until-empty -- cat"]) {
      const closed = await sandbox.bash(`ringwire-queue-worker ${words} >&-`);
      expect(closed.code).toBe(1);
      expect(closed.err).toContain("stdout is closed");
      expect(await sandbox.waiting("q")).toEqual(["x 0"]);
    }
    const { code } = await sandbox.bash(
      "ringwire-queue-worker pop -q q <&- >/dev/null",
    );
    expect(code).toBe(0);
    expect(await sandbox.waiting("q")).toEqual([]);
  });
});
