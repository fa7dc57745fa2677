/** What a person in front of `top` sees and has chosen. Types only. */
import type { QueueOrder } from "./columns.ts";
import type { QueueDetail } from "./rows.ts";

/** How a line is painted. */
export type Tone =
  "plain" | "title" | "heading" | "alarm" | "warning" | "faint";

/** One line, not wider than the terminal. */
export interface Line {
  readonly text: string;
  readonly tone: Tone;
  /** The row that keys act on. */
  readonly selected?: boolean;
}

/** What the person in front of it has chosen. */
export interface View {
  /** A queue's name; null before there is one. */
  readonly selected: string | null;
  readonly order: QueueOrder;
  readonly help: boolean;
  /** All about the selected queue, in place of the workers; undefined when nobody asked for it. */
  readonly detail: QueueDetail | null | undefined;
  /** A question or an answer, in place of the keys. */
  readonly message: string | null;
  readonly intervalText: string;
}

/** Of the terminal. */
export interface FrameSize {
  readonly columns: number;
  readonly lines: number;
}
