/** Messages as users see them, the same over every protocol. */
import type { MessageHeaders } from "../wire/headers.ts";

/** What is sent: bytes as they are, a string as `text/plain`, anything else as JSON. */
export type MessageBody = Uint8Array | string | JsonValue;

/** What JSON can say. */
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue | undefined };

/** Which goes first when not everything can go at once. */
export type Priority = "high" | "normal" | "low";

/** What a message may carry besides its body. */
export interface MessageOptions {
  /** A number of the application's own, 0 to 2^64 - 1; routes match it. @default 0 */
  readonly tag?: number | bigint | undefined;
  /** What it is about; routes match it. @default none */
  readonly subject?: string | undefined;
  /** Headers of the application. @default none */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** @default "normal" */
  readonly priority?: Priority | undefined;
  /** Of a body that is bytes. @default none: bytes */
  readonly contentType?: string | undefined;
  /** Trace context of W3C, handed on. @default none */
  readonly traceparent?: string | undefined;
  readonly tracestate?: string | undefined;
  /** Where an answer is to be sent, and what it refers to, for whoever reads it. @default none */
  readonly replyTo?: string | undefined;
  readonly correlation?: string | undefined;
}

/** Options of `send`. */
export interface SendOptions extends MessageOptions {
  /** How long to wait until the peer has room. @default 30000 */
  readonly timeoutMs?: number | undefined;
  /** Gives up when it fires; nothing was sent then. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of `request`. */
export interface RequestOptions extends MessageOptions {
  /** Until the answer is here; the other side is told what is left of it. @default 30000 */
  readonly timeoutMs?: number | undefined;
  /** Gives up when it fires, and tells the other side. */
  readonly signal?: AbortSignal | undefined;
  /** Says that doing it twice does no harm: it is sent again after a reconnect. @default none: never sent twice */
  readonly idempotencyKey?: string | undefined;
}

/** A message that has come. Its memory stays valid; it may share it with its neighbours, so copy what is kept for long. */
export interface IncomingMessage {
  /** The bytes, decompressed and whole. */
  readonly payload: Uint8Array;
  /** 0n when its sender gave none. */
  readonly tag: bigint;
  readonly priority: Priority;
  /** Decoded when they are first looked at. */
  readonly headers: MessageHeaders;
  /** Which session it came by. */
  readonly sessionId: string;
  /** The payload as UTF-8. @throws {WirePayloadError} when it is none */
  text(): string;
  /** The payload as JSON. @throws {WirePayloadError} when it is none */
  json(): unknown;
  /** What its content type says: bytes, a string, or a value. @throws {WirePayloadError} when it is no such thing */
  value(): unknown;
}

/** A message that wants an answer. */
export interface IncomingRequest extends IncomingMessage {
  /** When the answer is of no use any more, on the clock of `performance.now()`; Infinity when its sender did not say. */
  readonly deadlineMs: number;
  /** Fires when the requester has given up or gone, or the deadline has passed. */
  readonly signal: AbortSignal;
}

/** An answer with more than a body; handlers may give it in place of one. */
export class Reply {
  readonly body: MessageBody;
  readonly options: MessageOptions;

  constructor(body: MessageBody, options: MessageOptions = {}) {
    this.body = body;
    this.options = options;
  }
}
