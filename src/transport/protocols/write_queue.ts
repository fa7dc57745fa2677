/** Bytes on their way to the system, where a runtime writes asynchronously: one buffer being written, one being filled. */

const capacityBytesMin = 4096;

/** A bounded queue of bytes. */
export class WriteQueue {
  readonly #limitBytes: number;
  #flying = new Uint8Array(0);
  #flyingFrom = 0;
  #flyingTo = 0;
  #waiting = new Uint8Array(0);
  #waitingBytes = 0;

  /** @param limitBytes most bytes in it, the ones being written included */
  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** Bytes in it, the ones being written included. */
  get queuedBytes(): number {
    return this.#flyingTo - this.#flyingFrom + this.#waitingBytes;
  }

  /** Copies a first part of some bytes, as far as there is room. */
  take(chunk: Uint8Array, from: number, to: number): number {
    const taken = Math.min(to - from, this.#limitBytes - this.queuedBytes);
    if (taken <= 0) return 0;
    this.#reserve(this.#waitingBytes + taken);
    this.#waiting.set(
      from === 0 && taken === chunk.length
        ? chunk
        : chunk.subarray(from, from + taken),
      this.#waitingBytes,
    );
    this.#waitingBytes += taken;
    return taken;
  }

  /** What to write now. It must not be called again before `wrote` gave an empty view. */
  begin(): Uint8Array {
    const filled = this.#waiting;
    this.#waiting = this.#flying;
    this.#flying = filled;
    this.#flyingFrom = 0;
    this.#flyingTo = this.#waitingBytes;
    this.#waitingBytes = 0;
    return this.#flying.subarray(0, this.#flyingTo);
  }

  /** Takes written bytes off. @returns what to write next; empty when there is nothing */
  wrote(bytes: number): Uint8Array {
    this.#flyingFrom += bytes;
    if (this.#flyingFrom < this.#flyingTo)
      return this.#flying.subarray(this.#flyingFrom, this.#flyingTo);
    return this.begin();
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#waiting.length) return;
    let capacity = Math.max(capacityBytesMin, this.#waiting.length);
    while (capacity < bytes) capacity *= 2;
    const grown = new Uint8Array(Math.min(capacity, this.#limitBytes));
    grown.set(this.#waiting.subarray(0, this.#waitingBytes));
    this.#waiting = grown;
  }
}
