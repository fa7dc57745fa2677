/** Sessions in text: what a page in a browser sees, by the runtime's own WebSocket. */
import type { ListenOptions } from "../../../src/transport/adapter.ts";
import { NotAdmittedError } from "../../../src/transport/ingress.ts";
import {
  TextSession,
  type TextSessionOptions,
} from "../../../src/transport/ingress/text_session.ts";
import { Reply } from "../../../src/transport/message.ts";
import { createDefaultRegistry } from "../../../src/transport/protocols/builtin.ts";
import { RemoteError } from "../../../src/transport/session_errors.ts";
import { CloseCode } from "../../../src/wire/close_codes.ts";
import { RawWebSocket, rawFrame } from "../../support/raw_websocket.ts";
import { RecordingHost } from "../../support/recording_host.ts";
import { afterEach, describe, expect, test } from "../../support/testing.ts";
import { refusalOf, TransportTrials } from "../../support/transport_fixture.ts";
import { pause, until } from "../../support/waiting.ts";

const trials = new TransportTrials({
  registry: createDefaultRegistry(),
  scheme: "ws",
  listenAddress: () => "ws://127.0.0.1:0/",
  deadAddress: () => "ws://127.0.0.1:1/",
});
const undo: (() => void)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0)) step();
  await trials.closeAll();
});

type Said = Record<string, unknown>;

class Page {
  readonly socket: WebSocket;
  readonly said: Said[] = [];
  closed: { readonly code: number; readonly reason: string } | undefined;

  constructor(url: string, protocols: string[] = []) {
    this.socket = new WebSocket(url, protocols);
    undo.push(() => this.socket.close());
    this.socket.addEventListener("message", ({ data }) => {
      this.said.push(JSON.parse(String(data)) as Said);
    });
    this.socket.addEventListener("close", ({ code, reason }) => {
      this.closed = { code, reason };
    });
  }

  async say(...messages: readonly (Said | string)[]): Promise<void> {
    await until("open", () => this.socket.readyState === WebSocket.OPEN);
    for (const message of messages)
      this.socket.send(
        typeof message === "string" ? message : JSON.stringify(message),
      );
  }

  async heard(count: number): Promise<readonly Said[]> {
    await until(`${count} texts`, () => this.said.length >= count);
    return this.said;
  }

  async code(): Promise<number | undefined> {
    await until("closed", () => this.closed !== undefined);
    return this.closed?.code;
  }
}

async function serve(
  options: TextSessionOptions = {},
  listen: ListenOptions = {},
) {
  const host = new RecordingHost();
  const sessions: TextSession[] = [];
  const listener = await trials.listen((connection) => {
    const session = new TextSession(connection, host, options);
    sessions.push(session);
    return session.handler;
  }, listen);
  const session = () => sessions[0] as TextSession;
  return { host, session, sessions, url: listener.address };
}

