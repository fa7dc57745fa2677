/** The figures of a full run of the models, in docs/model.md between two marks. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./source_files.ts";

/** One search that went through all states. */
export interface Figures {
  readonly name: string;
  readonly states: number;
  readonly depth: number;
  readonly megabytes: number;
  readonly seconds: number;
  /** Whether one process is killed in the middle. */
  readonly kills: boolean;
  /** Whether processes that run for ever were looked for. */
  readonly cycles: boolean | undefined;
}

const begin = "<!-- figures: written by `bun scripts/run_model.ts --write` -->";
const end = "<!-- end of figures -->";

/** The text between the marks: a sentence, and a table of the most states first. */
export function figuresText(figures: readonly Figures[]): string {
  const most = (of: (each: Figures) => number) =>
    Math.ceil(Math.max(...figures.map(of)));
  const cells = [...figures]
    .sort((a, b) => b.states - a.states)
    .map((each) => [
      `\`${each.name}\``,
      each.states.toLocaleString("en"),
      String(each.depth),
      each.kills ? "yes" : "no",
    ]);
  const head = ["run", "states", "depth", "kills"];
  const widths = head.map((name, column) =>
    Math.max(name.length, ...cells.map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: readonly string[]) =>
    `| ${row
      .map((cell, column) =>
        column === 1 || column === 2
          ? cell.padStart(widths[column] ?? 0)
          : cell.padEnd(widths[column] ?? 0),
      )
      .join(" | ")} |`;
  const rule = widths.map((width, column) =>
    column === 1 || column === 2
      ? `${"-".repeat(width - 1)}:`
      : "-".repeat(width),
  );
  const total = figures.reduce((sum, { states }) => sum + states, 0);
  return [
    `${figures.length} searches, ${total.toLocaleString("en")} states; the longest took ${most(({ seconds }) => seconds)} s, the largest ${most(({ megabytes }) => megabytes)} MB.`,
    "",
    line(head),
    line(rule),
    ...cells.map(line),
  ].join("\n");
}

/** `document` with other figures; throws an `Error` when it has not both marks. */
export function withFigures(
  document: string,
  figures: readonly Figures[],
): string {
  const from = document.indexOf(begin);
  const to = document.indexOf(end);
  if (from < 0 || to < from) throw new Error(`no ${begin} … ${end}`);
  return `${document.slice(0, from + begin.length)}\n\n${figuresText(figures)}\n\n${document.slice(to)}`;
}

/** Writes them into docs/model.md. */
export function figuresWritten(figures: readonly Figures[]): void {
  const path = join(root, "docs/model.md");
  writeFileSync(path, withFigures(readFileSync(path, "utf8"), figures));
}
