/** Bounded concurrency. */

interface Waiter {
  start(): void;
}

/** Places that are taken and given back; who waits gets one in the order of coming. */
export class Turns {
  #free: number;
  readonly #waiting: Waiter[] = [];

  /** @param atATime how many may have a turn at once */
  constructor(atATime: number) {
    this.#free = atATime;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Waits for a turn. Dispose of it to give it back. @throws the signal's reason when it fires first */
  async take(signal: AbortSignal): Promise<Disposable> {
    signal.throwIfAborted();
    if (this.#free > 0) this.#free--;
    else await this.#wait(signal);
    let given = false;
    return {
      [Symbol.dispose]: () => {
        if (given) return;
        given = true;
        this.#giveBack();
      },
    };
  }

  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiter = {
        start: () => {
          signal.removeEventListener("abort", onAbort);
          resolve();
        },
      };
      const onAbort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        reject(signal.reason);
      };
      signal.addEventListener("abort", onAbort, { once: true });
      this.#waiting.push(waiter);
    });
  }

  /** Whoever waits longest has the place at once: nobody who comes now can be faster. */
  #giveBack(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free++;
    else next.start();
  }
}
