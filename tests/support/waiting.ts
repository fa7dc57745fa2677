/** Waiting, in both runtimes. */

/** Lets the event loop run for a time. */
export function pause(timeoutMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, timeoutMs));
}

/** Waits for a condition. @throws {Error} after 20 seconds */
export async function until(what: string, holds: () => boolean): Promise<void> {
  const dueMs = performance.now() + 20_000;
  while (!holds()) {
    if (performance.now() > dueMs) throw new Error(`never: ${what}`);
    await pause(5);
  }
}
