/** Frames of WebSocket (RFC 6455, section 5) as bytes: their numbers, headers and masks. */

/** Kinds of frames. */
export const Opcode = {
  Continuation: 0,
  Text: 1,
  Binary: 2,
  Close: 8,
  Ping: 9,
  Pong: 10,
} as const;

/** Most bytes in the payload of a close, ping or pong. */
export const controlBytesMax = 125;
/** Most bytes before a payload. */
export const headerBytesMax = 14;

/** Below this a loop over bytes is faster than a view of words. */
const wordsFromBytes = 64;

/** Masks are random so that no program can choose what stands on the wire, for the sake of old caches between. */
const masks = new Uint32Array(256);
let nextMask = masks.length;

/** A mask that has not been used, as four bytes in memory. */
export function freshMask(): number {
  if (nextMask === masks.length) {
    crypto.getRandomValues(masks);
    nextMask = 0;
  }
  const mask = masks[nextMask] ?? 0;
  nextMask += 1;
  return mask;
}

/**
 * Applies a mask in place, or takes it off.
 *
 * @param key its four bytes
 * @param phase how many bytes of the payload came before these
 */
export function applyMask(
  bytes: Uint8Array,
  from: number,
  to: number,
  key: Uint8Array,
  phase: number,
): void {
  let at = from;
  let byte = phase;
  if (to - from >= wordsFromBytes) {
    for (; ((bytes.byteOffset + at) & 3) !== 0; at++, byte++)
      bytes[at] = (bytes[at] ?? 0) ^ (key[byte & 3] ?? 0);
    const turned = new Uint8Array(4);
    for (let index = 0; index < 4; index++)
      turned[index] = key[(byte + index) & 3] ?? 0;
    const word = new Uint32Array(turned.buffer)[0] ?? 0;
    const words = new Uint32Array(
      bytes.buffer,
      bytes.byteOffset + at,
      (to - at) >>> 2,
    );
    for (let index = 0; index < words.length; index++)
      words[index] = (words[index] ?? 0) ^ word;
    at += words.length * 4;
  }
  // After whole words the mask is where it was.
  for (; at < to; at++, byte++)
    bytes[at] = (bytes[at] ?? 0) ^ (key[byte & 3] ?? 0);
}

/** Bytes of a header. */
export function headerSizeBytes(
  payloadBytes: number,
  isMasked: boolean,
): number {
  const lengthBytes = payloadBytes < 126 ? 0 : payloadBytes < 65_536 ? 2 : 8;
  return 2 + lengthBytes + (isMasked ? 4 : 0);
}

/** Writes a header without its mask, of a frame that is a whole message. */
export function writeHeader(
  into: Uint8Array,
  at: number,
  opcode: number,
  payloadBytes: number,
  isMasked: boolean,
): void {
  const maskBit = isMasked ? 0x80 : 0;
  into[at] = 0x80 | opcode;
  if (payloadBytes < 126) {
    into[at + 1] = maskBit | payloadBytes;
    return;
  }
  const view = new DataView(into.buffer, into.byteOffset);
  if (payloadBytes < 65_536) {
    into[at + 1] = maskBit | 126;
    view.setUint16(at + 2, payloadBytes);
    return;
  }
  into[at + 1] = maskBit | 127;
  view.setUint32(at + 2, Math.floor(payloadBytes / 2 ** 32));
  view.setUint32(at + 6, payloadBytes >>> 0);
}

/** A whole frame in memory of its own. */
export function frameOf(
  opcode: number,
  payload: Uint8Array,
  isMasked: boolean,
): Uint8Array {
  const headerBytes = headerSizeBytes(payload.length, isMasked);
  const frame = new Uint8Array(headerBytes + payload.length);
  writeHeader(frame, 0, opcode, payload.length, isMasked);
  frame.set(payload, headerBytes);
  if (isMasked) {
    const key = new Uint8Array(new Uint32Array([freshMask()]).buffer);
    frame.set(key, headerBytes - 4);
    applyMask(frame, headerBytes, frame.length, key, 0);
  }
  return frame;
}

/** The payload of a close. A reason that is too long is cut between characters. */
export function closePayload(
  code: number | undefined,
  reason: string,
): Uint8Array {
  if (code === undefined) return new Uint8Array(0);
  const payload = new Uint8Array(controlBytesMax);
  payload[0] = code >> 8;
  payload[1] = code & 0xff;
  const { written } = new TextEncoder().encodeInto(reason, payload.subarray(2));
  return payload.subarray(0, 2 + written);
}

/** Whether a code may stand in a close frame (RFC 6455, section 7.4, and the registry that it opened). */
export function isSendableCloseCode(code: number): boolean {
  if (code >= 3000) return code <= 4999;
  return (
    code >= 1000 &&
    code <= 1014 &&
    code !== 1004 &&
    code !== 1005 &&
    code !== 1006
  );
}
