/** Long messages in several frames, so that nothing urgent waits behind them. */
import { WireMalformedError, WireTooLargeError } from "./errors.ts";
import { type Frame, twoTo32 } from "./frame.ts";
import {
  encodeFrame,
  frameSizeBytes,
  type OutgoingFrame,
} from "./frame_encoder.ts";
import { FrameFlag, FramePriority, nameOfKind } from "./kinds.ts";
import { type WireLimits, wireLimitsDefault } from "./limits.ts";

/** A message to be sent, whole or in fragments: the fragments of several ones may take turns. */
export class FragmentWriter {
  readonly #message: OutgoingFrame;
  readonly #payload: Uint8Array;
  readonly #maxFragmentBytes: number;
  #sentBytes = 0;
  #begun = false;

  /**
   * @param message without `totalBytes`; its flags may be `FrameFlag.Compressed`. Its payload must not change meanwhile.
   * @param maxFragmentBytes what the receiver takes
   */
  constructor(
    message: Omit<OutgoingFrame, "totalBytes">,
    maxFragmentBytes: number,
  ) {
    this.#message = message;
    this.#payload = message.payload ?? new Uint8Array(0);
    this.#maxFragmentBytes = maxFragmentBytes;
  }

  /** Whether a frame of it was written. */
  get begun(): boolean {
    return this.#begun;
  }

  /** Whether all of it was written. */
  get done(): boolean {
    return this.#begun && this.#sentBytes === this.#payload.length;
  }

  /** Bytes on the wire of the next frame; 0 when all was written. */
  get nextBytes(): number {
    if (this.done) return 0;
    const flags = this.#flags();
    return frameSizeBytes(
      this.#nextPayloadBytes(),
      this.#begun ? 0 : (this.#message.headers?.length ?? 0),
      flags,
    );
  }

  /**
   * Writes the next frame.
   *
   * @returns the bytes written; 0 when all was written before
   * @throws {RangeError} when it does not fit; nothing has changed then
   */
  write(target: Uint8Array, offset: number): number {
    if (this.done) return 0;
    const message = this.#message;
    const flags = this.#flags();
    const endBytes = this.#sentBytes + this.#nextPayloadBytes();
    const payload = this.#payload.subarray(this.#sentBytes, endBytes);
    const common = {
      kind: message.kind,
      flags,
      priority: message.priority ?? FramePriority.Normal,
      id: message.id ?? 0,
      payload,
    };
    const written = encodeFrame(
      target,
      offset,
      this.#begun
        ? { ...common, tagLow: this.#sentBytes }
        : {
            ...common,
            tagHigh: message.tagHigh ?? 0,
            tagLow: message.tagLow ?? 0,
            totalBytes: this.#payload.length,
            headers: message.headers,
          },
    );
    this.#begun = true;
    this.#sentBytes = endBytes;
    return written;
  }

  #nextPayloadBytes(): number {
    return Math.min(
      this.#maxFragmentBytes,
      this.#payload.length - this.#sentBytes,
    );
  }

  #flags(): number {
    const more =
      this.#sentBytes + this.#nextPayloadBytes() < this.#payload.length;
    const flags = more ? FrameFlag.More : 0;
    return this.#begun
      ? flags | FrameFlag.Continued
      : flags | ((this.#message.flags ?? 0) & FrameFlag.Compressed);
  }
}

/** A message whose fragments have all come. Its bytes are its own. */
export interface AssembledMessage {
  readonly kind: number;
  /** Those of the first fragment, without `More`. */
  readonly flags: number;
  readonly priority: number;
  readonly id: number;
  readonly tagHigh: number;
  readonly tagLow: number;
  /** What was given with the first fragment. */
  readonly sequence: number;
  readonly headers: Uint8Array;
  readonly payload: Uint8Array;
}

interface Incomplete {
  readonly first: Omit<AssembledMessage, "payload">;
  readonly totalBytes: number;
  buffer: Uint8Array;
  receivedBytes: number;
}

/** Memory for a message that was declared but has hardly begun. */
const firstBufferBytes = 65_536;

/** Puts fragments together. One for each connection; what is not complete when it ends is forgotten. */
export class Reassembler {
  readonly #limits: Pick<
    WireLimits,
    "maxReassemblyBytes" | "maxReassemblyMessages"
  >;
  /** By kind and id: a side may send a request and a response with the same id. */
  readonly #partials = new Map<number, Map<number, Incomplete>>();
  #messages = 0;
  #declaredBytes = 0;
  #heldBytes = 0;

  constructor(
    limits: Pick<
      WireLimits,
      "maxReassemblyBytes" | "maxReassemblyMessages"
    > = wireLimitsDefault,
  ) {
    this.#limits = limits;
  }

  /** Messages of which fragments are missing. */
  get messages(): number {
    return this.#messages;
  }

  /** Bytes that these will have. */
  get declaredBytes(): number {
    return this.#declaredBytes;
  }

