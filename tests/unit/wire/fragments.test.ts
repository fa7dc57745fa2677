import {
  FragmentWriter,
  FrameDecoder,
  FrameFlag,
  FrameKind,
  FramePriority,
  frameToBytes,
  type AssembledMessage,
  type OutgoingFrame,
  Reassembler,
  WireMalformedError,
  wireLimits,
  WireTooLargeError,
} from "../../../src/wire/mod.ts";
import { patternBytes } from "../../support/byte_pattern.ts";
import { describe, expect, test } from "../../support/testing.ts";
import { fromHex, joinBytes } from "../../support/wire_frames.ts";

const limits = wireLimits({
  maxMessageBytes: 2 ** 21,
  maxReassemblyBytes: 3 * 2 ** 20,
  maxReassemblyMessages: 3,
});

/** Takes fragments until it is told what was wrong. */
function receiver(given = limits) {
  const messages: AssembledMessage[] = [];
  const reassembler = new Reassembler(given);
  let sequence = 0;
  const decoder = new FrameDecoder(
    {
      frame(frame) {
        if ((frame.flags & FrameFlag.Continued) === 0) sequence += 1;
        const message = reassembler.add(frame, sequence);
        if (message !== undefined) messages.push(message);
      },
    },
    given,
  );
  return { messages, reassembler, decoder };
}

/** All frames of a message. */
function cut(message: OutgoingFrame, maxFragmentBytes: number): Uint8Array[] {
  const writer = new FragmentWriter(message, maxFragmentBytes);
  const frames: Uint8Array[] = [];
  while (!writer.done) {
    const frame = new Uint8Array(writer.nextBytes);
    expect(writer.write(frame, 0)).toBe(frame.length);
    frames.push(frame);
  }
  expect([writer.nextBytes, writer.write(new Uint8Array(0), 0)]).toEqual([
    0, 0,
  ]);
  return frames;
}

const long: OutgoingFrame = {
  kind: FrameKind.Request,
  flags: FrameFlag.Compressed,
  priority: FramePriority.Low,
  id: 9,
  tagHigh: 1,
  tagLow: 2,
  headers: fromHex("0600 0178"),
  payload: patternBytes(300_000),
};

