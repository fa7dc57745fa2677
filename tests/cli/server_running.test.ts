/** A server's life: what it refuses to begin with, who it tells what, and how it ends. */
import { existsSync, statSync, writeFileSync } from "node:fs";
import { cleanUpSandboxes, Sandbox, until } from "../support/sandbox.ts";
import {
  clientProgram,
  goodClient,
  runClient,
  runServerVerb,
  serverProgram,
  startServer,
  stopServer,
} from "../support/server_fixture.ts";
import { TestAuthority } from "../support/test_certificates.ts";
import { describe, expect, test } from "../support/testing.ts";

const limits = { timeoutMs: 60_000 };

cleanUpSandboxes();

describe("run", () => {
  test(
    "writes the bound addresses to stdout and to --ports-file, and drains with 0 on SIGTERM",
    async () => {
      await using sandbox = new Sandbox();
      const path = sandbox.file("s.sock");
      const server = await startServer(sandbox, [
        "--listen",
        "tcp://127.0.0.1:0",
        "--listen",
        "tcp://[::1]:0",
        "--listen",
        `unix://${path}`,
      ]);
      expect(server.urls.length).toBe(3);
      expect(server.urls[0]).toMatch(/^tcp:\/\/127\.0\.0\.1:[1-9]\d*$/);
      expect(server.urls[1]).toMatch(/^tcp:\/\/\[::1\]:[1-9]\d*$/);
      const { code, out } = await stopServer(server);
      expect(code).toBe(0);
      expect(out).toBe(server.urls.map((url) => `${url}\n`).join(""));
      expect(existsSync(path)).toBe(false);
    },
    limits,
  );

  const refused: [string, string[], string][] = [
    ["a public address", ["--listen", "tcp://0.0.0.0:0"], "--allow-insecure"],
    ["a public name", ["--listen", "ws://example.org:0"], "--allow-insecure"],
    ["all of IPv6", ["--listen", "tcp://[::]:0"], "--allow-insecure"],
    [
      "a name that begins like this machine's",
      ["--listen", "tcp://127.0.0.1.example.org:0"],
      "--allow-insecure",
    ],
    ["an unknown scheme", ["--listen", "gopher://127.0.0.1:0"], "gopher"],
    ["no address", ["--listen", "127.0.0.1:80"], "--listen"],
    ["a route that is none", ["--route", "*=mail:x"], "--route"],
    ["a queue that cannot be", ["--route", "*=queue:a/b"], "--route"],
    [
      "tls without a certificate",
      ["--listen", "tls://127.0.0.1:0"],
      "--tls-cert",
    ],
    ["a key alone", ["--tls-key", "k.pem"], "--tls-cert"],
    ["mtls without authorities", ["--mtls"], "--mtls"],
    [
      "more connections than the process may hold",
      ["--max-connections", "999999"],
      "processes",
    ],
    ["too small a message", ["--max-message-size", "1"], "--max-message-size"],
  ];
  for (const [what, words, named] of refused)
    test(
      `refuses ${what} with 2, before anything is open`,
      async () => {
        await using sandbox = new Sandbox();
        const { code, out, err } = await runServerVerb(sandbox, [
          "run",
          "--listen",
          `unix://${sandbox.file("s.sock")}`,
          ...words,
        ]);
        expect([code, out]).toEqual([2, ""]);
        expect(err).toContain(named);
        expect(existsSync(sandbox.file("s.sock"))).toBe(false);
      },
      limits,
    );

  test(
    "--allow-insecure-public listens beyond this machine",
    async () => {
      await using sandbox = new Sandbox();
      const server = await startServer(sandbox, [
        "--listen",
        "tcp://0.0.0.0:0",
        "--allow-insecure-public",
      ]);
      const port = server.url.split(":").at(-1);
      expect(
        await goodClient(sandbox, [
          "request",
          `tcp://127.0.0.1:${port}`,
          "PING",
        ]),
      ).toBe("PONG\n");
    },
    limits,
  );

  test(
    "an address that is taken is named, and nothing is left behind",
    async () => {
      await using sandbox = new Sandbox();
      const { url } = await startServer(sandbox);
      const path = sandbox.file("other.sock");
      const { code, err } = await runServerVerb(sandbox, [
        "run",
        "--listen",
        `unix://${path}`,
        "--listen",
        url,
      ]);
      expect(code).toBe(1);
      expect(err).toContain(url);
      expect(existsSync(path)).toBe(false);
    },
    limits,
  );

  test(
    "SIGTERM lets what was accepted finish; nobody new comes in",
    async () => {
      await using sandbox = new Sandbox();
      const server = await startServer(sandbox, [
        "--route",
        `*=exec:echo >${sandbox.file("began")}; while [ ! -e ${sandbox.file("go")} ]; do sleep 0.02; done; echo done`,
      ]);
      const asked = runClient(sandbox, [
        "request",
        server.url,
        "x",
        "--timeout",
        "30s",
      ]);
      await until("the command", () => sandbox.lines("began").length > 0);
      server.running.kill("SIGTERM");
      await until(
        "a server that lets nobody in",
        async () =>
          (await runClient(sandbox, ["ping", server.url, "-n", "1"])).code ===
          5,
      );
      const ready = await runServerVerb(sandbox, ["health", "--ready"]);
      expect(ready.code).toBe(1);
      expect(ready.out).toContain("draining");
      expect((await runServerVerb(sandbox, ["health"])).code).toBe(0);
      writeFileSync(sandbox.file("go"), "");
      expect((await asked).out).toBe("done\n\n");
      expect((await server.running.ended).code).toBe(0);
    },
    limits,
  );

  for (const how of ["--drain-timeout", "a second signal"] as const)
    test(
      `what is cut off by ${how} ends with 143`,
      async () => {
        await using sandbox = new Sandbox();
        const server = await startServer(sandbox, [
          "--drain-timeout",
          how === "--drain-timeout" ? "300ms" : "10m",
          "--route",
          `*=exec:echo >${sandbox.file("began")}; exec sleep 600`,
        ]);
        const asked = runClient(sandbox, [
          "request",
          server.url,
          "x",
          "--timeout",
          "50s",
        ]);
        await until("the command", () => sandbox.lines("began").length > 0);
        server.running.kill("SIGTERM");
        if (how === "a second signal") {
          await until("the first signal heard", () =>
            server.running.err().includes("SIGTERM"),
          );
          server.running.kill("SIGTERM");
        }
        expect((await server.running.ended).code).toBe(143);
        expect((await asked).code).not.toBe(0);
      },
      limits,
    );

  test(
    "--log json says one object a line",
    async () => {
      await using sandbox = new Sandbox();
      const server = await startServer(sandbox, [
        "--log",
        "json",
        "--route",
        "*=exec:exit 1",
      ]);
      await goodClient(sandbox, ["send", server.url, "x"]);
      await until("the failure", () =>
        server.running.err().includes("status 1"),
      );
      const { err } = await stopServer(server);
      const events = err
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line));
      expect(events.map(({ level }) => level)).toEqual(["error", "info"]);
      expect(events.at(-1).event).toBe("draining");
    },
    limits,
  );

  test(
    "--max-connections turns the next one away",
    async () => {
      await using sandbox = new Sandbox();
      const { url } = await startServer(sandbox, ["--max-connections", "1"]);
      const listener = sandbox.start([clientProgram, "listen", url]);
      await until("the listener", async () => {
        const { out } = await runServerVerb(sandbox, ["conns", "-o", "json"]);
        return JSON.parse(out).length === 1;
      });
      const { code } = await runClient(sandbox, ["request", url, "PING"]);
      expect(code).toBe(5);
      listener.kill("SIGTERM");
      await listener.ended;
      await until(
        "room again",
        async () =>
          (await runClient(sandbox, ["request", url, "PING"])).code === 0,
      );
    },
    limits,
  );
});

