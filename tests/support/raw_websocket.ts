/** A WebSocket client by hand, over `node:net`, that may break every rule. */
import { connect, type Socket } from "node:net";
import { until } from "./waiting.ts";

/** A frame, as it is to be sent. */
export interface RawFrame {
  readonly opcode: number;
  readonly payload?: Uint8Array | string;
  /** @default true */
  readonly isFinal?: boolean;
  /** @default true */
  readonly isMasked?: boolean;
  /** Reserved bits, 0x40, 0x20, 0x10. @default 0 */
  readonly reserved?: number;
  /** How many bytes its length takes; undefined: as few as can be. */
  readonly lengthBytes?: 0 | 2 | 8;
  /** What the length says, if it is not true. */
  readonly declaredBytes?: bigint;
}

/** The bytes of a frame. */
export function rawFrame(frame: RawFrame): Buffer {
  const { opcode, isFinal = true, isMasked = true, reserved = 0 } = frame;
  const payload = Buffer.from(frame.payload ?? "");
  const declared = frame.declaredBytes ?? BigInt(payload.length);
  const lengthBytes =
    frame.lengthBytes ?? (declared < 126n ? 0 : declared < 65_536n ? 2 : 8);
  const head = Buffer.alloc(2 + lengthBytes);
  head[0] = (isFinal ? 0x80 : 0) | reserved | opcode;
  head[1] =
    (isMasked ? 0x80 : 0) |
    (lengthBytes === 0 ? Number(declared) : lengthBytes === 2 ? 126 : 127);
  if (lengthBytes === 2) head.writeUInt16BE(Number(declared), 2);
  if (lengthBytes === 8) head.writeBigUInt64BE(declared, 2);
  if (!isMasked) return Buffer.concat([head, payload]);
  const mask = Buffer.from([0x37, 0xfa, 0x21, 0x3d]);
  for (const [index, byte] of payload.entries())
    payload[index] = byte ^ (mask[index & 3] ?? 0);
  return Buffer.concat([head, mask, payload]);
}

/** A connection over TCP, and what has come on it. */
export class RawWebSocket {
  readonly socket: Socket;
  received: Buffer = Buffer.alloc(0);
  hasEnded = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.received = Buffer.concat([this.received, chunk]);
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      this.hasEnded = true;
    });
    socket.on("end", () => {
      this.hasEnded = true;
    });
  }

  /** Connects, and sends this much, in Latin-1. @param url of a listener */
  static async connect(url: string, first: string): Promise<RawWebSocket> {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    const raw = new RawWebSocket(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    socket.write(first, "latin1");
    return raw;
  }

  /** Connects and upgrades. @param more lines of headers */
  static async open(
    url: string,
    more: readonly string[] = ["Sec-WebSocket-Protocol: ringwire.1"],
  ): Promise<RawWebSocket> {
    const raw = await RawWebSocket.connect(url, upgradeRequest(url, more));
    await until("upgraded", () => raw.received.includes("\r\n\r\n"));
    const end = raw.received.indexOf("\r\n\r\n") + 4;
    const head = raw.received.toString("latin1", 0, end);
    if (!head.startsWith("HTTP/1.1 101 ")) throw new Error(head);
    raw.received = raw.received.subarray(end);
    return raw;
  }

  /** Waits for the server's frame of close; pongs and data before it are passed over. @returns its code */
  async closeCode(): Promise<number | undefined> {
    let code: number | undefined;
    await until("a close frame", () => {
      for (let at = 0; at + 2 <= this.received.length;) {
        const short = this.received.readUInt8(at + 1) & 0x7f;
        const length =
          short === 126 ? this.received.readUInt16BE(at + 2) : short;
        const begin = at + (short === 126 ? 4 : 2);
        if (this.received.readUInt8(at) === 0x88) {
          code = length >= 2 ? this.received.readUInt16BE(begin) : 1005;
          return true;
        }
        at = begin + length;
      }
      return false;
    });
    return code;
  }
}

/** A request to upgrade, with these lines in addition. */
export function upgradeRequest(url: string, more: readonly string[]): string {
  const { host, pathname, search } = new URL(url);
  return [
    `GET ${pathname}${search} HTTP/1.1`,
    `Host: ${host}`,
    "Upgrade: websocket",
    "Connection: keep-alive, Upgrade",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
    ...more,
    "",
    "",
  ].join("\r\n");
}
