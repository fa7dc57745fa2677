/** What goes through `push`, `work` and `pop` at the edges: bodies, headers, names, and streams that take or give nothing. */
import { createHash, randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { cleanUpSandboxes, Sandbox, until } from "../support/sandbox.ts";
import { describe, expect, test } from "../support/testing.ts";

const bodyBytesMax = 2 * 1024 ** 2;

function md5(bytes: Uint8Array): string {
  return createHash("md5").update(bytes).digest("hex");
}

cleanUpSandboxes();

describe("bodies on a handler's stdin", () => {
  test(
    "of no byte, of one, of text that is no UTF-8, and of the largest size arrive exactly; one byte more is refused",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good([
        ...["create", "q", "--max-message-size", `${bodyBytesMax}`],
      ]);
      const bodies = [
        new Uint8Array(0),
        Uint8Array.of(0),
        Uint8Array.of(255),
        Uint8Array.of(0xc3, 0x28, 0, 10, 0, 13, 0xed, 0xa0, 0x80),
        new Uint8Array(randomBytes(65_537)),
        new Uint8Array(randomBytes(bodyBytesMax)),
      ];
      for (const stdin of bodies)
        await sandbox.good(["push", "-q", "q", "--in-framing", "raw"], {
          stdin,
        });
      const { code, err } = await sandbox.run(
        ["push", "-q", "q", "--in-framing", "raw"],
        { stdin: new Uint8Array(bodyBytesMax + 1) },
      );
      expect(code).toBe(6);
      expect(err).toContain(`allowed are ${bodyBytesMax}`);
      const seen = await sandbox.good([
        ...["work", "-q", "q", "--until-empty", "--exec"],
        "cat >body; wc -c <body; md5sum <body",
      ]);
      expect(seen).toBe(
        bodies.map((body) => `${body.byteLength}\n${md5(body)}  -\n`).join(""),
      );
    },
    { timeoutMs: 30_000 },
  );

  test(
    "that are larger than a pipe may be closed early, read in part or left alone",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good([
        ...["create", "q", "--max-message-size", `${bodyBytesMax}`],
      ]);
      for (const handler of [
        "exec <&-; sleep 0.1; echo closed",
        "head -c 1 >/dev/null; echo begun",
        "sleep 0.1; echo left",
      ]) {
        await sandbox.good(["push", "-q", "q", "--in-framing", "raw"], {
          stdin: new Uint8Array(bodyBytesMax),
        });
        const { code, out, err } = await sandbox.run([
          ...["work", "-q", "q", "--until-empty", "--exec", handler],
        ]);
        expect([code, out, err]).toEqual([
          0,
          `${handler.split(" ").at(-1)}\n`,
          "",
        ]);
      }
      expect((await sandbox.status("q")).counters.acked).toBe(3);
    },
    { timeoutMs: 30_000 },
  );
});

describe("arguments", () => {
  test("that are no UTF-8 are refused, not changed; the replacement character itself is text", async () => {
    await using sandbox = new Sandbox();
    await sandbox.good(["create", "q"]);
    for (const words of [
      "push -q q $'a\\xff'",
      "push -q q x --header $'k:\\xc3'",
      "work -q q --until-empty -- cat $'f\\xe9'",
    ]) {
      const { code, err } = await sandbox.bash(
        `ringwire-queue-worker ${words}`,
      );
      expect(code).toBe(2);
      expect(err).toContain("not UTF-8");
    }
    await sandbox.good(["push", "-q", "q", "a\uFFFDé"]);
    expect(await sandbox.good(["pop", "-q", "q", "--until-empty"])).toBe(
      "a\uFFFDé\n",
    );
  });

  test(
    "may hold any character in headers, journal paths and the handler's words",
    async () => {
      await using sandbox = new Sandbox();
      const queue = 'file:./a "b"\n$(é)';
      const headers = { é: "ü\n", '"': "\\", ___: "", k: "a:b\u0001" };
      await sandbox.good([
        ...["push", "-q", queue, "x"],
        ...Object.entries(headers).flatMap(([key, value]) => [
          "--header",
          `${key}:${value}`,
        ]),
      ]);
      const words = ["", " ", "*", "a\nb", "--", "-q", "'\"\\$(é)"];
      const out = await sandbox.good([
        ...["work", "-q", queue, "--until-empty", "--", "sh", "-c"],
        'printf "%s\\0" "$RINGWIRE_MSG_HEADERS" "$RINGWIRE_MSG_QUEUE" "$@"',
        ...["handler", ...words],
      ]);
      const [json = "", name, ...got] = out.split("\0").slice(0, -1);
      expect(JSON.parse(json)).toEqual(headers);
      expect(name).toBe(queue);
      expect(got).toEqual(words);
    },
    { timeoutMs: 15_000 },
  );

  test("leave the environment alone: the handler has it as the worker has, odd names and values included", async () => {
    await using sandbox = new Sandbox();
    await sandbox.good(["push", "-q", "q", "x"]);
    const odd = { "a.b": "1", EMPTY: "", LINES: "x\ny=z\n", É: "ü" };
    const out = await sandbox.good(
      ["work", "-q", "q", "--until-empty", "--", "cat", "/proc/self/environ"],
      { env: odd },
    );
    const got = Object.fromEntries(
      out.split("\0").map((entry) => {
        const at = entry.indexOf("=");
        return [entry.slice(0, at), entry.slice(at + 1)];
      }),
    );
    for (const [name, value] of Object.entries(odd))
      expect(`${name}=${got[name]}`).toBe(`${name}=${value}`);
  });

  test("that cannot name a queue are refused with what is allowed", async () => {
    await using sandbox = new Sandbox();
    for (const name of ["", ".", "..", "a/b", "a b", "a\nb", "é", "file:"]) {
      const { code, err } = await sandbox.run(["push", "-q", name, "x"]);
      expect(`${name} ${code}`).toBe(`${name} 2`);
      expect(err).toContain("allowed is 1 to 200 characters");
    }
  });
});

