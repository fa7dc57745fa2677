/** Tables for the pages that the bench writes. */

/** Longer cells are prose, even when they begin with a figure. */
const figureLengthMax = 40;

/** Rows as a table; the first is its head. Columns of figures are aligned to the right. */
export function table(rows: readonly (readonly string[])[]): string {
  const [head = [], ...body] = rows;
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  const alignment = head.map((_, column) => {
    const cells = body.map((row) => row[column] ?? "");
    const holdsFigures =
      column > 0 &&
      cells.some((cell) => /^[≥≤-]?\s?\d/.test(cell)) &&
      cells.every((cell) => cell.length <= figureLengthMax);
    return holdsFigures ? "--:" : "---";
  });
  return [line(head), line(alignment), ...body.map(line)].join("\n");
}

/** Rewrites what stands between two marks. @throws when a mark is missing */
export function changeBetween(
  text: string,
  begin: string,
  end: string,
  change: (inside: string) => string,
): string {
  const [from, to] = [text.indexOf(begin) + begin.length, text.indexOf(end)];
  if (from < begin.length || to < from)
    throw new Error(`lost the marks ${begin} and ${end}`);
  return text.slice(0, from) + change(text.slice(from, to)) + text.slice(to);
}

/** Replaces the first table of a text. @throws when there is none */
export function replaceTable(text: string, replacement: string): string {
  const found = /^\|.*\n(?:\|.*\n)+/m.exec(text);
  if (found === null) throw new Error("there is no table to replace");
  return text.replace(found[0], () => `${replacement}\n`);
}
