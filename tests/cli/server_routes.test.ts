/** What compiled servers do with messages: the whole way from a client and back. */
import { readFileSync } from "node:fs";
import {
  cleanUpSandboxes,
  isAlive,
  Sandbox,
  until,
  worker,
} from "../support/sandbox.ts";
import {
  clientProgram,
  goodClient,
  runClient,
  runServerVerb,
  startServer,
  stopServer,
} from "../support/server_fixture.ts";
import { describe, expect, test } from "../support/testing.ts";

const limits = { timeoutMs: 60_000 };

cleanUpSandboxes();

describe("run without a route", () => {
  test(
    "answers as the requirements show, over tcp, unix and ws",
    async () => {
      await using sandbox = new Sandbox();
      const server = await startServer(sandbox, [
        "--listen",
        "tcp://127.0.0.1:0",
        "--listen",
        `unix://${sandbox.file("s.sock")}`,
        "--listen",
        "ws://127.0.0.1:0",
      ]);
      for (const url of server.urls) {
        expect(await goodClient(sandbox, ["request", url, "PING"])).toBe(
          "PONG\n",
        );
        expect(await goodClient(sandbox, ["request", url, "ECHO:a:b"])).toBe(
          "REPLY:a:b\n",
        );
        expect(await goodClient(sandbox, ["request", url, "other"])).toBe(
          "RECEIVED:other\n",
        );
      }
      expect((await stopServer(server)).code).toBe(0);
    },
    limits,
  );
});

describe("exec", () => {
  test(
    "the body is on stdin, stdout is the answer, a failure is an error, and what nobody waits for is stopped",
    async () => {
      await using sandbox = new Sandbox();
      const pidFile = sandbox.file("pid");
      const { url } = await startServer(sandbox, [
        "--route",
        "tag:1=exec:tr a-z A-Z",
        "--route",
        "tag:2=exec:echo wrong; exit 3",
        "--route",
        `tag:3=exec:echo $$ >${pidFile}; exec sleep 600`,
        "--route",
        'tag:4=exec:printf \'%s|%s|%s\' "$RINGWIRE_MSG_TAG" "$RINGWIRE_MSG_SUBJECT" "$RINGWIRE_MSG_HEADERS"',
      ]);
      expect(
        await goodClient(sandbox, ["request", url, "--tag", "1"], {
          stdin: "one\ntwo\n",
        }),
      ).toBe("ONE\nTWO\n");
      const failed = await runClient(sandbox, [
        "request",
        url,
        "x",
        "--tag",
        "2",
      ]);
      expect([failed.code, failed.out]).toEqual([1, ""]);
      expect(failed.err).toContain("ExecFailed");
      expect(failed.err).toContain("status 3");
      expect(
        await goodClient(sandbox, [
          "request",
          url,
          "x",
          "--tag",
          "4",
          "--subject",
          "a.b",
          "--header",
          "K:v",
        ]),
      ).toBe('4|a.b|{"K":"v"}\n');
      const late = await runClient(sandbox, [
        "request",
        url,
        "x",
        "--tag",
        "3",
        "--timeout",
        "1s",
      ]);
      expect(late.code).toBe(124);
      const pid = Number(readFileSync(pidFile, "utf8"));
      await until("the command's end", async () => !(await isAlive(pid)));
    },
    limits,
  );

  test(
    "a command is stopped when its requester is interrupted",
    async () => {
      await using sandbox = new Sandbox();
      const { url } = await startServer(sandbox, [
        "--exec-timeout",
        "10m",
        "--route",
        `*=exec:echo $$ >$(cat); exec sleep 600`,
      ]);
      for (const signal of ["SIGINT", "SIGTERM"] as const) {
        const client = sandbox.start([
          clientProgram,
          "request",
          url,
          sandbox.file(signal),
          "--timeout",
          "10m",
        ]);
        const pid = await until("the command", () =>
          Number(sandbox.lines(signal)[0] ?? 0),
        );
        client.kill(signal);
        await client.ended;
        await until("the command's end", async () => !(await isAlive(pid)));
      }
    },
    limits,
  );

  test(
    "commands die with a server that is killed",
    async () => {
      await using sandbox = new Sandbox();
      const pidFile = sandbox.file("pid");
      const server = await startServer(sandbox, [
        "--route",
        `*=exec:echo $$ >${pidFile}; exec sleep 600`,
      ]);
      const client = runClient(sandbox, [
        "request",
        server.url,
        "x",
        "--timeout",
        "30s",
      ]);
      const pid = await until("the command", () =>
        Number(sandbox.lines("pid")[0] ?? 0),
      );
      server.running.kill("SIGKILL");
      await until("the command's end", async () => !(await isAlive(pid)));
      expect((await client).code).toBe(5);
    },
    limits,
  );
});

