/** The table of shared words and the SYNC POINT comments of the sources name each other. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readDocument, root, tableRows } from "../../support/documents.ts";
import { describe, expect, test } from "../../support/testing.ts";

const folder = join(root, "ffi/c");
const named = (cell = "") =>
  [...cell.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name);

/** The words of each SYNC POINT of a source; one without words is one empty name. */
function syncPoints(text: string): string[] {
  return [...text.matchAll(/SYNC POINT(?: \(([a-z_., ]+)\))?/g)].flatMap(
    ([, words = ""]) => words.split(", "),
  );
}

describe("docs/memory-order.md", () => {
  const rows = tableRows(readDocument("docs/memory-order.md"));
  const words = rows.map(([word]) => named(word)[0] ?? "");
  const sources = readdirSync(folder)
    .filter((name) => /\.[ch]$/.test(name))
    .map((name) => ({
      name,
      points: syncPoints(readFileSync(join(folder, name), "utf8")),
    }));

  test("each word has SYNC POINTs in the files that its row names, and in no others", () => {
    expect(words.length).toBeGreaterThan(10);
    for (const [index, word] of words.entries()) {
      const holding = sources
        .filter(({ points }) => points.includes(word))
        .map(({ name }) => name);
      const where = named(rows[index]?.at(-1));
      expect(`${word}: ${holding.sort()}`).toBe(`${word}: ${where.sort()}`);
    }
  });

  test("each SYNC POINT names words of the table", () => {
    for (const { name, points } of sources) {
      const unknown = points.filter((word) => !words.includes(word));
      expect(`${name}: ${unknown}`).toBe(`${name}: `);
    }
  });
});
