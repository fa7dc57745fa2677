/** How long to wait before a failed message is tried again. */

/** Limits of the exponential back-off, in milliseconds. */
export interface BackOff {
  readonly minMs: number;
  readonly maxMs: number;
}

/** 1 s to 5 min. */
export const backOffDefault: BackOff = { minMs: 1000, maxMs: 300_000 };

/**
 * Milliseconds until the next attempt: uniform between 0 and a limit that doubles with each attempt.
 *
 * @param attempts deliveries so far, at least 1
 */
export function retryDelayMs(
  attempts: number,
  backoff: BackOff,
  random: () => number = Math.random,
): number {
  const limitMs = Math.min(
    backoff.maxMs,
    backoff.minMs * 2 ** Math.min(attempts - 1, 52),
  );
  return Math.round(random() * limitMs);
}
