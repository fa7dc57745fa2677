import { z } from "zod";
import {
  checkOptions,
  integerWithin,
  oneOf,
  yesOrNo,
} from "../../../src/base/option_check.ts";
import { describe, expect, test } from "../../support/testing.ts";

const schema = z.strictObject({
  size: integerWithin(1, 10, "bytes").optional(),
  kind: oneOf("a", "b").optional(),
  on: yesOrNo.optional(),
  inner: z.strictObject({ n: integerWithin(0, 1, "ms") }).optional(),
});

function messageOf(given: unknown): string {
  try {
    checkOptions(schema, given, "call");
  } catch (error) {
    return String(error);
  }
  return "";
}

describe("checkOptions", () => {
  test("gives back what is right", () => {
    expect(checkOptions(schema, { size: 3, kind: "b" }, "call")).toEqual({
      size: 3,
      kind: "b",
    });
  });

  test("a number out of bounds is a RangeError that says what is allowed", () => {
    expect(messageOf({ size: 11 })).toBe(
      "RangeError: call: size: given 11, allowed an integer from 1 to 10 (bytes)",
    );
    expect(messageOf({ size: 1.5 })).toContain("RangeError");
    expect(messageOf({ inner: { n: 2 } })).toContain("inner.n: given 2");
  });

  test("anything else is a TypeError", () => {
    expect(messageOf({ size: "3" })).toBe(
      'TypeError: call: size: given "3", allowed an integer from 1 to 10 (bytes)',
    );
    expect(messageOf({ kind: "c" })).toContain('allowed "a", "b"');
    expect(messageOf({ on: 1 })).toContain("TypeError");
    expect(messageOf({ sise: 1 })).toContain('unknown option "sise"');
  });

  test("all mistakes are named at once, and one that is no number decides the class", () => {
    const message = messageOf({ size: 0, kind: "c" });
    expect(message).toContain("TypeError");
    expect(message).toContain("size: given 0");
    expect(message).toContain('kind: given "c"');
  });

  test("long and odd values are shown short", () => {
    expect(messageOf({ kind: "x".repeat(1000) }).length).toBeLessThan(200);
    expect(messageOf({ kind: [1] })).toContain("given an array");
    expect(messageOf({ kind: () => 1 })).toContain("given a function");
    expect(messageOf({ kind: 1n })).toContain("given 1n");
  });
});
