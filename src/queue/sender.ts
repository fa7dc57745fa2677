/** From a message to one call of the shim. */
import { IO, SEND } from "../../ffi/shm/layout.ts";
import { checkValue, decodeWith } from "./codec.ts";
import { MessageTooLargeError } from "./errors.ts";
import { ERRNO } from "./failure.ts";
import type { QueueHandle } from "./handle.ts";
import { encodeHeaders } from "./headers.ts";
import { Message, priorityCode } from "./message.ts";
import type { SendOptions } from "./options.ts";

/** Whatever can be sent. */
export type Sendable = Message | Uint8Array | string;

/** Up to this length copying a body into the staging area costs less than passing its address. */
const copyBytesMax = 4096;
/** Messages per call of the shim. */
const batchMax = 4096;
const normalPriority = 2;
const encoder = new TextEncoder();

function checkDurationMs(value: number, what: string, min: number): number {
  if (typeof value !== "number")
    throw new TypeError(
      `${what}: given ${typeof value}, allowed a number of milliseconds`,
    );
  if (!(value >= min && value < Number.POSITIVE_INFINITY))
    throw new RangeError(
      `${what}: given ${value}, allowed a finite number of milliseconds >= ${min}`,
    );
  return value;
}

function refuseBody(body: unknown): never {
  const given =
    body === null
      ? "null"
      : typeof body === "object"
        ? (body.constructor?.name ?? "an object")
        : typeof body;
  throw new TypeError(
    `message: given ${given}, allowed a Message, a Uint8Array or a string`,
  );
}

/** Sends on one handle. Everything that a message needs is put into the exchange block before the call. */
export class Sender {
  readonly #handle: QueueHandle;
  readonly #lengths = new Uint32Array(batchMax);
  /** A body that is passed by address instead of through the staging area. */
  #direct: Uint8Array | null = null;

  constructor(handle: QueueHandle) {
    this.#handle = handle;
  }

