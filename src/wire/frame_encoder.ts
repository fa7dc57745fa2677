/** Frames into bytes, in memory that the caller owns. */
import { deadlineBlockBytes, writeDeadlineBlock } from "./deadline_header.ts";
import {
  frameHeaderBytes,
  frameIdMax,
  frameLengthBytes,
  isFirstOfSeveral,
  twoTo32,
} from "./frame.ts";
import { FrameFlag, FramePriority, priorityMax } from "./kinds.ts";
import { protocolVersion } from "./limits.ts";

/** A frame to be sent. What is not given is 0, or nothing. */
export interface OutgoingFrame {
  /** One of `FrameKind`. */
  readonly kind: number;
  /** `FrameFlag.Compressed`, `More` and `Continued`; `Headers` is set by itself. @default 0 */
  readonly flags?: number;
  /** @default FramePriority.Normal */
  readonly priority?: number;
  /** A whole number up to 2^53 - 1. @default 0 */
  readonly id?: number;
  /** Upper half of the tag, or of the offset of a continued fragment. @default 0 */
  readonly tagHigh?: number;
  /** Lower half of the tag, or the offset of a continued fragment. @default 0 */
  readonly tagLow?: number;
  /** Payload bytes of the whole message; only on the first of several fragments. */
  readonly totalBytes?: number;
  /** A headers block, as `encodeHeaders` makes it. */
  readonly headers?: Uint8Array | undefined;
  /** What is sent. */
  readonly payload?: Uint8Array | undefined;
}

/** Bytes on the wire of a frame. `flags` matter for the first of several fragments only. */
export function frameSizeBytes(
  payloadBytes: number,
  headersBytes = 0,
  flags = 0,
): number {
  return (
    frameHeaderBytes +
    (isFirstOfSeveral(flags) ? 4 : 0) +
    (headersBytes === 0 ? 0 : 4 + headersBytes) +
    payloadBytes
  );
}

function writeUint32(target: Uint8Array, offset: number, value: number): void {
  target[offset] = value >>> 24;
  target[offset + 1] = value >>> 16;
  target[offset + 2] = value >>> 8;
  target[offset + 3] = value;
}

/**
 * Writes the fixed header of a frame; for callers who write the rest themselves. Nothing is checked but the room.
 * Single bytes, since `DataView` was slower in both runtimes.
 *
 * @param frameBytes of the whole frame, as `frameSizeBytes` says
 * @returns the bytes written, 24
 * @throws {RangeError} when they do not fit
 */
export function writeFrameHeader(
  target: Uint8Array,
  offset: number,
  frameBytes: number,
  kind: number,
  flags: number,
  priority: number,
  id: number,
  tagHigh: number,
  tagLow: number,
): number {
  if (offset + frameHeaderBytes > target.length)
    refuseRoom(target, offset, frameHeaderBytes);
  writeUint32(target, offset, frameBytes - frameLengthBytes);
  target[offset + 4] = protocolVersion.max;
  target[offset + 5] = kind;
  target[offset + 6] = flags;
  target[offset + 7] = priority;
  // A division costs more than the comparison that mostly saves it.
  writeUint32(target, offset + 8, id < twoTo32 ? 0 : Math.floor(id / twoTo32));
  writeUint32(target, offset + 12, id >>> 0);
  writeUint32(target, offset + 16, tagHigh);
  writeUint32(target, offset + 20, tagLow);
  return frameHeaderBytes;
}

/**
 * Writes a frame without headers and fragments: the hot path. Nothing is checked but the room; the id must be a whole
 * number from 0 to 2^53 - 1.
 *
 * @returns the bytes written
 * @throws {RangeError} when they do not fit; nothing was written then
 */
export function writePlainFrame(
  target: Uint8Array,
  offset: number,
  kind: number,
  priority: number,
  id: number,
  tagHigh: number,
  tagLow: number,
  payload: Uint8Array,
): number {
  const sizeBytes = frameHeaderBytes + payload.length;
  if (offset + sizeBytes > target.length) refuseRoom(target, offset, sizeBytes);
  writeFrameHeader(
    target,
    offset,
    sizeBytes,
    kind,
    0,
    priority,
    id,
    tagHigh,
    tagLow,
  );
  target.set(payload, offset + frameHeaderBytes);
  return sizeBytes;
}

/** Bytes that a deadline adds to a plain frame: the length of its headers, and they. */
export const deadlineHeadersBytes: number = 4 + deadlineBlockBytes;

