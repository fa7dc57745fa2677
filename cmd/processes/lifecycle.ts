/** Signals: what a first and a second request to stop mean, and the exit code that goes with them. */
import { ExitCode } from "../command_line/exit_codes.ts";

/** The signals that ask a program to stop. */
type StopSignal = "SIGINT" | "SIGTERM" | "SIGHUP";

const exitCodes: Readonly<Record<StopSignal, number>> = {
  SIGHUP: 129,
  SIGINT: ExitCode.interrupted,
  SIGTERM: ExitCode.terminated,
};

/** What else is listened to. */
interface StopOptions {
  /** SIGUSR1 means: take no more, but take as long as it needs for the rest. @default false, it ends the program */
  readonly heedUsr1?: boolean;
  /** Called at each SIGHUP, which then does not stop the program. @default it does */
  readonly onHangup?: () => void;
}

/** Turns signals into `AbortSignal`s. At most one at a time; `dispose` gives the signals back. */
export class StopRequests implements Disposable {
  readonly #stop = new AbortController();
  readonly #abort = new AbortController();
  readonly #stopFetching = new AbortController();
  readonly #listeners: [signal: NodeJS.Signals, listener: () => void][] = [];
  #first: StopSignal | undefined;

  constructor(options: StopOptions = {}) {
    const { onHangup } = options;
    if (onHangup !== undefined) this.#on("SIGHUP", onHangup);
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
      if (signal !== "SIGHUP" || onHangup === undefined)
        this.#on(signal, () => this.#receive(signal));
    if (options.heedUsr1 === true)
      this.#on("SIGUSR1", () => this.#stopFetching.abort());
  }

  /** Aborted by the first signal: take no more, finish what has begun. */
  get stop(): AbortSignal {
    return this.#stop.signal;
  }

  /** Aborted by the second: leave now. */
  get abort(): AbortSignal {
    return this.#abort.signal;
  }

  /** The first signal's name. */
  get received(): StopSignal | undefined {
    return this.#first;
  }

  /** The shell's exit code for the first signal, undefined when there was none. */
  get exitCode(): number | undefined {
    return this.#first === undefined ? undefined : exitCodes[this.#first];
  }

  /** Aborted by SIGUSR1, if that is heeded. */
  get stopFetching(): AbortSignal {
    return this.#stopFetching.signal;
  }

  [Symbol.dispose](): void {
    for (const [signal, listener] of this.#listeners)
      process.off(signal, listener);
    this.#listeners.length = 0;
  }

  #on(signal: NodeJS.Signals, listener: () => void): void {
    process.on(signal, listener);
    this.#listeners.push([signal, listener]);
  }

  #receive(signal: StopSignal): void {
    if (this.#first === undefined) {
      this.#first = signal;
      this.#stop.abort(new Stopped(signal));
    } else {
      this.#abort.abort(new Stopped(signal));
    }
  }
}

/** Calls `react` once, also when the signal came before somebody could listen. */
export function onceAborted(signal: AbortSignal, react: () => void): void {
  if (signal.aborted) react();
  else signal.addEventListener("abort", react, { once: true });
}

/** The reason of the signals of `StopRequests`. */
export class Stopped extends Error {
  constructor(signal: string) {
    super(`stopped by ${signal}`);
    this.name = "Stopped";
  }
}
