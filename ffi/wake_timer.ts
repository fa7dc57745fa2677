/** The time limit of a wake source: a timer that is reused, because setting one anew at every wait costs a microsecond. */

/** Timers differ in type between the runtimes; both of these have `ref` and `unref`. */
interface HeldTimer {
  ref(): unknown;
  unref(): unknown;
}

/** Calls `onDue` no later than asked, possibly earlier, and never while at rest. */
export class WakeTimer {
  #timer: HeldTimer | undefined;
  #dueMs = 0;
  #wanted = false;
  readonly #onDue: () => void;

  constructor(onDue: () => void) {
    this.#onDue = onDue;
  }

  /** Keeps the process alive until it is due or stopped. */
  start(timeoutMs: number): void {
    const dueMs = performance.now() + timeoutMs;
    this.#wanted = true;
    if (this.#timer !== undefined && this.#dueMs <= dueMs) {
      this.#timer.ref();
      return;
    }
    this.#clear();
    this.#dueMs = dueMs;
    this.#timer = setTimeout(
      () => this.#fire(),
      Math.max(0, timeoutMs),
    ) as unknown as HeldTimer;
  }

  /** The timer itself is left to run out, without keeping the process alive. */
  stop(): void {
    if (!this.#wanted) return;
    this.#wanted = false;
    this.#timer?.unref();
  }

  close(): void {
    this.#wanted = false;
    this.#clear();
  }

  #fire(): void {
    this.#timer = undefined;
    if (!this.#wanted) return;
    this.#wanted = false;
    this.#onDue();
  }

  #clear(): void {
    if (this.#timer !== undefined)
      clearTimeout(this.#timer as unknown as ReturnType<typeof setTimeout>);
    this.#timer = undefined;
  }
}
