/** Calls that wait until there is a connection. */
import { clearTimeout, setTimeout } from "node:timers";
import { timerDelayMsMax } from "../../base/deadline.ts";
import { TimedOutError } from "../errors.ts";

interface Waiter<Session> {
  resolve(session: Session): void;
  reject(reason: unknown): void;
}

/** Those who wait for a session. */
export class OpenWaiters<Session> {
  readonly #waiters = new Set<Waiter<Session>>();

  /**
   * Waits for the next session.
   *
   * @param dueMs on the clock of `performance.now()`
   * @throws {TimedOutError} when none comes in time; the signal's reason; what `reject` was given
   */
  wait(dueMs: number, signal: AbortSignal | undefined): Promise<Session> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason);
        return;
      }
      const settle = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", onAbort);
        this.#waiters.delete(waiter);
      };
      const waiter: Waiter<Session> = {
        resolve(opened) {
          settle();
          resolve(opened);
        },
        reject(reason) {
          settle();
          reject(reason);
        },
      };
      const onAbort = (): void => waiter.reject(signal?.reason);
      const timer = setTimeout(
        () =>
          waiter.reject(
            new TimedOutError("there was no connection within the time"),
          ),
        Math.min(Math.max(0, dueMs - performance.now()), timerDelayMsMax),
      );
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#waiters.add(waiter);
    });
  }

  /** There is a session. */
  resolve(session: Session): void {
    for (const waiter of [...this.#waiters]) waiter.resolve(session);
  }

  /** There will be none. */
  reject(reason: unknown): void {
    for (const waiter of [...this.#waiters]) waiter.reject(reason);
  }
}
