/** Tables that fit: columns that give way when there is little room. */
import { cutText, fitText, textWidth, visibleText } from "./visible_text.ts";

/** A column. */
export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => string;
  /** @default right, as numbers want it */
  readonly align?: "left" | "right";
  /** Columns of the terminal that it takes when there is room, so that the next one stands still. @default as needed */
  readonly usual?: number;
  /** May shrink to this before any column is left out. @default it does not shrink */
  readonly shrinksTo?: number;
  /** The one with the lowest rank is left out first. */
  readonly rank: number;
}

const gap = "  ";

/** A table as lines of text. */
export interface TableLines {
  readonly heading: string;
  readonly rows: readonly string[];
}

interface Placed {
  readonly title: string;
  readonly cells: readonly string[];
  readonly align: "left" | "right";
  readonly least: number;
  readonly rank: number;
  readonly usual: number;
  width: number;
}

function totalWidth(columns: readonly Placed[]): number {
  return columns.reduce(
    (sum, { width }) => sum + width + gap.length,
    -gap.length,
  );
}

function shrink(columns: readonly Placed[], width: number): void {
  // The widest first, one column at a time, so that a long name does not cost a short one.
  for (let over = totalWidth(columns) - width; over > 0; over--) {
    const widest = columns
      .filter((column) => column.width > column.least)
      .sort((a, b) => b.width - a.width)[0];
    if (widest === undefined) return;
    widest.width--;
  }
}

function leastWidth(columns: readonly Placed[]): number {
  return columns.reduce(
    (sum, { least }) => sum + least + gap.length,
    -gap.length,
  );
}

/** Lays out `rows` in at most `width` columns of a terminal. */
export function layOutTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  width: number,
): TableLines {
  let placed = columns.map((column): Placed => {
    const cells = rows.map((row) => visibleText(column.cell(row)));
    const natural = Math.max(
      textWidth(column.title),
      ...cells.map((cell) => textWidth(cell)),
    );
    return {
      title: column.title,
      cells,
      align: column.align ?? "right",
      least: Math.min(natural, column.shrinksTo ?? natural),
      rank: column.rank,
      usual: Math.max(natural, column.usual ?? 0),
      width: natural,
    };
  });
  while (placed.length > 1 && leastWidth(placed) > width) {
    const lowest = Math.min(...placed.map(({ rank }) => rank));
    placed = placed.filter(({ rank }) => rank !== lowest);
  }
  shrink(placed, width);
  const spare = width - totalWidth(placed);
  const wanted = placed.reduce(
    (sum, column) => sum + column.usual - column.width,
    0,
  );
  if (wanted <= spare) for (const column of placed) column.width = column.usual;
  const join = (textOf: (column: Placed) => string): string => {
    const cells = placed.map((column) =>
      fitText(textOf(column), column.width, column.align),
    );
    return cutText(cells.join(gap).trimEnd(), width);
  };
  return {
    heading: join(({ title }) => title),
    rows: rows.map((_, index) => join(({ cells }) => cells[index] ?? "")),
  };
}
