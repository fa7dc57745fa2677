/** What was sent and not accepted, for the case that the connection is lost. */
import { FrameRun } from "./frame_run.ts";
import type { Outgoing } from "./outgoing.ts";

/** Messages by their sequence, without gaps; the oldest go first when there are too many. */
export class ReplayBuffer {
  /** Longer messages are never kept. */
  readonly maxBytes: number;
  readonly #maxMessages: number;
  readonly #maxAgeMs: number;
  #kept: (Outgoing | FrameRun)[] = [];
  #head = 0;
  #bytes = 0;
  #size = 0;
  /** The lowest sequence that can still be sent. */
  oldest = 1;

  constructor(bounds: {
    readonly bytes: number;
    readonly messages: number;
    readonly ageMs: number;
  }) {
    this.maxBytes = bounds.bytes;
    this.#maxMessages = bounds.messages;
    this.#maxAgeMs = bounds.ageMs;
  }

  /** Bytes that are kept. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Messages that are kept. */
  get size(): number {
    return this.#size;
  }

  /** Keeps a message, whose sequence follows that of the one before. */
  add(outgoing: Outgoing, nowMs: number): void {
    outgoing.keptAtMs = nowMs;
    this.#add(outgoing, outgoing.sizeBytes, 1, nowMs);
  }

  /** Keeps frames, whose first sequence follows that of the message before. */
  addRun(run: FrameRun): void {
    this.#add(run, run.sizeBytes, run.count, run.keptAtMs);
  }

  #add(
    kept: Outgoing | FrameRun,
    bytes: number,
    messages: number,
    nowMs: number,
  ): void {
    this.#kept.push(kept);
    this.#bytes += bytes;
    this.#size += messages;
    while (this.#bytes > this.maxBytes || this.#size > this.#maxMessages)
      this.#dropFirst();
    this.expire(nowMs);
  }

  /** Lets go of what is too old. */
  expire(nowMs: number): void {
    let first = this.#kept[this.#head];
    while (first !== undefined && nowMs - first.keptAtMs > this.#maxAgeMs) {
      this.#drop(first);
      first = this.#kept[this.#head];
    }
  }

  /** The peer has accepted all up to this sequence. */
  accepted(sequence: number): void {
    while (this.#size > 0 && this.oldest <= sequence) {
      const first = this.#kept[this.#head];
      if (first instanceof FrameRun && first.lastSequence > sequence)
        this.#dropFirst();
      else if (first !== undefined) this.#drop(first);
    }
    if (this.oldest <= sequence) this.oldest = sequence + 1;
  }

  /** What is to be sent again, from a sequence on. */
  from(sequence: number): Outgoing[] {
    const messages: Outgoing[] = [];
    for (const kept of this.#kept.slice(this.#head)) {
      if (kept instanceof FrameRun) messages.push(...kept.from(sequence));
      else if (kept.sequence >= sequence) messages.push(kept);
    }
    return messages;
  }

  /** Begins anew: forgets everything. */
  reset(): void {
    this.#kept = [];
    this.#head = 0;
    this.#bytes = 0;
    this.#size = 0;
    this.oldest = 1;
  }

  /** Lets go of the first message. */
  #dropFirst(): void {
    const first = this.#kept[this.#head];
    if (first === undefined) return;
    if (!(first instanceof FrameRun) || first.count === 1) {
      this.#drop(first);
      return;
    }
    this.#bytes -= first.sizeBytes;
    this.oldest = first.dropFirst() + 1;
    this.#bytes += first.sizeBytes;
    this.#size -= 1;
  }

  /** Lets go of a whole entry, the first one. */
  #drop(first: Outgoing | FrameRun): void {
    const isRun = first instanceof FrameRun;
    this.#head += 1;
    this.#bytes -= first.sizeBytes;
    this.#size -= isRun ? first.count : 1;
    this.oldest = (isRun ? first.lastSequence : first.sequence) + 1;
    if (isRun) first.release();
    if (this.#head === this.#kept.length) {
      this.#kept = [];
      this.#head = 0;
    } else if (this.#head >= 1024 && this.#head * 2 >= this.#kept.length) {
      this.#kept = this.#kept.slice(this.#head);
      this.#head = 0;
    }
  }
}
