/** Reads and checks one frame at a place in memory. */
import {
  WireMalformedError,
  WireTooLargeError,
  WireUnsupportedError,
  WireVersionError,
} from "./errors.ts";
import {
  frameHeaderBytes,
  frameIdMax,
  frameLengthBytes,
  type FrameSlot,
  isFirstOfSeveral,
  twoTo32,
} from "./frame.ts";
import {
  FrameFlag,
  flagsOfKind,
  isDataKind,
  nameOfKind,
  priorityMax,
} from "./kinds.ts";
import { protocolVersion, type WireLimits } from "./limits.ts";

/** Version and flags of a frame without flags, where they lie in its second word. */
const plainWord = protocolVersion.max << 24;

/** What is compared with it: all flags but the one for headers. */
const plainMask = 0xff00_ff00 & ~(FrameFlag.Headers << 8);

/** Limits, and what follows from them for whole frames. */
export interface FrameBounds {
  readonly maxFrameBytes: number;
  /** Of a data frame on the hot path. */
  readonly maxPlainFrameBytes: number;
  readonly maxDataFrameBytes: number;
  readonly maxControlFrameBytes: number;
  readonly maxMessageBytes: number;
  readonly maxFragmentBytes: number;
  readonly maxHeadersBytes: number;
}

/** The bounds of frames that follow from limits. */
export function frameBounds(limits: WireLimits): FrameBounds {
  // The two lengths are those of the message and of its headers.
  const maxDataFrameBytes =
    frameHeaderBytes + 4 + 4 + limits.maxHeadersBytes + limits.maxFragmentBytes;
  const maxControlFrameBytes = frameHeaderBytes + limits.maxControlBytes;
  return {
    maxFrameBytes: Math.max(maxDataFrameBytes, maxControlFrameBytes),
    maxPlainFrameBytes:
      frameHeaderBytes +
      Math.min(limits.maxFragmentBytes, limits.maxMessageBytes),
    maxDataFrameBytes,
    maxControlFrameBytes,
    maxMessageBytes: limits.maxMessageBytes,
    maxFragmentBytes: limits.maxFragmentBytes,
    maxHeadersBytes: limits.maxHeadersBytes,
  };
}

/**
 * Bytes on the wire of a frame whose first four bytes are there.
 *
 * @throws {WireMalformedError} when that is too short for a frame
 * @throws {WireTooLargeError} when no frame may be that long
 */
export function checkFrameLength(
  view: DataView,
  offset: number,
  bounds: FrameBounds,
): number {
  const sizeBytes = view.getUint32(offset) + frameLengthBytes;
  if (sizeBytes < frameHeaderBytes)
    throw new WireMalformedError(
      `a frame of ${sizeBytes} bytes: allowed at least ${frameHeaderBytes}`,
    );
  if (sizeBytes > bounds.maxFrameBytes)
    throw new WireTooLargeError(
      "bytes of a frame",
      sizeBytes,
      bounds.maxFrameBytes,
    );
  return sizeBytes;
}

/**
 * Checks the fixed header of a frame, whose first 24 bytes are there.
 *
 * @returns bytes of the frame on the wire
 * @throws {WireError} for what is not allowed
 */
export function checkFrameHeader(
  view: DataView,
  offset: number,
  bounds: FrameBounds,
): number {
  const sizeBytes = checkFrameLength(view, offset, bounds);
  const word = view.getUint32(offset + 4);
  const version = word >>> 24;
  if (version < protocolVersion.min || version > protocolVersion.max)
    throw new WireVersionError(
      `version of a frame: given ${version}, allowed ${protocolVersion.min} to ${protocolVersion.max}`,
    );
  const kind = (word >>> 16) & 0xff;
  const flags = (word >>> 8) & 0xff;
  const allowed = flagsOfKind(kind);
  if (allowed === undefined)
    throw new WireUnsupportedError(
      `kind of a frame: given ${kind}, which is none`,
    );
  if ((flags & ~allowed) !== 0)
    throw new WireUnsupportedError(
      `flags of a frame of kind ${nameOfKind(kind)}: given ${hex(flags)}, allowed ${hex(allowed)}`,
    );
  if (
    (flags & FrameFlag.Continued) !== 0 &&
    (flags & (FrameFlag.Headers | FrameFlag.Compressed)) !== 0
  )
    throw new WireMalformedError(
      `a continued fragment has flags ${hex(flags)}: headers and compression belong to the first one`,
    );
  if ((word & 0xff) > priorityMax)
    throw new WireMalformedError(
      `priority of a frame: given ${word & 0xff}, allowed 0 to ${priorityMax}`,
    );
  if (isDataKind(kind)) {
    if (sizeBytes > bounds.maxDataFrameBytes)
      throw new WireTooLargeError(
        "bytes of a data frame",
        sizeBytes,
        bounds.maxDataFrameBytes,
      );
  } else if (sizeBytes > bounds.maxControlFrameBytes)
    throw new WireTooLargeError(
      `bytes of a frame of kind ${nameOfKind(kind)}`,
      sizeBytes,
      bounds.maxControlFrameBytes,
    );
  return sizeBytes;
}

/**
 * The hot path: a data frame without flags, or with headers only, that is wholly there and has nothing wrong. The chunk is in the slot already.
 *
 * @param end of the bytes that are there, at least 24 after the offset
 * @returns bytes of the frame on the wire; 0 when it is another frame, of which only `checkFrameHeader` and `readFrame`
 *   know what to do
 */
