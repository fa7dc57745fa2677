import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root, cleanUpSandboxes, Sandbox } from "../support/sandbox.ts";
import { describe, expect, test } from "../support/testing.ts";

const quick = ["--backoff", "1ms..5ms", "--until-empty"];

cleanUpSandboxes();

describe("work", () => {
  test(
    "gives the body on stdin, exactly, and what is known about it in the environment",
    async () => {
      await using sandbox = new Sandbox();
      const body = Uint8Array.from({ length: 300 }, (_, index) => index & 255);
      const traceparent =
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
      await sandbox.good(
        [
          "push",
          "-q",
          "q",
          "--in-framing",
          "raw",
          "--header",
          "Kind:a=b",
          "--header",
          `traceparent:${traceparent}`,
        ],
        { stdin: body },
      );
      const { code, bytes } = await sandbox.run([
        "work",
        "-q",
        "q",
        "--until-empty",
        "--",
        "cat",
      ]);
      expect(code).toBe(0);
      expect([...bytes]).toEqual([...body]);

      await sandbox.good(
        ["push", "-q", "q", "secret", "--header", "kind:x"],
        {},
      );
      const shown = await sandbox.run(
        [
          "work",
          "-q",
          "q",
          "--until-empty",
          "--",
          "sh",
          "-c",
          'env | grep -E "^(RINGWIRE_MSG|TRACEPARENT|MINE)"; tr "\\0" "\\n" </proc/$$/cmdline',
        ],
        { env: { MINE: "kept", TRACEPARENT: "mine" } },
      );
      expect(shown.out).toMatch(/^RINGWIRE_MSG_ID=\d+$/m);
      expect(shown.out).toMatch(/^RINGWIRE_MSG_ENQUEUED_MS=\d+(\.\d+)?$/m);
      for (const line of [
        "RINGWIRE_MSG_QUEUE=q",
        "RINGWIRE_MSG_ATTEMPT=1",
        "RINGWIRE_MSG_MAX_DELIVER=5",
        'RINGWIRE_MSG_HEADERS={"kind":"x"}',
        "MINE=kept",
      ])
        expect(shown.out.split("\n")).toContain(line);
      // The worker's own trace is not the message's; the body is nowhere but on stdin.
      expect(shown.out).not.toContain("TRACEPARENT=");
      expect(shown.out).not.toContain("secret");

      await sandbox.good([
        "push",
        "-q",
        "q",
        "x",
        "--header",
        `traceparent:${traceparent}`,
      ]);
      expect(
        (
          await sandbox.run([
            "work",
            "-q",
            "q",
            "--until-empty",
            "--exec",
            "echo $TRACEPARENT",
          ])
        ).out,
      ).toBe(`${traceparent}\n`);
    },
    { timeoutMs: 20_000 },
  );

  test(
    "0 acknowledges, 65 and 100 bury at once, anything else is tried again up to the limit",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["push", "-q", "q"], {
        stdin: "0\n65\n100\n1\n75\n254\nsignal\n",
      });
      const handler =
        'read -r x; echo "$x $RINGWIRE_MSG_ATTEMPT" >>attempts; echo "complaint $x" >/dev/stderr; [ "$x" = signal ] && kill -SEGV $$; exit "$x"';
      const { code, err } = await sandbox.run([
        "work",
        "-q",
        "q",
        "--max-deliver",
        "3",
        ...quick,
        "--",
        "sh",
        "-c",
        handler,
      ]);
      expect(code).toBe(123);
      expect(err).toContain("complaint 75");
      expect(sandbox.lines("attempts").sort()).toEqual(
        [
          "0 1",
          "1 1",
          "1 2",
          "1 3",
          "100 1",
          "254 1",
          "254 2",
          "254 3",
          "65 1",
          "75 1",
          "75 2",
          "75 3",
          "signal 1",
          "signal 2",
          "signal 3",
        ].sort(),
      );
      const letters = (await sandbox.good(["dlq", "export", "-q", "q"]))
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line));
      const reasons = Object.fromEntries(
        letters.map((letter) => [letter.data, letter.note]),
      );
      expect(reasons).toEqual({
        "65": "exit status 65\ncomplaint 65\n",
        "100": "exit status 100\ncomplaint 100\n",
        "1": "exit status 1\ncomplaint 1\n",
        "75": "exit status 75\ncomplaint 75\n",
        "254": "exit status 254\ncomplaint 254\n",
        signal: "killed by SIGSEGV\ncomplaint signal\n",
      });
      expect((await sandbox.status("q")).counters.acked).toBe(1);
    },
    { timeoutMs: 30_000 },
  );

  test(
    "keeps the last 4 KiB of stderr with a dead letter, the reason first",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["push", "-q", "q", "x"]);
      const { code, err } = await sandbox.run([
        "work",
        "-q",
        "q",
        ...quick,
        "--",
        "sh",
        "-c",
        "seq 1 20000 >&2; exit 65",
      ]);
      expect(code).toBe(123);
      expect(err).toContain("\n10000\n");
      const [letter] = (
        await sandbox.good(["dlq", "ls", "-q", "q", "-o", "json"])
      )
        .split("\n", 1)
        .map((line) => JSON.parse(line));
      expect(letter.note).toMatch(/^exit status 65\n/);
      expect(letter.note).toMatch(/\n19999\n20000\n$/);
      expect(letter.note.length).toBeGreaterThan(3900);
    },
    { timeoutMs: 15_000 },
  );

  test(
    "megabytes of output arrive whole, and too much of it is a failure of the message",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["push", "-q", "big", "x"]);
      const whole = await sandbox.run([
        ...["work", "-q", "big", "--until-empty", "--"],
        ...["head", "-c", "50000000", "/dev/zero"],
      ]);
      expect(whole.code).toBe(0);
      expect(whole.bytes.byteLength).toBe(50_000_000);

      await sandbox.good(["push", "-q", "endless", "x"]);
      const endless = await sandbox.run([
        ...["work", "-q", "endless", "--max-deliver", "1", "--until-empty"],
        ...["--", "cat", "/dev/zero"],
      ]);
      expect(endless.code).toBe(123);
      expect(endless.bytes.byteLength).toBe(0);
      expect(
        await sandbox.good(["dlq", "export", "-q", "endless", "-o", "jsonl"]),
      ).toContain("wrote more than");
    },
    { timeoutMs: 60_000 },
  );

  test("255 stops the worker with 1 and gives the message back uncounted", async () => {
    await using sandbox = new Sandbox();
    await sandbox.good(["push", "-q", "q"], { stdin: "a\nb\n" });
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
          "exit 255",
        ])
      ).code,
    ).toBe(1);
    expect(await sandbox.waiting("q")).toEqual(["a 0", "b 0"]);
  });

  test(
    "a handler that is missing or not executable ends with 127 or 126 before a message is taken",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["push", "-q", "q", "x"]);
      writeFileSync(sandbox.file("plain"), "#!/bin/sh\n");
      for (const [handler, code] of [
        ["no-such-handler", 127],
        ["./no/such", 127],
        ["./plain", 126],
        [".", 126],
        ["/etc", 126],
      ] as const) {
        expect(
          `${handler} ${(await sandbox.run(["work", "-q", "q", "--until-empty", "--", handler])).code}`,
        ).toBe(`${handler} ${code}`);
      }
      chmodSync(sandbox.file("plain"), 0o755);
      writeFileSync(sandbox.file("broken"), "#!/no/such/interpreter\n", {
        mode: 0o755,
      });
      const broken = await sandbox.run([
        "work",
        "-q",
        "q",
        "--until-empty",
        "--",
        "./broken",
      ]);
      expect([126, 127]).toContain(broken.code);
      for (const code of [126, 127])
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
              `exit ${code}`,
            ])
          ).code,
        ).toBe(code);
      expect(await sandbox.waiting("q")).toEqual(["x 0"]);
      expect((await sandbox.status("q")).buried).toBe(0);
      expect(
        (
          await sandbox.run([
            "work",
            "-q",
            "q",
            "--until-empty",
            "--",
            "./plain",
          ])
        ).code,
      ).toBe(0);
    },
    { timeoutMs: 15_000 },
  );

  test(
    "writes each handler's stdout whole, only when it succeeded",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["push", "-q", "q"], { stdin: "a\nb\nc\nd\ne\nf\n" });
      const handler =
        'read -r x; i=0; while [ $i -lt 2000 ]; do echo "$x$x$x$x$x"; i=$((i+1)); done; [ "$x$RINGWIRE_MSG_ATTEMPT" != c1 ]';
      const { code, out } = await sandbox.run([
        "work",
        "-q",
        "q",
        "-j4",
        ...quick,
        "--",
        "sh",
        "-c",
        handler,
      ]);
      expect(code).toBe(0);
      const changes = out
        .trimEnd()
        .split("\n")
        .filter((line, index, all) => index === 0 || line !== all[index - 1]);
      expect(changes.sort()).toEqual([
        "aaaaa",
        "bbbbb",
        "ccccc",
        "ddddd",
        "eeeee",
        "fffff",
      ]);
      expect(out.split("\n")).toHaveLength(12_001);
    },
    { timeoutMs: 20_000 },
  );

  test(
    "--until-end works beside a push that goes on, and leaves when all is settled",
    async () => {
      await using sandbox = new Sandbox();
      const { code, out, err } =
        await sandbox.bash(`mkdir tree && for i in $(seq 30); do echo "$i" >"tree/a $i"; done
ringwire-queue-worker create scan
find tree -type f -print0 | ringwire-queue-worker push -q scan --in-framing nul --end & ringwire-queue-worker work -q scan --until-end -j4 -- xargs -0 sha256sum >sums
wait && sort sums | md5sum; find tree -type f -print0 | xargs -0 sha256sum | sort | md5sum`);
      const [got, wanted] = out.split("\n");
      expect(`${code} ${err} ${got}`).toBe(`0  ${wanted}`);
    },
    { timeoutMs: 30_000 },
  );

  test(
    "--count takes that many, and -j runs them side by side",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["push", "-q", "q"], { stdin: "1\n2\n3\n4\n5\n" });
      // Each waits until three have begun: with fewer at a time this would not end.
      const handler =
        'echo >>begun; while [ "$(wc -l <begun)" -lt 3 ]; do sleep 0.02; done';
      expect(
        (
          await sandbox.run([
            "work",
            "-q",
            "q",
            "-j3",
            "--count",
            "3",
            "--",
            "sh",
            "-c",
            handler,
          ])
        ).code,
      ).toBe(0);
      expect(await sandbox.waiting("q")).toHaveLength(2);
    },
    { timeoutMs: 20_000 },
  );

  test("a handler inherits no descriptor but its three, which can be opened again by name", async () => {
    await using sandbox = new Sandbox();
    await sandbox.good(["push", "-q", "q", "x"]);
    // The 3 is the directory that ls itself reads.
    expect(
      (
        await sandbox.run([
          "work",
          "-q",
          "q",
          "--until-empty",
          "--",
          "ls",
          "/proc/self/fd",
        ])
      ).out,
    ).toBe("0\n1\n2\n3\n");
    await sandbox.good(["push", "-q", "q", "x"]);
    const { code, out, err } = await sandbox.run([
      "work",
      "-q",
      "q",
      "--until-empty",
      "--exec",
      "echo first; echo kept >/dev/stdout; echo said >/dev/stderr; cat </dev/stdin",
    ]);
    expect([code, out, err]).toEqual([0, "first\nkept\nx", "said\n"]);
  });

  test(
    "a handler's output answers the request that its message is",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["create", "q"]);
      const worker = sandbox.start([
        "ringwire-queue-worker",
        "work",
        "-q",
        "q",
        "--count",
        "1",
        "--",
        "tr",
        "a-z",
        "A-Z",
      ]);
      const program = `import { CrossProcessQueue } from ${JSON.stringify(join(root, "src/mod.ts"))};
const queue = CrossProcessQueue.connect("q");
console.log((await queue.request("question", { timeoutMs: 20_000 })).text());
queue.close();`;
      const { out, err } = await sandbox.start([
        process.execPath,
        "-e",
        program,
      ]).ended;
      expect([out, err]).toEqual(["QUESTION\n", ""]);
      expect((await worker.ended).out).toBe("");
    },
    { timeoutMs: 30_000 },
  );

  test("--max-deliver beyond the queue's own is refused", async () => {
    await using sandbox = new Sandbox();
    await sandbox.good(["create", "q", "--max-deliver", "2"]);
    const { code, err } = await sandbox.run([
      "work",
      "-q",
      "q",
      "--max-deliver",
      "3",
      "--until-empty",
      "--",
      "true",
    ]);
    expect(code).toBe(2);
    expect(err).toContain("--max-deliver: given 3, allowed is at most 2");
  });

  test("an output that cannot be written is not a handler that cannot be started", async () => {
    await using sandbox = new Sandbox();
    await sandbox.good(["push", "-q", "q", "x"]);
    const { code, err } = await sandbox.bash(
      "ringwire-queue-worker work -q q -- echo hi >/dev/full",
    );
    expect(code).toBe(8);
    expect(err).toContain("output cannot be passed on: ENOSPC");
    expect(await sandbox.waiting("q")).toEqual(["x 0"]);
  });

  test("refuses a name that is too long, and times that no timer can hold", async () => {
    await using sandbox = new Sandbox();
    await sandbox.good(["push", "-q", "q", "x"]);
    for (const [flag, value, allowed] of [
      ["--name", "é".repeat(16), "1 to 31 bytes of UTF-8"],
      ["--timeout", "25d", "to 24d"],
      ["--kill-after", "25d", "to 24d"],
      ["--drain-timeout", "25d", "to 24d"],
    ] as const) {
      const { code, err } = await sandbox.run([
        "work",
        "-q",
        "q",
        flag,
        value,
        "--",
        "cat",
      ]);
      expect(code).toBe(2);
      expect(err).toContain(flag);
      expect(err).toContain(allowed);
    }
  });
});
