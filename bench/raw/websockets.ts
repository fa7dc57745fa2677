/** The WebSocket that all runtimes have, as a raw socket: one binary message for each write. */
import { setTimeout as sleep } from "node:timers/promises";
import { RawClient, type RawSocket } from "./frames.ts";

/** Bytes that may wait in a WebSocket, which tells nobody when they are gone. */
const bufferedBytesMax = 1_048_576;

/** The sending side. */
export class WebSocketOut implements RawSocket {
  readonly #socket: WebSocket;
  /** Called when there is room again. */
  onRoom: () => void = () => {};

  constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  write(bytes: Uint8Array, from: number, to: number): number {
    if (this.#socket.bufferedAmount > bufferedBytesMax) {
      void this.#wait();
      return 0;
    }
    // It keeps what it cannot send yet.
    this.#socket.send(bytes.slice(from, to));
    return to - from;
  }

  async #wait(): Promise<void> {
    while (this.#socket.bufferedAmount > bufferedBytesMax / 2) await sleep(0);
    this.onRoom();
  }
}

/** Connects. */
export function connectWebSocket(port: number): Promise<RawClient> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/`);
  socket.binaryType = "arraybuffer";
  const out = new WebSocketOut(socket);
  const client = new RawClient(out);
  out.onRoom = client.end.drained;
  socket.addEventListener("message", ({ data }) => {
    client.end.data(new Uint8Array(data as ArrayBuffer));
  });
  return new Promise((resolve, reject) => {
    socket.addEventListener("open", () => resolve(client));
    socket.addEventListener("error", () => reject(new Error("no WebSocket")));
  });
}
