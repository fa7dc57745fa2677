/** How many messages wait between a producer and a consumer, so that producers stay a bounded number ahead. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";

/** Messages that a producer may be ahead. */
const aheadMax = 2000;

/** A number that the consumer writes and the producer reads, in shared memory: no peer has to be asked. */
export class Backlog {
  readonly #taken: Float64Array;
  #put = 0;

  /** @param name the same on both sides; the side that comes first makes it */
  constructor(name: string) {
    const path = join(process.env.BENCH_DIR ?? "/dev/shm", `taken-${name}`);
    try {
      writeFileSync(path, new Uint8Array(8), { flag: "wx" });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const bytes = Bun.mmap(path);
    this.#taken = new Float64Array(bytes.buffer, bytes.byteOffset, 1);
  }

  /** Messages taken so far. */
  get taken(): number {
    return this.#taken[0] ?? 0;
  }

  /** The consumer has taken one more. */
  readonly take = (): void => {
    this.#taken[0] = this.taken + 1;
  };

  /** Waits until there is room for `count` more, and counts them as put. */
  async admit(count: number): Promise<void> {
    while (this.#put - this.taken > aheadMax) await sleep(1);
    this.#put += count;
  }
}
