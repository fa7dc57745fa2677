/** Tables of docs/requirement-names.md whose every row is used by a test. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "../../support/testing.ts";
import { readDocument, root, tableRows } from "../../support/documents.ts";

/** Uses what a row names, and fails when it is not there. */
export type Use = () => unknown;

/** A row that names a file. */
export function exists(path: string): Use {
  return () => expect(existsSync(join(root, path))).toBe(true);
}

/**
 * Tests a use for each row below a heading, and a row for each name of the requirement.
 *
 * @param uses by what stands in the row's second cell
 */
export function testNames(
  heading: string,
  uses: Readonly<Record<string, Use>>,
  names: readonly string[],
): void {
  const document = readDocument("docs/requirement-names.md");
  const from = document.indexOf(heading);
  const rows = tableRows(
    document.slice(from, document.indexOf("### What differs", from)),
  );
  for (const [there = "", here = ""] of rows)
    test(`${there} is ${here}`, async () => {
      const use = uses[here.replaceAll("`", "")];
      if (use === undefined) throw new Error(`nothing uses ${here}`);
      await use();
    });

  test("has a row for every name of the requirement, and for every use", () => {
    const listed = rows.map(([there]) => there).join("\n");
    for (const name of names) expect(listed).toContain(name);
    const used = rows.map(([, here = ""]) => here.replaceAll("`", ""));
    expect([...new Set(used)].sort()).toEqual(Object.keys(uses).sort());
  });
}
