/** ringwire-client against a server that runs: what goes in, what comes out, and how it ends. */
import { cleanUpSandboxes, Sandbox, until } from "../support/sandbox.ts";
import {
  clientProgram,
  goodClient,
  runClient,
  runServerVerb,
  startServer,
} from "../support/server_fixture.ts";
import { describe, expect, test } from "../support/testing.ts";

const limits = { timeoutMs: 60_000 };

cleanUpSandboxes();

describe("request", () => {
  test(
    "answers come in the order of the records, in each framing, any bytes",
    async () => {
      await using sandbox = new Sandbox();
      const { url } = await startServer(sandbox, ["--route", "*=echo"]);
      const many = Array.from({ length: 3000 }, (_, n) => `${n}\n`).join("");
      expect(
        await goodClient(sandbox, ["request", url, "-j", "64"], {
          stdin: many,
        }),
      ).toBe(many);
      const bytes = Uint8Array.of(0, 0, 0, 3, 0xff, 0, 10, 0, 0, 0, 0);
      const { bytes: echoed } = await runClient(
        sandbox,
        [
          "request",
          url,
          "--in-framing",
          "len32",
          "--out-framing",
          "len32",
          "-o",
          "raw",
        ],
        { stdin: bytes },
      );
      expect([...echoed]).toEqual([...bytes]);
      expect(
        await goodClient(
          sandbox,
          ["request", url, "-o", "jsonl", "--in-framing", "raw", "--tag", "5"],
          { stdin: Uint8Array.of(0xff, 0xfe) },
        ),
      ).toBe(
        '{"tag":5,"priority":"normal","headers":{},"data_base64":"//4="}\n',
      );
      expect(
        JSON.parse(
          await goodClient(sandbox, [
            "request",
            url,
            '{"q":1}',
            "-o",
            "json",
            "--subject",
            "a.b",
            "--header",
            "k: v",
          ]),
        ),
      ).toEqual({
        tag: 0,
        subject: "a.b",
        priority: "normal",
        content_type: "text/plain",
        headers: { k: "v" },
        data: { q: 1 },
      });
    },
    limits,
  );

  test(
    "ends with the code that says what went wrong",
    async () => {
      await using sandbox = new Sandbox();
      const { url } = await startServer(sandbox, [
        "--max-message-size",
        "64KiB",
        "--route",
        "tag:1=exec:sleep 600",
        "--route",
        'tag:2=exec:read -r x; [ "$x" = good ]',
        "--route",
        "tag:3=echo",
      ]);
      const codeOf = async (
        words: readonly string[],
        stdin?: string,
      ): Promise<number> =>
        (await runClient(sandbox, ["request", ...words], { stdin })).code;
      expect(await codeOf([url, "x", "--tag", "1", "--timeout", "300ms"])).toBe(
        124,
      );
      expect(await codeOf([url, "x"])).toBe(3);
      expect(await codeOf([url, "bad", "--tag", "2"])).toBe(1);
      expect(await codeOf([url, "--tag", "2"], "good\nbad\n")).toBe(7);
      expect(await codeOf([url, "--tag", "2"], "bad\nbad\n")).toBe(1);
      expect(await codeOf([url, "--tag", "3"], "x".repeat(70_000))).toBe(6);
      expect(await codeOf([`unix://${sandbox.file("nobody")}`, "x"])).toBe(5);
      expect(await codeOf(["tcp://no-such-host.invalid:1", "x"])).toBe(5);
      expect(await codeOf(["carrier-pigeon://a:1", "x"])).toBe(2);
      expect(await codeOf(["127.0.0.1:1", "x"])).toBe(2);
      expect(await codeOf([url, "x", "--tag", "-1"])).toBe(2);
      expect(await codeOf([url, "--in-framing", "jsonl"], "{\n")).toBe(6);
    },
    limits,
  );

  test(
    "a lost server is 5, and no wait",
    async () => {
      await using sandbox = new Sandbox();
      const server = await startServer(sandbox, [
        "--route",
        `*=exec:echo >${sandbox.file("began")}; sleep 600`,
      ]);
      const client = runClient(sandbox, [
        "request",
        server.url,
        "x",
        "--timeout",
        "50s",
      ]);
      await until("the command", () => sandbox.lines("began").length > 0);
      server.running.kill("SIGKILL");
      expect((await client).code).toBe(5);
    },
    limits,
  );

  test(
    "at the end of stdin it waits --linger for answers that are under way",
    async () => {
      await using sandbox = new Sandbox();
      const { url } = await startServer(sandbox, [
        "--route",
        "*=exec:read -r x; sleep $x; echo $x",
      ]);
      const { code, out, err } = await runClient(
        sandbox,
        ["request", url, "-j", "2", "--linger", "2s", "--timeout", "50s"],
        { stdin: "0.1\n600\n" },
      );
      expect([code, out]).toEqual([7, "0.1\n\n"]);
      expect(err).toContain("--linger");
    },
    limits,
  );

  test(
    "--retry waits for a server that comes later",
    async () => {
      await using sandbox = new Sandbox();
      const url = `unix://${sandbox.file("late.sock")}`;
      const client = sandbox.start([
        clientProgram,
        "request",
        url,
        "PING",
        "--retry",
        "1000",
      ]);
      await until("the first failure", () => client.err().includes("trying"));
      await startServer(sandbox, ["--listen", url]);
      const { code, out } = await client.ended;
      expect([code, out]).toEqual([0, "PONG\n"]);
    },
    limits,
  );

  test(
    "a reader that is gone is 141, and no word",
    async () => {
      await using sandbox = new Sandbox();
      const { url } = await startServer(sandbox);
      const { out, err } = await sandbox.bash(
        `yes | ringwire-client request ${url} -j 16 | head -n 2; echo \${PIPESTATUS[1]}`,
      );
      expect(out).toBe("RECEIVED:y\nRECEIVED:y\n141\n");
      expect(err).toBe("");
    },
    limits,
  );
});

