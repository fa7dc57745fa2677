/** What was sent and not accepted, for the case that the connection is lost. */
import type { Outgoing } from "./outgoing.ts";

/** Messages by their sequence, without gaps; the oldest go first when there are too many. */
export class ReplayBuffer {
  /** Longer messages are never kept. */
  readonly maxBytes: number;
  readonly #maxMessages: number;
  readonly #maxAgeMs: number;
  #kept: Outgoing[] = [];
  #head = 0;
  #bytes = 0;
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
    return this.#kept.length - this.#head;
  }

  /** Keeps a message, whose sequence follows that of the one before. */
  add(outgoing: Outgoing, nowMs: number): void {
    outgoing.keptAtMs = nowMs;
    this.#kept.push(outgoing);
    this.#bytes += outgoing.sizeBytes;
    while (this.#bytes > this.maxBytes || this.size > this.#maxMessages)
      this.#drop();
    this.expire(nowMs);
  }

  /** Lets go of what is too old. */
  expire(nowMs: number): void {
    let first = this.#kept[this.#head];
    while (first !== undefined && nowMs - first.keptAtMs > this.#maxAgeMs) {
      this.#drop();
      first = this.#kept[this.#head];
    }
  }

  /** The peer has accepted all up to this sequence. */
  accepted(sequence: number): void {
    while (this.size > 0 && this.oldest <= sequence) this.#drop();
    if (this.oldest <= sequence) this.oldest = sequence + 1;
  }

  /** What is to be sent again, from a sequence on. */
  from(sequence: number): Outgoing[] {
    return this.#kept
      .slice(this.#head)
      .filter((outgoing) => outgoing.sequence >= sequence);
  }

  /** Begins anew: forgets everything. */
  reset(): void {
    this.#kept = [];
    this.#head = 0;
    this.#bytes = 0;
    this.oldest = 1;
  }

  #drop(): void {
    const first = this.#kept[this.#head];
    if (first === undefined) return;
    this.#head += 1;
    this.#bytes -= first.sizeBytes;
    this.oldest = first.sequence + 1;
    if (this.#head === this.#kept.length) {
      this.#kept = [];
      this.#head = 0;
    } else if (this.#head >= 1024 && this.#head * 2 >= this.#kept.length) {
      this.#kept = this.#kept.slice(this.#head);
      this.#head = 0;
    }
  }
}
