/**
 * Refuses connections for which there would be no file descriptors. UCX itself does not come to terms with that: at its
 * own limit it closes descriptors twice, which may be somebody else's by then.
 */
import { readdirSync } from "node:fs";
import { descriptorLimit } from "../../base/descriptor_limit.ts";
import { UcxLimitError } from "../errors.ts";

/** What a connection over TCP takes on each side: one for its making, one for its data. */
const descriptorsEach = 2;
/** What is left for everything else that the process does. */
const descriptorsReserved = 16;
/** What UCX watches in a process besides connections, with a margin. */
const watchedReserved = 24;
/** An old count does not know what others have opened meanwhile. */
const countedMsMax = 1000;
/** Connections begun between two counts. */
const begunMax = 64;

/** Where the numbers come from. */
export interface DescriptorSource {
  /** Descriptors that the process may have open; Infinity when nobody tells. */
  limit(): number;
  /** Descriptors that it has open. */
  open(): number;
}

const processSource: DescriptorSource = {
  limit: descriptorLimit,
  // One of them is that of the directory itself.
  open: () => readdirSync("/proc/self/fd").length - 1,
};

/** The descriptors of this process. Counting them takes a while, so it is done now and then, and whenever it gets tight. */
export class DescriptorBudget {
  readonly #source: DescriptorSource;
  #limit = 0;
  #open = Number.POSITIVE_INFINITY;
  #countedMs = Number.NEGATIVE_INFINITY;
  #begun = 0;
  #endpoints = 0;
  /** When the last connection was closed, on the clock of `performance.now()`. */
  givenMs = Number.NEGATIVE_INFINITY;

  constructor(source: DescriptorSource = processSource) {
    this.#source = source;
  }

  /** Connections that have taken from it and not given back. */
  get endpoints(): number {
    return this.#endpoints;
  }

  /**
   * Takes what one more connection needs.
   *
   * @param unsettled connections that may not have opened all of theirs yet
   * @param watchedMax what UCX can watch in a process: `UCX_ASYNC_MAX_EVENTS`
   * @throws {UcxLimitError} when there is too little
   */
  take(unsettled: number, watchedMax: number): void {
    if (this.#endpoints + 1 + watchedReserved > watchedMax)
      throw new UcxLimitError(
        `UCX can watch ${watchedMax} descriptors in a process (UCX_ASYNC_MAX_EVENTS), and there are ${this.#endpoints} connections already`,
      );
    const isOld = performance.now() - this.#countedMs > countedMsMax;
    if (isOld || this.#begun >= begunMax || !this.#hasRoom())
      this.#count(unsettled);
    if (!this.#hasRoom())
      throw new UcxLimitError(
        `a connection takes ${descriptorsEach} file descriptors: about ${this.#open} of ${this.#limit} are in use or promised, and ${descriptorsReserved} are kept for everything else (raise the limit with ulimit -n)`,
      );
    this.adopt();
  }

  /** Notes a connection that UCX has made without asking. */
  adopt(): void {
    this.#open += descriptorsEach;
    this.#begun++;
    this.#endpoints++;
  }

  /** A connection is closed. */
  give(): void {
    this.givenMs = performance.now();
    this.#endpoints--;
  }

  #hasRoom(): boolean {
    return this.#open + descriptorsEach + descriptorsReserved <= this.#limit;
  }

  #count(unsettled: number): void {
    this.#countedMs = performance.now();
    this.#begun = 0;
    try {
      this.#limit = this.#source.limit();
      this.#open = this.#source.open() + unsettled * descriptorsEach;
    } catch {
      // No /proc, or Deno without --allow-read: nobody tells.
      this.#limit = Number.POSITIVE_INFINITY;
      this.#open = 0;
    }
  }
}

/** Shared by all workers of this thread. */
export const descriptorBudget = new DescriptorBudget();
