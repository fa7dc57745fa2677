/** docs/protocol/vectors.json is what the module reads and writes. */
import {
  decodeHeaders,
  decompressPayload,
  encodeHeaders,
  type Frame,
  FrameDecoder,
  FrameFlag,
  frameToBytes,
  Reassembler,
  splitTag,
  WireError,
} from "../../../src/wire/mod.ts";
import { describe, expect, test } from "../../support/testing.ts";
import {
  fromHex,
  joinBytes,
  keepingDecoder,
  thrownBy,
  toHex,
} from "../../support/wire_frames.ts";
import {
  type FrameVector,
  readBody,
  vectors,
  writeBody,
} from "../../support/wire_vectors.ts";

/** What a vector's bytes say. */
function read({ name, hex }: FrameVector): FrameVector {
  const { decoder, frames } = keepingDecoder();
  decoder.push(fromHex(hex));
  decoder.end();
  const [frame, ...others] = frames;
  if (frame === undefined || others.length > 0)
    throw new Error(`${frames.length} frames`);
  const { kind, flags, priority, id, tag, totalBytes } = frame;
  const body = readBody(kind, frame.payload);
  const first = (flags & 6) === FrameFlag.More;
  return {
    name,
    hex,
    kind,
    flags,
    priority,
    id,
    tag: String(tag),
    ...(first ? { totalBytes } : {}),
    ...(frame.headers.length > 0
      ? { headers: decodeHeaders(frame.headers) }
      : {}),
    ...(body === undefined ? { payloadHex: toHex(frame.payload) } : { body }),
  };
}

/** The bytes of what a vector says. */
function write(vector: FrameVector): string {
  const { kind, flags, priority, id, tag, totalBytes, body } = vector;
  const [tagHigh, tagLow] = splitTag(BigInt(tag));
  return toHex(
    frameToBytes({
      kind,
      flags,
      priority,
      id,
      tagHigh,
      tagLow,
      ...(totalBytes === undefined ? {} : { totalBytes }),
      headers: encodeHeaders(vector.headers ?? {}),
      payload:
        body === undefined
          ? fromHex(vector.payloadHex ?? "")
          : writeBody(kind, body),
    }),
  );
}

/** Reads all of a frame, as a server would. */
function readAll(frame: Frame): void {
  readBody(frame.kind, frame.payload());
  decodeHeaders(frame.headers());
}

describe("vectors of the protocol", () => {
  test("there is one for every kind", () => {
    const kinds = new Set(vectors.frames.map(({ kind }) => kind));
    expect([...kinds].sort((a, b) => a - b)).toEqual([
      1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
    ]);
  });

  for (const vector of vectors.frames)
    test(`${vector.name} - is read and written`, () => {
      expect(read(vector)).toEqual(vector);
      // Optional fields of a body that are at their default need not be sent, and Ringwire sends some.
      const again = write(vector);
      expect(read({ ...vector, hex: again })).toEqual({
        ...vector,
        hex: again,
      });
      if (vector.kind !== 8) expect(again).toBe(vector.hex);
    });

  for (const { name, hex, code, closeCode } of vectors.refused)
    test(`${name} - is refused with ${closeCode}`, () => {
      const decoder = new FrameDecoder({ frame: readAll });
      const error = thrownBy(() => decoder.push(fromHex(hex)));
      if (!(error instanceof WireError)) throw error;
      expect([error.code, error.closeCode]).toEqual([code, closeCode]);
    });

  test("the fragments are one message", () => {
    const fragments = vectors.frames.filter(({ flags }) => (flags & 6) !== 0);
    const reassembler = new Reassembler();
    const texts: string[] = [];
    const decoder = new FrameDecoder({
      frame(frame) {
        const message = reassembler.add(frame);
        if (message !== undefined)
          texts.push(new TextDecoder().decode(message.payload));
      },
    });
    decoder.push(joinBytes(...fragments.map(({ hex }) => fromHex(hex))));
    expect(texts).toEqual(["frags"]);
  });

  for (const { name, hex, payloadText } of vectors.compressed)
    test(`${name} - is taken apart`, () => {
      const payload = decompressPayload(fromHex(hex), {
        maxMessageBytes: 65_536,
      });
      expect(new TextDecoder().decode(payload)).toBe(payloadText);
    });
});
