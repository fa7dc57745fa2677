import {
  CloseCode,
  encodeFrame,
  FrameDecoder,
  FrameFlag,
  frameHeaderBytes,
  frameIdMax,
  FrameKind,
  FramePriority,
  frameSizeBytes,
  frameToBytes,
  splitTag,
  WireError,
  wireLimits,
  WireTooLargeError,
  wireLimitsDefault,
  writePlainFrame,
} from "../../../src/wire/mod.ts";
import { patternBytes } from "../../support/byte_pattern.ts";
import { describe, expect, test } from "../../support/testing.ts";
import {
  fromHex,
  joinBytes,
  keepingDecoder,
  thrownBy,
  toHex,
} from "../../support/wire_frames.ts";

const plain = frameToBytes({
  kind: FrameKind.Message,
  id: 7,
  payload: fromHex("616263"),
});

/** A plain frame with some bytes changed. */
function changed(changes: Readonly<Record<number, number>>): Uint8Array {
  const bytes = plain.slice();
  for (const [at, value] of Object.entries(changes)) bytes[Number(at)] = value;
  return bytes;
}

/** How bytes are refused. */
function refusal(bytes: Uint8Array, limits = wireLimitsDefault): WireError {
  const { decoder, frames } = keepingDecoder(limits);
  const error = thrownBy(() => decoder.push(bytes));
  expect(frames).toEqual([]);
  if (!(error instanceof WireError)) throw error;
  return error;
}

describe("frames - bytes", () => {
  test("a plain frame has 24 bytes before its payload", () => {
    expect(toHex(plain)).toBe(
      "00000017" +
        "01010001" +
        "0000000000000007" +
        "0000000000000000" +
        "616263",
    );
  });

  test("every field comes back as it was given", () => {
    const [tagHigh, tagLow] = splitTag(0xfedc_ba98_7654_3210n);
    const bytes = frameToBytes({
      kind: FrameKind.Request,
      flags: FrameFlag.Compressed | FrameFlag.More,
      priority: FramePriority.High,
      id: frameIdMax,
      tagHigh,
      tagLow,
      totalBytes: 70_000,
      headers: fromHex("0102"),
      payload: fromHex("aabbcc"),
    });
    const { decoder, frames } = keepingDecoder();
    decoder.push(bytes);
    expect(frames).toEqual([
      {
        kind: FrameKind.Request,
        flags: 0x0b,
        priority: 2,
        id: frameIdMax,
        tag: 0xfedc_ba98_7654_3210n,
        totalBytes: 70_000,
        frameBytes: frameHeaderBytes + 4 + 4 + 2 + 3,
        headers: fromHex("0102"),
        payload: fromHex("aabbcc"),
      },
    ]);
  });

  test("the plain form and the general one write the same", () => {
    const payload = patternBytes(100);
    const target = new Uint8Array(300);
    const written = writePlainFrame(
      target,
      5,
      FrameKind.Response,
      FramePriority.Low,
      2 ** 40 + 3,
      1,
      0xffff_ffff,
      payload,
    );
    expect(written).toBe(frameSizeBytes(100));
    expect(target.slice(5, 5 + written)).toEqual(
      frameToBytes({
        kind: FrameKind.Response,
        priority: FramePriority.Low,
        id: 2 ** 40 + 3,
        tagHigh: 1,
        tagLow: 0xffff_ffff,
        payload,
      }),
    );
    expect(target.slice(5 + written)).toEqual(
      new Uint8Array(300 - 5 - written),
    );
  });

  test("what does not fit is not written at all", () => {
    const target = new Uint8Array(50);
    const payload = patternBytes(27);
    expect(() =>
      encodeFrame(target, 0, { kind: FrameKind.Message, id: 1, payload }),
    ).toThrow(RangeError);
    expect(() => writePlainFrame(target, 10, 1, 1, 1, 0, 0, payload)).toThrow(
      "a frame of 51 bytes at offset 10 does not fit into 50 bytes",
    );
    expect(target).toEqual(new Uint8Array(50));
  });

  test("fields out of range are refused before anything is written", () => {
    for (const wrong of [
      { id: -1 },
      { id: 2 ** 53 },
      { id: 1.5 },
      { priority: 3 },
      { flags: FrameFlag.More },
    ])
      expect(() => frameToBytes({ kind: FrameKind.Message, ...wrong })).toThrow(
        RangeError,
      );
    expect(() => splitTag(-1n)).toThrow(RangeError);
    expect(() => splitTag(2n ** 64n)).toThrow(RangeError);
  });
});