describe("send", () => {
  test(
    "sends every record, and says nothing",
    async () => {
      await using sandbox = new Sandbox();
      const { url } = await startServer(sandbox, [
        "--route",
        `*=exec:cat >>${sandbox.file("got")}`,
        "--exec-concurrency",
        "1",
      ]);
      const lines = Array.from({ length: 50 }, (_, n) => `${n}`);
      const { code, out, err } = await runClient(sandbox, ["send", url], {
        stdin: lines.join("\n"),
      });
      expect([code, out, err]).toEqual([0, "", ""]);
      const all = lines.join("");
      await until(
        "all of them",
        async () =>
          (await Bun.file(sandbox.file("got")).text()).length >= all.length,
      );
      expect(await Bun.file(sandbox.file("got")).text()).toBe(all);
    },
    limits,
  );

  test(
    "--count repeats BODY; a server that cannot be reached is 5",
    async () => {
      await using sandbox = new Sandbox();
      const { url } = await startServer(sandbox, ["--route", "*=queue:q"]);
      await goodClient(sandbox, ["send", url, "x", "--count", "3"]);
      expect(await sandbox.good(["pop", "-q", "q", "--until-empty"])).toBe(
        "x\nx\nx\n",
      );
      const nobody = `unix://${sandbox.file("nobody")}`;
      expect((await runClient(sandbox, ["send", nobody, "x"])).code).toBe(5);
    },
    limits,
  );
});

