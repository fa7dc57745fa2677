import { encodeHello } from "../../../src/wire/hello.ts";
import {
  frameToBytes,
  type OutgoingFrame,
} from "../../../src/wire/frame_encoder.ts";
import { FrameFlag, FrameKind } from "../../../src/wire/kinds.ts";
import { wireLimits } from "../../../src/wire/limits.ts";
import {
  type MemoryConnection,
  memoryConnections,
} from "../../support/memory_connections.ts";
import { HeardSession, sessionPair } from "../../support/session_pairs.ts";
import { describe, expect, test } from "../../support/testing.ts";
import { until } from "../../support/waiting.ts";

const hello = frameToBytes({
  kind: FrameKind.Hello,
  payload: encodeHello({
    limits: wireLimits(),
    creditBytes: 1_000_000,
    creditMessages: 1000,
  }),
});

/** A server's session whose client is bytes by hand. */
function rawClient(): { raw: MemoryConnection; server: HeardSession } {
  const [raw, end] = memoryConnections();
  const server = new HeardSession({ role: "server", helloTimeoutMs: 200 });
  raw.handler = { data() {}, drain() {}, closed() {} };
  end.handler = server.session.attach(end);
  return { raw, server };
}

function frames(...list: OutgoingFrame[]): Uint8Array {
  return new Uint8Array(Buffer.concat([hello, ...list.map(frameToBytes)]));
}

const payload = new Uint8Array(10);
const message = { kind: FrameKind.Message, id: 1, payload };

function changed(at: number, value: number): Uint8Array {
  const bytes = frames(message);
  bytes[hello.length + at] = value;
  return bytes;
}

const refused: readonly (readonly [string, Uint8Array, number])[] = [
  ["garbage", new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"), 1009],
  ["another version", changed(4, 9), 4001],
  ["an unknown kind", changed(5, 12), 1003],
  ["an unknown flag", changed(6, 0x80), 1003],
  ["an unknown priority", changed(7, 3), 1002],
  ["a frame that is too long", changed(1, 0x7f), 1009],
  ["a message before the hello", frameToBytes(message), 1002],
  [
    "a second hello",
    frames({ kind: FrameKind.Hello, payload: hello.slice(24) }),
    1002,
  ],
  [
    "a fin without a goodbye",
    frames({ kind: FrameKind.Fin, payload: new Uint8Array(16) }),
    1002,
  ],
  [
    "a continued message that never began",
    frames({ ...message, flags: FrameFlag.Continued }),
    1002,
  ],
  [
    "broken compression",
    frames({
      ...message,
      flags: FrameFlag.Compressed,
      payload: Uint8Array.of(1, 0, 0, 0, 9, 1, 2, 3),
    }),
    1007,
  ],
  [
    "broken headers",
    frames({ ...message, headers: Uint8Array.of(8, 0, 1, 120, 8, 0, 1, 120) }),
    1002,
  ],
  [
    "more than there is credit for",
    frames(
      ...Array.from({ length: 40 }, (_, at) => ({
        kind: FrameKind.Request,
        id: at + 1,
        payload: new Uint8Array(30_000),
      })),
    ),
    4005,
  ],
  [
    "credit that goes down",
    frames({ kind: FrameKind.Credit, payload: new Uint8Array(24) }),
    1002,
  ],
  [
    "an acceptance of what was never sent",
    frames({
      kind: FrameKind.Credit,
      payload: Uint8Array.from({ length: 24 }, (_, at) =>
        at === 23 || at === 12 || at === 3 ? 9 : 0,
      ),
    }),
    1002,
  ],
];

describe("session - refuses", () => {
  for (const [what, bytes, code] of refused)
    test(`${what}, with code ${code}`, async () => {
      const { raw, server } = rawClient();
      // Answers never come, so nothing gives credit back.
      server.session.settings.listeners.onRequest = () => new Promise(() => {});
      raw.write(bytes);
      const end = await server.session.whenEnded();
      expect([end.code, end.by]).toEqual([code, "us"]);
      expect(end.error?.name.startsWith("Wire") || code === 4005).toBe(true);
      expect(server.texts).toEqual([]);
      await until("closed", () => raw.closeReason !== undefined);
    });

  test("silence instead of a hello, with code 4003", async () => {
    const { raw, server } = rawClient();
    raw.write(hello.subarray(0, 30));
    const end = await server.session.whenEnded();
    expect([end.code, end.by]).toEqual([4003, "us"]);
  });
});

describe("session", () => {
  test("takes frames that come in pieces of every size", async () => {
    for (const chunkBytes of [1, 2, 7, 24, 25, 1000]) {
      const { client, server } = await sessionPair({
        clientFaults: { chunkBytes },
        serverFaults: { chunkBytes },
        server: { listeners: { onRequest: (request) => request.payload } },
      });
      for (let at = 0; at < 20; at++) client.session.trySend(`message ${at}`);
      const answer = await client.session.request("question");
      expect(answer.text()).toBe("question");
      await until("all", () => server.texts.length === 20);
      expect(server.messages.map((each) => each.text())).toEqual(server.texts);
      expect(server.texts[19]).toBe("message 19");
      client.session.abort();
    }
  });

  test("ends as lost when the peer vanishes in the middle of a message", async () => {
    const { client, server, clientEnd } = await sessionPair();
    const pending = client.session.request("x".repeat(100_000));
    pending.catch(() => {});
    clientEnd.faults.loseAfterBytes = clientEnd.bytesSent + 50_000;
    const end = await server.session.whenEnded();
    expect([end.by, end.code]).toEqual(["lost", 1006]);
    expect(await pending.catch((error: { code: string }) => error.code)).toBe(
      "FateUnknown",
    );
    expect((await client.session.whenEnded()).unconfirmed).toBe(1);
    expect(client.unknown).toEqual([{ first: 1, last: 1 }]);
    expect(server.texts).toEqual([]);
  });

  test("gives up a silent peer after three times what it has promised", async () => {
    const { client, server, serverEnd } = await sessionPair({
      server: { heartbeatMs: 20 },
      client: { heartbeatMs: 20 },
    });
    await until(
      "a round trip",
      () => client.session.statistics.roundTripMs !== undefined,
    );
    expect(client.session.state).toBe("open");
    serverEnd.faults.isStalled = true;
    const end = await client.session.whenEnded();
    expect([end.code, end.by]).toEqual([4004, "lost"]);
    const theirs = await server.session.whenEnded();
    expect(theirs.code).toBe(4004);
  });

  test("bounds what waits for a peer that stops reading", async () => {
    const { client, serverEnd, clientEnd } = await sessionPair({
      clientFaults: { bufferBytes: 100_000 },
      client: { queueBytes: 200_000, closeTimeoutMs: 50 },
    });
    clientEnd.faults.isStalled = true;
    const payload = new Uint8Array(900);
    let taken = 0;
    while (taken < 10_000 && client.session.trySend(payload)) taken += 1;
    expect(taken).toBeGreaterThan(200);
    expect(taken).toBeLessThan(600);
    const waiting = client.session.send(payload, { timeoutMs: 30 });
    const refusal = await waiting.catch(
      (error: { code: string }) => error.code,
    );
    expect(refusal).toBe("TimedOut");
    expect(client.session.statistics.queuedBytes).toBeLessThan(600_000);
    const end = client.session.close();
    expect((await end).code).toBe(1000);
    expect(serverEnd.state).toBe("closed");
  });
});
