import {
  checkTag,
  rawTagMax,
  userTagMax,
  userTagOf,
  wireIdMax,
  wireIdOf,
  wireMask,
  wireTag,
} from "../../../src/ucx/tags.ts";
import { describe, expect, test } from "../../support/testing.ts";

const halves = (tag: bigint) =>
  [Number(tag >> 32n), Number(tag & 0xffff_ffffn)] as const;

describe("a UCX tag", () => {
  test("carries id and user's tag, at their limits too", () => {
    for (const id of [0, 1, 0x2a_aaaa, wireIdMax])
      for (const tag of [0, 1, 2 ** 32, userTagMax]) {
        const [upper, lower] = halves(wireTag(id, BigInt(tag)));
        expect(wireIdOf(upper)).toBe(id);
        expect(userTagOf(upper, lower)).toBe(tag);
      }
  });

  test("is compared without the id for a receive from anybody, and never without the kind", () => {
    const one = wireTag(5, 77n);
    const other = wireTag(6, 77n);
    const anybody = wireMask(false, 2n ** 64n - 1n);
    expect(one & anybody).toBe(other & anybody);
    const fromOne = wireMask(true, 2n ** 64n - 1n);
    expect((one & fromOne) === (other & fromOne)).toBe(false);
    expect(wireMask(false, 0n)).toBe(3n << 62n);
  });

  test("of a user is refused when it is too large, and raw mode is named", () => {
    checkTag(userTagMax, false);
    expect(() => checkTag(userTagMax + 1, false)).toThrow("raw: true");
    expect(() => checkTag(-1, false)).toThrow(RangeError);
    expect(() => checkTag(0.5, false)).toThrow(RangeError);
    expect(() => checkTag("7" as unknown as number, false)).toThrow(TypeError);
    checkTag(rawTagMax, true);
    expect(() => checkTag(rawTagMax + 1n, true)).toThrow(RangeError);
  });
});
