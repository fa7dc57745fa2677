import { deflateRawSync } from "node:zlib";
import {
  availableCompressions,
  Compression,
  compressPayload,
  decompressPayload,
  jsonCodec,
  loadMsgpackCodec,
  PayloadCodecs,
  rawCodec,
  textCodec,
  WireError,
  WirePayloadError,
  WireTooLargeError,
  WireUnsupportedError,
} from "../../../src/wire/mod.ts";
import { patternBytes } from "../../support/byte_pattern.ts";
import { describe, expect, test } from "../../support/testing.ts";
import { fromHex, joinBytes, thrownBy } from "../../support/wire_frames.ts";

const text = new TextEncoder().encode(
  JSON.stringify(
    Array.from({ length: 400 }, (_, index) => ({
      index,
      name: `sensor ${index % 7}`,
    })),
  ),
);
const bounds = { maxMessageBytes: 2 ** 20 };

/** A compressed payload, or the test has failed. */
function compressed(compression: Compression, payload: Uint8Array): Uint8Array {
  const whole = compressPayload(compression, payload);
  if (whole === undefined) throw new Error("was not compressed");
  return whole;
}

/** With another declared length. */
function declaring(whole: Uint8Array, sizeBytes: number): Uint8Array {
  const copy = whole.slice();
  new DataView(copy.buffer).setUint32(1, sizeBytes);
  return copy;
}

describe("compression", () => {
  test("this runtime has zstd and deflate", () => {
    expect(availableCompressions()).toEqual([
      Compression.Zstd,
      Compression.Deflate,
    ]);
  });

  for (const compression of [Compression.Deflate, Compression.Zstd])
    describe(`number ${compression}`, () => {
      test("a payload becomes smaller and comes back", () => {
        const whole = compressed(compression, text);
        expect(whole.length).toBeLessThan(text.length / 4);
        expect(whole[0]).toBe(compression);
        expect(decompressPayload(whole, bounds)).toEqual(text);
      });

      test("short ones, and those that would not become smaller, stay as they are", () => {
        expect(
          compressPayload(compression, text.subarray(0, 1023)),
        ).toBeUndefined();
        expect(
          compressPayload(compression, text.subarray(0, 200), {
            thresholdBytes: 100,
          }),
        ).toBeDefined();
        expect(
          compressPayload(compression, patternBytes(5000)),
        ).toBeUndefined();
      });

      test("what no receiver would take by its ratio stays as it is", () => {
        expect(
          compressPayload(compression, new Uint8Array(2 ** 20)),
        ).toBeUndefined();
        const whole = compressed(compression, new Uint8Array(60_000));
        expect(decompressPayload(whole, bounds)).toHaveLength(60_000);
      });

      test("a declared length above the limit is refused before anything is done", () => {
        const whole = compressed(compression, text);
        expect(() =>
          decompressPayload(declaring(whole, 2 ** 20 + 1), bounds),
        ).toThrow(
          "payload bytes of a message: given 1048577, allowed at most 1048576",
        );
        expect(() =>
          decompressPayload(whole, { maxMessageBytes: 100 }),
        ).toThrow(WireTooLargeError);
      });

      test("a declared length that is many times that of the bytes is refused", () => {
        const whole = compressed(compression, text);
        expect(() =>
          decompressPayload(declaring(whole, 2 ** 20), {
            ...bounds,
            maxRatio: 3,
          }),
        ).toThrow(WireTooLargeError);
      });

      test("output stops at the declared length, whatever the bytes say", () => {
        const whole = compressed(compression, text);
        for (const wrong of [text.length - 1, 1, 0, text.length + 1])
          expect(() =>
            decompressPayload(declaring(whole, wrong), bounds),
          ).toThrow(WirePayloadError);
      });

      test("broken bytes are refused", () => {
        const whole = compressed(compression, text);
        for (const broken of [
          whole.subarray(0, whole.length - 1),
          whole.subarray(0, 6),
          whole.subarray(0, 3),
          joinBytes(whole.subarray(0, 5), patternBytes(100)),
        ])
          expect(() => decompressPayload(broken, bounds)).toThrow(
            WirePayloadError,
          );
      });
    });

  test("a bomb gives an error and takes no memory worth speaking of", () => {
    const zeros = deflateRawSync(new Uint8Array(2 ** 26));
    const bomb = joinBytes(fromHex("01 0000 ffff"), zeros);
    const before = process.memoryUsage().rss;
    for (let round = 0; round < 20; round++)
      expect(() => decompressPayload(bomb, bounds)).toThrow(WirePayloadError);
    expect(process.memoryUsage().rss - before).toBeLessThan(2 ** 26);
  });

  test("a zstd window above 8 MiB is refused", () => {
    // A frame header that wants a window of 128 MiB, and one raw block of one byte.
    const frame = fromHex("28b52ffd 00 88 090000 41");
    const whole = joinBytes(fromHex("02 00000001"), frame);
    expect(() => decompressPayload(whole, bounds)).toThrow(WirePayloadError);
    const small = joinBytes(
      fromHex("02 00000001"),
      fromHex("28b52ffd 00 00 090000 41"),
    );
    expect(decompressPayload(small, bounds)).toEqual(fromHex("41"));
  });

  test("a compression that was not announced is refused", () => {
    const whole = compressed(Compression.Deflate, text);
    expect(() =>
      decompressPayload(whole, { ...bounds, allowed: [Compression.Zstd] }),
    ).toThrow(WireUnsupportedError);
    expect(() => decompressPayload(fromHex("03 00000001 00"), bounds)).toThrow(
      WireUnsupportedError,
    );
  });
});

