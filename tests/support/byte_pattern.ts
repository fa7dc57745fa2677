/** Bytes that tell their place: no two stretches of some words look the same, so that what is lost or swapped shows. */
export function patternBytes(
  byteLength: number,
  offset = 0,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(new ArrayBuffer(byteLength));
  for (let index = 0; index < byteLength; index++)
    bytes[index] = patternAt(offset + index);
  return bytes;
}

/** The byte at one place of the pattern. */
export function patternAt(index: number): number {
  const word = Math.imul((index >>> 2) + 1, 0x9e37_79b1);
  return (word >>> ((index & 3) * 8)) & 0xff;
}
