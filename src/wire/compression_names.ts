/** Compressions, as their numbers on the wire. */

/** Ways to compress a payload. */
export const Compression = {
  /** Raw deflate (RFC 1951), without a header or checksum. */
  Deflate: 1,
  /** One frame of Zstandard (RFC 8878) with a window of at most 8 MiB. */
  Zstd: 2,
} as const;
/** The number of a compression. */
export type Compression = (typeof Compression)[keyof typeof Compression];

/** Whether there is such a compression. */
export function isCompression(number: number): number is Compression {
  return number === Compression.Deflate || number === Compression.Zstd;
}