  /**
   * Sends. The result is the shim's: >= 0, or -errno.
   *
   * @throws {SerializationFailedError} when the queue's schema does not allow the body
   */
  put(message: Sendable, options: SendOptions | undefined): number {
    if (this.#handle.rules.schema !== undefined) this.checkBody(message);
    return this.putChecked(message, options);
  }

  /** Sends what needs no look at the schema. */
  putChecked(message: Sendable, options: SendOptions | undefined): number {
    const handle = this.#handle;
    const address = handle.address;
    const flags =
      options === undefined && !(message instanceof Message)
        ? 0
        : this.prepare(message, options);
    const length = this.#stage(message);
    const direct = this.#direct;
    if (direct === null)
      return handle.shim.rwq_send(address, null, length, flags);
    this.#direct = null;
    return handle.shim.rwq_send(address, direct, length, flags);
  }

  /** @throws {SerializationFailedError} when the body is not what the codec makes of a value that the schema allows */
  checkBody(message: Sendable): void {
    const { codec, schema } = this.#handle.rules;
    if (schema === undefined) return;
    const body = message instanceof Message ? message.data : message;
    if (typeof body !== "string" && !(body instanceof Uint8Array))
      refuseBody(body);
    checkValue(
      decodeWith(codec, typeof body === "string" ? encoder.encode(body) : body),
      schema,
    );
  }

  /** Id of the message that was sent last. */
  get lastId(): bigint {
    return this.#handle.u64[IO.sentIdLoU32 >> 1] as bigint;
  }

  /**
   * Sends many: the number accepted, always the first ones. Fewer when the queue is full.
   *
   * @throws when not even the first one was accepted, for another reason than a full queue
   */
  putMany(
    messages: readonly Sendable[],
    options: SendOptions | undefined,
  ): number {
    if (this.#handle.rules.schema !== undefined)
      for (const message of messages) this.checkBody(message);
    const shared = options === undefined ? 0 : this.prepare("", options);
    const extended = options?.headers !== undefined;
    let accepted = 0;
    while (accepted < messages.length) {
      const count = this.#stageMany(
        messages,
        accepted,
        options?.priority === undefined,
        extended,
      );
      const { address, shim } = this.#handle;
      // The first one does not go into a batch: too long, or with headers of its own.
      const result =
        count === 0
          ? this.#putAlone(messages[accepted] as Sendable, options)
          : shim.rwq_send_many(address, null, this.#lengths, count, shared);
      if (result < 0) {
        if (result === -ERRNO.EAGAIN || accepted > 0) return accepted;
        throw this.#handle.failure(result, "send");
      }
      accepted += result;
      // Why the rest was refused is known to whoever sends it again.
      if (result < count) return accepted;
      if (count === 0 && options !== undefined) this.prepare("", options);
    }
    return accepted;
  }

  /**
   * Puts delay, time to live and headers into the exchange block.
   *
   * @returns the shim's option bits
   * @throws {TypeError} @throws {RangeError} @throws {MessageTooLargeError} for headers
   */
  prepare(message: Sendable, options: SendOptions | undefined): number {
    let flags = 0;
    let headers: Readonly<Record<string, string>> | undefined;
    if (message instanceof Message) {
      flags = message.priorityToSend;
      if (message.hasHeaders) headers = message.headers;
    }
    let delayMs = 0;
    let ttlMs = 0;
    if (options !== undefined) {
      if (typeof options !== "object" || options === null)
        throw new TypeError(
          `options: given ${typeof options}, allowed an object`,
        );
      if (options.priority !== undefined) {
        flags = priorityCode(options.priority);
        if (flags === 0)
          throw new RangeError(
            `priority: given ${JSON.stringify(options.priority)}, allowed "high", "normal" or "low"`,
          );
      }
      if (options.onFull === "drop-oldest") flags |= SEND.dropOldest;
      else if (options.onFull !== undefined && options.onFull !== "fail") {
        throw new RangeError(
          `onFull: given ${JSON.stringify(options.onFull)}, allowed "fail" or "drop-oldest"`,
        );
      }
      if (options.delayMs !== undefined)
        delayMs = checkDurationMs(options.delayMs, "delayMs", 0);
      if (options.ttlMs !== undefined)
        ttlMs = checkDurationMs(options.ttlMs, "ttlMs", 1);
      if (options.headers !== undefined) headers = options.headers;
    }
    if (headers === undefined && delayMs === 0 && ttlMs === 0) return flags;
    const { u32, f64, block, place } = this.#handle;
    f64[IO.inDelayMsF64] = delayMs;
    f64[IO.inTtlMsF64] = ttlMs;
    let headersLength = 0;
    if (headers !== undefined) {
      headersLength = encodeHeaders(
        headers,
        block.subarray(IO.headersByte, IO.headersByte + IO.headersBytesMax),
      );
      if (headersLength < 0)
        throw new MessageTooLargeError(
          `${place.name}: the headers have more than ${IO.headersBytesMax} bytes`,
          { queue: place.name },
        );
    }
    u32[IO.inHeadersLengthU32] = headersLength;
    return flags | SEND.extended;
  }

  #putAlone(message: Sendable, options: SendOptions | undefined): number {
    const result = this.putChecked(message, options);
    return result < 0 ? result : 1;
  }

  /** The body into the staging area, or into `#direct`; its length in bytes. */
  #stage(message: Sendable): number {
    const body = message instanceof Message ? message.bodyToSend : message;
    const { staging } = this.#handle;
    if (typeof body === "string") {
      if (body.length > staging.byteLength) {
        this.#direct = encoder.encode(body);
        return this.#direct.byteLength;
      }
      // Fits as a rule: most texts have one byte for each UTF-16 unit.
      const { read, written } = encoder.encodeInto(body, staging);
      if (read === body.length) return written;
      const rest = encoder.encode(body.slice(read));
      this.#direct = new Uint8Array(written + rest.byteLength);
      this.#direct.set(staging.subarray(0, written));
      this.#direct.set(rest, written);
      return this.#direct.byteLength;
    }
    if (!(body instanceof Uint8Array)) refuseBody(body);
    const length = body.byteLength;
    if (length <= copyBytesMax) staging.set(body, 0);
    else this.#direct = body;
    return length;
  }

  /** As many bodies as fit, one after the other; how many. Stops at one that needs a call of its own. */
  #stageMany(
    messages: readonly Sendable[],
    from: number,
    ownPriority: boolean,
    sharedHeaders: boolean,
  ): number {
    const { staging } = this.#handle;
    const lengths = this.#lengths;
    const room = staging.byteLength;
    const end = Math.min(messages.length, from + batchMax);
    let used = 0;
    for (let index = from; index < end; index++) {
      let body = messages[index] as Sendable;
      if (body instanceof Message) {
        if (
          (ownPriority && body.priorityToSend !== normalPriority) ||
          (!sharedHeaders && body.hasHeaders)
        )
          return index - from;
        body = body.bodyToSend;
      }
      if (typeof body === "string") {
        if (body.length > room - used) return index - from;
        const { read, written } = encoder.encodeInto(
          body,
          used === 0 ? staging : staging.subarray(used),
        );
        if (read < body.length) return index - from;
        lengths[index - from] = written;
        used += written;
      } else {
        if (!(body instanceof Uint8Array)) refuseBody(body);
        const length = body.byteLength;
        if (length > room - used) return index - from;
        staging.set(body, used);
        lengths[index - from] = length;
        used += length;
      }
    }
    return end - from;
  }
}
