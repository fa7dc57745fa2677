/** The package ws, as it is used: one binary message for each of ours, with a number before a request and its answer. */
import { WebSocket, WebSocketServer } from "ws";
import { WireServer } from "../programs/wire_client.ts";
import type { WirePeerEnds } from "./wire_ends.ts";

/** Before each message; 0 wants no answer. */
const numberBytes = 4;
/** Bytes that may wait in the client. */
const bufferedBytesMax = 1_048_576;

function numbered(id: number, body: Uint8Array): Uint8Array {
  const message = new Uint8Array(numberBytes + body.length);
  message[0] = id >>> 24;
  message[1] = id >>> 16;
  message[2] = id >>> 8;
  message[3] = id;
  message.set(body, numberBytes);
  return message;
}

function numberOf(message: Uint8Array): number {
  const [first = 0, second = 0, third = 0, fourth = 0] = message;
  return ((first << 24) | (second << 16) | (third << 8) | fourth) >>> 0;
}

/** Both ends. */
export const wsEnds: WirePeerEnds = {
  serve() {
    const listener = new WebSocketServer({
      host: "127.0.0.1",
      port: 0,
      perMessageDeflate: false,
    });
    listener.on("connection", (socket) => {
      const server = new WireServer();
      socket.on("message", (message) => {
        const id = numberOf(message);
        if (id === 0) server.message();
        else
          socket.send(
            numbered(id, server.answer(message.subarray(numberBytes))),
          );
      });
    });
    return new Promise((resolve) => {
      listener.on("listening", () => resolve(String(listener.address().port)));
    });
  },

  async connect(address) {
    const socket = new WebSocket(`ws://127.0.0.1:${address}/`, {
      perMessageDeflate: false,
    });
    const pending = new Map<number, (answer: Uint8Array) => void>();
    socket.on("message", (message) => {
      const id = numberOf(message);
      const resolve = pending.get(id);
      pending.delete(id);
      resolve?.(message.subarray(numberBytes));
    });
    await new Promise<void>((resolve, reject) => {
      socket.on("open", resolve);
      socket.on("error", reject);
    });
    let lastId = 0;
    return {
      trySend(body) {
        if (socket.bufferedAmount > bufferedBytesMax) return false;
        socket.send(numbered(0, body));
        return true;
      },
      send: (body) =>
        new Promise<void>((resolve) => {
          socket.send(numbered(0, body), () => resolve());
        }),
      request(body) {
        const id = ++lastId;
        return new Promise((resolve) => {
          pending.set(id, resolve);
          socket.send(numbered(id, body));
        });
      },
    };
  },
};
