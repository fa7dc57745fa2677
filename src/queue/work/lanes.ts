/**
 * Messages that must follow one another: a lane for each key, in which at most one is worked on, and what comes behind it
 * waits, leased and renewed. A failed message stays at the head of its lane until its next attempt. When the head goes
 * back to the queue, all behind it go back after it, so that they come again in the same order.
 */
import type { Job } from "../job.ts";

/** Messages that may be held for their turn. Beyond it nothing is taken until one of them is done. */
export const heldMax = 1024;
/** Bytes of bodies that may be held for their turn. */
const heldBytesMax = 64 * 1024 ** 2;

interface Lane<T> {
  readonly key: string;
  /** In the order of their ids; the first one is next. */
  readonly waiting: Job<T>[];
  running: boolean;
  /** Until the next attempt of the first one. */
  timer: ReturnType<typeof setTimeout> | undefined;
}

/** The lanes of one loop. */
export class Lanes<T> {
  readonly #onReady: () => void;
  readonly #lanes = new Map<string, Lane<T>>();
  readonly #keys = new Map<Job<T>, string>();
  /** Whose head may be worked on, the longest waiting first. */
  readonly #ready = new Set<Lane<T>>();
  #held = 0;
  #heldBytes = 0;

  /** @param onReady called when an attempt is due */
  constructor(onReady: () => void) {
    this.#onReady = onReady;
  }

  /** Messages that wait for their turn. */
  get held(): number {
    return this.#held;
  }

  /** Whether another message may be taken. */
  get hasRoom(): boolean {
    return this.#held < heldMax && this.#heldBytes < heldBytesMax;
  }

  /** Whether a message has a place in a lane. */
  has(job: Job<T>): boolean {
    return this.#keys.has(job);
  }

  /** Lines a message up. */
  admit(job: Job<T>, key: string): void {
    let lane = this.#lanes.get(key);
    if (lane === undefined) {
      lane = { key, waiting: [], running: false, timer: undefined };
      this.#lanes.set(key, lane);
    }
    this.#keys.set(job, key);
    // What comes again belongs before what was behind it.
    const behind = lane.waiting.findIndex((other) => other.id > job.id);
    this.#hold(lane, job, behind < 0 ? lane.waiting.length : behind);
    if (!lane.running && lane.timer === undefined) this.#ready.add(lane);
  }

  /** The next message whose turn it is. */
  next(): Job<T> | undefined {
    const [lane] = this.#ready;
    if (lane === undefined) return undefined;
    this.#ready.delete(lane);
    lane.running = true;
    return this.#shift(lane);
  }

  /** A message is done: whatever is behind it may go on. Messages without a lane are none of our business. */
  done(job: Job<T>): void {
    const lane = this.#leave(job);
    if (lane === undefined) return;
    lane.running = false;
    if (lane.waiting.length > 0) this.#ready.add(lane);
    else this.#lanes.delete(lane.key);
  }

  /** A message is to be tried again in its place. */
  again(job: Job<T>, delayMs: number): void {
    const lane = this.#laneOf(job);
    if (lane === undefined) return;
    lane.running = false;
    this.#hold(lane, job, 0);
    lane.timer = setTimeout(() => {
      lane.timer = undefined;
      this.#ready.add(lane);
      this.#onReady();
    }, delayMs);
  }

  /**
   * A message has gone back to the queue, or was lost to it.
   *
   * @returns what was behind it and has to go back now, in this order; nothing when it has been taken again already
   */
  givenBack(job: Job<T>): Job<T>[] {
    const lane = this.#leave(job);
    if (lane === undefined) return [];
    lane.running = false;
    if (lane.waiting[0]?.id === job.id) {
      this.#ready.add(lane);
      return [];
    }
    return this.#empty(lane);
  }

  /** Messages of all lanes in which nothing is being worked on; to be given back in this order. */
  takeIdle(): Job<T>[] {
    const idle = [...this.#lanes.values()].filter((lane) => !lane.running);
    return idle.flatMap((lane) => this.#empty(lane));
  }

  #laneOf(job: Job<T>): Lane<T> | undefined {
    const key = this.#keys.get(job);
    return key === undefined ? undefined : this.#lanes.get(key);
  }

  #leave(job: Job<T>): Lane<T> | undefined {
    const lane = this.#laneOf(job);
    this.#keys.delete(job);
    return lane;
  }

  #empty(lane: Lane<T>): Job<T>[] {
    const jobs: Job<T>[] = [];
    while (lane.waiting.length > 0) {
      const job = this.#shift(lane);
      this.#keys.delete(job);
      jobs.push(job);
    }
    clearTimeout(lane.timer);
    this.#ready.delete(lane);
    this.#lanes.delete(lane.key);
    return jobs;
  }

  #hold(lane: Lane<T>, job: Job<T>, place: number): void {
    lane.waiting.splice(place, 0, job);
    this.#held++;
    this.#heldBytes += job.data.byteLength;
  }

  #shift(lane: Lane<T>): Job<T> {
    const job = lane.waiting.shift();
    if (job === undefined) throw new Error("an empty lane is never ready");
    this.#held--;
    this.#heldBytes -= job.data.byteLength;
    return job;
  }
}