describe("queue", () => {
  test(
    "the worker's reply is the answer; messages and headers reach it",
    async () => {
      await using sandbox = new Sandbox();
      const { url } = await startServer(sandbox, ["--route", "jobs.>=queue:q"]);
      sandbox.start([
        worker,
        "work",
        "-q",
        "q",
        "--exec",
        'cat; printf %s "$RINGWIRE_MSG_HEADERS" | grep -o \'"subject":"[a-z.]*"\'',
      ]);
      expect(
        await goodClient(
          sandbox,
          ["request", url, "--subject", "jobs.new", "-j", "4", "-o", "raw"],
          { stdin: "a\nb\nc\n" },
        ),
      ).toBe(
        ["a", "b", "c"]
          .map((body) => `${body}"subject":"jobs.new"\n\n`)
          .join(""),
      );
      expect((await runClient(sandbox, ["request", url, "x"])).code).toBe(3);
    },
    limits,
  );

  test(
    "a request survives the death of its worker: another answers it, once",
    async () => {
      await using sandbox = new Sandbox();
      const { url } = await startServer(sandbox, ["--route", "*=queue:q"]);
      const doomed = sandbox.start([
        worker,
        "work",
        "-q",
        "q",
        "--exec",
        `echo began >>${sandbox.file("began")}; exec sleep 600`,
      ]);
      const answer = goodClient(sandbox, [
        "request",
        url,
        "body",
        "--timeout",
        "30s",
      ]);
      await until("the first attempt", () => sandbox.lines("began").length > 0);
      doomed.kill("SIGKILL");
      await doomed.ended;
      sandbox.start([
        worker,
        "work",
        "-q",
        "q",
        "--exec",
        'printf "%s on attempt %s" "$(cat)" "$RINGWIRE_MSG_ATTEMPT"',
      ]);
      expect(await answer).toBe("body on attempt 2\n");
      await until(
        "an empty queue",
        async () => (await sandbox.status("q")).message_count === 0,
      );
    },
    limits,
  );

  test(
    "the deadline takes a waiting request out of the queue, and aborts the one that is being worked on",
    async () => {
      await using sandbox = new Sandbox();
      const { url } = await startServer(sandbox, ["--route", "*=queue:q"]);
      const ask = (timeout: string) =>
        runClient(sandbox, ["request", url, "x", "--timeout", timeout]);
      expect((await ask("500ms")).code).toBe(124);
      expect(await sandbox.good(["pop", "-q", "q", "--until-empty"])).toBe("");
      const pidFile = sandbox.file("pid");
      sandbox.start([
        worker,
        "work",
        "-q",
        "q",
        "--exec",
        `echo $$ >${pidFile}; exec sleep 600`,
      ]);
      const late = ask("3s");
      const pid = await until("the handler", () =>
        Number(sandbox.lines("pid")[0] ?? 0),
      );
      expect((await late).code).toBe(124);
      await until("the handler's end", async () => !(await isAlive(pid)));
    },
    limits,
  );

  test(
    "a client that is interrupted takes its waiting request with it",
    async () => {
      await using sandbox = new Sandbox();
      const { url } = await startServer(sandbox, ["--route", "*=queue:q"]);
      const client = sandbox.start([
        clientProgram,
        "request",
        url,
        "x",
        "--timeout",
        "1m",
      ]);
      await until(
        "the waiting request",
        async () => (await sandbox.status("q")).message_count === 1,
      );
      client.kill("SIGINT");
      expect((await client.ended).code).toBe(130);
      await until("the end of its session", async () => {
        const { out } = await runServerVerb(sandbox, ["conns", "-o", "json"]);
        return JSON.parse(out).length === 0;
      });
      // Its time would have been over much later.
      expect(await sandbox.good(["pop", "-q", "q", "--until-empty"])).toBe("");
    },
    limits,
  );

  test(
    "one-way messages wait in the queue until somebody takes them",
    async () => {
      await using sandbox = new Sandbox();
      const { url } = await startServer(sandbox, ["--route", "*=queue:q"]);
      await goodClient(sandbox, ["send", url, "--priority", "high"], {
        stdin: "1\n2\n3\n",
      });
      expect(await sandbox.good(["pop", "-q", "q", "--until-empty"])).toBe(
        "1\n2\n3\n",
      );
    },
    limits,
  );
});

