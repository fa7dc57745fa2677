/** Control sockets as such: a process that has nothing but one, and clients of all kinds. */
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import {
  callControl,
  ControlGone,
  ControlSilent,
} from "../../cmd/control/control_client.ts";
import {
  listenControlled,
  startControlled,
} from "../support/control_fixture.ts";
import { cleanUpSandboxes, Sandbox, until } from "../support/sandbox.ts";
import { describe, expect, test } from "../support/testing.ts";

const limits = { timeoutMs: 30_000 };
const patience = { timeoutMs: 20_000 };

cleanUpSandboxes();

function parentOf(sandbox: Sandbox): string {
  return join(sandbox.directory, `.ringwire-${process.geteuid?.()}`);
}

function sockets(sandbox: Sandbox): string[] {
  return readdirSync(join(parentOf(sandbox), "control")).sort();
}

async function ask(path: string, route: string): Promise<string> {
  const reply = await callControl(path, "GET", route, undefined, patience);
  return `${reply.status} ${JSON.stringify(reply.body)}`;
}

async function post(
  path: string,
  route: string,
  body: string,
): Promise<string> {
  const response = await fetch(`http://control${route}`, {
    unix: path,
    method: "POST",
    body,
  });
  return `${response.status} ${await response.text()}`;
}

/** A client that sends this and then nothing more. */
async function clientThatSends(path: string, text: string): Promise<Socket> {
  const socket = connect(path);
  socket.on("error", () => undefined);
  await new Promise((resolve) => socket.on("connect", resolve));
  socket.write(text);
  return socket;
}

