/** What a client by hand may send, and what it is told when it may not. */
import { ProtocolViolationError } from "../../../src/transport/errors.ts";
import { createDefaultRegistry } from "../../../src/transport/protocols/builtin.ts";
import type { ListenOptions } from "../../../src/transport/adapter.ts";
import { patternBytes } from "../../support/byte_pattern.ts";
import {
  type RawFrame,
  RawWebSocket,
  rawFrame,
} from "../../support/raw_websocket.ts";
import { afterEach, describe, expect, test } from "../../support/testing.ts";
import {
  firstDifference,
  Recorder,
  TransportTrials,
} from "../../support/transport_fixture.ts";
import { until } from "../../support/waiting.ts";
import { collectUntil } from "../queue/garbage.ts";

const trials = new TransportTrials({
  registry: createDefaultRegistry(),
  scheme: "ws",
  listenAddress: () => "ws://127.0.0.1:0/",
  deadAddress: () => "ws://127.0.0.1:1/",
});
const clients: RawWebSocket[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.socket.destroy();
  await trials.closeAll();
});

class TextRecorder extends Recorder {
  readonly texts: string[] = [];

  text(text: string): void {
    this.texts.push(text);
  }
}

async function serve(options: ListenOptions = {}, takesText = true) {
  const servers: Recorder[] = [];
  const listener = await trials.listen((connection) => {
    const server = new (takesText ? TextRecorder : Recorder)(connection);
    servers.push(server);
    return server;
  }, options);
  const client = await RawWebSocket.open(listener.address);
  clients.push(client);
  await until("accepted", () => servers.length === 1);
  return { client, server: servers[0] as TextRecorder, listener };
}

const send = (client: RawWebSocket, ...frames: readonly RawFrame[]) =>
  client.socket.write(Buffer.concat(frames.map(rawFrame)));
const text = 1;
const binary = 2;
const close = 8;
const ping = 9;
const closing = (code: number, reason = "") => {
  const payload = Buffer.alloc(2 + Buffer.byteLength(reason));
  payload.writeUInt16BE(code);
  payload.write(reason, 2);
  return payload;
};

