/** What a load test counts while it runs. */
import { Times } from "../percentiles.ts";

/** Counts of the part that is measured. */
export class Tally {
  /** From the intended start to the answer: what a user would have waited. */
  readonly response = new Times();
  /** From the real start to the answer. */
  readonly service = new Times();
  /** By the code of the error. */
  readonly errors = new Map<string, number>();
  /** Messages whose turn had come and that could not be begun, because too many were under way. */
  skipped = 0;
  begun = 0;
  /** Answered, or sent where nobody answers. */
  completed = 0;
  /** On the clock of `performance.now()`: what was meant to begin before is not counted. */
  fromMs: number = Number.POSITIVE_INFINITY;

  /** Whether what was meant to begin at that time is counted. */
  counts(intendedMs: number): boolean {
    return intendedMs >= this.fromMs;
  }

  done(intendedMs: number, startedMs: number, endedMs: number): void {
    if (!this.counts(intendedMs)) return;
    this.completed++;
    this.response.add(endedMs - intendedMs);
    this.service.add(endedMs - startedMs);
  }

  failed(intendedMs: number, error: unknown): void {
    if (!this.counts(intendedMs)) return;
    const code =
      error instanceof Error && "code" in error
        ? String(error.code)
        : error instanceof Error
          ? error.name
          : "unknown";
    this.errors.set(code, (this.errors.get(code) ?? 0) + 1);
  }

  get errorCount(): number {
    let sum = 0;
    for (const count of this.errors.values()) sum += count;
    return sum;
  }
}
