/** Ids of connections: 22 bits, chosen by the receiver of messages. */
import { UcxLimitError } from "../errors.ts";
import { wireIdMax } from "../tags.ts";

/**
 * Gives out ids in a circle, so that one that was given back comes again only after all others: a message that is
 * still on its way to a connection that is gone must not meet a new one.
 */
export class WireIds {
  readonly #max: number;
  readonly #used = new Set<number>();
  #last = 0;

  /** @param max the largest id; ids begin at 1 */
  constructor(max: number = wireIdMax) {
    this.#max = max;
  }

  /** @throws {UcxLimitError} when all are in use */
  take(): number {
    if (this.#used.size >= this.#max)
      throw new UcxLimitError(
        `a worker has at most ${this.#max} connections at a time`,
      );
    do this.#last = (this.#last % this.#max) + 1;
    while (this.#used.has(this.#last));
    this.#used.add(this.#last);
    return this.#last;
  }

  give(id: number): void {
    this.#used.delete(id);
  }
}
