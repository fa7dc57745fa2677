import { findUntidy } from "../../../scripts/tidy.ts";
import { describe, expect, test } from "../../support/testing.ts";

describe("tidy", () => {
  const cases: Array<[string, string, string]> = [
    ["src/a.ts", "// TODO later", "src/a.ts:1: "],
    ["src/utils.ts", "", "name it by its content"],
    ["src/common/a.ts", "", "name it by its content"],
    ["src/queue/a.ts", 'x("bun:ffi")', "only ffi/"],
    ["src/queue/a.ts", "\nprocess.exit(1)", "src/queue/a.ts:2: only cmd/"],
    ["ffi/c/a.c", "\n".repeat(501), "502 lines"],
    ["bun.lock", '"https://packages.example/a"', "registry"],
    ["bench/peers/bun.lock", '"https://packages.example/a"', "registry"],
  ];
  for (const [path, text, message] of cases) {
    test(`${path} is refused: ${message}`, () => {
      const violations = findUntidy(path, text);
      expect(violations).toHaveLength(1);
      expect(violations[0]).toContain(message);
    });
  }

  test("a long file may say why", () => {
    const text = `// tidy: long because it is one table\n${"\n".repeat(600)}`;
    expect(findUntidy("src/a.ts", text)).toEqual([]);
  });

  test("a name that contains a vague word is not vague", () => {
    expect(findUntidy("src/utility_meter.ts", "")).toEqual([]);
  });
});
