/** The handshake of WebSocket: who is let in, and what everybody else is told. */
import { createServer } from "node:net";
import type { ListenOptions } from "../../../src/transport/adapter.ts";
import { UpgradeRefusedError } from "../../../src/transport/errors.ts";
import { createDefaultRegistry } from "../../../src/transport/protocols/builtin.ts";
import { RawWebSocket, upgradeRequest } from "../../support/raw_websocket.ts";
import { afterEach, describe, expect, test } from "../../support/testing.ts";
import {
  Recorder,
  refusalOf,
  TransportTrials,
} from "../../support/transport_fixture.ts";
import { until } from "../../support/waiting.ts";

const trials = new TransportTrials({
  registry: createDefaultRegistry(),
  scheme: "ws",
  listenAddress: () => "ws://127.0.0.1:0/rings",
  deadAddress: () => "ws://127.0.0.1:1/rings",
});
const clients: RawWebSocket[] = [];
const undo: (() => void)[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.socket.destroy();
  for (const step of undo.splice(0)) step();
  await trials.closeAll();
});

async function serve(options: ListenOptions = {}) {
  const servers: Recorder[] = [];
  const listener = await trials.listen((connection) => {
    const server = new Recorder(connection);
    servers.push(server);
    return server;
  }, options);
  return { listener, servers };
}

/** The status line that is answered, and the whole answer. */
async function answerTo(url: string, request: string) {
  const client = await RawWebSocket.connect(url, request);
  clients.push(client);
  await until("an answer", () => client.received.includes("\r\n\r\n"));
  const text = client.received.toString("latin1");
  return { client, text, status: Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]) };
}

/** A server that says this much to everybody. */
async function saying(answer: string, ends: boolean): Promise<string> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => {
      if (ends) socket.end(answer);
      else socket.write(answer);
    });
    undo.push(() => socket.destroy());
  });
  undo.push(() => server.close());
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as { port: number };
  return `ws://127.0.0.1:${port}/rings`;
}

