/** Figures as people read them. */
import type { Compared } from "./comparisons.ts";

/** Three significant digits, with the thousands grouped. */
export function showValue(value: number): string {
  if (!Number.isFinite(value)) return "—";
  const rounded = Number(value.toPrecision(3));
  return Math.abs(rounded) >= 1000
    ? rounded.toLocaleString("en-US")
    : String(rounded);
}

/** A value with its unit; rates in millions and thousands. */
export function showQuantity(value: number, unit: string): string {
  if (unit === "msg/s" && value >= 1e6) return `${showValue(value / 1e6)} M/s`;
  if (unit === "msg/s" && value >= 1e4) return `${showValue(value / 1e3)} k/s`;
  if (unit === "us") return `${showValue(value)} µs`;
  if (unit === "×") return `${showValue(value)}×`;
  return `${showValue(value)} ${unit}`;
}

/** Rows as columns of text, the first column to the left, the others to the right. */
export function showTable(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows)
    for (const [column, text] of row.entries())
      widths[column] = Math.max(widths[column] ?? 0, text.length);
  return rows
    .map((row) =>
      row
        .map((text, column) =>
          column === 0
            ? text.padEnd(widths[column] ?? 0)
            : text.padStart(widths[column] ?? 0),
        )
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** Name, median, range, peer, ratio. */
export function figureRow({ figure, peer, ratio }: Compared): string[] {
  const { name, value, unit, min, max, runs } = figure;
  const range = `${showQuantity(min, unit)} … ${showQuantity(max, unit)}`;
  return [
    name,
    showQuantity(value, unit),
    range,
    String(runs),
    peer ?? "",
    ratio === null ? "" : showQuantity(ratio, "×"),
  ];
}

/** Headings of {@linkcode figureRow}. */
export const figureHeadings: readonly string[] = [
  "name",
  "median",
  "range",
  "runs",
  "against",
  "ratio",
];
