/** docs/performance.md and the table of README.md: what was measured is written by the bench; the rest is kept as it is. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bestPeer, type Compared } from "./comparisons.ts";
import { figureHeadings, figureRow, showQuantity } from "./display.ts";
import { type Gate, gates, meets } from "./gates.ts";
import { changeBetween, replaceTable, table } from "./markdown.ts";
import { peerParts } from "./peer_tables.ts";
import { readmeRows } from "./readme_rows.ts";
import type { Figure } from "./sample.ts";

const root = join(import.meta.dirname, "..");
const pagePath = "docs/performance.md";
const readmePath = "README.md";
/** The table of README.md stands somewhere between these, among text that is written by hand. */
const readmeBegin = "<!-- performance:begin -->";
const readmeEnd = "<!-- performance:end -->";
const begin = "<!-- measured: written by `make bench` -->";
const end = "<!-- end of what is measured -->";

/** What a run of all benches gave. */
export interface Run {
  readonly machine: readonly (readonly [string, string])[];
  readonly figures: ReadonlyMap<string, Figure>;
  readonly compared: readonly Compared[];
  readonly notes: readonly string[];
  readonly pinned: boolean;
}

function verdict(gate: Gate, value: number | undefined): string {
  if (value === undefined) return "not measured";
  if (gate.stretch !== null && meets(gate, value, gate.stretch))
    return "met, and the stretch";
  return meets(gate, value, gate.gate) ? "met" : "**missed**";
}

/** One row for the page and the terminal. */
export function gateRow(
  gate: Gate,
  figures: ReadonlyMap<string, Figure>,
): string[] {
  const value = gate.value(figures);
  const limit = gate.limit(figures);
  const sign = gate.more ? "≥" : "≤";
  return [
    gate.metric,
    `${sign} ${showQuantity(gate.gate, gate.unit)}`,
    gate.stretch === null ? "" : showQuantity(gate.stretch, gate.unit),
    value === undefined ? "—" : showQuantity(value, gate.unit),
    verdict(gate, value),
    limit === undefined
      ? ""
      : `${limit.name} ${showQuantity(limit.value, limit.unit)}`,
    limit === undefined || value === undefined || limit.value === 0
      ? ""
      : showQuantity(value / limit.value, "×"),
  ];
}

/** Headings of {@linkcode gateRow}. */
export const gateHeadings: readonly string[] = [
  "metric",
  "gate",
  "stretch",
  "measured",
  "verdict",
  "limit in the same run",
  "measured / limit",
];

function bestPeersText(figures: ReadonlyMap<string, Figure>): string[] {
  const lines = (["jobs", "job-batches"] as const).flatMap((exchange) => {
    const best = bestPeer(figures, exchange);
    return best === undefined
      ? []
      : [
          `- best peer for ${exchange}: \`${best.name}\`, ${showQuantity(best.value, best.unit)}`,
        ];
  });
  return lines.length === 0 ? [] : [lines.join("\n")];
}

function measuredPart(run: Run): string {
  const { machine, figures, compared, notes, pinned } = run;
  return [
    "",
    "## Machine",
    table([
      ["what", "value"],
      ...machine,
      [
        "Processes",
        pinned ? "each on a processor of its own (taskset)" : "not pinned",
      ],
    ]),
    "## Gates",
    table([gateHeadings, ...gates.map((gate) => gateRow(gate, figures))]),
    ...bestPeersText(figures),
    ...peerParts(figures),
    ...(notes.length > 0
      ? ["Left out or failed:", notes.map((note) => `- ${note}`).join("\n")]
      : []),
    "## All figures",
    table([figureHeadings, ...compared.map(figureRow)]),
    "",
  ].join("\n\n");
}

function rewrite(path: string, change: (text: string) => string): void {
  const file = join(root, path);
  writeFileSync(file, change(readFileSync(file, "utf8")));
  Bun.spawnSync([process.execPath, "fmt", "--no-script", file]);
}

/** Replaces what is measured in both pages and formats them; which ones. */
export function writePages(run: Run): string[] {
  rewrite(pagePath, (text) =>
    changeBetween(text, begin, end, () => measuredPart(run)),
  );
  rewrite(readmePath, (text) =>
    changeBetween(text, readmeBegin, readmeEnd, (inside) =>
      replaceTable(inside, table(readmeRows(run.figures))),
    ),
  );
  return [pagePath, readmePath];
}
