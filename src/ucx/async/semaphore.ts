/** A number of permits, given to those who wait in the order of their asking. */
import { UcxClosedError, UcxTimeoutError } from "../errors.ts";
import { checkWait, limitsOf, type WaitOptions } from "./wait_limits.ts";

interface Waiter {
  resolve(): void;
  reject(error: unknown): void;
}

/** Counts permits. Waiting for one does not keep the process alive by itself. */
export class Semaphore {
  #free: number;
  /** A Set keeps the order, and lets go of one in the middle at once. */
  readonly #waiters = new Set<Waiter>();
  #closed: Error | undefined;

  /** @throws {RangeError} when it is no positive integer */
  constructor(permits: number) {
    if (!Number.isInteger(permits) || permits < 1)
      throw new RangeError(
        `permits: given ${permits}, allowed a positive integer`,
      );
    this.#free = permits;
  }

  /** Permits that nobody has. */
  get free(): number {
    return this.#free;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiters.size;
  }

  /** Takes a permit if there is one. */
  tryAcquire(): boolean {
    if (this.#closed !== undefined || this.#free === 0) return false;
    this.#free -= 1;
    return true;
  }

  /**
   * Waits for a permit; `release` gives it back.
   *
   * @throws {UcxTimeoutError} when none was free in time
   * @throws {UcxClosedError} when the semaphore was closed
   */
  acquire(options?: WaitOptions): Promise<void> {
    try {
      checkWait(options);
      if (this.#closed !== undefined) throw this.#closed;
    } catch (error) {
      return Promise.reject(error);
    }
    if (this.tryAcquire()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        resolve: () => {
          limits?.clear();
          resolve();
        },
        reject: (error) => {
          limits?.clear();
          reject(error);
        },
      };
      this.#waiters.add(waiter);
      const limits = limitsOf(
        options,
        (error) => {
          this.#waiters.delete(waiter);
          reject(error);
        },
        (timeoutMs) =>
          new UcxTimeoutError(`no permit was free within ${timeoutMs} ms`),
      );
    });
  }

  /** Gives a permit back; the one who has waited longest gets it. */
  release(): void {
    const [next] = this.#waiters;
    if (next === undefined) {
      this.#free += 1;
      return;
    }
    this.#waiters.delete(next);
    next.resolve();
  }

  /** Rejects all who wait, and whoever asks from now on. */
  close(error: Error = new UcxClosedError("it was closed")): void {
    if (this.#closed !== undefined) return;
    this.#closed = error;
    for (const waiter of [...this.#waiters]) waiter.reject(error);
    this.#waiters.clear();
  }
}