describe("frames - chunks", () => {
  const stream = joinBytes(
    frameToBytes({ kind: FrameKind.Ping, id: 1 }),
    frameToBytes({
      kind: FrameKind.Message,
      id: 2,
      payload: patternBytes(9000),
    }),
    plain,
    frameToBytes({
      kind: FrameKind.Error,
      id: 3,
      headers: fromHex("00"),
      payload: patternBytes(10),
    }),
  );
  const whole = keepingDecoder();
  whole.decoder.push(stream);

  test("frames are the same wherever the stream is cut", () => {
    expect(whole.frames.map((frame) => frame.id)).toEqual([1, 2, 7, 3]);
    for (let cut = 0; cut <= stream.length; cut++) {
      const { decoder, frames } = keepingDecoder();
      decoder.push(stream.subarray(0, cut));
      decoder.push(stream.subarray(cut));
      expect(frames.length).toBe(4);
      if (cut % 97 === 0 || cut < 60) expect(frames).toEqual(whole.frames);
      decoder.end();
    }
  });

  test("byte by byte", () => {
    const { decoder, frames } = keepingDecoder();
    for (let at = 0; at < stream.length; at++)
      decoder.push(stream.subarray(at, at + 1));
    expect(frames).toEqual(whole.frames);
    expect(decoder.pendingBytes).toBe(0);
  });

  test("a frame within a chunk is a view of that chunk, not a copy", () => {
    const chunk = joinBytes(plain, plain);
    const buffers: ArrayBufferLike[] = [];
    const decoder = new FrameDecoder({
      frame: (frame) => void buffers.push(frame.payload().buffer),
    });
    decoder.push(chunk);
    expect(buffers).toHaveLength(2);
    for (const buffer of buffers) expect(buffer).toBe(chunk.buffer);
  });

  test("memory of a long frame that was cut is let go of", () => {
    const { decoder, frames } = keepingDecoder();
    const long = frameToBytes({
      kind: FrameKind.Message,
      id: 1,
      payload: patternBytes(30_000),
    });
    decoder.push(long.subarray(0, 100));
    expect(decoder.heldBytes).toBe(long.length);
    decoder.push(long.subarray(100));
    expect(frames).toHaveLength(1);
    expect(decoder.heldBytes).toBe(0);
  });

  test("a handler that stops the decoder gets no more frames, whole or cut", () => {
    let count = 0;
    const decoder: FrameDecoder = new FrameDecoder({
      frame: () => {
        count += 1;
        decoder.stop();
      },
    });
    decoder.push(joinBytes(plain, plain));
    decoder.push(plain);
    decoder.end();
    expect([count, decoder.stopped, decoder.heldBytes]).toEqual([1, true, 0]);
  });

  test("a handler that stops at a frame that was cut gets none of what follows in the chunk", () => {
    let count = 0;
    const decoder: FrameDecoder = new FrameDecoder({
      frame: () => {
        count += 1;
        decoder.stop();
      },
    });
    decoder.push(plain.subarray(0, 9));
    decoder.push(joinBytes(plain.subarray(9), plain));
    expect(count).toBe(1);
  });

  test("what the handler throws comes out, and the decoder has stopped", () => {
    const failure = new Error("mine");
    const decoder = new FrameDecoder({
      frame: () => {
        throw failure;
      },
    });
    expect(thrownBy(() => decoder.push(plain))).toBe(failure);
    expect(thrownBy(() => decoder.push(plain))).toBe(failure);
  });

  test("a handler that feeds its own decoder is refused", () => {
    const decoder: FrameDecoder = new FrameDecoder({
      frame: () => decoder.push(plain),
    });
    expect(() => decoder.push(plain)).toThrow(TypeError);
  });

  test("an end within a frame is an error", () => {
    const { decoder } = keepingDecoder();
    decoder.push(plain.subarray(0, 11));
    expect(() => decoder.end()).toThrow(
      "the stream ended 11 bytes into a frame",
    );
  });
});

