/** A message: bytes with an id, a time, a priority and headers. */
import { META, META_FLAG } from "../../ffi/shm/layout.ts";
import {
  checkValue,
  decodeJson,
  decodeText,
  decodeWith,
  encodeJson,
  encodeWith,
  jsonCodec,
  type MessageSchema,
} from "./codec.ts";
import { parseHeaders } from "./headers.ts";
import type { Priority } from "./options.ts";
import { pad8, plainRules, RecordCursor, type ValueRules } from "./record.ts";

/** What a new message may carry besides its body. */
export interface MessageInit {
  /** @default "normal" */
  readonly priority?: Priority | undefined;
  /** @default none */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

const priorityNames: readonly Priority[] = ["normal", "high", "normal", "low"];
const priorityCodes: Readonly<Record<Priority, number>> = {
  high: 1,
  normal: 2,
  low: 3,
};
const noHeaders: Readonly<Record<string, string>> = Object.freeze({});
const noBytes = new Uint8Array(0);
const encoder = new TextEncoder();

/** The shim's number of a priority, 0 for an unknown name. */
export function priorityCode(priority: Priority): number {
  return priorityCodes[priority] ?? 0;
}

/** The name of the shim's number. */
export function priorityName(code: number): Priority {
  return priorityNames[code] ?? "normal";
}

/**
 * A message to send, or one that was received. A received one owns its bytes and stays valid for ever.
 *
 * @example
 * ```ts
 * queue.send(new Message("hello"));
 * queue.send(Message.json({ job: 7 }), { priority: "high" });
 * ```
 */
export class Message<T = unknown> {
  /** Wall clock in milliseconds: when it was accepted, or for a new one, made. */
  readonly timestamp: number;
  /** Deliveries so far, this one included; 0 for a new message. */
  readonly attempts: number;
  /** Body and headers as received, or undefined for a text that is not encoded yet. */
  #chunk: Uint8Array | undefined;
  #offset: number;
  #length: number;
  #headersLength: number;
  #idLo: number;
  #idHi: number;
  #priority: number;
  #flags: number;
  /** The part of the chunk that is the body, once somebody asked for it. */
  #body: Uint8Array | undefined;
  #text: string | undefined;
  /** Bytes when they lie apart from the body and nobody has asked for them yet. */
  #headers: Readonly<Record<string, string>> | Uint8Array | undefined;
  #rules: ValueRules;

  /**
   * @param body bytes (not copied until it is sent) or text
   * @throws {TypeError} for any other body
   */
  constructor(body: Uint8Array | ArrayBuffer | string, init?: MessageInit);
  /** @internal Reads the record that the cursor stands at. */
  constructor(record: RecordCursor);
  constructor(
    body: Uint8Array | ArrayBuffer | string | RecordCursor,
    init?: MessageInit,
  ) {
    if (body instanceof RecordCursor) {
      const { u32, at } = body;
      this.timestamp = body.f64[(at >> 1) + META.enqueuedMsF64] as number;
      this.attempts = u32[at + META.attempts] as number;
      this.#chunk = body.chunk;
      this.#offset = body.offset;
      this.#length = u32[at + META.bodyLength] as number;
      this.#headersLength = u32[at + META.headersLength] as number;
      this.#idLo = u32[at + META.idLo] as number;
      this.#idHi = u32[at + META.idHi] as number;
      this.#priority = u32[at + META.priority] as number;
      this.#flags = u32[at + META.flags] as number;
      this.#body = undefined;
      this.#text = undefined;
      this.#headers = body.headers;
      this.#rules = body.rules;
      return;
    }
    this.timestamp = Date.now();
    this.attempts = 0;
    this.#chunk = undefined;
    this.#offset = 0;
    this.#length = 0;
    this.#headersLength = 0;
    this.#idLo = 0;
    this.#idHi = 0;
    this.#flags = 0;
    this.#body = undefined;
    this.#text = undefined;
    this.#rules = plainRules;
    if (typeof body === "string") {
      this.#text = body;
    } else {
      const bytes =
        body instanceof Uint8Array
          ? body
          : body instanceof ArrayBuffer
            ? new Uint8Array(body)
            : undefined;
      if (bytes === undefined)
        throw new TypeError(
          `message body: given ${typeof body}, allowed a Uint8Array, an ArrayBuffer or a string`,
        );
      this.#chunk = bytes;
      this.#length = bytes.byteLength;
    }
    const code = init?.priority === undefined ? 2 : priorityCode(init.priority);
    if (code === 0)
      throw new RangeError(
        `priority: given ${JSON.stringify(init?.priority)}, allowed "high", "normal" or "low"`,
      );
    this.#priority = code;
    this.#headers =
      init?.headers === undefined ? noHeaders : { ...init.headers };
  }

  /** A message with a text as its body, in UTF-8. */
  static text(body: string, init?: MessageInit): Message<string> {
    return new Message<string>(String(body), init);
  }

