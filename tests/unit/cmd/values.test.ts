import {
  formatDuration,
  parseDuration,
  parseDurationRange,
} from "../../../cmd/command_line/duration.ts";
import { Refused } from "../../../cmd/command_line/refused.ts";
import {
  integer,
  oneOf,
  parseHeader,
  parseSwitch,
} from "../../../cmd/command_line/scalars.ts";
import {
  formatSize,
  formatSizeShort,
  parseSize,
} from "../../../cmd/command_line/size.ts";
import { describe, expect, test } from "../../support/testing.ts";

describe("durations", () => {
  test("parseDuration - knows every unit, fractions and sums", () => {
    const cases = {
      "500ms": 500,
      "30s": 30_000,
      "5m": 300_000,
      "2h": 7_200_000,
      "1d": 86_400_000,
      "1.5s": 1500,
      "1h30m": 5_400_000,
      "0": 0,
      "0s": 0,
    };
    for (const [text, ms] of Object.entries(cases))
      expect(parseDuration(text)).toBe(ms);
  });

  test("parseDuration - refuses a missing or unknown unit, signs, spaces and the empty text", () => {
    for (const text of [
      "",
      "5",
      "-1s",
      "5 s",
      "s",
      "1y",
      "1e3s",
      "Infinity",
      "5S",
      "1s,",
    ]) {
      expect(() => parseDuration(text)).toThrow(Refused);
    }
  });

  test("parseDuration - keeps to its bounds", () => {
    expect(parseDuration("1ms", { minMs: 1 })).toBe(1);
    expect(() => parseDuration("0s", { minMs: 1 })).toThrow(Refused);
    expect(() => parseDuration("61s", { maxMs: 60_000 })).toThrow(Refused);
    expect(() => parseDuration("99999d")).toThrow(Refused);
  });

  test("parseDurationRange - takes two ends or one, in order", () => {
    expect(parseDurationRange("1s..5m")).toEqual({
      minMs: 1000,
      maxMs: 300_000,
    });
    expect(parseDurationRange("2s")).toEqual({ minMs: 2000, maxMs: 2000 });
    for (const text of ["5m..1s", "1s..2s..3s", "..", "1s.."])
      expect(() => parseDurationRange(text)).toThrow(Refused);
  });

  test("formatDuration - is read back as the same", () => {
    for (const ms of [0, 1, 999, 1000, 1500, 60_000, 90_000, 86_400_000])
      expect(parseDuration(formatDuration(ms))).toBe(ms);
  });
});

describe("sizes", () => {
  test("parseSize - knows binary and decimal units in any case", () => {
    const cases = {
      "4096": 4096,
      "64KiB": 65_536,
      "64k": 65_536,
      "1MiB": 1_048_576,
      "10kB": 10_000,
      "1.5KiB": 1536,
      "12b": 12,
      "1 GiB": 1_073_741_824,
    };
    for (const [text, bytes] of Object.entries(cases))
      expect(parseSize(text, 0, 2 ** 40)).toBe(bytes);
  });

  test("parseSize - refuses negative, fractional, unknown and out of bounds", () => {
    for (const text of ["", "-1", "1.5", "1XiB", "KiB", "0x10", "NaN"])
      expect(() => parseSize(text, 0, 2 ** 40)).toThrow(Refused);
    expect(() => parseSize("0", 1, 10)).toThrow(Refused);
    expect(() => parseSize("11", 1, 10)).toThrow(Refused);
  });

  test("formatSize - is read back as the same", () => {
    for (const bytes of [1, 1023, 1024, 65_536, 1_048_576, 1_048_577])
      expect(parseSize(formatSize(bytes), 0, 2 ** 40)).toBe(bytes);
    expect(formatSizeShort(1536)).toBe("1.5 KiB");
  });
});

describe("scalars", () => {
  test("integer - takes whole numbers within its bounds only", () => {
    expect(integer(1, 10)("10")).toBe(10);
    for (const text of [
      "0",
      "11",
      "1.0",
      "-1",
      "+1",
      " 1",
      "",
      "1e1",
      "99999999999999999999",
    ])
      expect(() => integer(1, 10)(text)).toThrow(Refused);
  });

  test("oneOf - names what is allowed", () => {
    try {
      oneOf("block", "fail")("drop");
      expect("no error").toBe("an error");
    } catch (error) {
      expect(
        String(error).includes('given "drop", allowed is block, fail'),
      ).toBe(true);
    }
  });

  test("parseHeader - splits at the first colon", () => {
    expect([...parseHeader("key: a:b ")]).toEqual(["key", "a:b "]);
    for (const text of ["key", ":v", "a b:c", ""])
      expect(() => parseHeader(text)).toThrow(Refused);
  });

  test("parseSwitch - knows the usual words", () => {
    expect([
      parseSwitch("1"),
      parseSwitch("TRUE"),
      parseSwitch("no"),
      parseSwitch("off"),
    ]).toEqual([true, true, false, false]);
    expect(() => parseSwitch("maybe")).toThrow(Refused);
  });
});
