/** Waiting for nothing but time. */
import { clearTimeout, setTimeout } from "node:timers";

/**
 * Waits, and keeps the process alive meanwhile.
 *
 * @throws the signal's reason when it fires first
 */
export function pause(
  delayMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(signal.reason);
      return;
    }
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, delayMs);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
