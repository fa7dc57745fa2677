/** Payloads made smaller by what the runtime has, and taken apart again within bounds. */
import zlib from "node:zlib";
import { Compression, isCompression } from "./compression_names.ts";
import {
  WirePayloadError,
  WireTooLargeError,
  WireUnsupportedError,
} from "./errors.ts";

/** Bytes before the compressed ones: which compression it is, and how long the payload was. */
export const compressionHeaderBytes = 5;

/** Bounds of compressing. */
export interface CompressOptions {
  /** Payloads below this are sent as they are. @default 1024 */
  readonly thresholdBytes?: number;
  /** The compression's own level; the default of each is its own: 6 for deflate, 3 for zstd. */
  readonly level?: number;
}

/** Bounds of taking apart. */
export interface DecompressOptions {
  /** What this side has announced as its `maxMessageBytes`. */
  readonly maxMessageBytes: number;
  /** How many times as long as the compressed bytes a payload may be. @default 200 */
  readonly maxRatio?: number;
  /** Compressions that this side has announced. @default all that the runtime has */
  readonly allowed?: readonly Compression[];
}

/** What a payload may be at most, as a multiple of its compressed bytes. */
export const maxRatioDefault = 200;

/** Payloads below this are not compressed. */
export const compressionThresholdBytesDefault = 1024;

/** Memory of zstd's window, as a power of two: 8 MiB, which RFC 8878 wants every decoder to have. */
const windowLogMax = 23;

/** zlib's least memory for a deflate stream makes nothing faster; chunks of the size of the output do. */
const chunkBytesMin = 1024;
const chunkBytesMax = 65_536;

/** Small ratios are no bombs: below this many bytes the ratio does not count. */
const ratioFreeBytes = 65_536;

const constants = zlib.constants;

/** Compressions that this runtime has, best first. Bun 1.4.4 and Deno 2.9.6 have both; a runtime without zstd has deflate only. */
export function availableCompressions(): readonly Compression[] {
  return typeof zlib.zstdDecompressSync === "function"
    ? [Compression.Zstd, Compression.Deflate]
    : [Compression.Deflate];
}

/**
 * Compresses a payload.
 *
 * @returns the compressed payload, with what is needed to take it apart; undefined when it is below the threshold or
 *   would not become smaller
 * @throws {WireUnsupportedError} when the runtime has no such compression
 */
export function compressPayload(
  compression: Compression,
  payload: Uint8Array,
  options: CompressOptions = {},
): Uint8Array | undefined {
  const { thresholdBytes = compressionThresholdBytesDefault, level } = options;
  checkAvailable(compression);
  if (payload.length < thresholdBytes) return undefined;
  const packed =
    compression === Compression.Zstd
      ? zlib.zstdCompressSync(payload, {
          params: {
            [constants.ZSTD_c_compressionLevel]: level ?? 3,
            [constants.ZSTD_c_windowLog]: windowLogFor(payload.length),
          },
        })
      : zlib.deflateRawSync(payload, level === undefined ? {} : { level });
  const sizeBytes = compressionHeaderBytes + packed.length;
  if (sizeBytes >= payload.length || exceedsRatio(payload.length, sizeBytes))
    return undefined;
  const whole = new Uint8Array(sizeBytes);
  whole[0] = compression;
  new DataView(whole.buffer).setUint32(1, payload.length);
  whole.set(packed, compressionHeaderBytes);
  return whole;
}

/**
 * Takes a compressed payload apart. The output never becomes longer than declared, and what is declared is checked
 * before.
 *
 * @throws {WireUnsupportedError} for a compression that was not announced
 * @throws {WireTooLargeError} when the payload would be longer than allowed, or too many times as long as its bytes
 * @throws {WirePayloadError} for bytes that are broken, or not as long as declared
 */
export function decompressPayload(
  compressed: Uint8Array,
  options: DecompressOptions,
): Uint8Array {
  const allowed = options.allowed ?? availableCompressions();
  if (compressed.length < compressionHeaderBytes)
    throw new WirePayloadError(
      `a compressed payload of ${compressed.length} bytes`,
    );
  const compression = compressed[0] ?? 0;
  if (!isCompression(compression) || !allowed.includes(compression))
    throw new WireUnsupportedError(
      `compression: given ${compression}, allowed ${allowed.join(", ") || "none"}`,
    );
  checkAvailable(compression);
  const sizeBytes = new DataView(
    compressed.buffer,
    compressed.byteOffset,
  ).getUint32(1);
  if (sizeBytes > options.maxMessageBytes)
    throw new WireTooLargeError(
      "payload bytes of a message",
      sizeBytes,
      options.maxMessageBytes,
    );
  const maxRatio = options.maxRatio ?? maxRatioDefault;
  if (exceedsRatio(sizeBytes, compressed.length, maxRatio))
    throw new WireTooLargeError(
      "payload bytes of a message, by its compressed bytes",
      sizeBytes,
      Math.max(ratioFreeBytes, maxRatio * compressed.length),
    );
  const payload = inflate(
    compression,
    compressed.subarray(compressionHeaderBytes),
    sizeBytes,
  );
  // Deno's zstd passes over what follows a frame, and both take one that is cut short for a whole one.
  if (payload.length !== sizeBytes)
    throw new WirePayloadError(
      `a compressed payload has ${payload.length} bytes, and declares ${sizeBytes}`,
    );
  // No Buffer, whose slice would be no copy.
  return new Uint8Array(payload.buffer, payload.byteOffset, sizeBytes);
}

function inflate(
  compression: Compression,
  packed: Uint8Array,
  sizeBytes: number,
): Uint8Array {
  const bounds = {
    // 0 is no bound, but an error.
    maxOutputLength: Math.max(1, sizeBytes),
    chunkSize: Math.min(chunkBytesMax, Math.max(chunkBytesMin, sizeBytes)),
  };
  try {
    return compression === Compression.Zstd
      ? zlib.zstdDecompressSync(packed, {
          ...bounds,
          params: { [constants.ZSTD_d_windowLogMax]: windowLogMax },
        })
      : zlib.inflateRawSync(packed, bounds);
  } catch (cause) {
    throw new WirePayloadError(
      `a compressed payload that declares ${sizeBytes} bytes cannot be taken apart: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
}

function exceedsRatio(
  sizeBytes: number,
  compressedBytes: number,
  maxRatio = maxRatioDefault,
): boolean {
  return sizeBytes > ratioFreeBytes && sizeBytes > maxRatio * compressedBytes;
}

/** The least window that holds the payload, from 1 KiB to 8 MiB. */
function windowLogFor(payloadBytes: number): number {
  return Math.min(
    windowLogMax,
    Math.max(10, 32 - Math.clz32(Math.max(1, payloadBytes - 1))),
  );
}

function checkAvailable(compression: Compression): void {
  if (availableCompressions().includes(compression)) return;
  throw new WireUnsupportedError(
    `compression ${compression}: this runtime has none; available: ${availableCompressions().join(", ")}`,
  );
}
