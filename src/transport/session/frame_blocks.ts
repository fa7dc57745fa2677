/** Memory for frames that wait or are kept. It is used again: new memory costs more than what is written into it. */

/** Bytes of a block. */
export const frameBlockBytes = 32_768;

/** Less than this is not worth a block. */
const blockWorthBytes = 8192;

/** Blocks that nobody uses at the moment, of all sessions together. */
const spareBlocks: Uint8Array[] = [];
const spareBlocksMax = 64;

/** A block, with anything in it. */
export function takeFrameBlock(): Uint8Array {
  return spareBlocks.pop() ?? new Uint8Array(frameBlockBytes);
}

/** Nobody looks at this block any more. Memory that is no block is left to the garbage collector. */
export function giveFrameBlock(bytes: Uint8Array): void {
  if (bytes.length === frameBlockBytes && spareBlocks.length < spareBlocksMax)
    spareBlocks.push(bytes);
}

/** A copy at the beginning of a block, or in memory of just its size when it is too small or too large for one. */
export function copyOfFrames(
  bytes: Uint8Array,
  start: number,
  end: number,
): Uint8Array {
  const sizeBytes = end - start;
  if (sizeBytes < blockWorthBytes || sizeBytes > frameBlockBytes)
    return bytes.slice(start, end);
  const block = takeFrameBlock();
  block.set(bytes.subarray(start, end));
  return block;
}
