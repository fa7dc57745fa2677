import { fullJitterMs } from "../../../src/resilience/back_off.ts";
import { pause } from "../../../src/resilience/pause.ts";
import { describe, expect, test } from "../../support/testing.ts";

const bounds = { baseDelayMs: 100, maxDelayMs: 1000 };

describe("full jitter", () => {
  test("doubles its limit with each try, up to the longest pause", () => {
    const longest = [1, 2, 3, 4, 5, 50, 2000].map((attempt) =>
      fullJitterMs(attempt, { ...bounds, random: () => 1 }),
    );
    expect(longest).toEqual([100, 200, 400, 800, 1000, 1000, 1000]);
  });

  test("takes anything from nothing to the limit", () => {
    expect(fullJitterMs(3, { ...bounds, random: () => 0 })).toBe(0);
    expect(fullJitterMs(3, { ...bounds, random: () => 0.5 })).toBe(200);
    const drawn = new Set(
      Array.from({ length: 50 }, () => fullJitterMs(4, bounds)),
    );
    expect(drawn.size > 40).toBe(true);
    expect([...drawn].every((delayMs) => delayMs >= 0 && delayMs < 800)).toBe(
      true,
    );
  });
});

describe("pause", () => {
  test("takes at least its time", async () => {
    const beganMs = performance.now();
    await pause(30, undefined);
    expect(performance.now() - beganMs >= 28).toBe(true);
  });

  test("ends with the signal's reason, also when it has fired before", async () => {
    const reason = new Error("enough");
    const controller = new AbortController();
    const waiting = pause(60_000, controller.signal).catch(
      (error: unknown) => error,
    );
    controller.abort(reason);
    expect(await waiting).toBe(reason);
    expect(
      await pause(60_000, controller.signal).catch((error: unknown) => error),
    ).toBe(reason);
  });
});
