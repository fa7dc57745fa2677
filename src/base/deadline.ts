/** Time limits and abort signals of waits. */

/** The longest delay that timers keep; a longer one fires at once in every runtime. */
export const timerDelayMsMax = 2 ** 31 - 1;

/**
 * The instant, on the clock of `performance.now()`, at which a wait is over; Infinity without a limit.
 *
 * @throws {TypeError} when the time is no number
 * @throws {RangeError} when it is negative or NaN
 */
export function deadlineMs(timeoutMs: number | undefined): number {
  if (timeoutMs === undefined) return Number.POSITIVE_INFINITY;
  if (typeof timeoutMs !== "number")
    throw new TypeError(
      `timeoutMs: given ${typeof timeoutMs}, allowed a number of milliseconds >= 0`,
    );
  if (!(timeoutMs >= 0))
    throw new RangeError(
      `timeoutMs: given ${timeoutMs}, allowed a number of milliseconds >= 0`,
    );
  return performance.now() + timeoutMs;
}

/** @throws the signal's reason when it has fired; {TypeError} when it is no signal */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal === undefined) return;
  if (!(signal instanceof AbortSignal))
    throw new TypeError(
      `signal: given ${typeof signal}, allowed an AbortSignal`,
    );
  signal.throwIfAborted();
}
