/** What may be given to UCX as memory. */

/** One buffer, or several that make up one message in their order. */
export type MessageData = Uint8Array | readonly Uint8Array[];

/** Buffers of one message; UCX has no limit of its own, but each costs some memory. */
export const buffersMax = 1024;

/**
 * Checks memory that UCX is about to use.
 *
 * @throws {TypeError} when it is no Uint8Array, or its memory may go away: detached or resizable
 */
export function checkBuffer(buffer: Uint8Array, what: string): void {
  if (!(buffer instanceof Uint8Array))
    throw new TypeError(
      `${what}: given ${buffer === null ? "null" : typeof buffer}, allowed a Uint8Array`,
    );
  // Reading it also moves a small view of Bun to where it stays (see ffi/host_bun.ts).
  const memory = buffer.buffer;
  if (memory instanceof ArrayBuffer) {
    if (memory.detached)
      throw new TypeError(`${what}: its ArrayBuffer is detached`);
    if (memory.resizable)
      throw new TypeError(
        `${what}: its ArrayBuffer is resizable, and so may lose memory that is in use`,
      );
  } else if (memory.growable) {
    throw new TypeError(`${what}: its SharedArrayBuffer is growable`);
  }
}

/** Bytes of a message. */
export function dataBytes(data: MessageData): number {
  if (data instanceof Uint8Array) return data.byteLength;
  let bytes = 0;
  for (const part of data) bytes += part.byteLength;
  return bytes;
}

/**
 * Checks what is to be sent.
 *
 * @throws {TypeError} when a part is no Uint8Array or its memory may go away
 * @throws {RangeError} when there are too many parts
 */
export function checkData(data: MessageData, what: string): void {
  if (!Array.isArray(data)) {
    checkBuffer(data as Uint8Array, what);
    return;
  }
  if (data.length > buffersMax)
    throw new RangeError(
      `${what}: given ${data.length} buffers, allowed at most ${buffersMax}`,
    );
  for (const [index, part] of data.entries())
    checkBuffer(part as Uint8Array, `${what}[${index}]`);
}
