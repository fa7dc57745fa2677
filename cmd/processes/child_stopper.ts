/** Stopping a child: TERM to its process group, and KILL a while later. */

/** When a child is to be stopped. */
export interface StopRules {
  /** Milliseconds until TERM. @default no limit */
  readonly timeoutMs: number | undefined;
  /** Milliseconds from TERM to KILL. */
  readonly killAfterMs: number;
  /** Aborting one of them sends TERM to the process group, and KILL later. */
  readonly terminate: readonly AbortSignal[];
  /** Whether the reason of `terminate` leaves no time for TERM: then KILL is sent at once. */
  readonly isUrgent: (reason: unknown) => boolean;
  /** Aborting sends KILL at once. */
  readonly kill: AbortSignal;
}

/** Sends a signal to a process group, if it is still there. */
export function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // The group is gone.
  }
}

/** Follows the rules until it is disposed. */
export class ChildStopper implements Disposable {
  readonly #pid: number;
  readonly #rules: StopRules;
  readonly #timer: Timer | undefined;
  #killTimer: Timer | undefined;
  /** Whether the time was over. */
  timedOut = false;
  /** Whether `terminate` or `kill` was aborted. */
  stopped = false;

  constructor(pid: number, rules: StopRules) {
    this.#pid = pid;
    this.#rules = rules;
    const { timeoutMs, terminate, kill } = rules;
    if (timeoutMs !== undefined) {
      this.#timer = setTimeout(() => {
        this.timedOut = true;
        this.#term();
      }, timeoutMs);
    }
    for (const signal of terminate)
      signal.addEventListener("abort", this.#onTerminate);
    kill.addEventListener("abort", this.#onKill);
    for (const signal of terminate)
      if (signal.aborted) this.#terminate(signal.reason);
    if (kill.aborted) this.#onKill();
  }

  /** To be called when the child is over, or needs no watching any more. */
  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#killTimer);
    for (const signal of this.#rules.terminate)
      signal.removeEventListener("abort", this.#onTerminate);
    this.#rules.kill.removeEventListener("abort", this.#onKill);
    // Whoever of the group ignored the end of its leader must not work beside the next attempt.
    if (this.timedOut || this.stopped) signalGroup(this.#pid, "SIGKILL");
  }

  readonly #onTerminate = (event: Event): void =>
    this.#terminate((event.target as AbortSignal).reason);

  #terminate(reason: unknown): void {
    if (this.#rules.isUrgent(reason)) {
      this.#onKill();
      return;
    }
    this.stopped = true;
    this.#term();
  }

  readonly #onKill = (): void => {
    this.stopped = true;
    signalGroup(this.#pid, "SIGKILL");
  };

  #term(): void {
    signalGroup(this.#pid, "SIGTERM");
    this.#killTimer ??= setTimeout(
      () => signalGroup(this.#pid, "SIGKILL"),
      this.#rules.killAfterMs,
    );
  }
}
