import { copyFileSync, existsSync, mkdirSync, rmSync } from "node:fs";
import {
  cleanUpSandboxes,
  Sandbox,
  until,
  worker,
} from "../support/sandbox.ts";
import {
  describe,
  expect,
  superuser,
  test,
  testIf,
} from "../support/testing.ts";

cleanUpSandboxes();

describe("looking at queues", () => {
  test(
    "stat and ls show what is there, for people and as JSON",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good([
        "create",
        "jobs",
        "--max-messages",
        "100",
        "--max-message-size",
        "1KiB",
        "--max-deliver",
        "7",
        "--lease",
        "1m",
        "--max-dead",
        "9",
        "--max-participants",
        "33",
      ]);
      await sandbox.good(["push", "-q", "jobs"], { stdin: "a\nb\n" });
      await sandbox.good(["push", "-q", "jobs", "later", "--delay", "1h"]);
      const { queue, status } = JSON.parse(
        await sandbox.good(["stat", "jobs", "-o", "json"]),
      );
      expect([
        queue.max_messages,
        queue.max_message_size,
        queue.max_deliver,
        queue.lease_ms,
        queue.max_dead,
        queue.max_participants,
      ]).toEqual([100, 1024, 7, 60_000, 9, 33]);
      expect([
        status.message_count,
        status.delayed,
        status.counters.sent,
        status.lifecycle,
        status.paused,
      ]).toEqual([2, 1, 3, "open", false]);
      const text = await sandbox.good(["stat", "jobs"]);
      for (const part of [
        "waiting:      2 (high 0, normal 2, low 0)",
        "usage:        3.0 % of 100 messages of up to 1KiB",
        "7 deliveries, lease 1m",
      ])
        expect(text).toContain(part);
      expect(await sandbox.good(["ls"])).toMatch(
        /^NAME +WAITING +LEASED.*\njobs +2 +0 +1 +0 .* open\n$/,
      );
      expect(JSON.parse(await sandbox.good(["ls", "-o", "json"]))[0].name).toBe(
        "jobs",
      );
      await sandbox.good(["rm", "jobs"]);
      expect(await sandbox.good(["ls", "-o", "jsonl"])).toBe("");
    },
    { timeoutMs: 15_000 },
  );

  test("peek shows without taking", async () => {
    await using sandbox = new Sandbox();
    await sandbox.good(["push", "-q", "q"], { stdin: "a\nb\nc\n" });
    expect(await sandbox.good(["peek", "q", "--count", "2"])).toBe("a\nb\n");
    expect(
      await sandbox.good(["peek", "-q", "q", "--out-framing", "nul"]),
    ).toBe("a\0b\0c\0");
    expect(await sandbox.good(["pop", "-q", "q", "--until-empty"])).toBe(
      "a\nb\nc\n",
    );
    expect((await sandbox.run(["peek", "q"])).code).toBe(3);
  });

  test(
    "pause keeps everything in, resume lets waiting workers go on",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["push", "-q", "q", "x"]);
      await sandbox.good(["pause", "q"]);
      const pop = await sandbox.run(["pop", "-q", "q", "--until-empty"]);
      expect([pop.code, pop.out]).toEqual([3, ""]);
      expect(pop.err).toContain("paused");
      expect(
        (await sandbox.run(["pop", "-q", "q", "--wait", "50ms"])).code,
      ).toBe(124);
      const waiting = sandbox.start([
        worker,
        "work",
        "-q",
        "q",
        "--until-empty",
        "--",
        "cat",
      ]);
      await until(
        "the worker to be there",
        async () => (await sandbox.status("q")).participants.length === 1,
      );
      await sandbox.good(["resume", "q"]);
      const { code, out } = await waiting.ended;
      expect([code, out]).toEqual([0, "x"]);
    },
    { timeoutMs: 20_000 },
  );

  test(
    "dead letters can be shown, exported, sent again and dropped",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["push", "-q", "q", "--header", "kind:test"], {
        stdin: "a\nb\nc\n",
      });
      expect(
        (
          await sandbox.run([
            "work",
            "-q",
            "q",
            "--until-empty",
            "--",
            "sh",
            "-c",
            "echo no good >&2; exit 65",
          ])
        ).code,
      ).toBe(123);
      const letters = (
        await sandbox.good(["dlq", "ls", "-q", "q", "-o", "jsonl"])
      )
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line));
      expect(
        letters
          .map(
            (letter) =>
              `${letter.data} ${letter.attempts} ${letter.headers.kind}`,
          )
          .sort(),
      ).toEqual(["a 1 test", "b 1 test", "c 1 test"]);
      const idOf = (data: string): string =>
        String(letters.find((letter) => letter.data === data).id);
      expect(await sandbox.good(["dlq", "ls", "-q", "q"])).toContain(
        "exit status 65",
      );
      const shown = await sandbox.good(["dlq", "show", "-q", "q", idOf("b")]);
      for (const part of [
        `id:       ${idOf("b")}\n`,
        "kind: test",
        "exit status 65\nno good\n",
        "body:     1 bytes\nb\n",
      ])
        expect(shown).toContain(part);
      expect(
        (await sandbox.good(["dlq", "export", "-q", "q", "-o", "raw"]))
          .split("\n")
          .sort(),
      ).toEqual(["", "a", "b", "c"]);

      await sandbox.good(["dlq", "retry", "-q", "q", idOf("a")]);
      expect(await sandbox.good(["pop", "-q", "q", "-o", "jsonl"])).toContain(
        '"data":"a"',
      );
      await sandbox.good(["dlq", "drop", "-q", "q", idOf("b")]);
      for (const words of [
        ["retry", idOf("b")],
        ["drop", "999999"],
        ["show", idOf("b")],
      ]) {
        const { code, err } = await sandbox.run([
          "dlq",
          words[0] ?? "",
          "-q",
          "q",
          words[1] ?? "",
        ]);
        expect(`${code} ${err}`).toContain(
          "3 ringwire-queue-worker: there is no dead letter",
        );
      }
      expect((await sandbox.run(["dlq", "drop", "-q", "q", "x1"])).code).toBe(
        2,
      );
      await sandbox.good(["dlq", "retry", "-q", "q", "--all"]);
      expect(await sandbox.good(["dlq", "export", "-q", "q"])).toBe("");
      expect(await sandbox.good(["pop", "-q", "q", "--until-empty"])).toBe(
        "c\n",
      );
    },
    { timeoutMs: 20_000 },
  );

  test(
    "a journalled queue is reached by its file, and by its name until that is removed",
    async () => {
      await using sandbox = new Sandbox();
      const file = sandbox.file("orders.queue");
      await sandbox.good([
        "create",
        "orders",
        "--journal",
        file,
        "--sync",
        "sync",
        "--max-message-size",
        "100",
      ]);
      await sandbox.good(["push", "-q", "orders", "by name"]);
      await sandbox.good(["push", "-q", `file:${file}`, "by file"]);
      expect(
        JSON.parse(await sandbox.good(["stat", "orders", "-o", "json"])).queue
          .journal.sync,
      ).toBe("sync");
      expect(
        await sandbox.good(["pop", "-q", `file:${file}`, "--until-empty"]),
      ).toBe("by name\nby file\n");
      expect((await sandbox.run(["create", "orders"])).code).toBe(1);
      await sandbox.good(["rm", "orders"]);
      expect((await sandbox.run(["stat", "orders"])).code).toBe(3);
      expect((await sandbox.run(["stat", `file:${file}`])).code).toBe(3);
    },
    { timeoutMs: 15_000 },
  );

  test(
    "a journal whose name is gone, as after a reboot, gets it back from create",
    async () => {
      await using sandbox = new Sandbox();
      const file = sandbox.file("orders.queue");
      const create = ["create", "orders", "--journal", file];
      await sandbox.good(create);
      await sandbox.good(["push", "-q", "orders", "kept"]);
      expect((await sandbox.run(create)).code).toBe(1);
      rmSync(`${sandbox.directory}/ringwire.orders`);
      expect((await sandbox.run(create)).err).toContain("was there already");
      expect(await sandbox.good(["pop", "-q", "orders"])).toBe("kept\n");
    },
    { timeoutMs: 15_000 },
  );

  test("what is no queue, or another's, is refused", async () => {
    await using sandbox = new Sandbox();
    await Bun.write(
      `${sandbox.directory}/ringwire.text`,
      "not a queue, but long enough to look at".repeat(500),
    );
    const { code, err } = await sandbox.run(["stat", "text"]);
    expect(`${code} ${err}`).toMatch(/^[46] ringwire-queue-worker: /);
    expect((await sandbox.run(["pop", "-q", "text"])).code).toBe(code);
  });
});

