/** What a decoder hands over, kept beyond the call. */
import {
  type Frame,
  FrameDecoder,
  type WireLimits,
} from "../../src/wire/mod.ts";

/** A frame that was received, copied. */
export interface KeptFrame {
  readonly kind: number;
  readonly flags: number;
  readonly priority: number;
  readonly id: number;
  readonly tag: bigint;
  readonly totalBytes: number;
  readonly frameBytes: number;
  readonly headers: Uint8Array;
  readonly payload: Uint8Array;
}

/** Copies a frame out of its decoder. */
export function keepFrame(frame: Frame): KeptFrame {
  const { kind, flags, priority, id, tag, totalBytes, frameBytes } = frame;
  return {
    kind,
    flags,
    priority,
    id,
    tag,
    totalBytes,
    frameBytes,
    headers: frame.headers().slice(),
    payload: frame.payload().slice(),
  };
}

/** A decoder with the frames that came out of it. */
export function keepingDecoder(limits?: WireLimits): {
  readonly decoder: FrameDecoder;
  readonly frames: KeptFrame[];
} {
  const frames: KeptFrame[] = [];
  const decoder = new FrameDecoder(
    { frame: (frame) => void frames.push(keepFrame(frame)) },
    limits,
  );
  return { decoder, frames };
}

/** What a call throws. @throws when it throws nothing */
export function thrownBy(body: () => unknown): unknown {
  try {
    body();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

/** Bytes as hexadecimal digits. */
export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(
    "",
  );
}

/** Bytes of hexadecimal digits; white space is passed over. */
export function fromHex(hex: string): Uint8Array<ArrayBuffer> {
  const digits = hex.replaceAll(/\s/g, "");
  const bytes = new Uint8Array(digits.length / 2);
  for (let index = 0; index < bytes.length; index++)
    bytes[index] = Number.parseInt(digits.slice(2 * index, 2 * index + 2), 16);
  return bytes;
}

/** Several pieces as one. */
export function joinBytes(
  ...pieces: readonly Uint8Array[]
): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(
    pieces.reduce((sum, piece) => sum + piece.length, 0),
  );
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