describe("upstream", () => {
  test(
    "two servers take turns, one that is gone is passed over, and what they say comes through",
    async () => {
      await using sandbox = new Sandbox();
      const backends = await Promise.all(
        ["one", "two"].map((name) =>
          startServer(sandbox, [
            "--name",
            name,
            "--route",
            "tag:9=exec:exit 9",
            "--route",
            `tag:0=exec:echo ${name}`,
          ]),
        ),
      );
      const { url } = await startServer(sandbox, [
        "--route",
        `*=upstream:${backends.map((backend) => backend.url).join(",")}`,
      ]);
      const ask = (...words: string[]) =>
        runClient(sandbox, ["request", url, "x", ...words]);
      const names = new Set<string>();
      for (let turn = 0; turn < 4; turn++) names.add((await ask()).out.trim());
      expect([...names].sort()).toEqual(["one", "two"]);
      const failed = await ask("--tag", "9");
      expect(failed.code).toBe(1);
      expect(failed.err).toContain("ExecFailed");
      expect((await ask("--tag", "8")).code).toBe(3);
      const [first] = backends;
      first?.running.kill("SIGKILL");
      await first?.running.ended;
      await until("answers of the other alone", async () => {
        const { code, out } = await ask();
        return code === 0 && out.trim() === "two";
      });
      for (let turn = 0; turn < 3; turn++)
        expect((await ask()).out.trim()).toBe("two");
    },
    limits,
  );
});

describe("http", () => {
  test(
    "curl asks, sends and listens; routes go by its headers, and what a handler says is its answer",
    async () => {
      await using sandbox = new Sandbox();
      const { urls } = await startServer(sandbox, [
        "--listen",
        "http://127.0.0.1:0",
        "--listen",
        "tcp://127.0.0.1:0",
        "--route",
        "tag:7=exec:tr a-z A-Z",
        "--route",
        "tag:8=exec:exit 3",
        "--route",
        "jobs.>=queue:q",
      ]);
      const [http = "", tcp = ""] = urls;
      const curl = (script: string) => sandbox.bash(`curl -sS ${script}`);
      const asked = await curl(
        `-H 'ringwire-tag: 7' --data-binary hello ${http}request`,
      );
      expect([asked.code, asked.out]).toEqual([0, "HELLO"]);
      const failed = await curl(
        `-o answer -w '%{http_code}' -H 'ringwire-tag: 8' -d x ${http}request; cat answer`,
      );
      expect(failed.out).toMatch(/^[45]\d\d/);
      expect(failed.out).toContain("ExecFailed");
      const sent = await curl(
        `--fail -H 'ringwire-subject: jobs.new' --data-binary job ${http}send`,
      );
      expect(sent.code).toBe(0);
      expect(await sandbox.good(["pop", "-q", "q", "--wait", "10s"])).toBe(
        "job\n",
      );
      const events = sandbox.start(["curl", "-sSN", `${http}listen?room=r`]);
      await until("the listener", () => events.out().includes("hello"));
      await goodClient(sandbox, ["broadcast", tcp, "news", "--room", "r"]);
      await until("the event", () => events.out().includes('"text":"news"'));
    },
    limits,
  );
});