describe("WebSocket frames by hand", () => {
  const refused: readonly (readonly [string, number, readonly RawFrame[]])[] = [
    ["no mask", 1002, [{ opcode: binary, payload: "x", isMasked: false }]],
    ["reserved bit 1", 1002, [{ opcode: binary, reserved: 0x40 }]],
    ["reserved bit 2", 1002, [{ opcode: binary, reserved: 0x20 }]],
    ["reserved bit 3", 1002, [{ opcode: binary, reserved: 0x10 }]],
    ["opcode 3", 1002, [{ opcode: 3 }]],
    ["opcode 11", 1002, [{ opcode: 11 }]],
    ["a ping in fragments", 1002, [{ opcode: ping, isFinal: false }]],
    [
      "a ping of 126 bytes",
      1002,
      [{ opcode: ping, payload: new Uint8Array(126) }],
    ],
    ["a continuation of nothing", 1002, [{ opcode: 0, payload: "x" }]],
    [
      "a message within another",
      1002,
      [{ opcode: binary, isFinal: false }, { opcode: binary }],
    ],
    [
      "a continuation after the end",
      1002,
      [{ opcode: text, isFinal: false }, { opcode: 0 }, { opcode: 0 }],
    ],
    [
      "a length in two bytes that one can say",
      1002,
      [{ opcode: binary, payload: "x", lengthBytes: 2 }],
    ],
    [
      "a length in eight bytes that two can say",
      1002,
      [{ opcode: binary, payload: new Uint8Array(200), lengthBytes: 8 }],
    ],
    [
      "a length with its highest bit set",
      1009,
      [{ opcode: binary, declaredBytes: 2n ** 63n }],
    ],
    [
      "text that is no UTF-8",
      1007,
      [{ opcode: text, payload: Buffer.from([0xc3, 0x28]) }],
    ],
    [
      "text cut within a character",
      1007,
      [{ opcode: text, payload: Buffer.from([0xe2, 0x82]) }],
    ],
    [
      "a text declared too long",
      1009,
      [{ opcode: text, declaredBytes: 2n ** 40n }],
    ],
    [
      "a text too long in fragments",
      1009,
      [
        { opcode: text, isFinal: false, payload: new Uint8Array(600) },
        { opcode: 0, payload: new Uint8Array(600) },
      ],
    ],
    ["a close with one byte", 1002, [{ opcode: close, payload: "x" }]],
    ...[0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65_535].map(
      (code) =>
        [
          `a close with the code ${code}`,
          1002,
          [{ opcode: close, payload: closing(code) }],
        ] as const,
    ),
    [
      "a close whose reason is no UTF-8",
      1007,
      [{ opcode: close, payload: Buffer.from([3, 232, 0xff]) }],
    ],
  ];
  for (const [what, code, frames] of refused)
    test(`${what} is refused with ${code}, and others go on`, async () => {
      const { client, server, listener } = await serve({ maxTextBytes: 1000 });
      const other = await trials.connect(listener.address);
      send(client, ...frames, { opcode: binary, payload: "later" });
      expect(await client.closeCode()).toBe(code);
      client.socket.end();
      const reason = await server.whenClosed();
      expect(reason.kind).toBe("protocol");
      expect(reason.error).toBeInstanceOf(ProtocolViolationError);
      // Nothing behind it was looked at.
      expect(server.receivedBytes).toBe(0);
      expect(other.connection.state).toBe("open");
    });

  test("texts are refused with 1003 where nobody takes them", async () => {
    const { client, server } = await serve({}, false);
    send(client, { opcode: text, payload: "hello" });
    expect(await client.closeCode()).toBe(1003);
    client.socket.end();
    expect((await server.whenClosed()).kind).toBe("protocol");
  });

  test("every frame may come byte by byte, and every length is read", async () => {
    const { client, server } = await serve();
    const sizes = [0, 1, 125, 126, 127, 65_535, 65_536, 70_000];
    const expected = patternBytes(sizes.reduce((sum, size) => sum + size));
    let from = 0;
    const frames = sizes.map((size) => {
      from += size;
      return rawFrame({
        opcode: binary,
        payload: expected.subarray(from - size, from),
      });
    });
    const [small, ...large] = [
      Buffer.concat(frames.slice(0, 5)),
      ...frames.slice(5),
    ];
    for (const byte of small) {
      client.socket.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    client.socket.write(Buffer.concat(large));
    await until("all there", () => server.receivedBytes === expected.length);
    expect(firstDifference(server.bytes(), expected)).toBe(-1);
  });

  test("text in fragments, with a ping in between, is one text", async () => {
    const { client, server } = await serve({ maxTextBytes: 8 });
    const euro = Buffer.from("€");
    send(
      client,
      { opcode: text, isFinal: false, payload: euro.subarray(0, 1) },
      { opcode: ping, payload: "are you there" },
      { opcode: 0, isFinal: false, payload: euro.subarray(1) },
      { opcode: 0, isFinal: false },
      { opcode: 0, payload: "12345" },
      { opcode: text },
    );
    await until("texts", () => server.texts.length === 2);
    expect(server.texts).toEqual(["€12345", ""]);
    await until("pong", () => client.received.length >= 15);
    expect(client.received.toString("latin1")).toBe("\x8a\x0dare you there");
  });

  test("a message of 2^50 bytes takes no memory", async () => {
    const { client, server } = await serve();
    send(client, {
      opcode: binary,
      declaredBytes: 2n ** 50n,
      payload: "begin",
    });
    await until("there", () => server.receivedBytes === 5);
    expect(server.connection.state).toBe("open");
  });

  test("a million bytes of text in fragments of one byte cost no more than they are", async () => {
    const { client, server } = await serve();
    const held = (): number => {
      const { heapUsed, external } = process.memoryUsage();
      return heapUsed + external;
    };
    const before = held();
    const one = rawFrame({ opcode: 0, isFinal: false, payload: "x" });
    send(client, { opcode: text, isFinal: false });
    client.socket.write(Buffer.alloc(one.length * 1_000_000, one));
    send(client, { opcode: ping, payload: "read" });
    const pong = Buffer.from("\x8a\x04read", "latin1");
    await until("all is read", () => client.received.includes(pong));
    // An object for each would be 64 bytes and more.
    expect(await collectUntil(() => held() - before < 30 * 2 ** 20)).toBe(true);
    send(client, { opcode: 0 });
    await until("text", () => server.texts.length === 1);
    expect(server.texts[0]?.length).toBe(1_000_000);
  });

  test(
    "a flood of pings that are not answered in time is bounded, and the last one is answered",
    async () => {
      const { client, server } = await serve();
      client.socket.pause();
      const block = Buffer.alloc(
        131 * 8000,
        rawFrame({ opcode: ping, payload: new Uint8Array(125) }),
      );
      // Until nothing goes out any more, or far more went than buffers hold.
      for (let count = 0; count < 40; count++) client.socket.write(block);
      send(client, { opcode: ping, payload: "last" });
      await until("pings are read", () => client.socket.writableLength === 0);
      expect(server.connection.queuedBytes).toBeLessThan(300_000);
      client.socket.resume();
      const last = Buffer.from("\x8a\x04last", "latin1");
      await until("last pong", () =>
        client.received.subarray(-last.length).equals(last),
      );
    },
    { timeoutMs: 30_000 },
  );

  test("a close is answered with its own code, and says why", async () => {
    const { client, server } = await serve();
    send(client, { opcode: close, payload: closing(4321, "enough") });
    expect(await client.closeCode()).toBe(4321);
    client.socket.end();
    const reason = await server.whenClosed();
    expect([reason.kind, reason.code, reason.reason]).toEqual([
      "peer",
      4321,
      "enough",
    ]);
  });

  test("a close without a code is answered without one", async () => {
    const { client, server } = await serve();
    send(client, { opcode: close });
    expect(await client.closeCode()).toBe(1005);
    client.socket.end();
    expect((await server.whenClosed()).code).toBe(1005);
  });

  test("the code and the reason of our close reach the peer, the reason cut between characters", async () => {
    const { client, server } = await trials.pair();
    void server.connection.close(4001, `${"x".repeat(121)}€€`);
    const reason = await client.whenClosed();
    expect([reason.kind, reason.code, reason.reason]).toEqual([
      "peer",
      4001,
      "x".repeat(121),
    ]);
  });

  test("an end without a close is a reset", async () => {
    const { client, server } = await serve();
    send(client, { opcode: binary, payload: "half", declaredBytes: 100n });
    client.socket.end();
    const reason = await server.whenClosed();
    expect([reason.kind, reason.error?.code]).toEqual([
      "reset",
      "ConnectionReset",
    ]);
    expect(server.receivedBytes).toBe(4);
  });

  test("a server that masks is refused by the client", async () => {
    const { client, server } = await trials.pair();
    // The stream below the WebSocket gets a frame that only a client may send.
    (
      server.connection as unknown as { sendFirst(bytes: Uint8Array): void }
    ).sendFirst(rawFrame({ opcode: binary, payload: "x" }));
    const reason = await client.whenClosed();
    expect(reason.kind).toBe("protocol");
    expect(client.receivedBytes).toBe(0);
  });
});
