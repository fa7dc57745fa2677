/** Sizes in bytes as people write them: `4096`, `64KiB`, `1MiB`, `10kB`. */
import { Refused } from "./refused.ts";
import { shaped, type ValueParser } from "./value_shape.ts";

const unitBytes: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  k: 1024,
  m: 1024 ** 2,
  g: 1024 ** 3,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
};

/** Bytes with the largest binary unit that divides them, else the plain number. */
export function formatSize(bytes: number): string {
  for (const [unit, size] of [
    ["GiB", 1024 ** 3],
    ["MiB", 1024 ** 2],
    ["KiB", 1024],
  ] as const) {
    if (bytes >= size && bytes % size === 0) return `${bytes / size}${unit}`;
  }
  return `${bytes}`;
}

/** Bytes for people: three digits at most, rounded. */
export function formatSizeShort(bytes: number): string {
  let value = bytes;
  for (const unit of ["B", "KiB", "MiB", "GiB"]) {
    if (value < 1024 || unit === "GiB")
      return `${value < 10 && unit !== "B" ? value.toFixed(1) : Math.round(value)} ${unit}`;
    value /= 1024;
  }
  return `${bytes} B`;
}

/**
 * Parses a size into whole bytes.
 *
 * @throws {Refused} for another unit, a fraction of a byte, or a value outside of `min` to `max` (both in bytes)
 */
export function parseSize(text: string, min: number, max: number): number {
  const allowed = `a size such as 4096, 64KiB or 1MiB, from ${formatSize(min)} to ${formatSize(max)}`;
  const match = /^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(text);
  const bytes =
    Number(match?.[1]) *
    (unitBytes[(match?.[2] ?? "?").toLowerCase()] ?? Number.NaN);
  if (!Number.isInteger(bytes) || bytes < min || bytes > max)
    throw new Refused(text, allowed);
  return bytes;
}

const sizePattern = /^\d+(?:\.\d+)?\s*(?:[bB]|[kKmMgG](?:[bB]|[iI][bB])?)?$/;

/** A parser for sizes in bytes; see `parseSize`. */
export function size(min: number, max: number): ValueParser<number> {
  return shaped((text) => parseSize(text, min, max), {
    kind: "size",
    min,
    max,
    pattern: sizePattern,
  });
}