export function readPlainFrame(
  slot: FrameSlot,
  view: DataView,
  offset: number,
  end: number,
  bounds: FrameBounds,
): number {
  const sizeBytes = view.getUint32(offset) + frameLengthBytes;
  const word = view.getUint32(offset + 4);
  const kind = (word >>> 16) & 0xff;
  const id = view.getUint32(offset + 8) * twoTo32 + view.getUint32(offset + 12);
  if (
    (word & plainMask) !== plainWord ||
    !isDataKind(kind) ||
    (word & 0xff) > priorityMax ||
    sizeBytes < frameHeaderBytes ||
    sizeBytes > bounds.maxPlainFrameBytes ||
    sizeBytes > end - offset ||
    id === 0 ||
    id > frameIdMax
  )
    return 0;
  let start = offset + frameHeaderBytes;
  let headersEnd = start;
  const flags = (word >>> 8) & 0xff;
  if (flags !== 0) {
    if (sizeBytes < frameHeaderBytes + 4) return 0;
    const headersBytes = view.getUint32(start);
    start += 4;
    headersEnd = start + headersBytes;
    if (
      headersBytes > bounds.maxHeadersBytes ||
      headersEnd > offset + sizeBytes
    )
      return 0;
  }
  slot.version = word >>> 24;
  slot.kind = kind;
  slot.flags = flags;
  slot.priority = word & 0xff;
  slot.id = id;
  slot.tagHigh = view.getUint32(offset + 16);
  slot.tagLow = view.getUint32(offset + 20);
  slot.totalBytes = offset + sizeBytes - headersEnd;
  slot.frameBytes = sizeBytes;
  slot.headersStart = start;
  slot.headersEnd = headersEnd;
  slot.payloadStart = headersEnd;
  slot.payloadEnd = offset + sizeBytes;
  return sizeBytes;
}

/**
 * Takes a frame apart whose header was checked and whose bytes are all there.
 *
 * @throws {WireError} for what is not allowed
 */
export function readFrame(
  slot: FrameSlot,
  chunk: Uint8Array,
  view: DataView,
  offset: number,
  sizeBytes: number,
  bounds: FrameBounds,
): void {
  const word = view.getUint32(offset + 4);
  const kind = (word >>> 16) & 0xff;
  const flags = (word >>> 8) & 0xff;
  const id = view.getUint32(offset + 8) * twoTo32 + view.getUint32(offset + 12);
  if (id > frameIdMax || (id === 0 && needsId(kind)))
    throw new WireMalformedError(
      `id of a frame of kind ${nameOfKind(kind)}: given ${id}, allowed ${needsId(kind) ? 1 : 0} to ${frameIdMax}`,
    );
  const end = offset + sizeBytes;
  slot.version = word >>> 24;
  slot.kind = kind;
  slot.flags = flags;
  slot.priority = word & 0xff;
  slot.id = id;
  slot.tagHigh = view.getUint32(offset + 16);
  slot.tagLow = view.getUint32(offset + 20);
  slot.frameBytes = sizeBytes;
  slot.chunk = chunk;
  slot.payloadEnd = end;
  const start = offset + frameHeaderBytes;
  if (flags === 0) {
    slot.headersStart = start;
    slot.headersEnd = start;
    slot.payloadStart = start;
    slot.totalBytes = end - start;
  } else readFlagged(slot, view, start, bounds);
  if (isDataKind(kind)) checkPayload(slot, bounds);
}

/** The lengths that flags announce. */
function readFlagged(
  slot: FrameSlot,
  view: DataView,
  start: number,
  bounds: FrameBounds,
): void {
  const { flags, payloadEnd: end } = slot;
  const declares = isFirstOfSeveral(flags);
  let at = start;
  let totalBytes = 0;
  if (declares) {
    if (end - at < 4) throw cutShort("length of the message", end - at);
    totalBytes = view.getUint32(at);
    at += 4;
  }
  slot.headersStart = at;
  if ((flags & FrameFlag.Headers) !== 0) {
    if (end - at < 4) throw cutShort("length of the headers", end - at);
    const headersBytes = view.getUint32(at);
    at += 4;
    if (headersBytes > bounds.maxHeadersBytes)
      throw new WireTooLargeError(
        "bytes of headers",
        headersBytes,
        bounds.maxHeadersBytes,
      );
    if (headersBytes > end - at)
      throw cutShort(`headers block of ${headersBytes} bytes`, end - at);
    slot.headersStart = at;
    at += headersBytes;
  }
  slot.headersEnd = at;
  slot.payloadStart = at;
  slot.totalBytes = declares ? totalBytes : end - at;
}

/** Bounds of payloads, and of what the first fragment declares. */
function checkPayload(slot: FrameSlot, bounds: FrameBounds): void {
  const payloadBytes = slot.payloadEnd - slot.payloadStart;
  if (payloadBytes > bounds.maxFragmentBytes)
    throw new WireTooLargeError(
      "payload bytes of a frame",
      payloadBytes,
      bounds.maxFragmentBytes,
    );
  if (slot.totalBytes > bounds.maxMessageBytes)
    throw new WireTooLargeError(
      "payload bytes of a message",
      slot.totalBytes,
      bounds.maxMessageBytes,
    );
  if ((slot.flags & (FrameFlag.More | FrameFlag.Continued)) === 0) return;
  if (payloadBytes === 0)
    throw new WireMalformedError("a fragment without payload");
  if (isFirstOfSeveral(slot.flags) && slot.totalBytes <= payloadBytes)
    throw new WireMalformedError(
      `a first fragment of ${payloadBytes} bytes of a message of ${slot.totalBytes} says that more follow`,
    );
}

/** Data frames and what refers to one: 0 is no id. */
function needsId(kind: number): boolean {
  return kind <= 5;
}

function cutShort(what: string, leftBytes: number): WireMalformedError {
  return new WireMalformedError(
    `${what}: the frame ends ${leftBytes} bytes after its beginning`,
  );
}

function hex(flags: number): string {
  return `0x${flags.toString(16).padStart(2, "0")}`;
}
