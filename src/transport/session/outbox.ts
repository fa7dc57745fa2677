/** What cannot go yet: for want of credit, because the connection is stuck, or because there is none. */
import { frameHeaderBytes } from "../../wire/frame.ts";
import { priorityMax } from "../../wire/kinds.ts";
import { Batch } from "./batch.ts";
import type { Outgoing } from "./outgoing.ts";

/** First in, first out; what is given up is passed over. */
class Lane {
  #entries: Outgoing[] = [];
  #head = 0;
  #gone = 0;

  push(outgoing: Outgoing): void {
    this.#entries.push(outgoing);
  }

  /** The last, unless it is given up or was sent. */
  last(): Outgoing | undefined {
    const entry = this.#entries[this.#entries.length - 1];
    return entry?.isGone === false ? entry : undefined;
  }

  /** The first that is not given up. */
  peek(): Outgoing | undefined {
    while (this.#head < this.#entries.length) {
      const entry = this.#entries[this.#head];
      if (entry?.isGone === false) return entry;
      this.#gone -= 1;
      this.shift();
    }
    return undefined;
  }

  shift(): void {
    this.#head += 1;
    if (this.#head === this.#entries.length) {
      this.#entries = [];
      this.#head = 0;
    } else if (this.#head >= 1024 && this.#head * 2 >= this.#entries.length)
      this.#compact();
  }

  /** One was given up; those must not pile up behind one that waits. */
  forget(): void {
    this.#gone += 1;
    if (this.#gone >= 64 && this.#gone * 2 >= this.#entries.length - this.#head)
      this.#compact();
  }

  all(): Outgoing[] {
    return this.#entries.slice(this.#head).filter((entry) => !entry.isGone);
  }

  clear(): void {
    this.#entries = [];
    this.#head = 0;
    this.#gone = 0;
  }

  #compact(): void {
    this.#entries = this.all();
    this.#head = 0;
    this.#gone = 0;
  }
}

/** Messages that wait, by priority. */
export class Outbox {
  /** What is sent again after a connection was lost: before everything else, and in its old order. */
  readonly #again = new Lane();
  readonly #lanes: readonly Lane[] = Array.from(
    { length: priorityMax + 1 },
    () => new Lane(),
  );
  readonly #lanesOf = new Map<Outgoing, Lane>();
  #bytes = 0;

  #batched = 0;

  /** What waits; a batch counts as one. */
  get size(): number {
    return this.#lanesOf.size;
  }

  /** Messages that wait, or a few more. */
  get messages(): number {
    return this.#lanesOf.size + this.#batched;
  }

  /** Their bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Waits behind those of its priority. */
  add(outgoing: Outgoing): void {
    this.#put(outgoing, this.#lanes[outgoing.priority] ?? this.#again);
  }

  /** A small message without headers waits behind those of its priority. Returns whether it begins a batch. */
  addPlain(
    kind: number,
    priority: number,
    id: number,
    payload: Uint8Array,
  ): boolean {
    const lane = this.#lanes[priority] ?? this.#again;
    const last = lane.last();
    const isAdded = last instanceof Batch && last.add(kind, id, payload);
    if (!isAdded) {
      const batch = new Batch();
      batch.kind = kind;
      batch.priority = priority;
      this.#put(batch, lane);
      batch.add(kind, id, payload);
    }
    this.#batched += 1;
    this.#bytes += frameHeaderBytes + payload.length;
    return !isAdded;
  }

  /** So many frames of a batch were sent. */
  sentOf(batch: Batch, frames: number, bytes: number): void {
    batch.start += bytes;
    batch.count -= frames;
    this.#batched -= frames;
    this.#bytes -= bytes;
    if (batch.count > 0) return;
    this.remove(batch);
    batch.done();
  }

  /** Waits before all of those that are new. */
  addAgain(outgoing: Outgoing): void {
    this.#put(outgoing, this.#again);
  }

  /** The next to be sent for which `mayGo` holds; those of one priority do not overtake each other. */
  next(mayGo: (outgoing: Outgoing) => boolean): Outgoing | undefined {
    const again = this.#again.peek();
    if (again !== undefined) return mayGo(again) ? again : undefined;
    for (let priority = priorityMax; priority >= 0; priority--) {
      const first = this.#lanes[priority]?.peek();
      if (first !== undefined && mayGo(first)) return first;
    }
    return undefined;
  }

  /** It was sent as a whole, or is given up. Returns whether it waited. */
  remove(outgoing: Outgoing): boolean {
    const lane = this.#lanesOf.get(outgoing);
    if (lane === undefined) return false;
    this.#lanesOf.delete(outgoing);
    this.#bytes -= outgoing.sizeBytes;
    if (outgoing instanceof Batch) this.#batched -= outgoing.count;
    if (lane.peek() === outgoing) lane.shift();
    else {
      outgoing.isGone = true;
      lane.forget();
    }
    return true;
  }

  /** All that wait, those first that would be sent first. */
  all(): Outgoing[] {
    return [this.#again, ...[...this.#lanes].reverse()].flatMap((lane) =>
      lane.all(),
    );
  }

  #put(outgoing: Outgoing, lane: Lane): void {
    outgoing.isGone = false;
    lane.push(outgoing);
    this.#lanesOf.set(outgoing, lane);
    this.#bytes += outgoing.sizeBytes;
  }
}
