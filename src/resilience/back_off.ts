/** How long to wait before trying again. */

/** Bounds of the pauses between tries. */
export interface BackOffOptions {
  /** Longest pause before the first retry in milliseconds; it doubles each time. */
  readonly baseDelayMs: number;
  /** Longest pause in milliseconds. */
  readonly maxDelayMs: number;
  /** Between 0 and 1. @default Math.random */
  readonly random?: (() => number) | undefined;
}

/**
 * Pause before a retry: anything up to a limit that doubles each time ("full jitter"), so that those who failed together
 * do not come back together.
 *
 * @param attempt 1 for the first retry
 * @returns milliseconds
 */
export function fullJitterMs(attempt: number, options: BackOffOptions): number {
  const { baseDelayMs, maxDelayMs, random = Math.random } = options;
  return random() * Math.min(maxDelayMs, baseDelayMs * 2 ** (attempt - 1));
}
