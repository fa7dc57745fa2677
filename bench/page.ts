/** docs/performance.md: what was measured is written by the bench; the rest of the page is kept as it is. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bestPeer, type Compared } from "./comparisons.ts";
import { figureHeadings, figureRow, showQuantity } from "./display.ts";
import { type Gate, gates, meets } from "./gates.ts";
import type { Figure } from "./sample.ts";

const path = join(import.meta.dirname, "../docs/performance.md");
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

function table(rows: readonly (readonly string[])[]): string {
  const [head = [], ...body] = rows;
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [
    line(head),
    line(head.map((_, column) => (column === 0 ? "---" : "--:"))),
    ...body.map(line),
  ].join("\n");
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

function peerText(figures: ReadonlyMap<string, Figure>): string {
  const lines = ["jobs", "job-batches"].flatMap((exchange) => {
    const best = bestPeer(figures, exchange);
    return best === undefined
      ? []
      : [
          `- best peer for ${exchange}: \`${best.name}\`, ${showQuantity(best.value, best.unit)}`,
        ];
  });
  return lines.join("\n");
}

function measuredPart(run: Run): string {
  const { machine, figures, compared, notes, pinned } = run;
  return [
    begin,
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
    peerText(figures),
    ...(notes.length > 0
      ? ["Left out or failed:", notes.map((note) => `- ${note}`).join("\n")]
      : []),
    "## All figures",
    table([figureHeadings, ...compared.map(figureRow)]),
    end,
  ]
    .filter((part) => part !== "")
    .join("\n\n");
}

function existing(): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return `# Performance\n\n${begin}\n${end}\n`;
  }
}

/** Replaces the measured part and formats the page. */
export function writePage(run: Run): string {
  const text = existing();
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from)
    throw new Error(
      `docs/performance.md has lost its marks: ${begin} and ${end}`,
    );
  writeFileSync(
    path,
    text.slice(0, from) + measuredPart(run) + text.slice(to + end.length),
  );
  Bun.spawnSync([process.execPath, "fmt", "--no-script", path]);
  return "docs/performance.md";
}