describe("sessions in text", () => {
  test("begin with a hello and its credentials, and exchange messages", async () => {
    const { host, session, url } = await serve();
    const page = new Page(url);
    await page.say(
      { type: "hello", auth: "Bearer x", nodeName: "my page" },
      { type: "message", subject: "a.b", data: [1], headers: { k: "v" } },
      { type: "message", tag: "18446744073709551615", text: "héllo" },
      { type: "message", base64: "AAEC", contentType: "image/png" },
    );
    await until("messages", () => host.messages.length === 3);
    expect(host.credentials).toEqual(["Bearer x"]);
    const [hello] = await page.heard(1);
    expect(hello).toEqual({
      type: "hello",
      version: 1,
      sessionId: session().id,
      nodeName: "test",
      maxMessageBytes: 100_000,
    });
    expect(session().peerName).toBe("my page");
    const [json, text, bytes] = host.messages;
    expect([json?.json(), json?.headers.subject, json?.headers.user]).toEqual([
      [1],
      "a.b",
      { k: "v" },
    ]);
    expect([text?.text(), text?.tag]).toEqual(["héllo", 2n ** 64n - 1n]);
    expect([...(bytes?.payload ?? [])]).toEqual([0, 1, 2]);
    expect(json?.sessionId).toBe(session().id);
    await session().send({ a: 1 }, { priority: "high", tag: 7 });
    session().trySend(new Uint8Array([255]));
    expect((await page.heard(3)).slice(1)).toEqual([
      { type: "message", id: 1, priority: "high", tag: "7", data: { a: 1 } },
      { type: "message", id: 2, base64: "/w==" },
    ]);
    page.socket.close(1000, "bye");
    await until("left", () => host.ends.length === 1);
    expect(host.ends[0]).toEqual({
      code: 1000,
      reason: "bye",
      by: "peer",
      error: undefined,
      unconfirmed: 0,
    });
    const { messagesReceived, messagesSent } = session().statistics;
    expect([messagesReceived, messagesSent]).toEqual([3, 2]);
  });

  test("may begin without a hello, and bring their credentials as a sub-protocol", async () => {
    const { host, url } = await serve();
    const page = new Page(url, [
      "ringwire.1.text",
      `ringwire.bearer.${Buffer.from("tok/en").toString("base64url")}`,
    ]);
    await page.say({ type: "message", text: "first" });
    await until("message", () => host.messages.length === 1);
    expect(page.socket.protocol).toBe("ringwire.1.text");
    expect(host.credentials).toEqual(["Bearer tok/en"]);
  });

  test("have their requests answered, refused and cancelled", async () => {
    const { host, url } = await serve();
    const page = new Page(url);
    await page.say({ type: "request", id: 1, text: "anybody?" });
    expect((await page.heard(2))[1]).toEqual({
      type: "error",
      id: 1,
      error: { code: "NoResponder", message: "nobody here", retryable: false },
    });
    let cancelled = false;
    host.onRequest = (request) => {
      if (request.text() === "busy")
        return Promise.reject(
          new RemoteError("QueueFull", "come back", {
            retryable: true,
            retryAfterMs: 50,
            details: { depth: 3 },
          }),
        );
      if (request.text() === "bug") return Promise.reject(new Error("secret"));
      if (request.text() === "wait")
        return new Promise((_, reject) => {
          request.signal.addEventListener("abort", () => {
            cancelled = true;
            reject(request.signal.reason);
          });
        });
      return Promise.resolve(new Reply({ got: request.text() }, { tag: 3 }));
    };
    await page.say(
      { type: "request", id: 2, text: "sum" },
      { type: "request", id: 3, text: "busy" },
      { type: "request", id: 4, text: "bug" },
    );
    expect((await page.heard(5)).slice(2)).toEqual([
      { type: "response", id: 2, tag: "3", data: { got: "sum" } },
      {
        type: "error",
        id: 3,
        error: {
          code: "QueueFull",
          message: "come back",
          retryable: true,
          retryAfterMs: 50,
          details: '{"depth":3}',
        },
      },
      {
        type: "error",
        id: 4,
        error: {
          code: "Internal",
          message: "the handler has failed",
          retryable: false,
        },
      },
    ]);
    await page.say(
      { type: "request", id: 5, text: "wait" },
      { type: "cancel", id: 5 },
    );
    await until("cancelled", () => cancelled);
    cancelled = false;
    await page.say({ type: "request", id: 6, deadlineMs: 30, text: "wait" });
    await until("its deadline has passed", () => cancelled);
    await page.say({ type: "ping", id: 9 });
    // Neither of the two was answered.
    expect((await page.heard(6))[5]).toEqual({ type: "pong", id: 9 });
  });

  test("answer requests and pings of the server", async () => {
    const { session, url } = await serve();
    const page = new Page(url);
    page.socket.addEventListener("message", ({ data }) => {
      const { type, id, data: body } = JSON.parse(String(data)) as Said;
      if (type === "ping") void page.say({ type: "pong", id });
      if (type === "request" && body === 1)
        void page.say({ type: "response", id, data: 2 });
      if (type === "request" && body === 2)
        void page.say({ type: "error", id, error: { code: "No" } });
    });
    await page.say({ type: "hello" });
    await page.heard(1);
    expect((await session().request(1)).json()).toBe(2);
    const refused = await refusalOf(session().request(2));
    expect(refused).toBeInstanceOf(RemoteError);
    expect((refused as RemoteError).code).toBe("No");
    expect(await session().ping()).toBeGreaterThan(0);
    const late = await refusalOf(session().request(3, { timeoutMs: 50 }));
    expect((late as RemoteError).code).toBe("TimedOut");
    const stop = new AbortController();
    const asking = session().request(3, { signal: stop.signal });
    stop.abort(new Error("enough"));
    expect(((await refusalOf(asking)) as Error).message).toBe("enough");
    await until(
      "two cancels",
      () => page.said.filter(({ type }) => type === "cancel").length === 2,
    );
    const open = session().request(3);
    page.socket.close();
    expect(((await refusalOf(open)) as RemoteError).code).toBe("SessionClosed");
    expect(session().statistics.pendingRequests).toBe(0);
    expect(() => session().trySend("x")).toThrow("is over");
  });

  const refusedTexts: readonly (readonly [
    string,
    number,
    readonly (Said | string)[],
  ])[] = [
    ["no JSON", 1002, ["{"]],
    ["an unknown type", 1002, [{ type: "shout" }]],
    ["a request without an id", 1002, [{ type: "request" }]],
    ["two payloads", 1002, [{ type: "message", text: "a", data: 1 }]],
    ["a second hello", 1002, [{ type: "hello" }, { type: "hello" }]],
    [
      "a text that is too long",
      1009,
      [{ type: "message", text: "x".repeat(100_000) }],
    ],
  ];
  for (const [what, code, texts] of refusedTexts)
    test(`${what} is refused with ${code}, in words and by the close`, async () => {
      const { host, url } = await serve();
      const page = new Page(url);
      await page.say(...texts);
      expect(await page.code()).toBe(code);
      expect(page.said.at(-1)?.["type"]).toBe("goodbye");
      expect(page.said.at(-1)?.["code"]).toBe(code);
      await until("none left", () => host.sessions.size === 0);
      expect(host.messages.length).toBe(0);
    });

  test("binary messages are refused with 1003", async () => {
    const { url } = await serve();
    const page = new Page(url);
    await page.say({ type: "hello" });
    page.socket.send(new Uint8Array([1]));
    expect(await page.code()).toBe(1003);
  });

  test("clients who are not let in are told why, and nothing of them is handled", async () => {
    const { host, url } = await serve();
    host.onAdmit = async () => {
      await pause(20);
      throw new NotAdmittedError(CloseCode.Unauthorized, "who are you");
    };
    const page = new Page(url);
    await page.say(
      { type: "message", text: "1" },
      { type: "message", text: "2" },
    );
    expect(await page.code()).toBe(4002);
    expect(page.closed?.reason).toBe("who are you");
    expect([host.messages.length, host.ends.length]).toEqual([0, 0]);
  });

  test("what comes before the credentials are checked is handled after them, in order", async () => {
    const { host, url } = await serve();
    let letIn = () => {};
    host.onAdmit = () =>
      new Promise((resolve) => {
        letIn = resolve;
      });
    const page = new Page(url);
    await page.say(
      { type: "message", text: "1" },
      { type: "message", text: "2" },
      { type: "message", text: "3" },
    );
    await until("asked", () => host.credentials.length === 1);
    expect(host.messages.length).toBe(0);
    letIn();
    await until("handled", () => host.messages.length === 3);
    expect(host.messages.map((message) => message.text())).toEqual([
      "1",
      "2",
      "3",
    ]);
  });

  test("that say nothing are closed with 4003", async () => {
    const { url } = await serve({ helloTimeoutMs: 50 });
    expect(await new Page(url).code()).toBe(4003);
  });

  test("a client that does not read gets no more than fits, and is closed with 1013", async () => {
    const { host, session, url } = await serve(
      { queueBytes: 100_000, stallTimeoutMs: 600 },
      { closeTimeoutMs: 500 },
    );
    const client = await RawWebSocket.open(url, []);
    undo.push(() => client.socket.destroy());
    client.socket.write(rawFrame({ opcode: 1, payload: '{"type":"hello"}' }));
    await until("in", () => host.sessions.size === 1);
    client.socket.pause();
    const text = "x".repeat(50_000);
    let taken = 0;
    let takenAtMs = performance.now();
    while (performance.now() - takenAtMs < 150 && taken < 5000) {
      if (session().trySend(text)) {
        taken += 1;
        takenAtMs = performance.now();
      } else await pause(1);
    }
    expect(taken).toBeLessThan(1000);
    expect(session().statistics.queuedBytes).toBeLessThan(200_000);
    const waiting = await refusalOf(session().send(text, { timeoutMs: 20 }));
    expect((waiting as RemoteError).code).toBe("TimedOut");
    await until("left", () => host.ends.length === 1);
    expect([host.ends[0]?.code, host.ends[0]?.by]).toEqual([1013, "us"]);
  });

  test("one that asks and does not read is closed with 1013 too", async () => {
    const { host, url } = await serve(
      { queueBytes: 100_000 },
      { closeTimeoutMs: 500 },
    );
    host.onRequest = () => Promise.resolve(new Reply("x".repeat(90_000)));
    const client = await RawWebSocket.open(url, []);
    undo.push(() => client.socket.destroy());
    client.socket.pause();
    for (let id = 1; id <= 500; id++)
      client.socket.write(
        rawFrame({ opcode: 1, payload: `{"type":"request","id":${id}}` }),
      );
    await until("left", () => host.ends.length === 1);
    expect(host.ends[0]?.code).toBe(1013);
  });

  test("one whose requests take long is read no further than they are allowed to be many", async () => {
    const { host, session, url } = await serve();
    let active = 0;
    let most = 0;
    const answers: (() => void)[] = [];
    host.onRequest = () =>
      new Promise((resolve) => {
        active += 1;
        most = Math.max(most, active);
        answers.push(() => {
          active -= 1;
          resolve(new Reply("done"));
        });
      });
    const page = new Page(url);
    await page.say({ type: "hello" });
    for (let id = 1; id <= 40; id++)
      await page.say({ type: "request", id, text: "x".repeat(id * 100) });
    await until("full", () => active === 4);
    await pause(50);
    expect(session().statistics.activeRequests).toBe(4);
    while (page.said.length < 41) {
      for (const answer of answers.splice(0)) answer();
      await pause(2);
    }
    expect(most).toBe(4);
  });

  test("close says goodbye, once, and sends what was taken", async () => {
    const { host, session, url } = await serve();
    const page = new Page(url);
    await page.say({ type: "hello" });
    await page.heard(1);
    for (let count = 0; count < 100; count++)
      session().trySend("x".repeat(10_000));
    const [end, same] = await Promise.all([
      session().close(CloseCode.Kicked, "out"),
      session().drain(),
    ]);
    expect(end).toBe(same);
    expect([end.code, end.reason, end.by]).toEqual([4008, "out", "us"]);
    expect(await page.code()).toBe(4008);
    expect(page.said.length).toBe(102);
    expect(host.ends).toEqual([end]);
  });
});
