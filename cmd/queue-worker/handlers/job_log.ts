/** `--joblog FILE`: a line for each run that is over, in GNU parallel's format. */
import {
  closeSync,
  constants as fs,
  fstatSync,
  openSync,
  writeSync,
} from "node:fs";
import { constants } from "node:os";

const columns =
  "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n";

/** What is logged of a run. */
export interface LoggedRun {
  /** Wall clock in milliseconds. */
  readonly startedMs: number;
  readonly runtimeMs: number;
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /** Null when a signal ended it. */
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** Which messages it was about: behind a `#`, so that the command could be run as it stands. */
  readonly about: string;
}

/** Words as a shell would need them, on one line. */
function quote(word: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word;
  return `'${word.replaceAll("'", "'\\''")}'`.replace(/[\t\n]/g, " ");
}

/** A pipe by name that nobody reads is refused: opening it would wait for a reader, deaf to signals. */
function openToAppend(path: string): number {
  const { O_WRONLY, O_APPEND, O_CREAT, O_NONBLOCK } = fs;
  const descriptor = openSync(
    path,
    O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK,
    0o666,
  );
  if (fstatSync(descriptor).isFile()) return descriptor;
  // Later, a full pipe is waited for.
  try {
    return openSync(`/proc/self/fd/${descriptor}`, "a");
  } finally {
    closeSync(descriptor);
  }
}

/** An open log. Lines are added with one write each, so that several workers may share it. */
export class JobLog implements Disposable {
  readonly #descriptor: number;
  readonly #command: string;
  #sequence = 0;

  /** @throws what opening the file throws */
  constructor(path: string, command: readonly string[]) {
    this.#command = command.map(quote).join(" ");
    this.#descriptor = openToAppend(path);
    if (fstatSync(this.#descriptor).size === 0) this.#write(columns);
  }

  /** @throws what writing throws */
  add(run: LoggedRun): void {
    this.#sequence++;
    const signal =
      run.signal === null
        ? 0
        : (constants.signals[run.signal as NodeJS.Signals] ?? 0);
    const fields = [
      this.#sequence,
      ":",
      (run.startedMs / 1000).toFixed(3),
      (run.runtimeMs / 1000).toFixed(3).padStart(10),
      run.sentBytes,
      run.receivedBytes,
      run.exitCode ?? 0,
      signal,
      `${this.#command} # ${run.about}`,
    ];
    this.#write(`${fields.join("\t")}\n`);
  }

  [Symbol.dispose](): void {
    closeSync(this.#descriptor);
  }

  #write(line: string): void {
    writeSync(this.#descriptor, line);
  }
}
