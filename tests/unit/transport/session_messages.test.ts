import { Reply } from "../../../src/transport/message.ts";
import {
  NoResponderError,
  RemoteError,
  SessionClosedError,
} from "../../../src/transport/session_errors.ts";
import { sessionPair } from "../../support/session_pairs.ts";
import { describe, expect, test } from "../../support/testing.ts";
import { refusalOf } from "../../support/transport_fixture.ts";
import { until } from "../../support/waiting.ts";

describe("session", () => {
  test("carries messages both ways, in order, with all that belongs to them", async () => {
    const { client, server } = await sessionPair();
    for (let number = 0; number < 100; number++)
      expect(client.session.trySend(`message ${number}`)).toBe(true);
    expect(server.session.trySend(new Uint8Array([104, 105]))).toBe(true);
    await client.session.send(
      { a: 1 },
      {
        tag: 7n,
        subject: "s",
        headers: { x: "y" },
        priority: "normal",
        traceparent: "t",
        replyTo: "r",
        correlation: "c",
      },
    );
    await until("all there", () => server.messages.length === 101);
    expect(server.texts.slice(0, 100)).toEqual(
      Array.from({ length: 100 }, (_, number) => `message ${number}`),
    );
    const last = server.messages[100];
    expect(last?.tag).toBe(7n);
    expect(last?.value()).toEqual({ a: 1 });
    expect(last?.json()).toEqual({ a: 1 });
    expect(last?.headers.subject).toBe("s");
    expect(last?.headers.user?.x).toBe("y");
    expect(last?.headers.replyTo).toBe("r");
    expect(last?.headers.correlation).toBe("c");
    expect(last?.headers.contentType).toBe("application/json");
    expect(last?.sessionId).toBe(server.session.id);
    expect(client.session.id).toBe(server.session.id);
    await until("answered", () => client.texts.length === 1);
    expect(client.texts).toEqual(["hi"]);
    // Views of messages stay valid: the chunk that they came in was overwritten meanwhile.
    expect(server.messages[3]?.text()).toBe("message 3");
    expect(server.session.statistics.messagesReceived).toBe(101);
    expect(client.session.statistics.messagesSent).toBe(101);
  });

  test("answers requests, at once and later, with replies and errors", async () => {
    const { client, server } = await sessionPair({
      server: {
        listeners: {
          onRequest: (request) => {
            const text = request.text();
            if (text === "throw") throw new Error("secret");
            if (text === "refuse")
              throw new RemoteError("NotNow", "later", {
                retryable: true,
                retryAfterMs: 5,
                details: { at: 1 },
              });
            if (text === "reply")
              return new Reply("body", { headers: { a: "b" }, tag: 3 });
            if (text === "bytes") return request.payload;
            return Promise.resolve(`${text}!`);
          },
        },
      },
    });
    const { session } = client;
    expect((await session.request("later")).text()).toBe("later!");
    expect((await session.request("bytes")).text()).toBe("bytes");
    const reply = await session.request("reply");
    expect(reply.headers.user?.a).toBe("b");
    expect(reply.tag).toBe(3n);
    const refusal = await refusalOf(session.request("refuse"));
    expect(refusal).toBeInstanceOf(RemoteError);
    const { code, retryable, retryAfterMs, details } = refusal as RemoteError;
    expect({ code, retryable, retryAfterMs, details }).toEqual({
      code: "NotNow",
      retryable: true,
      retryAfterMs: 5,
      details: { at: 1 },
    });
    const fault = (await refusalOf(session.request("throw"))) as RemoteError;
    expect(fault.code).toBe("Internal");
    expect(fault.message.includes("secret")).toBe(false);
    expect((server.errors[0] as Error).message).toBe("secret");
    expect(await refusalOf(server.session.request("x"))).toBeInstanceOf(
      NoResponderError,
    );
    expect(session.statistics.pendingRequests).toBe(0);
    expect(await session.ping()).toBeGreaterThanOrEqual(0);
  });

  test("closes with a goodbye after everything that was taken is out", async () => {
    const { client, server } = await sessionPair();
    for (let number = 0; number < 5000; number++)
      client.session.trySend("some text");
    const end = await client.session.close(1000, "done");
    expect([end.code, end.reason, end.by, end.unconfirmed]).toEqual([
      1000,
      "done",
      "us",
      0,
    ]);
    expect(server.texts.length).toBe(5000);
    const theirs = await server.session.whenEnded();
    expect([theirs.code, theirs.reason, theirs.by]).toEqual([
      1000,
      "done",
      "peer",
    ]);
    expect(() => client.session.trySend("x")).toThrow(SessionClosedError);
    expect(await refusalOf(client.session.request("x"))).toBeInstanceOf(
      SessionClosedError,
    );
    expect(client.states).toEqual(["open", "draining", "closed"]);
  });
});