describe("tls", () => {
  test(
    "tls and wss answer who trusts them; --mtls lets in who shows a certificate",
    async () => {
      await using sandbox = new Sandbox();
      const authority = new TestAuthority();
      try {
        const own = authority.issue("localhost", "DNS:localhost");
        const client = authority.issue("client", "DNS:client");
        const server = await startServer(sandbox, [
          "--listen",
          "tls://127.0.0.1:0",
          "--listen",
          "wss://127.0.0.1:0",
          "--tls-cert",
          own.cert,
          "--tls-key",
          own.key,
          "--tls-ca",
          authority.ca,
          "--mtls",
        ]);
        const trust = ["--tls-ca", authority.ca, "--tls-name", "localhost"];
        const show = ["--tls-cert", client.cert, "--tls-key", client.key];
        for (const url of server.urls) {
          expect(
            await goodClient(sandbox, [
              "request",
              url,
              "PING",
              ...trust,
              ...show,
            ]),
          ).toBe("PONG\n");
          expect(
            (await runClient(sandbox, ["request", url, "PING", ...show])).code,
          ).toBe(4);
          const stranger = await runClient(sandbox, [
            "request",
            url,
            "PING",
            ...trust,
          ]);
          expect([4, 5, 6]).toContain(stranger.code);
        }
      } finally {
        authority.remove();
      }
    },
    limits,
  );
});

