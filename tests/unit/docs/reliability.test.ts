/** Every test that docs/reliability.md names as a proof exists. */
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { readDocument, root, tableRows } from "../../support/documents.ts";
import { describe, expect, test } from "../../support/testing.ts";

/** Texts of all test files, by their names. */
function readTests(): Map<string, string> {
  const texts = new Map<string, string>();
  for (const folder of ["tests", "ffi/c/tests"]) {
    const names = readdirSync(join(root, folder), { recursive: true });
    for (const name of names.map(String))
      if (/(?:\.test\.ts|_test\.c)$/.test(name))
        texts.set(
          basename(name),
          readFileSync(join(root, folder, name), "utf8"),
        );
  }
  return texts;
}

describe("docs/reliability.md", () => {
  const tests = readTests();
  for (const row of tableRows(readDocument("docs/reliability.md"))) {
    const what = row.length === 2 ? row[0] : `${row[0]} ${row[1]}`;
    test(`${what} - is shown by tests that exist`, () => {
      const proofs = [...(row.at(-1) ?? "").matchAll(/`([^`]+)`/g)];
      expect(proofs.length).toBeGreaterThan(0);
      for (const [, proof = ""] of proofs) {
        const [file = "", ...name] = proof.split(": ");
        const text = tests.get(file) ?? "";
        if (!text.includes(name.join(": ")))
          throw new Error(`${file} has no ${name.join(": ")}`);
      }
    });
  }
});
