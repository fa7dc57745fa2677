/** What a terminal shows after it has read something: the few sequences that our programs write, and no others. */

const escapeCharacter = "\x1b";
const piece = new RegExp(
  [
    String.raw`${escapeCharacter}\[([?]?)([\d;]*)([A-Za-z])`,
    String.raw`${escapeCharacter}(?!\[)`,
    String.raw`\r\n|\r|\n`,
    String.raw`[^${escapeCharacter}\r\n]`,
  ].join("|"),
  "gu",
);
/** At the end: what may go on. */
const begun = new RegExp(String.raw`${escapeCharacter}(?:\[[?\d;]*)?$`);

/** A screen of characters. Two of them: the usual one, and the alternate one. */
export class TerminalScreen {
  columns: number;
  lines: number;
  /** DEC private modes that are set: 25 is the cursor, 7 wrapping, 1049 the alternate screen. */
  readonly modes: Set<number> = new Set([7, 25]);
  #cells: string[][] = [];
  #row = 0;
  #column = 0;
  /** The usual screen with its cursor, while the other one is shown. */
  #saved: {
    readonly cells: string[][];
    readonly row: number;
    readonly column: number;
  } = { cells: [], row: 0, column: 0 };
  /** The end of what was written, if it may be the beginning of a sequence. */
  #pending = "";

  constructor(columns: number, lines: number) {
    this.columns = columns;
    this.lines = lines;
  }

  /** Lines without spaces at their ends. */
  get text(): string[] {
    return Array.from({ length: this.lines }, (_, row) =>
      (this.#cells[row] ?? [])
        .map((cell) => cell ?? " ")
        .join("")
        .trimEnd(),
    );
  }

  /** Terminals keep what fits. */
  resize(columns: number, lines: number): void {
    this.columns = columns;
    this.lines = lines;
    this.#cells.length = Math.min(this.#cells.length, lines);
  }

  /** @throws {Error} for a sequence that it does not know */
  write(text: string): void {
    const all = this.#pending + text;
    const cut = begun.exec(all)?.index ?? all.length;
    this.#pending = all.slice(cut);
    for (const [found, mark, numbers = "", letter] of all
      .slice(0, cut)
      .matchAll(piece)) {
      if (letter !== undefined)
        this.#command(`${mark}${letter}`, numbers.split(";").map(Number));
      else if (found === "\r\n" || found === "\n") {
        this.#nextLine();
      } else if (found === "\r") this.#column = 0;
      else this.#put(found);
    }
  }

  #nextLine(): void {
    this.#column = 0;
    this.#row++;
    if (this.#row < this.lines) return;
    this.#row = this.lines - 1;
    this.#cells.shift();
  }

  #put(character: string): void {
    const width = Bun.stringWidth(character);
    if (width === 0) throw new Error(`invisible: ${JSON.stringify(character)}`);
    if (this.#column + width > this.columns) {
      if (!this.modes.has(7)) return;
      this.#nextLine();
    }
    this.#cells[this.#row] ??= [];
    const row = this.#cells[this.#row] ?? [];
    while (row.length < this.#column) row.push(" ");
    row[this.#column] = character;
    for (let more = 1; more < width; more++) row[this.#column + more] = "";
    this.#column += width;
  }

  #command(name: string, [first = 0, second = 0]: readonly number[]): void {
    switch (name) {
      case "m":
        break;
      case "H":
        this.#row = Math.max(1, first) - 1;
        this.#column = Math.max(1, second) - 1;
        break;
      case "K":
        this.#cells[this.#row]?.splice(this.#column);
        break;
      case "J":
        if (first === 2) this.#cells = [];
        else {
          this.#cells[this.#row]?.splice(this.#column);
          this.#cells.splice(this.#row + 1);
        }
        break;
      case "?h":
        if (first === 1049 && !this.modes.has(1049)) {
          const [row, column] = [this.#row, this.#column];
          this.#saved = { cells: this.#cells, row, column };
          this.#cells = [];
        }
        this.modes.add(first);
        break;
      case "?l":
        if (first === 1049 && this.modes.has(1049)) {
          this.#cells = this.#saved.cells;
          this.#row = this.#saved.row;
          this.#column = this.#saved.column;
        }
        this.modes.delete(first);
        break;
      default:
        throw new Error(`unknown sequence ${name}`);
    }
  }
}
