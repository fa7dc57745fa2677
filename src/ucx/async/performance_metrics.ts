/** Counts and latencies of messages. */
import { LatencyHistogram } from "./latency_histogram.ts";

/** Latencies in milliseconds; 0 when none was recorded. */
export interface LatencySummary {
  readonly count: number;
  readonly minMs: number;
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
}

/** What was recorded so far. */
export interface MetricsSnapshot {
  readonly messagesSent: number;
  readonly messagesReceived: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly errors: number;
  /** Seconds since the metrics were made or reset. */
  readonly elapsedSeconds: number;
  readonly latency: LatencySummary;
}

/** Counts what it is told; it listens to nobody by itself. */
export class PerformanceMetrics {
  #messagesSent = 0;
  #messagesReceived = 0;
  #bytesSent = 0;
  #bytesReceived = 0;
  #errors = 0;
  #startedMs = performance.now();
  #latency = new LatencyHistogram();

  get messagesSent(): number {
    return this.#messagesSent;
  }

  get messagesReceived(): number {
    return this.#messagesReceived;
  }

  get bytesSent(): number {
    return this.#bytesSent;
  }

  get bytesReceived(): number {
    return this.#bytesReceived;
  }

  get errors(): number {
    return this.#errors;
  }

  /** One message of so many bytes was sent. */
  recordSend(sizeBytes: number): void {
    this.#messagesSent += 1;
    this.#bytesSent += sizeBytes;
  }

  /** One message of so many bytes was received. */
  recordReceive(sizeBytes: number): void {
    this.#messagesReceived += 1;
    this.#bytesReceived += sizeBytes;
  }

  recordError(): void {
    this.#errors += 1;
  }

  /** @throws {RangeError} when it is negative or no number */
  recordLatency(latencyMs: number): void {
    this.#latency.record(latencyMs);
  }

  /** Awaits something, and records how long it took, or that it failed. */
  async measure<Value>(operation: () => Promise<Value>): Promise<Value> {
    const startMs = performance.now();
    try {
      const value = await operation();
      this.#latency.record(performance.now() - startMs);
      return value;
    } catch (error) {
      this.#errors += 1;
      throw error;
    }
  }

  /**
   * The latency that a part of the calls did not exceed, to within 5 %.
   *
   * @param percentile 0 to 100
   * @returns milliseconds; 0 when nothing was recorded
   */
  latencyPercentileMs(percentile: number): number {
    return this.#latency.percentileMs(percentile);
  }

  /** Everything at once. */
  snapshot(): MetricsSnapshot {
    const latency = this.#latency;
    return {
      messagesSent: this.#messagesSent,
      messagesReceived: this.#messagesReceived,
      bytesSent: this.#bytesSent,
      bytesReceived: this.#bytesReceived,
      errors: this.#errors,
      elapsedSeconds: (performance.now() - this.#startedMs) / 1000,
      latency: {
        count: latency.count,
        minMs: latency.minMs,
        meanMs: latency.meanMs,
        p50Ms: latency.percentileMs(50),
        p90Ms: latency.percentileMs(90),
        p99Ms: latency.percentileMs(99),
        p999Ms: latency.percentileMs(99.9),
        maxMs: latency.maxMs,
      },
    };
  }

  /** Begins anew. */
  reset(): void {
    this.#messagesSent = this.#messagesReceived = 0;
    this.#bytesSent = this.#bytesReceived = this.#errors = 0;
    this.#startedMs = performance.now();
    this.#latency = new LatencyHistogram();
  }

  toString(): string {
    const { latency, elapsedSeconds } = this.snapshot();
    const rows: [string, string][] = [
      ["messages sent", String(this.#messagesSent)],
      ["messages received", String(this.#messagesReceived)],
      ["bytes sent", String(this.#bytesSent)],
      ["bytes received", String(this.#bytesReceived)],
      ["errors", String(this.#errors)],
      ["seconds", elapsedSeconds.toFixed(3)],
    ];
    if (latency.count > 0)
      rows.push([
        "latency ms",
        `p50 ${latency.p50Ms.toFixed(3)}, p99 ${latency.p99Ms.toFixed(3)}, max ${latency.maxMs.toFixed(3)} (${latency.count})`,
      ]);
    return rows.map(([name, value]) => `${name.padEnd(20)}${value}`).join("\n");
  }

  /** Writes everything somewhere. @default console.log */
  printStats(write: (text: string) => void = console.log): void {
    write(this.toString());
  }
}
