/** A message with its tag and time. */
import type { MessageData } from "../core/buffers.ts";

/** What can be sent: bytes, several buffers that make up one message, or text as UTF-8. */
export type SendData = MessageData | string;

/** A message for {@linkcode AsyncUcxClient.sendBatch}. */
export interface OutgoingMessage {
  readonly tag: number | bigint;
  readonly data: SendData;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const strictDecoder = new TextDecoder("utf-8", { fatal: true });

/** A message to be sent, or one that was received. */
export class AsyncMessage {
  readonly tag: number | bigint;
  /** Its bytes; not copied. */
  readonly data: Uint8Array;
  /** When it was made or received: milliseconds since 1970. */
  readonly timestamp: number;

  /** @param timestamp milliseconds since 1970. @default now */
  constructor(
    tag: number | bigint,
    data: Uint8Array,
    timestamp: number = Date.now(),
  ) {
    if (!(data instanceof Uint8Array))
      throw new TypeError(
        `data: given ${data === null ? "null" : typeof data}, allowed a Uint8Array`,
      );
    this.tag = tag;
    this.data = data;
    this.timestamp = timestamp;
  }

  /** A message of text, as UTF-8. */
  static text(tag: number | bigint, text: string): AsyncMessage {
    if (typeof text !== "string")
      throw new TypeError(`text: given ${typeof text}, allowed a string`);
    return new AsyncMessage(tag, encoder.encode(text));
  }

  /** A message of any value that JSON can hold. @throws {TypeError} when it cannot */
  static json(tag: number | bigint, value: unknown): AsyncMessage {
    const text: string | undefined = JSON.stringify(value);
    if (text === undefined)
      throw new TypeError(
        `value: given ${typeof value}, allowed what JSON can hold`,
      );
    return AsyncMessage.text(tag, text);
  }

  /** A message of bytes, which are not copied. */
  static bytes(tag: number | bigint, data: Uint8Array): AsyncMessage {
    return new AsyncMessage(tag, data);
  }

  /** Bytes of it. */
  get length(): number {
    return this.data.byteLength;
  }

  /** Its bytes as text; what is no UTF-8 becomes U+FFFD. */
  text(): string {
    return decoder.decode(this.data);
  }

  /** Its value. @throws {SyntaxError} when it is no JSON; {TypeError} when it is no UTF-8 */
  json(): unknown {
    return JSON.parse(strictDecoder.decode(this.data));
  }

  /** Its bytes, not copied. */
  bytes(): Uint8Array {
    return this.data;
  }

  /** {@linkcode timestamp} as a Date. */
  get date(): Date {
    return new Date(this.timestamp);
  }
}
