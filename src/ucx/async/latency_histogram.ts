/** Latencies in buckets of equal ratio: percentiles of any number of them in little memory. */

const bucketsPerOctave = 16;
/** The first bucket ends here: 2^-14 ms, 61 ns. */
const firstOctave = -14;
/** The last one begins at 2^22 ms, more than an hour. */
const octaves = 36;

/** Counts latencies. Percentiles are off by at most one bucket: 4.4 %. */
export class LatencyHistogram {
  readonly #buckets = new Uint32Array(octaves * bucketsPerOctave + 1);
  #count = 0;
  #sumMs = 0;
  #minMs = Number.POSITIVE_INFINITY;
  #maxMs = 0;

  get count(): number {
    return this.#count;
  }

  /** 0 when nothing was recorded, as all others. */
  get minMs(): number {
    return this.#count === 0 ? 0 : this.#minMs;
  }

  get maxMs(): number {
    return this.#maxMs;
  }

  get meanMs(): number {
    return this.#count === 0 ? 0 : this.#sumMs / this.#count;
  }

  /** @throws {RangeError} when it is negative or no number */
  record(latencyMs: number): void {
    if (!(latencyMs >= 0 && latencyMs < Number.POSITIVE_INFINITY))
      throw new RangeError(
        `latencyMs: given ${latencyMs}, allowed a number of milliseconds >= 0`,
      );
    const place = Math.ceil(
      (Math.log2(latencyMs) - firstOctave) * bucketsPerOctave,
    );
    const bucket = Math.max(0, Math.min(this.#buckets.length - 1, place));
    this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + 1;
    this.#count += 1;
    this.#sumMs += latencyMs;
    if (latencyMs < this.#minMs) this.#minMs = latencyMs;
    if (latencyMs > this.#maxMs) this.#maxMs = latencyMs;
  }

  /**
   * @param percentile 0 to 100
   * @throws {RangeError} when it is anything else
   */
  percentileMs(percentile: number): number {
    if (!(percentile >= 0 && percentile <= 100))
      throw new RangeError(
        `percentile: given ${percentile}, allowed a number from 0 to 100`,
      );
    if (this.#count === 0) return 0;
    const rank = Math.max(1, Math.ceil((percentile / 100) * this.#count));
    let seen = 0;
    for (const [bucket, count] of this.#buckets.entries()) {
      seen += count;
      if (seen < rank) continue;
      if (bucket === this.#buckets.length - 1) break;
      const upperMs = 2 ** (firstOctave + bucket / bucketsPerOctave);
      return Math.min(this.#maxMs, Math.max(this.#minMs, upperMs));
    }
    return this.#maxMs;
  }
}
