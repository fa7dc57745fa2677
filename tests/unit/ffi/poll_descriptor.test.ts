import { FfiError } from "../../../ffi/errors.ts";
import { pollDescriptor } from "../../../ffi/poll_descriptor.ts";
import {
  createLevelDescriptor,
  type LevelDescriptor,
} from "../../support/level_descriptor.ts";
import { afterEach, describe, expect, test } from "../../support/testing.ts";

describe("polling a descriptor on this thread", () => {
  const levels: LevelDescriptor[] = [];
  const open = (): LevelDescriptor => {
    const level = createLevelDescriptor();
    levels.push(level);
    return level;
  };
  afterEach(() => {
    for (const level of levels.splice(0)) level.close();
  });

  test("is true at once when it is readable, and false when the time is up", () => {
    const level = open();
    const startMs = performance.now();
    expect(pollDescriptor(level.descriptor, 30)).toBe(false);
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(29);
    level.raise();
    const readyMs = performance.now();
    expect(pollDescriptor(level.descriptor, 60_000)).toBe(true);
    expect(performance.now() - readyMs).toBeLessThan(30_000);
    level.lower();
    expect(pollDescriptor(level.descriptor, 0)).toBe(false);
  });

  test("refuses a wait without end, and a descriptor that is closed", () => {
    const { descriptor } = open();
    for (const timeoutMs of [-1, Number.POSITIVE_INFINITY, Number.NaN])
      expect(() => pollDescriptor(descriptor, timeoutMs)).toThrow(RangeError);
    expect(() => pollDescriptor(1_000_000, 0)).toThrow(FfiError);
  });
});
