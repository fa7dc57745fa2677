import {
  readJunit,
  readLeftOut,
  readProgram,
} from "../../../scripts/test_results.ts";
import { describe, expect, test } from "../../support/testing.ts";

const suites = (attributes: string, body = "") =>
  `<?xml version="1.0"?>\n<testsuites name="x" ${attributes}>${body}</testsuites>`;

describe("test results", () => {
  test("a JUnit report is added up, skipped tests left aside", () => {
    const report = suites('tests="7" failures="1" errors="1"', "<skipped/>");
    expect(readJunit(report, 1)).toEqual({ passed: 4, failed: 2 });
  });

  test("a runner that fails without a failed test is a failure", () => {
    const report = suites('tests="3" failures="0"');
    expect(readJunit(report, 0)).toEqual({ passed: 3, failed: 0 });
    expect(readJunit(report, 1)).toEqual({ passed: 3, failed: 1 });
    expect(readJunit(undefined, 0)).toEqual({ passed: 0, failed: 1 });
  });

  test("a program counts as one test unless it counts for itself", () => {
    expect(readProgram("", 0)).toEqual({ passed: 1, failed: 0 });
    expect(readProgram("", 134)).toEqual({ passed: 0, failed: 1 });
    expect(readProgram("ok\n12 passed, 0 failed\n", 0)).toEqual({
      passed: 12,
      failed: 0,
    });
    expect(readProgram("12 passed, 0 failed\n", 1)).toEqual({
      passed: 12,
      failed: 1,
    });
  });

  test("a test left out by two runtimes is named once", () => {
    const line = '{"name":"a","privilege":"root","reason":"to mount"}\n';
    expect(readLeftOut(line + line)).toHaveLength(1);
    expect(readLeftOut("")).toHaveLength(0);
  });
});
