/** The layout of a frame, and a frame as the decoder hands it over. docs/protocol.md describes both for other languages. */
import { FrameFlag } from "./kinds.ts";

/** Bytes of the fixed header, with the length. */
export const frameHeaderBytes = 24;

/** Bytes of the length itself, which it does not count. */
export const frameLengthBytes = 4;

/** The greatest id: the greatest whole number that JavaScript has. */
export const frameIdMax: number = Number.MAX_SAFE_INTEGER;

/** 2^32. */
export const twoTo32 = 4_294_967_296;

/**
 * A frame that was received. It and its views are valid only during the call that hands it over: the decoder uses the
 * same object for the next one, and the bytes belong to whoever fed them.
 */
export interface Frame {
  /** Version of the protocol. */
  readonly version: number;
  /** One of `FrameKind`; unknown kinds are refused before. */
  readonly kind: number;
  /** Bits of `FrameFlag`. */
  readonly flags: number;
  /** One of `FramePriority`. */
  readonly priority: number;
  /** Up to 2^53 - 1. */
  readonly id: number;
  /** Upper half of the tag. */
  readonly tagHigh: number;
  /** Lower half of the tag. In a continued fragment the tag is the offset of its payload in the message. */
  readonly tagLow: number;
  /** The whole tag. Makes a bigint: not for hot paths. */
  readonly tag: bigint;
  /** Payload bytes of the whole message: declared by the first of several fragments, otherwise those of this frame. */
  readonly totalBytes: number;
  /** Bytes on the wire, with the length. */
  readonly frameBytes: number;
  /** What the following offsets are offsets in. */
  readonly chunk: Uint8Array;
  /** Where the headers block begins and ends; equal without one. */
  readonly headersStart: number;
  readonly headersEnd: number;
  /** Where the payload begins and ends. */
  readonly payloadStart: number;
  readonly payloadEnd: number;
  /** A view of the payload. */
  payload(): Uint8Array;
  /** A view of the headers block. */
  headers(): Uint8Array;
}

const nothing = new Uint8Array(0);

/** The one frame object of a decoder. */
export class FrameSlot implements Frame {
  version = 0;
  kind = 0;
  flags = 0;
  priority = 0;
  id = 0;
  tagHigh = 0;
  tagLow = 0;
  totalBytes = 0;
  frameBytes = 0;
  chunk: Uint8Array = nothing;
  headersStart = 0;
  headersEnd = 0;
  payloadStart = 0;
  payloadEnd = 0;

  get tag(): bigint {
    return (BigInt(this.tagHigh) << 32n) | BigInt(this.tagLow);
  }

  payload(): Uint8Array {
    return this.chunk.subarray(this.payloadStart, this.payloadEnd);
  }

  headers(): Uint8Array {
    return this.chunk.subarray(this.headersStart, this.headersEnd);
  }

  /** Lets go of the memory that it was fed. */
  release(): void {
    this.chunk = nothing;
  }
}

/** Whether these flags are those of the first of several fragments, which declares how long the message is. */
export function isFirstOfSeveral(flags: number): boolean {
  return (flags & (FrameFlag.More | FrameFlag.Continued)) === FrameFlag.More;
}
