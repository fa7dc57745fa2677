/** One attempt to connect, within its limits. */
import { TimedOutError, TransportError } from "../errors.ts";
import { toTransportError } from "../system_errors.ts";
import { StartFailure } from "./stream_connection.ts";

/**
 * Runs one attempt within its time and until its signal fires; `begin` is told when nobody waits for it any more.
 *
 * @param address as a URL, for the errors
 * @throws {TransportError} for what the runtime throws
 * @throws the signal's reason when it fires first; what `onConnection` throws
 */
export async function attemptWithin<T>(
  limits: {
    readonly timeoutMs: number;
    readonly signal?: AbortSignal | undefined;
  },
  address: string,
  begin: (givenUp: AbortSignal) => Promise<T>,
): Promise<T> {
  const { timeoutMs, signal } = limits;
  signal?.throwIfAborted();
  const giveUp = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let onAbort: (() => void) | undefined;
  const over = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () =>
        reject(
          new TimedOutError(
            `connect ${address}: not connected within ${timeoutMs} ms`,
            { address },
          ),
        ),
      timeoutMs,
    );
    onAbort = () => reject(signal?.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
  try {
    return await Promise.race([begin(giveUp.signal), over]);
  } catch (error) {
    if (error instanceof StartFailure) throw error.thrown;
    if (error instanceof TransportError || signal?.aborted) throw error;
    throw toTransportError(error, "connect", address);
  } finally {
    clearTimeout(timer);
    if (onAbort !== undefined) signal?.removeEventListener("abort", onAbort);
    giveUp.abort();
  }
}
