/** What a server says on stderr: a line for people, or an object for machines, one a line. */
import { escapeControls } from "../records/records.ts";
import { say, writeErr } from "../standard_streams/output.ts";

/** How much it matters. */
export type LogLevel = "info" | "warn" | "error";

/** What else is known, for machines. */
export type LogFields = Readonly<
  Record<string, string | number | boolean | undefined>
>;

/** Lines of one event in a second; clients must not be able to fill a disk. */
const linesPerSecondMax = 20;

interface Budget {
  secondMs: number;
  lines: number;
  suppressed: number;
}

/** The log of one server. */
export class ServerLog {
  readonly #format: "text" | "json";
  readonly #budgets = new Map<string, Budget>();

  constructor(format: "text" | "json") {
    this.#format = format;
  }

  /**
   * Says something.
   *
   * @param event stable name, for machines
   * @param text for people
   */
  write(
    level: LogLevel,
    event: string,
    text: string,
    fields: LogFields = {},
  ): void {
    const suppressed = this.#spend(event);
    if (suppressed === undefined) return;
    const more = suppressed === 0 ? {} : { suppressed };
    if (this.#format === "json") {
      const time = new Date().toISOString();
      const line = { time, level, event, message: text, ...fields, ...more };
      writeErr(new TextEncoder().encode(`${JSON.stringify(line)}\n`));
      return;
    }
    const note =
      suppressed === 0 ? "" : ` (${suppressed} more like it were not shown)`;
    say(`${escapeControls(text).replaceAll("\n", " ")}${note}`);
  }

  /** Lines of that event that were not shown since the last one; undefined when this one is not shown either. */
  #spend(event: string): number | undefined {
    const nowMs = performance.now();
    const budget = this.#budgets.get(event) ?? {
      secondMs: nowMs,
      lines: 0,
      suppressed: 0,
    };
    this.#budgets.set(event, budget);
    if (nowMs - budget.secondMs >= 1000) {
      budget.secondMs = nowMs;
      budget.lines = 0;
    }
    if (budget.lines >= linesPerSecondMax) {
      budget.suppressed++;
      return undefined;
    }
    budget.lines++;
    const { suppressed } = budget;
    budget.suppressed = 0;
    return suppressed;
  }
}
