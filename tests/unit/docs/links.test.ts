/** Links between the documents lead somewhere. */
import { existsSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { listDocuments, readDocument, root } from "../../support/documents.ts";
import { describe, expect, test } from "../../support/testing.ts";

/** Anchors as they are made of headings. */
function anchorsOf(text: string): string[] {
  const headings = [...text.matchAll(/^#+ (.+)$/gm)];
  return headings.map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, "")
      .replaceAll(" ", "-"),
  );
}

function findBroken(path: string): string[] {
  const broken: string[] = [];
  const text = readDocument(path).replaceAll(/^```[\s\S]*?^```$/gm, "");
  for (const [, target = ""] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^https?:/.test(target)) continue;
    const [file = "", anchor] = target.split("#");
    const found =
      file === "" ? join(root, path) : join(root, dirname(path), file);
    if (!existsSync(found)) broken.push(`${path}: ${target}`);
    else if (
      anchor !== undefined &&
      !anchorsOf(readDocument(relative(root, found))).includes(anchor)
    )
      broken.push(`${path}: ${target}: no such heading`);
  }
  return broken;
}

describe("documents", () => {
  for (const path of listDocuments())
    test(`${path} - its links lead somewhere`, () =>
      expect(findBroken(path)).toEqual([]));
});
