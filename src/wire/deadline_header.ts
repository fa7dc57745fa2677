/** A headers block with nothing but a deadline: nearly every request has it, so it is written and read without the detour of an object. */

/** Bytes of the block. */
export const deadlineBlockBytes = 7;

/** The key and the length of the deadline, as `headers.ts` writes them. */
const key = 1;
const valueBytes = 4;

/** Writes the block; the caller sees to the room. @param deadlineMs a whole number below 2^32 */
export function writeDeadlineBlock(
  target: Uint8Array,
  offset: number,
  deadlineMs: number,
): void {
  target[offset] = key;
  target[offset + 1] = 0;
  target[offset + 2] = valueBytes;
  target[offset + 3] = deadlineMs >>> 24;
  target[offset + 4] = deadlineMs >>> 16;
  target[offset + 5] = deadlineMs >>> 8;
  target[offset + 6] = deadlineMs;
}

/** The deadline of a block that has nothing else; undefined for any other block. */
export function readDeadlineBlock(
  bytes: Uint8Array,
  start: number,
  end: number,
): number | undefined {
  if (
    end - start !== deadlineBlockBytes ||
    bytes[start] !== key ||
    bytes[start + 1] !== 0 ||
    bytes[start + 2] !== valueBytes
  )
    return undefined;
  return (
    (((bytes[start + 3] ?? 0) << 24) |
      ((bytes[start + 4] ?? 0) << 16) |
      ((bytes[start + 5] ?? 0) << 8) |
      (bytes[start + 6] ?? 0)) >>>
    0
  );
}