describe("frames - refused", () => {
  const cases: readonly [string, Uint8Array, string, CloseCode][] = [
    [
      "a length below that of the header",
      changed({ 3: 19 }),
      "WireMalformed",
      1002,
    ],
    [
      "garbage",
      new TextEncoder().encode("GET / HTTP/1.1\r\n"),
      "WireTooLarge",
      1009,
    ],
    ["a version that is not spoken", changed({ 4: 2 }), "WireVersion", 4001],
    ["version 0", changed({ 4: 0 }), "WireVersion", 4001],
    ["kind 0", changed({ 5: 0 }), "WireUnsupported", 1003],
    ["a kind that is none", changed({ 5: 12 }), "WireUnsupported", 1003],
    ["a flag that is none", changed({ 6: 0x10 }), "WireUnsupported", 1003],
    [
      "a flag that its kind has not",
      changed({ 5: 6, 6: 1 }),
      "WireUnsupported",
      1003,
    ],
    ["a priority that is none", changed({ 7: 3 }), "WireMalformed", 1002],
    ["an id of 0", changed({ 15: 0 }), "WireMalformed", 1002],
    ["an id above 2^53 - 1", changed({ 9: 0x20 }), "WireMalformed", 1002],
    [
      "headers on a continued fragment",
      changed({ 6: 5 }),
      "WireMalformed",
      1002,
    ],
    [
      "no room for the length of headers",
      changed({ 6: 1 }),
      "WireMalformed",
      1002,
    ],
    [
      "no room for the length of the message",
      changed({ 6: 2 }),
      "WireMalformed",
      1002,
    ],
    [
      "headers that are longer than their frame",
      frameToBytes({ kind: 1, id: 1, headers: fromHex("01") }).fill(9, 27, 28),
      "WireMalformed",
      1002,
    ],
    [
      "headers that are longer than allowed",
      frameToBytes({ kind: 1, id: 1, headers: fromHex("01") }).fill(
        0x21,
        26,
        27,
      ),
      "WireTooLarge",
      1009,
    ],
    [
      "a first fragment that is the whole message",
      frameToBytes({
        kind: 1,
        id: 1,
        flags: 2,
        totalBytes: 3,
        payload: fromHex("010203"),
      }),
      "WireMalformed",
      1002,
    ],
    [
      "a message that is longer than allowed",
      frameToBytes({
        kind: 1,
        id: 1,
        flags: 2,
        totalBytes: 16_777_217,
        payload: fromHex("01"),
      }),
      "WireTooLarge",
      1009,
    ],
    [
      "an empty fragment",
      frameToBytes({ kind: 1, id: 1, flags: 4 }),
      "WireMalformed",
      1002,
    ],
    [
      "a payload that is longer than a fragment may be",
      frameToBytes({ kind: 1, id: 1, payload: patternBytes(32_769) }),
      "WireTooLarge",
      1009,
    ],
    [
      "a body that is longer than a hello may be",
      frameToBytes({ kind: FrameKind.Hello, payload: patternBytes(16_385) }),
      "WireTooLarge",
      1009,
    ],
  ];
  for (const [name, bytes, code, closeCode] of cases)
    test(name, () => {
      const error = refusal(bytes);
      expect([error.code, error.closeCode]).toEqual([code, closeCode]);
    });

  test("a length is refused as soon as it is there, and nothing is allocated for it", () => {
    const { decoder } = keepingDecoder();
    decoder.push(fromHex("ffff"));
    expect(() => decoder.push(fromHex("ffff"))).toThrow(WireTooLargeError);
    expect(decoder.heldBytes).toBe(0);
  });

  test("lengths are refused from the first byte too many", () => {
    const maxBytes = 24 + 8 + 8192 + 32_768;
    for (const [sizeBytes, fails] of [
      [maxBytes, false],
      [maxBytes + 1, true],
    ] as const) {
      const length = new Uint8Array(4);
      new DataView(length.buffer).setUint32(0, sizeBytes - 4);
      const { decoder } = keepingDecoder();
      if (fails) expect(() => decoder.push(length)).toThrow(WireTooLargeError);
      else decoder.push(length);
    }
    const headers = frameToBytes({
      kind: 1,
      id: 1,
      headers: fromHex("060000"),
    });
    headers[27] = 4;
    expect(refusal(headers).code).toBe("WireMalformed");
  });

  test("a header is refused before its payload has come", () => {
    const { decoder } = keepingDecoder();
    expect(() =>
      decoder.push(changed({ 3: 200, 5: 99 }).subarray(0, 24)),
    ).toThrow("kind of a frame: given 99");
  });

  test("what was refused once is refused again, and frames before it are handed over", () => {
    const { decoder, frames } = keepingDecoder();
    const first = thrownBy(() =>
      decoder.push(joinBytes(plain, changed({ 5: 99 }))),
    );
    expect(frames).toHaveLength(1);
    expect(thrownBy(() => decoder.push(plain))).toBe(first);
    expect(frames).toHaveLength(1);
  });

  test("a message limit below that of fragments holds too", () => {
    const limits = wireLimits({ maxMessageBytes: 2000 });
    const bytes = frameToBytes({ kind: 1, id: 1, payload: patternBytes(2001) });
    expect(refusal(bytes, limits).code).toBe("WireTooLarge");
    expect(CloseCode.TooLarge).toBe(1009);
  });

  test("limits out of bounds are refused by name", () => {
    expect(() => wireLimits({ maxFragmentBytes: 10 })).toThrow(
      "maxFragmentBytes: given 10, allowed an integer from 1024 to 1048576 (bytes)",
    );
    expect(() => wireLimits({ maxReassemblyMessages: 0.5 })).toThrow(
      RangeError,
    );
    expect(wireLimits({ maxMessageBytes: 2 ** 29 }).maxReassemblyBytes).toBe(
      2 ** 29,
    );
  });
});
