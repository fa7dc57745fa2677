/** Times that are measured in several processes, and what they say together. */

/** Wall clock in milliseconds with a fraction; processes of one host may compare theirs. */
export function nowMs(): number {
  return performance.timeOrigin + performance.now();
}

/** Waits. */
export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** `p50 0.120, p99 0.904, max 3.100 ms`, or "none". */
export function describeTimes(timesMs: readonly number[]): string {
  if (timesMs.length === 0) return "none";
  const sorted = timesMs.toSorted((a, b) => a - b);
  const at = (share: number): string =>
    (sorted[Math.ceil(share * sorted.length) - 1] ?? 0).toFixed(3);
  return `p50 ${at(0.5)}, p99 ${at(0.99)}, max ${at(1)} ms`;
}
