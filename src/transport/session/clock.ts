/** Time, as sessions see it: another one can be given where time must not pass by itself. */

/** A clock with timers. */
export interface SessionClock {
  /** Milliseconds since some instant; never goes back. */
  nowMs(): number;
  /** Calls a function once after so many milliseconds. */
  setTimer(callback: () => void, delayMs: number): unknown;
  /** Takes a timer back; nothing happens when it has fired. */
  clearTimer(timer: unknown): void;
}

/** The clock of `performance.now()`. */
export const systemClock: SessionClock = {
  nowMs: () => performance.now(),
  setTimer: (callback, delayMs) => setTimeout(callback, delayMs),
  clearTimer: (timer) =>
    clearTimeout(timer as ReturnType<typeof setTimeout> | undefined),
};

/** The time of one turn: asked for once until what was written in it goes out, or the chunk is handled. */
export class ChunkClock {
  readonly #clock: SessionClock;
  #nowMs = -1;

  constructor(clock: SessionClock) {
    this.#clock = clock;
  }

  /** Only for what is written in the same turn: that is what ends it. */
  get nowMs(): number {
    if (this.#nowMs < 0) this.#nowMs = this.#clock.nowMs();
    return this.#nowMs;
  }

  /** Asks again. */
  forget(): void {
    this.#nowMs = -1;
  }
}