describe("stdout", () => {
  test("that is full takes nothing: pop ends with 8 and loses none", async () => {
    await using sandbox = new Sandbox();
    await sandbox.good(["push", "-q", "q"], { stdin: "a\nb\n" });
    const { code, err } = await sandbox.bash(
      "ringwire-queue-worker pop -q q --until-empty >/dev/full",
    );
    expect(code).toBe(8);
    expect(err).toContain("ENOSPC");
    expect(await sandbox.waiting("q")).toEqual(["a 0", "b 0"]);
  });

  test(
    "whose reader leaves in the middle of a large output ends work with 141; that message and the others go back",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["push", "-q", "q"], { stdin: "a\nb\nc\n" });
      const { out, err } = await sandbox.bash(
        `ringwire-queue-worker work -q q -j2 --until-empty --exec 'cat >/dev/null; head -c 3000000 /dev/zero' | head -c 1000000 | wc -c
echo \${PIPESTATUS[0]}`,
      );
      expect([out, err]).toEqual(["1000000\n141\n", ""]);
      expect(await sandbox.waiting("q")).toEqual(["a 0", "b 0", "c 0"]);
    },
    { timeoutMs: 20_000 },
  );
});

describe("stdin", () => {
  test("that is closed is empty input for push", async () => {
    await using sandbox = new Sandbox();
    await sandbox.good(["create", "q"]);
    const { code } = await sandbox.bash("ringwire-queue-worker push -q q <&-");
    expect(code).toBe(0);
    expect(await sandbox.waiting("q")).toEqual([]);
  });
});

describe("stderr", () => {
  test(
    "of handlers, megabytes of it, is passed on whole",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["push", "-q", "q"], { stdin: "a\nb\nc\nd\n" });
      const { out } = await sandbox.bash(
        `ringwire-queue-worker work -q q -j2 --until-empty --exec 'read -r x; yes $x | head -c 3000000 >&2' 2>said
for x in a b c d; do tr -cd $x <said | wc -c; done`,
      );
      expect(out).toBe("1500000\n".repeat(4));
    },
    { timeoutMs: 20_000 },
  );

  test(
    "that nobody reads holds up the handler, and neither the lease nor a signal",
    async () => {
      await using sandbox = new Sandbox();
      await sandbox.good(["create", "q", "--lease", "600ms"]);
      await sandbox.good(["push", "-q", "q", "x"]);
      // The shell keeps the other end open without reading.
      const worker = sandbox.start([
        ...["bash", "-c"],
        `mkfifo err; exec 3<>err
ringwire-queue-worker work -q q --drain-timeout 100ms --exec 'echo >>runs; head -c 5000000 /dev/zero >&2; echo >>written' 2>err 3<&- &
echo $! >worker; wait $!; echo $?`,
      ]);
      await until("the handler to run", () => sandbox.lines("runs").length > 0);
      const other = await sandbox.run([
        ...["work", "-q", "q", "--wait", "1500ms", "--exec", "echo >>runs"],
      ]);
      expect(other.code).toBe(124);
      process.kill(Number(sandbox.lines("worker")[0]), "SIGTERM");
      expect((await worker.ended).out).toBe("143\n");
      expect([
        sandbox.lines("runs").length,
        sandbox.lines("written").length,
      ]).toEqual([1, 0]);
      expect(await sandbox.waiting("q")).toEqual(["x 0"]);
    },
    { timeoutMs: 20_000 },
  );

  test("that is closed costs nothing but the narration", async () => {
    await using sandbox = new Sandbox();
    writeFileSync(sandbox.file("h"), "#!/bin/sh\necho no >&2; cat\n", {
      mode: 0o755,
    });
    const { code, out } = await sandbox.bash(
      "ringwire-queue-worker push -q q x 2>&-; ringwire-queue-worker work -q q --until-empty -- ./h 2>&-",
    );
    expect([code, out]).toEqual([0, "x"]);
  });
});