  /**
   * A message with the JSON of a value as its body.
   *
   * @throws {SerializationFailedError} when the value has no JSON
   */
  static json<V>(value: V, init?: MessageInit): Message<V> {
    return new Message<V>(encodeJson(value), init);
  }

  /** Identifies the message in its queue: its place in the order of acceptance. 0n for a new message. */
  get id(): bigint {
    return (BigInt(this.#idHi) << 32n) | BigInt(this.#idLo);
  }

  /** @internal Low and high half of the id. */
  get idLo(): number {
    return this.#idLo;
  }

  /** @internal */
  get idHi(): number {
    return this.#idHi;
  }

  /** The body. Not a copy: changing it changes the message. */
  get data(): Uint8Array {
    if (this.#chunk === undefined) {
      this.#chunk =
        this.#text === undefined ? noBytes : encoder.encode(this.#text);
      this.#length = this.#chunk.byteLength;
    }
    const { byteLength } = this.#chunk;
    // Its own bytes alone; or a view of shared memory that was let go.
    if (byteLength === this.#length || byteLength === 0) return this.#chunk;
    this.#body ??= this.#chunk.subarray(
      this.#offset,
      this.#offset + this.#length,
    );
    return this.#body;
  }

  /** Length of the body in bytes; encodes a text that is not encoded yet. */
  get byteLength(): number {
    return this.#chunk === undefined ? this.data.byteLength : this.#length;
  }

  get priority(): Priority {
    return priorityName(this.#priority);
  }

  /** Whether it was, or may have been, delivered before. */
  get redelivered(): boolean {
    return (this.#flags & META_FLAG.redelivered) !== 0;
  }

  /** Texts that travel with the body; frozen. */
  get headers(): Readonly<Record<string, string>> {
    const known = this.#headers;
    if (known !== undefined && !(known instanceof Uint8Array)) return known;
    const headers =
      known === undefined ? this.#parseHeaders() : parseHeaders(known);
    this.#headers = headers;
    return headers;
  }

  /** The body as UTF-8 text; malformed bytes become U+FFFD. */
  text(): string {
    if (this.#text !== undefined) return this.#text;
    // A view of shared memory is empty once it is let go.
    return this.#chunk === undefined || this.#chunk.byteLength === 0
      ? ""
      : decodeText(this.#chunk, this.#offset, this.#length);
  }

  /**
   * The body parsed as JSON, checked by `schema` or else by the queue's schema.
   *
   * @throws {SerializationFailedError} when it is not JSON, or not what the schema allows
   */
  json<V = T>(schema?: MessageSchema<V>): V {
    const value = this.#parse();
    const rules = schema ?? this.#rules.schema;
    return (rules === undefined ? value : checkValue(value, rules)) as V;
  }

  /**
   * The body decoded by the queue's codec (JSON unless told otherwise) and checked by its schema.
   *
   * @throws {SerializationFailedError} when either refuses it
   */
  value(): T {
    const { codec } = this.#rules;
    const value =
      codec === jsonCodec ? this.#parse() : decodeWith(codec, this.data);
    return (
      this.#rules.schema === undefined
        ? value
        : checkValue(value, this.#rules.schema)
    ) as T;
  }

  /** @internal The body in the form that is cheapest to send. */
  get bodyToSend(): Uint8Array | string {
    return this.#chunk === undefined && this.#text !== undefined
      ? this.#text
      : this.data;
  }

  /** @internal Whether it has headers, without parsing them. */
  get hasHeaders(): boolean {
    return (
      this.#headersLength > 0 ||
      (this.#headers !== undefined && this.#headers !== noHeaders)
    );
  }

  /** @internal */
  get priorityToSend(): number {
    return this.#priority;
  }

  /** @internal For a view of shared memory that is about to become invalid. */
  protected forgetBody(): void {
    try {
      void this.headers;
    } catch {
      // Foreign headers must not keep a job from being settled.
      this.#headers = noHeaders;
    }
    this.#chunk = noBytes;
    this.#body = undefined;
    this.#offset = 0;
    this.#length = 0;
  }

  /** JSON without making a view of the body. */
  #parse(): unknown {
    return this.#chunk === undefined || this.#chunk.byteLength === 0
      ? decodeJson(this.data)
      : decodeJson(this.#chunk, this.#offset, this.#length);
  }

  #parseHeaders(): Readonly<Record<string, string>> {
    if (this.#headersLength === 0 || this.#chunk === undefined)
      return noHeaders;
    const start = this.#offset + pad8(this.#length);
    return parseHeaders(
      this.#chunk.subarray(start, start + this.#headersLength),
    );
  }
}

/** The bytes, or the text, of a value that the schema allows. */
export function encodeValue(
  value: unknown,
  rules: ValueRules,
): Uint8Array | string {
  return encodeWith(
    rules.codec,
    rules.schema === undefined ? value : checkValue(value, rules.schema),
  );
}
