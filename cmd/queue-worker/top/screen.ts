/** The terminal while `top` has it: another screen, no cursor, keys as they are pressed; and all of it given back. */
import { writeSync } from "node:fs";
import { writeOut } from "../../standard_streams/output.ts";
import type { FrameSize, Line, Tone } from "./view.ts";
import { fitText } from "./visible_text.ts";

/** Another screen, no cursor, no wrapping at the edge. */
const enterSequence = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J";
const leaveSequence = "\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l";
/** Terminals that know it show what is between at once; others ignore it. */
const beginUpdate = "\x1b[?2026h";
const endUpdate = "\x1b[?2026l";
/** How long a terminal that takes nothing may delay the end. */
const leaveMsMax = 1000;

const encoder = new TextEncoder();

const colours: Readonly<Record<Tone, string>> = {
  plain: "",
  title: "\x1b[1m",
  heading: "\x1b[1;36m",
  alarm: "\x1b[1;31m",
  warning: "\x1b[33m",
  faint: "\x1b[2m",
};
const withoutColours: Readonly<Record<Tone, string>> = {
  ...colours,
  heading: "\x1b[1m",
  alarm: "\x1b[1m",
  warning: "",
};

/** What the screen needs to know. */
export interface ScreenOptions {
  readonly colour: boolean;
}

/** The terminal of stdout. One at a time. */
export class Screen {
  readonly #styles: Readonly<Record<Tone, string>>;
  /** What the terminal shows, by line; undefined when nobody knows. */
  #shown: (string | undefined)[] = [];
  #entered = false;
  /** The write that is on its way. */
  #writing: Promise<void> = Promise.resolve();
  #busy = false;

  constructor({ colour }: ScreenOptions) {
    this.#styles = colour ? colours : withoutColours;
  }

  /** Of the terminal as it is now. */
  get size(): FrameSize {
    const { columns, rows } = process.stdout;
    return { columns: columns || 80, lines: rows || 24 };
  }

  /** Whether the last frame is still being written: the next one can wait. */
  get busy(): boolean {
    return this.#busy;
  }

  /** Takes the terminal; also again after somebody else had it. */
  async enter(): Promise<void> {
    this.#entered = true;
    process.on("exit", this.#onExit);
    this.forget();
    await this.#write(enterSequence);
  }

  /** Gives it back, and waits until that is written, but not for ever. */
  async leave(): Promise<void> {
    if (!this.#entered) return;
    this.#entered = false;
    process.off("exit", this.#onExit);
    await Promise.race([
      this.#write(leaveSequence).catch(() => undefined),
      Bun.sleep(leaveMsMax),
    ]);
  }

  /** The next frame is drawn whole. */
  forget(): void {
    this.#shown = [];
  }

  /** Shows the lines; writes only those that are not there yet, in one piece. @throws {BrokenPipe} */
  async draw(lines: readonly Line[]): Promise<void> {
    const painted = lines.map((line) => this.#paint(line));
    let text = "";
    for (const [index, line] of painted.entries())
      if (this.#shown[index] !== line)
        text += `\x1b[${index + 1};1H${line}\x1b[K`;
    // What was below is of a larger terminal.
    if (painted.length < this.size.lines && this.#shown.length === 0)
      text += `\x1b[${painted.length + 1};1H\x1b[J`;
    this.#shown = painted;
    if (text === "" || !this.#entered) return;
    await this.#write(beginUpdate + text + endUpdate);
  }

  #paint({ text, tone, selected }: Line): string {
    const style = this.#styles[tone];
    if (selected === true)
      return `${style}\x1b[7m${fitText(text, this.size.columns)}\x1b[0m`;
    return style === "" || text === "" ? text : `${style}${text}\x1b[0m`;
  }

  #write(text: string): Promise<void> {
    this.#busy = true;
    this.#writing = this.#writing
      .then(() => writeOut(encoder.encode(text)))
      .finally(() => {
        this.#busy = false;
      });
    return this.#writing;
  }

  /** The last way out, for ends that come from elsewhere. */
  readonly #onExit = (): void => {
    try {
      writeSync(1, leaveSequence);
    } catch {
      // The terminal is gone.
    }
  };
}