describe("codecs", () => {
  const codecs = new PayloadCodecs();

  test("the content type says which", () => {
    expect(codecs.of(undefined)).toBe(rawCodec);
    expect(codecs.of("application/octet-stream")).toBe(rawCodec);
    expect(codecs.of("Text/Plain; charset=utf-8")).toBe(textCodec);
    expect(codecs.of("application/json")).toBe(jsonCodec);
    expect(codecs.of("application/problem+json")).toBe(jsonCodec);
    expect(() => codecs.of("application/vnd.msgpack")).toThrow(
      WireUnsupportedError,
    );
    expect(codecs.contentTypes).toEqual([]);
  });

  test("raw bytes are the payload itself", () => {
    const bytes = fromHex("00ff");
    expect(rawCodec.encode(bytes)).toBe(bytes);
    expect(rawCodec.decode(bytes)).toBe(bytes);
    expect(rawCodec.encode(new DataView(bytes.buffer, 1))).toEqual(
      fromHex("ff"),
    );
    expect(rawCodec.encode(bytes.buffer)).toEqual(bytes);
    expect(() => rawCodec.encode("text")).toThrow(WirePayloadError);
  });

  test("JSON and text come back, and what is none is refused", () => {
    const value = { a: [1, "ü\ufffd", null], b: false };
    expect(jsonCodec.decode(jsonCodec.encode(value))).toEqual(value);
    expect(textCodec.decode(textCodec.encode("\ufeffü"))).toBe("\ufeffü");
    for (const wrong of ["", "ff", "7b", "22ff22", "efbfbd"])
      expect(() => jsonCodec.decode(fromHex(wrong))).toThrow(WirePayloadError);
    expect(() => textCodec.decode(fromHex("ff"))).toThrow(WirePayloadError);
    expect(() => textCodec.encode(1)).toThrow(WirePayloadError);
    const cycle: { self?: unknown } = {};
    cycle.self = cycle;
    for (const wrong of [undefined, 1n, cycle, () => 1])
      expect(() => jsonCodec.encode(wrong)).toThrow(WirePayloadError);
  });

  test("deeply nested JSON is a value or a typed error", () => {
    const deep = new TextEncoder().encode("[".repeat(1_000_000));
    expect(thrownBy(() => jsonCodec.decode(deep))).toBeInstanceOf(WireError);
  });
});

describe("MessagePack", () => {
  test("values come back, and it is plain MessagePack", async () => {
    const codec = await loadMsgpackCodec();
    const codecs = new PayloadCodecs([codec]);
    expect(codecs.of("application/vnd.msgpack")).toBe(codec);
    expect(codecs.contentTypes).toEqual(["application/vnd.msgpack"]);
    const value = { a: 1, b: [true, null, "ü", 1.5], c: { d: -7 } };
    expect(codec.decode(codec.encode(value))).toEqual(value);
    expect(codec.encode({ a: 1 })).toEqual(fromHex("de0001 a161 01"));
  });

  test("a later message does not change an earlier one", async () => {
    const codec = await loadMsgpackCodec();
    const first = codec.encode("first");
    const copy = first.slice();
    for (let round = 0; round < 1000; round++) codec.encode(`other ${round}`);
    expect(first).toEqual(copy);
    const payload = codec.encode({ bytes: fromHex("010203") });
    const { bytes } = codec.decode(payload) as { bytes: Uint8Array };
    payload.fill(0);
    expect(new Uint8Array(bytes)).toEqual(fromHex("010203"));
  });

  test("broken bytes and lengths without bytes are refused", async () => {
    const codec = await loadMsgpackCodec();
    for (const wrong of [
      "",
      "ddffffffff",
      "dfffffffff",
      "c6ffffffff",
      "dbffffffff",
      "c9ffffffff01",
      "0102",
      "92",
    ])
      expect(() => codec.decode(fromHex(wrong))).toThrow(WirePayloadError);
    const deep = new Uint8Array(1_000_000).fill(0x91);
    expect(() => codec.decode(deep)).toThrow(WirePayloadError);
    const cycle: { self?: unknown } = {};
    cycle.self = cycle;
    expect(() => codec.encode(cycle)).toThrow(WirePayloadError);
  });
});
