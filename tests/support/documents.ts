/** The repository's Markdown documents, taken apart for the tests that hold them to their word. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export const root: string = join(import.meta.dir, "../..");

/** README.md, CHANGELOG.md, that of the examples and everything in docs/, as paths from the root. */
export function listDocuments(): string[] {
  const inDocs = readdirSync(join(root, "docs"), { recursive: true })
    .map(String)
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`);
  return ["README.md", "CHANGELOG.md", "examples/README.md", ...inDocs.sort()];
}

/** The text of a document. */
export function readDocument(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

/** A block that is marked with `<!-- runnable -->`. */
export interface RunnableBlock {
  readonly language: string;
  readonly code: string;
  /** The `text` block right below it: what it must print. */
  readonly expected: string | undefined;
  /** Where it begins. */
  readonly line: number;
}

const block =
  /^<!-- runnable -->\n+```(\w+)\n([\s\S]*?)^```\n(?:\n*```text\n([\s\S]*?)^```\n)?/gm;

/** The blocks of a document that must work as they stand. */
export function runnableBlocks(text: string): RunnableBlock[] {
  return [...text.matchAll(block)].map((match) => ({
    language: match[1] ?? "",
    code: match[2] ?? "",
    expected: match[3],
    line: text.slice(0, match.index).split("\n").length,
  }));
}

/** Cells of all rows of all tables, without header rows and rulers. */
export function tableRows(text: string): string[][] {
  const rows: string[][] = [];
  const lines = text.split("\n");
  for (const [index, line] of lines.entries()) {
    if (!line.startsWith("|") || /^\|[\s|:-]+\|$/.test(line)) continue;
    if (/^\|[\s|:-]+\|$/.test(lines[index + 1] ?? "")) continue;
    rows.push(
      line
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
  }
  return rows;
}