describe("verbs about servers", () => {
  test(
    "health, conns and drain find servers by name, number, --control, or all of them",
    async () => {
      await using sandbox = new Sandbox();
      expect((await runServerVerb(sandbox, ["health"])).code).toBe(3);
      const control = sandbox.file("c.sock");
      const [one, two] = await Promise.all([
        startServer(sandbox, ["--name", "one"]),
        startServer(sandbox, ["--name", "two"]),
      ]);
      const three = await startServer(sandbox, ["--control", control]);
      expect(statSync(control).mode & 0o777).toBe(0o600);
      const { out } = await runServerVerb(sandbox, ["health", "-o", "json"]);
      expect(
        JSON.parse(out).map(({ name, healthy }: Record<string, unknown>) => [
          name,
          healthy,
        ]),
      ).toEqual([
        ["one", true],
        ["two", true],
      ]);
      expect((await runServerVerb(sandbox, ["health", "no-such"])).code).toBe(
        3,
      );
      expect(
        (await runServerVerb(sandbox, ["health", "--control", control])).code,
      ).toBe(0);
      expect((await runServerVerb(sandbox, ["drain"])).code).toBe(2);
      const byName = await runServerVerb(sandbox, ["drain", "one", "no-such"]);
      expect(byName.code).toBe(7);
      expect((await one.running.ended).code).toBe(0);
      expect(
        (await runServerVerb(sandbox, ["drain", `${two.running.pid}`])).code,
      ).toBe(0);
      expect((await two.running.ended).code).toBe(0);
      expect(
        (await runServerVerb(sandbox, ["drain", "--control", control])).code,
      ).toBe(0);
      expect((await three.running.ended).code).toBe(0);
      // Workers keep to themselves: their verbs find no server.
      expect((await sandbox.run(["health"])).code).toBe(3);
    },
    limits,
  );

  test(
    "conns tells who is connected, and sorts",
    async () => {
      await using sandbox = new Sandbox();
      const { url } = await startServer(sandbox, [
        "--route",
        "*=exec:sleep 600",
      ]);
      const words = ["request", url, "x", "--timeout", "50s"];
      const idle = sandbox.start([clientProgram, "listen", url]);
      const busy = sandbox.start([clientProgram, ...words]);
      const rows = await until("both", async () => {
        const { out } = await runServerVerb(sandbox, [
          "conns",
          "--sort",
          "pending",
          "-o",
          "json",
        ]);
        const found: { pending: number; peer: string }[] = JSON.parse(out);
        return found.length === 2 && found[0]?.pending === 1
          ? found
          : undefined;
      });
      expect(rows.map(({ pending }) => pending)).toEqual([1, 0]);
      expect(rows[0]?.peer).toMatch(/^tcp:\/\/127\.0\.0\.1:\d+$/);
      const table = (await runServerVerb(sandbox, ["conns"])).out;
      expect(table.trimEnd().split("\n").length).toBe(3);
      idle.kill("SIGKILL");
      busy.kill("SIGKILL");
    },
    limits,
  );
});