describe("WebSocket upgrades", () => {
  test("say what was asked for: path and query, origin, sub-protocol, credentials", async () => {
    const { listener, servers } = await serve();
    const { host } = new URL(listener.address);
    clients.push(
      await RawWebSocket.open(`${listener.address}?room=a`, [
        `Origin: http://${host}`,
        "Sec-WebSocket-Protocol: chat, ringwire.1.text",
        `Sec-WebSocket-Protocol: ringwire.bearer.${Buffer.from("séc ret").toString("base64url")}`,
      ]),
    );
    await trials.connect(listener.address);
    clients.push(await RawWebSocket.open(listener.address, []));
    await until("accepted", () => servers.length === 3);
    const [text, frames, plain] = servers.map(
      ({ connection }) => connection.upgrade,
    );
    expect(text).toEqual({
      carries: "text",
      protocol: "ringwire.1.text",
      path: "/rings?room=a",
      origin: `http://${host}`,
      credentials: "Bearer séc ret",
    });
    expect([frames?.carries, frames?.protocol]).toEqual([
      "frames",
      "ringwire.1",
    ]);
    expect([plain?.carries, plain?.protocol]).toEqual(["text", undefined]);
  });

  const refused: readonly (readonly [
    string,
    number,
    (url: string) => string,
  ])[] = [
    ["another path", 404, (url) => upgradeRequest(`${url}/more`, [])],
    [
      "a plain GET",
      426,
      (url) => `GET ${new URL(url).pathname} HTTP/1.1\r\nHost: x\r\n\r\n`,
    ],
    ["a POST", 426, (url) => upgradeRequest(url, []).replace("GET", "POST")],
    [
      "version 8",
      426,
      (url) => upgradeRequest(url, []).replace("Version: 13", "Version: 8"),
    ],
    [
      "no key",
      400,
      (url) => upgradeRequest(url, []).replace(/Sec-WebSocket-Key.*\r\n/, ""),
    ],
    ["a short key", 400, (url) => upgradeRequest(url, []).replace("dGhl", "")],
    [
      "no host",
      400,
      (url) => upgradeRequest(url, []).replace(/Host.*\r\n/, ""),
    ],
    [
      "no connection header",
      400,
      (url) =>
        upgradeRequest(url, []).replace("keep-alive, Upgrade", "keep-alive"),
    ],
    [
      "HTTP/1.0",
      400,
      (url) => upgradeRequest(url, []).replace("HTTP/1.1", "HTTP/1.0"),
    ],
    ["garbage", 400, () => "\x16\x03\x01\x02\x00\x01"],
    ["a header without a name", 400, (url) => upgradeRequest(url, [": x"])],
    ["a folded header", 400, (url) => upgradeRequest(url, ["A: b", " c"])],
    [
      "a head of 9000 bytes",
      431,
      (url) => upgradeRequest(url, [`A: ${"x".repeat(9000)}`]),
    ],
    [
      "a head of 9000 bytes without an end",
      431,
      (url) => `GET ${url} HTTP/1.1\r\nA: ${"x".repeat(9000)}`,
    ],
    [
      "another origin",
      403,
      (url) => upgradeRequest(url, ["Origin: https://evil.example"]),
    ],
    [
      "another port's origin",
      403,
      (url) => upgradeRequest(url, ["Origin: http://127.0.0.1:1"]),
    ],
    ["the origin null", 403, (url) => upgradeRequest(url, ["Origin: null"])],
  ];
  for (const [what, status, request] of refused)
    test(`${what} is answered with ${status}, a text, and a close`, async () => {
      const { listener, servers } = await serve();
      const {
        client,
        text,
        status: got,
      } = await answerTo(listener.address, request(listener.address));
      expect(got).toBe(status);
      await until("ended", () => client.hasEnded);
      expect(text).toContain("Connection: close");
      expect(
        client.received.toString("latin1").split("\r\n\r\n")[1]?.length,
      ).toBeGreaterThan(10);
      expect(servers.length).toBe(0);
      client.socket.destroy();
      await until("counted", () => listener.statistics.failedHandshakes === 1);
      await trials.connect(listener.address);
    });

  test("origins that are listed are let in, others and the own one are not", async () => {
    const { listener } = await serve({ origins: ["https://app.example"] });
    const from = async (origin: string) =>
      (
        await answerTo(
          listener.address,
          upgradeRequest(listener.address, [`Origin: ${origin}`]),
        )
      ).status;
    expect(await from("https://app.example")).toBe(101);
    expect(await from("http://app.example")).toBe(403);
    expect(await from("https://app.example.evil")).toBe(403);
    expect(await from(`http://${new URL(listener.address).host}`)).toBe(403);
    const everywhere = await serve({ origins: ["*"] });
    expect(
      (
        await answerTo(
          everywhere.listener.address,
          upgradeRequest(everywhere.listener.address, ["Origin: null"]),
        )
      ).status,
    ).toBe(101);
  });

  test("that do not come in time are ended, whole or half", async () => {
    const { listener } = await serve({
      handshakeTimeoutMs: 200,
      maxConnections: 2,
    });
    const silent = await RawWebSocket.connect(listener.address, "");
    const half = await RawWebSocket.connect(
      listener.address,
      "GET /rings HTTP/1.1\r\nHost: x\r\n",
    );
    clients.push(silent, half);
    await until("ended", () => silent.hasEnded && half.hasEnded);
    expect(listener.statistics.failedHandshakes).toBe(2);
    // They held their places meanwhile, and do not any more.
    await trials.connect(listener.address);
    await trials.connect(listener.address);
  });

  test("that are under way end when the listener stops", async () => {
    const { listener } = await serve();
    const half = await RawWebSocket.connect(listener.address, "GET /");
    clients.push(half);
    await new Promise((resolve) => setTimeout(resolve, 20));
    await listener.stop();
    await until("ended", () => half.hasEnded);
  });

  test("with frames right behind them lose none", async () => {
    const { listener, servers } = await serve();
    const request = upgradeRequest(listener.address, [
      "Sec-WebSocket-Protocol: ringwire.1",
    ]);
    const { client } = await answerTo(
      listener.address,
      `${request}\x82\x83\x00\x00\x00\x00abc`,
    );
    await until("there", () => servers[0]?.receivedBytes === 3);
    expect(client.received.toString("latin1")).toContain(
      "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
    );
  });

  const answers: readonly (readonly [string, number | undefined, string])[] = [
    ["404", 404, "HTTP/1.1 404 Not Found\r\n\r\n"],
    ["503", 503, "HTTP/1.1 503 Busy\r\n\r\n"],
    ["no HTTP", undefined, "SSH-2.0-OpenSSH_9.2\r\n"],
    [
      "an upgrade with the wrong proof",
      101,
      "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAA\r\nSec-WebSocket-Protocol: ringwire.1\r\n\r\n",
    ],
  ];
  for (const [what, status, answer] of answers)
    test(`a server that answers with ${what} is a typed error`, async () => {
      const url = await saying(answer, false);
      const error = await refusalOf(trials.connect(url));
      expect(error).toBeInstanceOf(UpgradeRefusedError);
      const refusal = error as UpgradeRefusedError;
      expect([refusal.status, refusal.address]).toEqual([status, url]);
      expect(refusal.retryable).toBe(status === 503);
    });

  test("a server that never answers, or ends at once, is a typed error", async () => {
    const silent = await refusalOf(
      trials.connect(await saying("HTTP/1.1 101 ", false), { timeoutMs: 200 }),
    );
    expect((silent as { code?: string }).code).toBe("TimedOut");
    const ended = await refusalOf(trials.connect(await saying("", true)));
    expect((ended as { code?: string }).code).toBe("ConnectionReset");
  });

  test("of the runtime's own client are accepted, and its binary messages are the stream", async () => {
    const { listener, servers } = await serve();
    const socket = new WebSocket(listener.address, "ringwire.1");
    undo.push(() => socket.close());
    socket.binaryType = "arraybuffer";
    const got: number[] = [];
    socket.addEventListener("message", ({ data }) => {
      got.push(...new Uint8Array(data as ArrayBuffer));
    });
    const codes: number[] = [];
    socket.addEventListener("close", ({ code }) => codes.push(code));
    await until("open", () => socket.readyState === WebSocket.OPEN);
    expect(socket.protocol).toBe("ringwire.1");
    socket.send(new Uint8Array([1, 2, 3]));
    socket.send(new Uint8Array([4]));
    await until("there", () => servers[0]?.receivedBytes === 4);
    servers[0]?.connection.write(new Uint8Array([7, 8]));
    await until("back", () => got.length === 2);
    expect(got).toEqual([7, 8]);
    void servers[0]?.connection.close(4008, "kicked");
    await until("closed", () => codes.length === 1);
    expect(codes).toEqual([4008]);
  });
});
