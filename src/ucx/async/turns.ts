/** Sees to it that results which are there at once do not keep the event loop from its other work. */
import { setImmediate } from "node:timers";

/** Results between two looks at the clock. */
const resultsPerClock = 64;
/** A loop that awaits only such results would never let timers and other sockets have their turn. */
const stretchMsMax = 1;

/** Counts results that were handed out without a turn of the event loop. */
export class Turns {
  #results = 0;
  #sinceMs = 0;

  /** A promise of something that is there already: fulfilled, or after a turn of the event loop when one is due. */
  promise<Value>(value: Value): Promise<Value> {
    this.#results += 1;
    if (this.#results % resultsPerClock === 0 && this.#isDue())
      return new Promise((resolve) => {
        setImmediate(() => {
          this.#sinceMs = performance.now();
          resolve(value);
        });
      });
    return Promise.resolve(value);
  }

  #isDue(): boolean {
    return performance.now() - this.#sinceMs > stretchMsMax;
  }
}