describe("configuration", () => {
  test(
    "run and check read the table of run; a mistake is named with its path",
    async () => {
      await using sandbox = new Sandbox();
      const file = sandbox.file("server.json");
      const write = (run: object) =>
        writeFileSync(file, JSON.stringify({ server: { run } }));
      const socket = `unix://${sandbox.file("s.sock")}`;
      write({ listen: [socket], route: ["tag:1=echo", "*=demo"], log: "json" });
      const checked = await runServerVerb(sandbox, ["check", file]);
      expect(checked.code).toBe(0);
      expect(checked.err).toContain(socket);
      const running = sandbox.start([serverProgram, "run", "-c", file]);
      await until("the socket", () => existsSync(sandbox.file("s.sock")));
      expect(
        await goodClient(sandbox, ["request", socket, "PING", "--tag", "1"]),
      ).toBe("PING\n");
      expect(await goodClient(sandbox, ["request", socket, "PING"])).toBe(
        "PONG\n",
      );
      running.kill("SIGTERM");
      expect((await running.ended).code).toBe(0);
      for (const [bad, named] of [
        [{ route: ["*=mail:x"] }, "route"],
        [{ listen: ["tcp://0.0.0.0:1"] }, "--allow-insecure-public"],
        [{ lisen: [] }, "lisen"],
        [{ "drain-timeout": "soon" }, "drain-timeout"],
      ] as const) {
        write(bad);
        const { code, err } = await runServerVerb(sandbox, ["check", file]);
        expect(code).toBe(2);
        expect(err).toContain(named);
      }
      const shown = await runServerVerb(
        sandbox,
        ["config", "show", "run", "--origin", "-o", "json"],
        { env: { RINGWIRE_DRAIN_TIMEOUT: "3s" } },
      );
      const option = JSON.parse(shown.out).options.find(
        (each: { option: string }) => each.option === "drain-timeout",
      );
      expect([option.value, option.origin]).toEqual([
        "3s",
        "RINGWIRE_DRAIN_TIMEOUT",
      ]);
    },
    limits,
  );

  test(
    "doctor says what would be in the way, and 1 when something is",
    async () => {
      await using sandbox = new Sandbox();
      const file = sandbox.file("server.json");
      const socket = sandbox.file("s.sock");
      writeFileSync(
        file,
        JSON.stringify({ server: { run: { listen: [`unix://${socket}`] } } }),
      );
      const good = await runServerVerb(sandbox, [
        "doctor",
        "-c",
        file,
        "-o",
        "json",
      ]);
      expect([good.code, JSON.parse(good.out).broken]).toEqual([0, false]);
      expect(existsSync(socket)).toBe(false);
      writeFileSync(
        file,
        JSON.stringify({
          server: { run: { listen: ["unix:///no/such/place/s.sock"] } },
        }),
      );
      const bad = await runServerVerb(sandbox, ["doctor", "-c", file]);
      expect(bad.code).toBe(1);
      expect(bad.out).toContain("/no/such/place");
      const client = await runClient(sandbox, [
        "doctor",
        "unix:///no/such/place/s.sock",
        "-o",
        "json",
      ]);
      expect(client.code).toBe(1);
      const { url } = await startServer(sandbox);
      expect((await runClient(sandbox, ["doctor", url])).code).toBe(0);
    },
    limits,
  );
});

describe("both executables", () => {
  for (const program of [serverProgram, clientProgram])
    test(
      `${program.split("/").at(-1)} tells its version, completes its verbs, and refuses what it does not know`,
      async () => {
        await using sandbox = new Sandbox();
        const run = (...words: string[]) =>
          sandbox.start([program, ...words]).ended;
        const version = JSON.parse((await run("--version", "-o", "json")).out);
        expect(version.version).toMatch(/^\d+\.\d+\.\d+$/);
        expect(version.runtime).toContain("bun");
        const completed = (await run("completion", "words", "d")).out;
        expect(completed).toContain("doctor");
        expect((await run("completion", "bash")).out).toContain(
          program.split("/").at(-1) ?? "",
        );
        expect((await run("fly")).code).toBe(2);
        expect((await run("doctor", "--no-such-flag")).code).toBe(2);
        expect((await run()).code).toBe(2);
        expect((await run("--help")).code).toBe(0);
      },
      limits,
    );
});
