/**
 * One line on the terminal that says how far the work has come. It is drawn by a timer that reads counters which the work
 * keeps anyway, so a message costs nothing; where stderr is no terminal there is not even a timer.
 */
import { isatty } from "node:tty";
import { canWrite, terminalColumns } from "../../ffi/terminal.ts";
import { setStatusLine, type StatusLine, writeErr } from "./output.ts";
import { formatSizeShort } from "../command_line/size.ts";

const stderr = 2;
/** Five times a second. */
const drawEveryMs = 200;
/** What is done before that needs no progress. */
const silentMs = 500;
/** The rate is that of the last so many draws: two seconds. */
const rateSamples = 10;
const columnsDefault = 80;
/** A signal that has arrived is handled within a turn of the event loop or two. */
const signalMs = 10;

/** What the line says; what is undefined is left out. */
export interface ProgressFields {
  /** Messages done with. */
  readonly count: number;
  /** Bytes done with. */
  readonly bytes?: number | undefined;
  /** Of `total` in the same unit as `done`; shown as a share. */
  readonly share?:
    { readonly done: number; readonly total: number } | undefined;
  /** Messages that wait in the queue. */
  readonly waiting?: number | undefined;
  /** Anything else, such as `4 running`. */
  readonly notes?: readonly string[] | undefined;
}

/** A line that is being shown. */
export interface Progress extends Disposable {
  /** Takes the line away for good. Idempotent. */
  done(): void;
  /**
   * For who takes the end of the input for the end of the work: a Ctrl-C that also ended the writer has had its effect
   * before this is over. Without a line, signals take effect at once anyway.
   */
  signalsSeen(): Promise<void>;
}

/** One look at the counters. */
interface Sample {
  readonly count: number;
  readonly atMs: number;
}

function formatCount(count: number): string {
  return count.toLocaleString("en-US");
}

function formatRate(perSecond: number): string {
  return `${perSecond < 10 ? perSecond.toFixed(1) : formatCount(Math.round(perSecond))}/s`;
}

function formatElapsed(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const two = (part: number): string => String(part).padStart(2, "0");
  const minutes = Math.floor(seconds / 60);
  return minutes < 60
    ? `${minutes}:${two(seconds % 60)}`
    : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(seconds % 60)}`;
}

/**
 * The text of the line, at most `columns` wide: what matters least goes first.
 *
 * @param rate messages a second
 */
export function progressText(
  fields: ProgressFields,
  rate: number,
  elapsedMs: number,
  columns: number,
): string {
  const { count, bytes, share, waiting, notes = [] } = fields;
  const percent =
    share !== undefined && share.total > 0
      ? Math.min(100, Math.floor((share.done / share.total) * 100))
      : undefined;
  /** In the order of the line; the number says which are left out first. */
  const parts: readonly (readonly [text: string | undefined, rank: number])[] =
    [
      [`${formatCount(count)} messages`, 0],
      [percent === undefined ? undefined : `${percent} %`, 2],
      [formatRate(rate), 1],
      [bytes === undefined ? undefined : formatSizeShort(bytes), 5],
      [
        waiting === undefined ? undefined : `${formatCount(waiting)} waiting`,
        3,
      ],
      ...notes.map((note) => [note, 4] as const),
      [formatElapsed(elapsedMs), 6],
    ];
  for (let rankMax = 6; rankMax >= 0; rankMax--) {
    const line = parts
      .filter(([text, rank]) => text !== undefined && rank <= rankMax)
      .map(([text]) => text)
      .join("  ");
    if (line.length <= columns) return line;
  }
  return `${count}`.length <= columns ? `${count}` : "";
}

class TerminalLine implements Progress, StatusLine {
  readonly #read: () => ProgressFields;
  readonly #startedMs = performance.now();
  readonly #timer: Timer;
  readonly #signals: readonly (readonly [NodeJS.Signals, () => void])[];
  #samples: Sample[] = [];
  #text = "";
  #shown = false;
  #over = false;

  constructor(read: () => ProgressFields) {
    this.#read = read;
    this.#timer = setInterval(() => this.#tick(), drawEveryMs);
    this.#timer.unref();
    this.#signals = (["SIGINT", "SIGTERM", "SIGHUP"] as const).map(
      (signal) => [signal, () => this.#onSignal(signal)] as const,
    );
    for (const [signal, listener] of this.#signals)
      process.on(signal, listener);
    process.on("exit", this.#onExit);
    setStatusLine(this);
  }

  done(): void {
    if (this.#over) return;
    this.#over = true;
    clearInterval(this.#timer);
    this.clear();
    setStatusLine(undefined);
    process.off("exit", this.#onExit);
    for (const [signal, listener] of this.#signals)
      process.off(signal, listener);
  }

  signalsSeen(): Promise<void> {
    return Bun.sleep(signalMs);
  }

  [Symbol.dispose](): void {
    this.done();
  }

  clear(): void {
    if (!this.#shown) return;
    this.#shown = false;
    this.#write("\r\x1b[K");
  }

  draw(): void {
    if (this.#over || this.#text === "") return;
    this.#shown = true;
    this.#write(`\r${this.#text}\x1b[K`);
  }

  /** A terminal that was stopped (Ctrl-S) takes no bytes: the work must not wait for it. */
  #write(text: string): void {
    if (canWrite(stderr)) writeErr(new TextEncoder().encode(text), "status");
  }

  #tick(): void {
    const fields = this.#read();
    const nowMs = performance.now();
    const [oldest] = this.#samples;
    const since = oldest ?? { count: 0, atMs: this.#startedMs };
    const rate =
      ((fields.count - since.count) / Math.max(1, nowMs - since.atMs)) * 1000;
    this.#samples.push({ count: fields.count, atMs: nowMs });
    if (this.#samples.length > rateSamples) this.#samples.shift();
    const elapsedMs = nowMs - this.#startedMs;
    if (elapsedMs < silentMs) return;
    // The last column stays free: some terminals begin a new line once it is written.
    const columns = (terminalColumns(stderr) ?? columnsDefault) - 1;
    this.#text = progressText(fields, Math.max(0, rate), elapsedMs, columns);
    setStatusLine(this);
  }

  readonly #onExit = (): void => this.clear();

  /** Whoever else listens ends the program in its own way; otherwise the signal does, as without us. */
  #onSignal(signal: NodeJS.Signals): void {
    this.clear();
    if (process.listenerCount(signal) > 1) return;
    this.done();
    process.kill(process.pid, signal);
  }
}

const nothing: Progress = {
  done: () => undefined,
  signalsSeen: () => Promise.resolve(),
  [Symbol.dispose]: () => undefined,
};

/** Whether a line may be shown: stderr is a terminal that can erase a line, and NO_COLOR is not set. */
export function showsProgress(
  environment: Readonly<Record<string, string | undefined>>,
): boolean {
  const { TERM, NO_COLOR } = environment;
  return (
    isatty(stderr) &&
    TERM !== undefined &&
    TERM !== "" &&
    TERM !== "dumb" &&
    (NO_COLOR === undefined || NO_COLOR === "")
  );
}

/**
 * Shows a line until `done`. Lines of `say` and what handlers write go above it. There is one at a time.
 *
 * @param read called at most five times a second
 */
export function startProgress(
  environment: Readonly<Record<string, string | undefined>>,
  read: () => ProgressFields,
): Progress {
  return showsProgress(environment) ? new TerminalLine(read) : nothing;
}
