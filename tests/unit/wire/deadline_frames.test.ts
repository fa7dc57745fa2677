import {
  readDeadlineBlock,
  writeDeadlineBlock,
} from "../../../src/wire/deadline_header.ts";
import { writeDeadlineFrame } from "../../../src/wire/frame_encoder.ts";
import {
  encodeHeaders,
  FrameKind,
  FramePriority,
  frameToBytes,
  WireError,
} from "../../../src/wire/mod.ts";
import { patternBytes } from "../../support/byte_pattern.ts";
import { describe, expect, test } from "../../support/testing.ts";
import { keepingDecoder, thrownBy } from "../../support/wire_frames.ts";

describe("frames with a deadline", () => {
  test("are the same bytes as the general form writes", () => {
    for (const deadlineMs of [0, 1, 30_000, 0xffff_ffff]) {
      const payload = patternBytes(70);
      const target = new Uint8Array(200);
      const written = writeDeadlineFrame(
        target,
        3,
        FrameKind.Request,
        FramePriority.Normal,
        2 ** 33 + 1,
        deadlineMs,
        payload,
      );
      expect(target.slice(3, 3 + written)).toEqual(
        frameToBytes({
          kind: FrameKind.Request,
          id: 2 ** 33 + 1,
          headers: encodeHeaders({ deadlineMs }),
          payload,
        }),
      );
      expect(() =>
        writeDeadlineFrame(target, 150, FrameKind.Request, 1, 1, 5, payload),
      ).toThrow(RangeError);
    }
  });

  test("blocks are read, and others are left to the general form", () => {
    const bytes = new Uint8Array(20);
    writeDeadlineBlock(bytes, 4, 0xfedc_ba98);
    expect(readDeadlineBlock(bytes, 4, 11)).toBe(0xfedc_ba98);
    expect(readDeadlineBlock(bytes, 4, 12)).toBeUndefined();
    expect(readDeadlineBlock(bytes, 3, 10)).toBeUndefined();
  });

  test("lengths of headers that do not fit into their frame are refused", () => {
    const frame = frameToBytes({
      kind: FrameKind.Request,
      id: 1,
      headers: encodeHeaders({ deadlineMs: 9 }),
      payload: patternBytes(5),
    });
    const { decoder, frames } = keepingDecoder();
    decoder.push(frame.slice());
    expect(frames.length).toBe(1);
    for (const headersBytes of [13, 0x7fff_ffff, 0xffff_ffff]) {
      const wrong = frame.slice();
      new DataView(wrong.buffer).setUint32(24, headersBytes);
      const refusing = keepingDecoder();
      expect(thrownBy(() => refusing.decoder.push(wrong))).toBeInstanceOf(
        WireError,
      );
      expect(refusing.frames).toEqual([]);
    }
  });
});