  /** Bytes of memory that are held for them: at most twice what has come of each, or 64 KiB, and never more than declared. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /**
   * Takes a frame that is a fragment (`FrameFlag.More` or `Continued`).
   *
   * @param sequence of the message, for its first fragment
   * @returns the message, when this was its last fragment
   * @throws {WireMalformedError} when it does not fit what came before
   * @throws {WireTooLargeError} when there would be more than the limits allow
   */
  add(frame: Frame, sequence = 0): AssembledMessage | undefined {
    if ((frame.flags & FrameFlag.Continued) === 0) {
      this.#begin(frame, sequence);
      return undefined;
    }
    return this.#continue(frame);
  }

  /** Forgets the fragments of a message, e.g. of a request that was cancelled. Returns whether there were any. */
  forget(kind: number, id: number): boolean {
    const partial = this.#partials.get(kind)?.get(id);
    if (partial === undefined) return false;
    this.#remove(partial);
    return true;
  }

  #begin(frame: Frame, sequence: number): void {
    const { kind, id, totalBytes } = frame;
    let ofKind = this.#partials.get(kind);
    if (ofKind === undefined) {
      ofKind = new Map();
      this.#partials.set(kind, ofKind);
    }
    if (ofKind.has(id))
      throw new WireMalformedError(
        `${nameOfKind(kind)} ${id} begins again before it has ended`,
      );
    const { maxReassemblyBytes, maxReassemblyMessages } = this.#limits;
    if (this.#messages >= maxReassemblyMessages)
      throw new WireTooLargeError(
        "messages with missing fragments",
        this.#messages + 1,
        maxReassemblyMessages,
      );
    if (this.#declaredBytes + totalBytes > maxReassemblyBytes)
      throw new WireTooLargeError(
        "bytes of messages with missing fragments",
        this.#declaredBytes + totalBytes,
        maxReassemblyBytes,
      );
    const payloadBytes = frame.payloadEnd - frame.payloadStart;
    const partial: Incomplete = {
      first: {
        kind,
        flags: frame.flags & ~FrameFlag.More,
        priority: frame.priority,
        id,
        tagHigh: frame.tagHigh,
        tagLow: frame.tagLow,
        sequence,
        headers: frame.headers().slice(),
      },
      totalBytes,
      buffer: new Uint8Array(
        Math.min(totalBytes, Math.max(firstBufferBytes, payloadBytes)),
      ),
      receivedBytes: payloadBytes,
    };
    partial.buffer.set(frame.payload());
    ofKind.set(id, partial);
    this.#messages += 1;
    this.#declaredBytes += totalBytes;
    this.#heldBytes += partial.buffer.length;
  }

  #continue(frame: Frame): AssembledMessage | undefined {
    const { kind, id } = frame;
    const what = `${nameOfKind(kind)} ${id}`;
    const partial = this.#partials.get(kind)?.get(id);
    if (partial === undefined)
      throw new WireMalformedError(`${what} is continued, but has not begun`);
    const { first, totalBytes, receivedBytes } = partial;
    const offset = frame.tagHigh * twoTo32 + frame.tagLow;
    if (offset !== receivedBytes)
      throw new WireMalformedError(
        `${what} is continued at ${offset}, but ${receivedBytes} bytes have come`,
      );
    if (frame.priority !== first.priority)
      throw new WireMalformedError(
        `${what} is continued with priority ${frame.priority}, but began with ${first.priority}`,
      );
    const endBytes = receivedBytes + frame.payloadEnd - frame.payloadStart;
    const more = (frame.flags & FrameFlag.More) !== 0;
    if (more ? endBytes >= totalBytes : endBytes !== totalBytes)
      throw new WireMalformedError(
        `${what} of ${totalBytes} bytes has ${endBytes} and ${more ? "goes on" : "ends"}`,
      );
    if (endBytes > partial.buffer.length) this.#grow(partial, endBytes);
    partial.buffer.set(frame.payload(), receivedBytes);
    partial.receivedBytes = endBytes;
    if (more) return undefined;
    this.#remove(partial);
    return { ...first, payload: partial.buffer };
  }

  /** Twice as much, but never more than was declared. */
  #grow(partial: Incomplete, neededBytes: number): void {
    const { buffer } = partial;
    const larger = new Uint8Array(
      Math.min(partial.totalBytes, Math.max(neededBytes, 2 * buffer.length)),
    );
    larger.set(buffer.subarray(0, partial.receivedBytes));
    this.#heldBytes += larger.length - buffer.length;
    partial.buffer = larger;
  }

  #remove(partial: Incomplete): void {
    const { kind, id } = partial.first;
    this.#partials.get(kind)?.delete(id);
    this.#messages -= 1;
    this.#declaredBytes -= partial.totalBytes;
    this.#heldBytes -= partial.buffer.length;
  }
}