describe("a control socket", () => {
  test(
    "serves its own user only, and is gone with its owner",
    async () => {
      await using sandbox = new Sandbox();
      const { owner, path } = await listenControlled(sandbox, {
        name: "wörk 1/.",
      });
      const control = join(parentOf(sandbox), "control");
      expect(path).toBe(join(control, `w%C3%B6rk%201%2F..${owner.pid}.sock`));
      const modes = [parentOf(sandbox), control, path].map((each) =>
        (lstatSync(each).mode & 0o777).toString(8),
      );
      expect(modes).toEqual(["700", "700", "600"]);
      expect(sockets(sandbox)).toHaveLength(1);
      expect(await ask(path, "/status")).toContain(
        `200 {"kind":"work","name":"wörk 1/.","pid":${owner.pid},"queue":"none",`,
      );
      expect(await ask(path, "/health")).toBe(
        '200 {"healthy":true,"reasons":[]}',
      );
      expect(await post(path, "/drain", '{"timeout_ms":5}')).toBe(
        '200 {"draining":true}',
      );
      expect((await owner.ended).code).toBe(0);
      expect(owner.out()).toContain('drain {"timeoutMs":5}');
      expect(sockets(sandbox)).toEqual([]);
    },
    limits,
  );

  test(
    "says what is wrong with a request, and does nothing",
    async () => {
      await using sandbox = new Sandbox();
      const { owner, path } = await listenControlled(sandbox, { name: "w" });
      for (const [body, reason] of [
        ["{", "the body is not JSON"],
        ['{"timeout_ms":-1}', "timeout_ms: "],
        ['{"timeout":1}', 'Unrecognized key: \\"timeout\\"'],
        [`{"timeout_ms":"${"x".repeat(70_000)}"}`, "larger than 65536 bytes"],
      ] as const) {
        const answer = await post(path, "/drain", body);
        expect(answer).toMatch(/^4\d\d \{"error":/);
        expect(answer).toContain(reason);
      }
      expect(await ask(path, "/drain")).toMatch(/^404 .*POST \/drain/);
      expect(await post(path, "/restart", '{"worker":"a"}')).toBe(
        '500 {"error":"there is no a","code":"Failed"}',
      );
      expect(owner.out()).not.toContain("drain");
    },
    limits,
  );

  test(
    "is not held up by clients that send garbage, half of a request, or nothing",
    async () => {
      await using sandbox = new Sandbox();
      const { owner, path } = await listenControlled(sandbox, { name: "w" });
      const half =
        "POST /drain HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n{";
      const clients = await Promise.all(
        ["", "GET /sta", half, "\0\xff\n\n", "GET / HTTP/9\r\n\r\n"].map(
          (text) => clientThatSends(path, text),
        ),
      );
      expect(await ask(path, "/status")).toMatch(/^200 /);
      owner.closeInput();
      const { code, out, err } = await owner.ended;
      expect([code, err]).toEqual([0, ""]);
      // Bun itself ends silent clients after 10 s.
      const closed = /closed in (\d+) ms/.exec(out)?.[1];
      expect(Number(closed)).toBeLessThan(5000);
      for (const client of clients) client.destroy();
    },
    limits,
  );

  test(
    "two workers of one name have one each",
    async () => {
      await using sandbox = new Sandbox();
      const [one, two] = await Promise.all([
        listenControlled(sandbox, { name: "w" }),
        listenControlled(sandbox, { name: "w" }),
      ]);
      expect(sockets(sandbox)).toEqual(
        [`w.${one.owner.pid}.sock`, `w.${two.owner.pid}.sock`].sort(),
      );
    },
    limits,
  );

  test(
    "what a killed owner left is removed by the next one, but never what somebody listens on",
    async () => {
      await using sandbox = new Sandbox();
      const dead = await listenControlled(sandbox, { name: "w" });
      dead.owner.kill("SIGKILL");
      await dead.owner.ended;
      expect(existsSync(dead.path)).toBe(true);
      // As if it were of another process-id namespace.
      const strange = join(parentOf(sandbox), "control/w.2147483646.sock");
      const server = createServer().listen(strange);
      const next = await listenControlled(sandbox, { name: "next" });
      await until("the dead one's to be gone", () => !existsSync(dead.path));
      expect(sockets(sandbox)).toEqual([
        `next.${next.owner.pid}.sock`,
        "w.2147483646.sock",
      ]);
      server.close();
    },
    limits,
  );

  test(
    "is left alone when it is no longer its owner's",
    async () => {
      await using sandbox = new Sandbox();
      const { owner, path } = await listenControlled(sandbox, { name: "w" });
      rmSync(path);
      writeFileSync(path, "somebody else's");
      owner.closeInput();
      expect((await owner.ended).code).toBe(0);
      expect(readFileSync(path, "utf8")).toBe("somebody else's");
    },
    limits,
  );

  test(
    "a name too long for the path is shortened",
    async () => {
      await using sandbox = new Sandbox();
      const { path, owner } = await listenControlled(sandbox, {
        name: "é".repeat(15),
      });
      expect(Buffer.byteLength(path)).toBeLessThan(108);
      expect(sockets(sandbox)[0]).toMatch(
        new RegExp(`^~[0-9a-f]{12}\\.${owner.pid}\\.sock$`),
      );
      expect(await ask(path, "/status")).toContain("é".repeat(15));
    },
    limits,
  );

  test(
    "a directory that is not its user's alone is not used, and work goes on without",
    async () => {
      for (const spoil of [
        (parent: string) => {
          mkdirSync(parent);
          chmodSync(parent, 0o750);
        },
        (parent: string) => {
          mkdirSync(`${parent}.real`, { mode: 0o700 });
          symlinkSync(`${parent}.real`, parent);
        },
        (parent: string) => {
          mkdirSync(parent, { mode: 0o700 });
          writeFileSync(join(parent, "control"), "");
        },
      ]) {
        await using sandbox = new Sandbox();
        spoil(parentOf(sandbox));
        const { owner, path } = await listenControlled(sandbox, { name: "w" });
        expect(path).toBe("none");
        expect(owner.err()).toMatch(
          /no control socket: .* must be a directory of user \d+ with mode 0700/,
        );
        owner.closeInput();
        expect((await owner.ended).code).toBe(0);
      }
    },
    limits,
  );
});

describe("a control socket with a path of its own", () => {
  test(
    "replaces a dead socket, and nothing else",
    async () => {
      await using sandbox = new Sandbox();
      const path = sandbox.file("c.sock");
      const first = await listenControlled(sandbox, { name: "w", path: path });
      expect(first.path).toBe(path);
      const busy = await startControlled(sandbox, { name: "w", path: path })
        .ended;
      expect(busy.code).toBe(1);
      expect(busy.err).toContain("in use by another process");
      first.owner.kill("SIGKILL");
      await first.owner.ended;
      const second = await listenControlled(sandbox, { name: "w", path: path });
      expect(await ask(path, "/status")).toContain(`${second.owner.pid}`);
      second.owner.closeInput();
      await second.owner.ended;

      writeFileSync(sandbox.file("precious"), "text");
      symlinkSync(sandbox.file("precious"), path);
      for (const spoiled of [path, sandbox.file("precious")]) {
        const { code, err } = await startControlled(sandbox, {
          name: "w",
          path: spoiled,
        }).ended;
        expect(code).toBe(1);
        expect(err).toContain("is no socket; it is left alone");
      }
      expect(readFileSync(path, "utf8")).toBe("text");
      expect(readdirSync(sandbox.files).sort()).toEqual(["c.sock", "precious"]);
    },
    limits,
  );

  test(
    "is an error where it cannot be, and leaves nothing behind",
    async () => {
      await using sandbox = new Sandbox();
      const nowhere = await startControlled(sandbox, {
        name: "w",
        path: sandbox.file("no/c.sock"),
      }).ended;
      expect(nowhere.code).toBe(1);
      expect(nowhere.err).toContain("no/c.sock");
      const long = await startControlled(sandbox, {
        name: "w",
        path: `/tmp/${"x".repeat(103)}`,
      }).ended;
      expect(long.err).toContain("a path of at most 107 bytes");
      // The owner of the socket may move it: it is still there, and still the same.
      const { owner, path } = await listenControlled(sandbox, {
        name: "w",
        path: sandbox.file("a"),
      });
      renameSync(path, sandbox.file("b"));
      expect(await ask(sandbox.file("b"), "/status")).toMatch(/^200 /);
      owner.closeInput();
      expect((await owner.ended).code).toBe(0);
    },
    limits,
  );
});

describe("who asks a control socket", () => {
  test(
    "is told when nobody listens, and the dead socket is removed",
    async () => {
      await using sandbox = new Sandbox();
      const { owner, path } = await listenControlled(sandbox, { name: "w" });
      owner.kill("SIGKILL");
      await owner.ended;
      for (const _ of [1, 2]) {
        await expect(ask(path, "/status")).rejects.toThrow(ControlGone);
        expect(existsSync(path)).toBe(false);
      }
    },
    limits,
  );

  test(
    "does not wait for a stopped process for ever",
    async () => {
      await using sandbox = new Sandbox();
      const { owner, path } = await listenControlled(sandbox, { name: "w" });
      owner.kill("SIGSTOP");
      await expect(
        callControl(path, "GET", "/status", undefined, { timeoutMs: 100 }),
      ).rejects.toThrow(ControlSilent);
      owner.kill("SIGCONT");
      expect(await ask(path, "/status")).toMatch(/^200 /);
    },
    limits,
  );
});