describe("fragments", () => {
  test("a message comes back whole, with what its first frame said", () => {
    const { decoder, messages, reassembler } = receiver();
    const frames = cut(long, 32_768);
    expect(frames).toHaveLength(10);
    for (const frame of frames) decoder.push(frame);
    expect(messages).toEqual([
      {
        kind: FrameKind.Request,
        flags: FrameFlag.Compressed | FrameFlag.Headers,
        priority: FramePriority.Low,
        id: 9,
        tagHigh: 1,
        tagLow: 2,
        sequence: 1,
        headers: fromHex("0600 0178"),
        payload: patternBytes(300_000),
      },
    ]);
    expect([
      reassembler.messages,
      reassembler.declaredBytes,
      reassembler.heldBytes,
    ]).toEqual([0, 0, 0]);
  });

  test("a message that fits is one frame without fragment flags", () => {
    for (const sizeBytes of [0, 1, 1024]) {
      const message = { kind: 1, id: 1, payload: patternBytes(sizeBytes) };
      expect(cut(message, 1024)).toEqual([frameToBytes(message)]);
    }
    expect(
      cut({ kind: 1, id: 1, payload: patternBytes(1025) }, 1024),
    ).toHaveLength(2);
  });

  test("what does not fit into the memory given changes nothing", () => {
    const writer = new FragmentWriter(long, 32_768);
    expect(() => writer.write(new Uint8Array(1000), 0)).toThrow(RangeError);
    expect(writer.begun).toBe(false);
    const frame = new Uint8Array(writer.nextBytes);
    writer.write(frame, 0);
    expect(frame).toEqual(cut(long, 32_768)[0]);
  });

  test("fragments of several messages take turns, and the urgent one is complete first", () => {
    const { decoder, messages } = receiver();
    const slow = cut({ ...long, priority: FramePriority.Low }, 32_768);
    const urgent = cut(
      {
        ...long,
        kind: FrameKind.Response,
        priority: FramePriority.High,
        payload: patternBytes(40_000, 5),
      },
      32_768,
    );
    const order = [
      slow[0],
      slow[1],
      urgent[0],
      slow[2],
      urgent[1],
      ...slow.slice(3),
    ];
    decoder.push(joinBytes(...order.map((frame) => frame ?? fromHex(""))));
    expect(messages.map(({ kind, sequence }) => [kind, sequence])).toEqual([
      [FrameKind.Response, 2],
      [FrameKind.Request, 1],
    ]);
    expect(messages[0]?.payload).toEqual(patternBytes(40_000, 5));
    expect(messages[1]?.payload).toEqual(patternBytes(300_000));
  });

  test("memory grows with what has come, not with what was declared", () => {
    const { decoder, reassembler } = receiver();
    const frames = cut({ ...long, payload: new Uint8Array(2 ** 20) }, 4096);
    decoder.push(frames[0] ?? fromHex(""));
    expect([reassembler.declaredBytes, reassembler.heldBytes]).toEqual([
      2 ** 20,
      65_536,
    ]);
    for (const [index, frame] of frames.slice(1, -1).entries()) {
      decoder.push(frame);
      const come = (index + 2) * 4096;
      expect(reassembler.heldBytes).toBeLessThanOrEqual(
        Math.max(65_536, 2 * come),
      );
    }
    expect(reassembler.heldBytes).toBeLessThanOrEqual(2 ** 20);
  });

  test("messages and declared bytes under way are bounded", () => {
    const first = (id: number, totalBytes: number) =>
      frameToBytes({
        kind: 1,
        id,
        flags: FrameFlag.More,
        totalBytes,
        payload: patternBytes(10),
      });
    const many = receiver();
    for (const id of [1, 2, 3]) many.decoder.push(first(id, 100));
    expect(() => many.decoder.push(first(4, 100))).toThrow(
      "messages with missing fragments: given 4, allowed at most 3",
    );
    const large = receiver();
    large.decoder.push(first(1, 2 ** 21));
    expect(() => large.decoder.push(first(2, 2 ** 20 + 1))).toThrow(
      WireTooLargeError,
    );
    expect(large.reassembler.heldBytes).toBe(65_536);
  });

  test("what is forgotten makes room", () => {
    const { decoder, reassembler } = receiver();
    decoder.push(cut(long, 1024)[0] ?? fromHex(""));
    expect(reassembler.forget(FrameKind.Response, 9)).toBe(false);
    expect(reassembler.forget(FrameKind.Request, 9)).toBe(true);
    expect([reassembler.messages, reassembler.heldBytes]).toEqual([0, 0]);
  });
});

describe("fragments - refused when they do not fit what was declared", () => {
  const start = {
    kind: 1,
    id: 1,
    flags: FrameFlag.More,
    totalBytes: 30,
    payload: patternBytes(10),
  };
  const next = {
    kind: 1,
    id: 1,
    flags: FrameFlag.Continued | FrameFlag.More,
    tagLow: 10,
    payload: patternBytes(10),
  };
  const last = { ...next, flags: FrameFlag.Continued };
  const cases: readonly [string, OutgoingFrame[], string][] = [
    ["continued without a beginning", [next], "has not begun"],
    [
      "continued as another kind",
      [start, { ...next, kind: 2 }],
      "has not begun",
    ],
    ["begun twice", [start, start], "begins again"],
    [
      "a wrong offset",
      [start, { ...next, tagLow: 11 }],
      "continued at 11, but 10",
    ],
    [
      "an offset beyond 2^32",
      [start, { ...next, tagHigh: 1 }],
      "continued at 4294967306",
    ],
    ["another priority", [start, { ...next, priority: 2 }], "with priority 2"],
    ["an early end", [start, last], "has 20 and ends"],
    [
      "too much in the last one",
      [start, { ...last, payload: patternBytes(21) }],
      "has 31 and ends",
    ],
    [
      "no end at the end",
      [start, { ...next, payload: patternBytes(20) }],
      "has 30 and goes on",
    ],
    [
      "a fragment after the last one",
      [start, { ...last, payload: patternBytes(20) }, next],
      "has not begun",
    ],
  ];
  for (const [name, frames, message] of cases)
    test(name, () => {
      const { decoder } = receiver();
      const bytes = joinBytes(...frames.map(frameToBytes));
      expect(() => decoder.push(bytes)).toThrow(message);
      expect(() => decoder.push(bytes)).toThrow(WireMalformedError);
    });
});
