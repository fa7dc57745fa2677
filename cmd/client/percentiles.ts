/** Times of many exchanges: a histogram with about three digits, and how it is told. */
import { createHistogram, type RecordableHistogram } from "node:perf_hooks";

/** Times in milliseconds, by share. */
export interface Percentiles {
  readonly count: number;
  readonly mean_ms: number;
  readonly p50_ms: number;
  readonly p90_ms: number;
  readonly p99_ms: number;
  readonly p99_9_ms: number;
  readonly p99_99_ms: number;
  readonly max_ms: number;
}

/** Ten minutes: nothing that is waited for takes longer. */
const highestNs = 600e9;
const nsPerMs = 1e6;

/** Gathers times. */
export class Times {
  readonly #histogram: RecordableHistogram = createHistogram({
    lowest: 1,
    highest: highestNs,
    figures: 3,
  });

  /** @param ms milliseconds; negative ones count as 0 */
  add(ms: number): void {
    const ns = Math.round(ms * nsPerMs);
    this.#histogram.record(Math.min(highestNs, Math.max(1, ns)));
  }

  get count(): number {
    return this.#histogram.count;
  }

  /** The time that `share` percent did not exceed, in milliseconds; 0 without any. */
  at(share: number): number {
    if (this.count === 0) return 0;
    const ns =
      share <= 0 ? this.#histogram.min : this.#histogram.percentile(share);
    return ns / nsPerMs;
  }

  /** All that is told. */
  get summary(): Percentiles {
    const any = this.count > 0;
    return {
      count: this.count,
      mean_ms: any ? this.#histogram.mean / nsPerMs : 0,
      p50_ms: this.at(50),
      p90_ms: this.at(90),
      p99_ms: this.at(99),
      p99_9_ms: this.at(99.9),
      p99_99_ms: this.at(99.99),
      max_ms: any ? this.#histogram.max / nsPerMs : 0,
    };
  }

  /** The distribution in the format of HdrHistogram's plotter, in milliseconds. */
  get hgrm(): string {
    const lines = [
      "       Value     Percentile TotalCount 1/(1-Percentile)",
      "",
    ];
    const { count } = this;
    const row = (share: number): void => {
      const fraction = share / 100;
      const last = share >= 100 ? "inf" : (1 / (1 - fraction)).toFixed(2);
      lines.push(
        `${this.at(share).toFixed(6).padStart(12)} ${fraction.toFixed(12).padStart(14)} ${`${Math.ceil(fraction * count)}`.padStart(10)} ${last.padStart(14)}`,
      );
    };
    // Five steps within each halving of what is left, until less than one value is left.
    for (let rest = 100; count > 0 && rest / 100 >= 1 / (2 * count); rest /= 2)
      for (let step = 0; step < 5; step++) row(100 - rest + (rest / 10) * step);
    if (count > 0) row(100);
    const { mean_ms, max_ms } = this.summary;
    const deviation = count > 0 ? this.#histogram.stddev / nsPerMs : 0;
    lines.push(
      `#[Mean    = ${mean_ms.toFixed(6)}, StdDeviation   = ${deviation.toFixed(6)}]`,
      `#[Max     = ${max_ms.toFixed(6)}, Total count    = ${count}]`,
    );
    return `${lines.join("\n")}\n`;
  }
}

/** A time for people. */
export function formatMs(ms: number): string {
  if (ms < 1) return `${(ms * 1000).toFixed(ms < 0.01 ? 1 : 0)} µs`;
  if (ms < 1000) return `${ms.toFixed(ms < 10 ? 2 : 1)} ms`;
  return `${(ms / 1000).toFixed(2)} s`;
}
