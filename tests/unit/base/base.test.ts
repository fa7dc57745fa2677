import { deadlineMs, throwIfAborted } from "../../../src/base/deadline.ts";
import { RingwireError } from "../../../src/base/errors.ts";
import { setWarningSink, warn } from "../../../src/base/warnings.ts";
import { describe, expect, test } from "../../support/testing.ts";

describe("RingwireError", () => {
  test("carries its code, whether to retry, and its cause", () => {
    class SpecialError extends RingwireError {}
    const cause = new Error("below");
    const error = new SpecialError("above", {
      code: "Special",
      retryable: true,
      cause,
    });
    expect(error.name).toBe("SpecialError");
    expect(error.code).toBe("Special");
    expect(error.retryable).toBe(true);
    expect(error.cause).toBe(cause);
    expect(new RingwireError("x", { code: "X" }).retryable).toBe(false);
  });
});

describe("deadlines", () => {
  test("no limit is never, a limit is from now on", () => {
    expect(deadlineMs(undefined)).toBe(Number.POSITIVE_INFINITY);
    const leftMs = deadlineMs(1000) - performance.now();
    expect(leftMs).toBeGreaterThan(900);
    expect(leftMs).toBeLessThanOrEqual(1000);
    expect(() => deadlineMs(-1)).toThrow(RangeError);
    expect(() => deadlineMs(Number.NaN)).toThrow(RangeError);
    expect(() => deadlineMs("1" as unknown as number)).toThrow(TypeError);
  });

  test("a fired signal throws its reason", () => {
    throwIfAborted(undefined);
    throwIfAborted(new AbortController().signal);
    expect(() => throwIfAborted(AbortSignal.abort(new Error("why")))).toThrow(
      "why",
    );
    expect(() => throwIfAborted({} as AbortSignal)).toThrow(TypeError);
  });
});

test("warnings go to the sink", () => {
  const lines: string[] = [];
  const before = setWarningSink((line) => lines.push(line));
  warn("something");
  setWarningSink(before);
  expect(lines).toEqual(["ringwire: something"]);
});