/**
 * Writes a frame whose only header is a deadline: what nearly every request is. As `writePlainFrame` otherwise.
 *
 * @param deadlineMs a whole number of milliseconds below 2^32
 * @returns the bytes written
 * @throws {RangeError} when they do not fit; nothing was written then
 */
export function writeDeadlineFrame(
  target: Uint8Array,
  offset: number,
  kind: number,
  priority: number,
  id: number,
  deadlineMs: number,
  payload: Uint8Array,
): number {
  const sizeBytes = frameHeaderBytes + deadlineHeadersBytes + payload.length;
  if (offset + sizeBytes > target.length) refuseRoom(target, offset, sizeBytes);
  writeFrameHeader(
    target,
    offset,
    sizeBytes,
    kind,
    FrameFlag.Headers,
    priority,
    id,
    0,
    0,
  );
  const at = offset + frameHeaderBytes;
  writeUint32(target, at, deadlineBlockBytes);
  writeDeadlineBlock(target, at + 4, deadlineMs);
  target.set(payload, at + deadlineHeadersBytes);
  return sizeBytes;
}

/**
 * Writes any frame.
 *
 * @returns the bytes written
 * @throws {RangeError} when they do not fit, or a field is out of range; nothing was written then
 */
export function encodeFrame(
  target: Uint8Array,
  offset: number,
  frame: OutgoingFrame,
): number {
  const headers = frame.headers;
  const payload = frame.payload;
  const headersBytes = headers === undefined ? 0 : headers.length;
  const payloadBytes = payload === undefined ? 0 : payload.length;
  const flags =
    ((frame.flags ?? 0) & ~FrameFlag.Headers) |
    (headersBytes === 0 ? 0 : FrameFlag.Headers);
  const id = frame.id ?? 0;
  const priority = frame.priority ?? FramePriority.Normal;
  checkField("id", id, frameIdMax);
  checkField("priority", priority, priorityMax);
  const sizeBytes = frameSizeBytes(payloadBytes, headersBytes, flags);
  if (offset + sizeBytes > target.length) refuseRoom(target, offset, sizeBytes);
  const first = isFirstOfSeveral(flags);
  if (first) {
    checkField("totalBytes", frame.totalBytes, twoTo32 - 1);
  }
  let at =
    offset +
    writeFrameHeader(
      target,
      offset,
      sizeBytes,
      frame.kind,
      flags,
      priority,
      id,
      frame.tagHigh ?? 0,
      frame.tagLow ?? 0,
    );
  if (first) {
    writeUint32(target, at, frame.totalBytes ?? 0);
    at += 4;
  }
  if (headers !== undefined && headersBytes > 0) {
    writeUint32(target, at, headersBytes);
    target.set(headers, at + 4);
    at += 4 + headersBytes;
  }
  if (payload !== undefined) target.set(payload, at);
  return sizeBytes;
}

/** One frame in memory of its own. */
export function frameToBytes(frame: OutgoingFrame): Uint8Array<ArrayBuffer> {
  const sizeBytes = frameSizeBytes(
    frame.payload?.length ?? 0,
    frame.headers?.length ?? 0,
    frame.flags ?? 0,
  );
  const bytes = new Uint8Array(sizeBytes);
  encodeFrame(bytes, 0, frame);
  return bytes;
}

/** A tag as the two halves that frames have. @throws {RangeError} when it is below 0 or above 2^64 - 1, or no whole number */
export function splitTag(tag: bigint | number): [high: number, low: number] {
  const whole = BigInt(tag);
  if (whole < 0n || whole >> 64n !== 0n)
    throw new RangeError(`tag: given ${tag}, allowed 0 to 2^64 - 1`);
  return [Number(whole >> 32n), Number(whole & 0xffff_ffffn)];
}

function checkField(
  name: string,
  value: number | undefined,
  max: number,
): void {
  if (
    value !== undefined &&
    Number.isInteger(value) &&
    value >= 0 &&
    value <= max
  )
    return;
  throw new RangeError(
    `${name}: given ${value}, allowed an integer from 0 to ${max}`,
  );
}

function refuseRoom(
  target: Uint8Array,
  offset: number,
  sizeBytes: number,
): never {
  throw new RangeError(
    `a frame of ${sizeBytes} bytes at offset ${offset} does not fit into ${target.length} bytes`,
  );
}
