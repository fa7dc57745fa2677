import type { Endpoint } from "../../../src/ucx/core/endpoint.ts";
import { Spill } from "../../../src/ucx/core/spill.ts";
import { exactMask } from "../../../src/ucx/tags.ts";
import { describe, expect, test } from "../../support/testing.ts";

const one = { id: 1 } as unknown as Endpoint;
const other = { id: 2 } as unknown as Endpoint;

function message(tag: bigint, bytes = 1) {
  return {
    tagUpper: Number(tag >> 32n),
    tagLower: Number(tag & 0xffff_ffffn),
    bytes,
  };
}

describe("messages that are kept aside", () => {
  test("are found by tag and mask, the oldest first, whatever bits are set", () => {
    const spill = new Spill(10_000);
    const tags = [0n, 0x8000_0000n, 2n ** 63n + 5n, 0x8000_0000n, exactMask];
    const kept = tags.map((tag) => spill.add(message(tag), one));
    expect(spill.find(0x8000_0000n, exactMask) === kept[1]).toBe(true);
    expect(spill.find(2n ** 63n, 2n ** 63n) === kept[2]).toBe(true);
    expect(spill.find(exactMask, exactMask) === kept[4]).toBe(true);
    expect(spill.find(5n, 0n) === kept[0]).toBe(true);
    expect(spill.find(7n, exactMask)).toBe(undefined);
    if (kept[1] !== undefined) spill.remove(kept[1]);
    expect(spill.find(0x8000_0000n, exactMask) === kept[3]).toBe(true);
  });

  test("are passed over while somebody waits for their bytes, and keep their place", () => {
    const spill = new Spill(10_000);
    const first = spill.add(message(9n), one);
    const second = spill.add(message(9n), one);
    first.onReady = () => {};
    expect(spill.find(9n, exactMask) === second).toBe(true);
    first.onReady = undefined;
    expect(spill.find(9n, exactMask) === first).toBe(true);
  });

  test("count their bytes, and something for each, against the bound", () => {
    const spill = new Spill(1000);
    expect(spill.hasRoom(1000)).toBe(false);
    expect(spill.hasRoom(800)).toBe(true);
    const kept = spill.add(message(1n, 700), one);
    expect(spill.bytes).toBe(700);
    expect(spill.hasRoom(100)).toBe(false);
    spill.remove(kept);
    spill.remove(kept);
    expect(spill.bytes).toBe(0);
    expect(spill.count).toBe(0);
    expect(spill.hasRoom(800)).toBe(true);
  });

  test("are listed by connection", () => {
    const spill = new Spill(1000);
    const mine = spill.add(message(1n), one);
    spill.add(message(2n), other);
    expect(spill.ofEndpoint(one).length).toBe(1);
    expect(spill.ofEndpoint(one)[0] === mine).toBe(true);
    mine.onReady = () => {};
    expect(spill.drop(one)).toBe(0);
    expect(spill.drop(other)).toBe(1);
    expect(spill.count).toBe(1);
  });
});