describe("listen and broadcast", () => {
  /** A listener that is there. */
  async function listening(
    sandbox: Sandbox,
    url: string,
    sessions: number,
    ...words: string[]
  ) {
    const listener = sandbox.start([clientProgram, "listen", url, ...words]);
    await until("the listener's session", async () => {
      const { out } = await runServerVerb(sandbox, ["conns", "-o", "json"]);
      const rows: { rooms: string[] }[] = JSON.parse(out);
      const roomsAreThere =
        !words.includes("--room") || rows.some(({ rooms }) => rooms.length > 0);
      return rows.length >= sessions && roomsAreThere;
    });
    return listener;
  }

  test(
    "what is broadcast to a room reaches those in it, over other protocols too, and not its sender",
    async () => {
      await using sandbox = new Sandbox();
      const { urls } = await startServer(sandbox, [
        "--listen",
        "tcp://127.0.0.1:0",
        "--listen",
        "ws://127.0.0.1:0",
      ]);
      const [tcp = "", ws = ""] = urls;
      const all = await listening(sandbox, ws, 1, "--count", "2");
      const room = await listening(
        sandbox,
        tcp,
        2,
        "--room",
        "r",
        "--count",
        "2",
        "-o",
        "jsonl",
      );
      expect(
        await goodClient(sandbox, [
          "broadcast",
          tcp,
          '{"n":1}',
          "--room",
          "r",
          "-o",
          "json",
        ]),
      ).toBe('{"sent":1,"dropped":0}\n');
      // Three are connected then; the sender is not among those that it goes to.
      expect(
        await goodClient(
          sandbox,
          ["broadcast", ws, "--tag", "3", "-o", "json"],
          { stdin: "two\n" },
        ),
      ).toBe('{"sent":2,"dropped":0}\n');
      await goodClient(sandbox, ["broadcast", ws, "three"]);
      expect((await all.ended).out).toBe("two\nthree\n");
      const records = (await room.ended).out
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line));
      expect(records.map(({ data, tag }) => [data, tag])).toEqual([
        [{ n: 1 }, 0],
        ["two", 3],
      ]);
    },
    limits,
  );

  test(
    "ends with 124 when nothing comes, 130 by Ctrl-C, 4 when it is kicked",
    async () => {
      await using sandbox = new Sandbox();
      const { url } = await startServer(sandbox);
      expect(
        (await runClient(sandbox, ["listen", url, "--wait", "300ms"])).code,
      ).toBe(124);
      const interrupted = await listening(sandbox, url, 1);
      interrupted.kill("SIGINT");
      expect((await interrupted.ended).code).toBe(130);
      const kicked = await listening(sandbox, url, 1);
      const { out } = await runServerVerb(sandbox, ["conns", "-o", "json"]);
      const [{ id }] = JSON.parse(out);
      const kick = await runServerVerb(sandbox, [
        "kick",
        id,
        "--reason",
        "enough",
      ]);
      expect([kick.code, kick.out]).toEqual([0, `${id}\n`]);
      const { code, err } = await kicked.ended;
      expect(code).toBe(4);
      expect(err).toContain("enough");
      expect((await runServerVerb(sandbox, ["kick", id])).code).toBe(3);
    },
    limits,
  );

  test(
    "the pipeline of listen, jq and send works as it is written",
    async () => {
      await using sandbox = new Sandbox();
      const server = await startServer(sandbox, [
        "--listen",
        "tcp://127.0.0.1:0",
        "--listen",
        "ws://127.0.0.1:0",
        "--route",
        "*=queue:hot",
      ]);
      const [tcp, ws = ""] = server.urls;
      const pipeline = sandbox.bash(
        `ringwire-client listen ${ws} -o jsonl --count 3 | jq -c 'select(.data.t>80)' | ringwire-client send ${tcp}`,
      );
      await until("the listener", async () => {
        const { out } = await runServerVerb(sandbox, ["conns", "-o", "json"]);
        return JSON.parse(out).some(
          ({ scheme }: { scheme: string }) => scheme === "ws",
        );
      });
      await goodClient(sandbox, ["broadcast", ws, "--in-framing", "jsonl"], {
        stdin: '{"t":70}\n{"t":90}\n{"t":81}\n',
      });
      expect((await pipeline).code).toBe(0);
      const hot = await sandbox.good([
        "pop",
        "-q",
        "hot",
        "--until-empty",
        "-o",
        "text",
      ]);
      expect(
        hot
          .trimEnd()
          .split("\n")
          .map((line) => JSON.parse(line).data.t),
      ).toEqual([90, 81]);
    },
    limits,
  );
});

describe("ping", () => {
  test(
    "tells each round trip and their percentiles",
    async () => {
      await using sandbox = new Sandbox();
      const { url } = await startServer(sandbox);
      const told = JSON.parse(
        await goodClient(sandbox, [
          "ping",
          url,
          "-n",
          "20",
          "--interval",
          "0",
          "-o",
          "json",
        ]),
      );
      expect([told.count, told.failed]).toEqual([20, 0]);
      expect(told.p50_ms > 0 && told.p50_ms <= told.max_ms).toBe(true);
      const text = await goodClient(sandbox, ["ping", url, "-n", "2"]);
      expect(text).toMatch(/^1: .*\n2: .*\n2 answered, 0 failed; p50 /);
    },
    limits,
  );
});
