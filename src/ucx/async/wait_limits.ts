/** What may end a wait before its result is there. */
import { clearTimeout, setTimeout } from "node:timers";
import { throwIfAborted, timerDelayMsMax } from "../../base/deadline.ts";

/** How long an asynchronous call may take. */
export interface WaitOptions {
  /** Milliseconds; 0 only looks. @default no limit */
  readonly timeoutMs?: number | undefined;
  /** Gives the call up; it is rejected with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Checks options before anything is begun.
 *
 * @throws the signal's reason when it has fired
 * @throws {TypeError} when one is of a wrong type
 * @throws {RangeError} when the time is negative or NaN
 */
export function checkWait(options: WaitOptions | undefined): void {
  if (options === undefined) return;
  if (typeof options !== "object" || options === null)
    throw new TypeError(
      `options: given ${options === null ? "null" : typeof options}, allowed an object`,
    );
  const { timeoutMs } = options;
  if (timeoutMs !== undefined) {
    if (typeof timeoutMs !== "number")
      throw new TypeError(
        `timeoutMs: given ${typeof timeoutMs}, allowed a number of milliseconds >= 0`,
      );
    if (!(timeoutMs >= 0))
      throw new RangeError(
        `timeoutMs: given ${timeoutMs}, allowed a number of milliseconds >= 0`,
      );
  }
  throwIfAborted(options.signal);
}

/** A timer and an abort listener for one wait; only made when the result is not there at once. */
export class WaitLimits {
  #timer: ReturnType<typeof setTimeout> | undefined;
  #signal: AbortSignal | undefined;
  #onAbort: (() => void) | undefined;

  /**
   * @param onOver called once, unless `clear` was called before
   * @param timeoutError made when the time is over
   */
  constructor(
    options: WaitOptions,
    onOver: (error: unknown) => void,
    timeoutError: (timeoutMs: number) => Error,
  ) {
    const { timeoutMs, signal } = options;
    if (timeoutMs !== undefined && timeoutMs <= timerDelayMsMax)
      this.#timer = setTimeout(() => {
        this.clear();
        onOver(timeoutError(timeoutMs));
      }, timeoutMs);
    if (signal === undefined) return;
    this.#signal = signal;
    this.#onAbort = () => {
      this.clear();
      onOver(signal.reason);
    };
    signal.addEventListener("abort", this.#onAbort);
  }

  /** Idempotent. */
  clear(): void {
    clearTimeout(this.#timer);
    if (this.#onAbort !== undefined)
      this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#timer = this.#signal = this.#onAbort = undefined;
  }
}

/** The limits of a wait, if it has any. */
export function limitsOf(
  options: WaitOptions | undefined,
  onOver: (error: unknown) => void,
  timeoutError: (timeoutMs: number) => Error,
): WaitLimits | undefined {
  if (
    options === undefined ||
    (options.timeoutMs === undefined && options.signal === undefined)
  )
    return undefined;
  return new WaitLimits(options, onOver, timeoutError);
}
