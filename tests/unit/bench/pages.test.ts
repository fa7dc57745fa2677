import { changeBetween, replaceTable, table } from "../../../bench/markdown.ts";
import { peerParts } from "../../../bench/peer_tables.ts";
import { readmeRows } from "../../../bench/readme_rows.ts";
import { figuresOf } from "../../../bench/sample.ts";
import { readDocument } from "../../support/documents.ts";
import { describe, expect, test } from "../../support/testing.ts";

const marks = [
  "<!-- performance:begin -->",
  "<!-- performance:end -->",
] as const;

describe("pages written by the bench", () => {
  test("columns of figures are aligned to the right, and bars are escaped", () => {
    expect(
      table([
        ["what", "value", "how"],
        ["a|b", "3 µs", "so"],
      ]),
    ).toBe(
      "| what | value | how |\n| --- | --: | --- |\n| a\\|b | 3 µs | so |",
    );
  });

  test("only what stands between the marks is changed", () => {
    const change = (inside: string) => inside.toUpperCase();
    expect(changeBetween("a(b)c", "(", ")", change)).toBe("a(B)c");
    for (const text of ["ab)c", "a(bc", "a)b(c"])
      expect(() => changeBetween(text, "(", ")", change)).toThrow("marks");
  });

  test("a table is replaced, and the text around it stays", () => {
    const text = "before\n\n| a |\n| --- |\n| 1 |\n\nafter\n";
    expect(replaceTable(text, "| b |")).toBe("before\n\n| b |\n\nafter\n");
    expect(() => replaceTable("no table\n", "| b |")).toThrow("no table");
  });

  test("README.md has a table between the marks", () => {
    const text = readDocument("README.md");
    let inside = "";
    changeBetween(text, ...marks, (found) => {
      inside = found;
      return found;
    });
    expect(replaceTable(inside, "").length < inside.length).toBe(true);
  });

  test("what was not measured is said, and never computed", () => {
    const none = figuresOf([]);
    const text = [...readmeRows(none).flat(), ...peerParts(none)].join("\n");
    expect(text).toContain("not measured");
    expect(/NaN|undefined|Infinity/.test(text)).toBe(false);
  });

  test("ratios say how many times more Ringwire does, or the peer needs", () => {
    const figures = figuresOf([
      { name: "bun.jobs", value: 1e6, unit: "msg/s" },
      { name: "peer.bullmq.jobs", value: 1e4, unit: "msg/s" },
      { name: "bun.at-rate.p50", value: 50, unit: "us" },
      { name: "peer.bullmq.at-rate.p50", value: 400, unit: "us" },
    ]);
    const rows = peerParts(figures)
      .join("\n")
      .split("\n")
      .filter((line) => line.startsWith("| BullMQ |"));
    expect(rows[0]).toContain("| 10 k/s | 100× |");
    expect(rows[1]).toContain("| 400 µs | 8× |");
  });
});
