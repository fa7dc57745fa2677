/** What a client was asked to send while it had no connection. Bounded by bytes and age, in the order of the calls. */

/** Bounds of what waits. */
export interface OfflineBufferOptions {
  /** Bytes of payloads, with 64 for each message; 0 keeps nothing. @default 1048576 */
  readonly maxBytes?: number | undefined;
  /** Milliseconds that a message may wait. @default 60000 */
  readonly maxAgeMs?: number | undefined;
}

/** A message that waits. */
export interface WaitingMessage {
  /** What it counts for `maxBytes`. */
  readonly sizeBytes: number;
  /** Called when it is given up. */
  dropped(error: Error): void;
}

interface Entry<Message> {
  readonly message: Message;
  /** On the clock of `performance.now()`. */
  readonly dueMs: number;
}

/** Messages by the order of their coming, each with its time. */
export class OfflineBuffer<Message extends WaitingMessage> {
  readonly maxBytes: number;
  readonly maxAgeMs: number;
  readonly #now: () => number;
  #entries: Entry<Message>[] = [];
  /** Entries before were taken. */
  #head = 0;
  #bytes = 0;

  constructor(
    bounds: { readonly maxBytes: number; readonly maxAgeMs: number },
    now: () => number = () => performance.now(),
  ) {
    this.maxBytes = bounds.maxBytes;
    this.maxAgeMs = bounds.maxAgeMs;
    this.#now = now;
  }

  /** Bytes that wait. */
  get sizeBytes(): number {
    return this.#bytes;
  }

  /** Messages that wait. */
  get count(): number {
    return this.#entries.length - this.#head;
  }

  /** When the oldest message is too old, on the clock of `performance.now()`; Infinity without any. */
  get dueMs(): number {
    return this.#entries[this.#head]?.dueMs ?? Number.POSITIVE_INFINITY;
  }

  /** Keeps a message. @returns false when there is no room */
  push(message: Message): boolean {
    if (this.#bytes + message.sizeBytes > this.maxBytes) return false;
    this.#entries.push({ message, dueMs: this.#now() + this.maxAgeMs });
    this.#bytes += message.sizeBytes;
    return true;
  }

  /** The oldest message, which stays. */
  peek(): Message | undefined {
    return this.#entries[this.#head]?.message;
  }

  /** Takes the oldest message. */
  shift(): Message | undefined {
    const entry = this.#entries[this.#head];
    if (entry === undefined) return undefined;
    this.#head += 1;
    this.#bytes -= entry.message.sizeBytes;
    // Whatever was taken is let go now and then, so that taking is cheap.
    if (this.#head > 64 && this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
    return entry.message;
  }

  /** Takes a message out, wherever it is. @returns false when it is not there */
  remove(message: Message): boolean {
    const index = this.#entries.findIndex(
      (entry, at) => at >= this.#head && entry.message === message,
    );
    if (index < 0) return false;
    this.#entries.splice(index, 1);
    this.#bytes -= message.sizeBytes;
    return true;
  }

  /** Takes what is too old. */
  expire(): Message[] {
    const expired: Message[] = [];
    const nowMs = this.#now();
    while (this.dueMs <= nowMs) {
      const message = this.shift();
      if (message === undefined) break;
      expired.push(message);
    }
    return expired;
  }

  /** Takes everything. */
  clear(): Message[] {
    const all = this.#entries.slice(this.#head).map((entry) => entry.message);
    this.#entries = [];
    this.#head = 0;
    this.#bytes = 0;
    return all;
  }
}