describe("the executable", () => {
  test(
    "works from an empty directory with an empty environment, alone",
    async () => {
      await using sandbox = new Sandbox();
      copyFileSync(worker, sandbox.file("rqw"));
      mkdirSync(sandbox.file("empty"));
      const name = `ringwire-cli-${process.pid}-${Date.now()}`;
      // Without RINGWIRE_SHM_DIR this is the real /dev/shm, hence the name.
      const { code, out, err } = await sandbox.bash(
        `cd empty && env -i ../rqw push -q ${name} hello && env -i ../rqw work -q ${name} --until-empty -- cat; code=$?; env -i ../rqw rm ${name}; exit $code`,
      );
      expect(`${code} ${out}`).toBe("0 hello");
      expect(err).toContain("did not exist");
    },
    { timeoutMs: 15_000 },
  );

  testIf(
    superuser,
    "to mount a noexec file system",
    "needs no temporary directory that can be written or executed from",
    async () => {
      await using sandbox = new Sandbox();
      const { code, out } =
        await sandbox.bash(`mkdir noexec && mount -t tmpfs -o ro,noexec tmpfs noexec || exit
trap 'umount -l noexec' EXIT
export TMPDIR=$PWD/noexec HOME=$PWD/noexec BUN_TMPDIR=$PWD/noexec
echo hello | ringwire-queue-worker push -q q && ringwire-queue-worker work -q q --until-empty -- cat`);
      expect(`${code} ${out}`).toBe("0 hello");
    },
    { timeoutMs: 15_000 },
  );

  test("create --journal with a name that is taken leaves nothing behind", async () => {
    await using sandbox = new Sandbox();
    await sandbox.good(["create", "q"]);
    await sandbox.good(["create", "linked", "--journal", "first"]);
    for (const name of ["q", "linked"]) {
      const { code, err } = await sandbox.run([
        "create",
        name,
        "--journal",
        "second",
      ]);
      expect(code).toBe(1);
      expect(err).toContain(`${name}: the name is taken by another queue`);
      expect(existsSync(sandbox.file("second"))).toBe(false);
    }
    const kept = await sandbox.run(["create", "q", "--journal", "first"]);
    expect(kept.code).toBe(1);
    expect(existsSync(sandbox.file("first"))).toBe(true);
  });
});
