import { progressText } from "../../../cmd/standard_streams/progress.ts";
import { describe, expect, test } from "../../support/testing.ts";

const fields = {
  count: 12_345,
  bytes: 4096,
  share: { done: 1, total: 3 },
  waiting: 7,
  notes: ["4 running"],
};

describe("progress", () => {
  test("progressText - says all there is, in one line", () => {
    expect(progressText(fields, 1234.5, 61_000, 200)).toBe(
      "12,345 messages  33 %  1,235/s  4.0 KiB  7 waiting  4 running  1:01",
    );
    expect(progressText({ count: 0 }, 0, 3_600_000, 200)).toBe(
      "0 messages  0.0/s  1:00:00",
    );
  });

  test("progressText - leaves out what matters least, and never exceeds the width", () => {
    for (let columns = 0; columns < 80; columns++)
      expect(
        progressText(fields, 1234.5, 61_000, columns).length,
      ).toBeLessThanOrEqual(columns);
    expect(progressText(fields, 1234.5, 61_000, 30)).toBe(
      "12,345 messages  33 %  1,235/s",
    );
    expect(progressText(fields, 1234.5, 61_000, 8)).toBe("12345");
    expect(progressText(fields, 1234.5, 61_000, 4)).toBe("");
  });

  test("progressText - more done than the whole is still the whole", () => {
    const share = { done: 9, total: 3 };
    expect(progressText({ count: 1, share }, 0, 0, 80)).toContain("100 %");
  });
});
