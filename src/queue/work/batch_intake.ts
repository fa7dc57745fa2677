/** Gathers messages that are worked on together. */
import type { Job } from "../job.ts";
import { type Intake, lookAgainMs } from "./intake.ts";
import type { BatchWorkLoopOptions } from "./options.ts";
import type { WorkSummary } from "./outcome.ts";

const batchMaxMax = 65_536;
const batchBytesMaxDefault = 64 * 1024 ** 2;

/** The batches of one loop. */
export class BatchIntake<T> {
  readonly #intake: Intake<T>;
  readonly #options: BatchWorkLoopOptions;
  readonly #hold: (job: Job<T>) => void;
  /** Taken, but did not fit the batch before. */
  #pending: Job<T> | undefined;

  /**
   * @param hold has the leases of what was gathered renewed while the batch is not full
   * @throws {RangeError} for bounds that are not allowed
   */
  constructor(
    intake: Intake<T>,
    options: BatchWorkLoopOptions,
    hold: (job: Job<T>) => void,
  ) {
    const { batchMax } = options;
    if (!Number.isInteger(batchMax) || batchMax < 1 || batchMax > batchMaxMax)
      throw new RangeError(
        `batchMax: given ${batchMax}, allowed 1 to ${batchMaxMax}`,
      );
    this.#intake = intake;
    this.#options = options;
    this.#hold = hold;
  }

  /** The next batch, why there will be none any more, or null when something has changed meanwhile. */
  async next(): Promise<Job<T>[] | WorkSummary["reason"] | null> {
    const [pending] = this.takePending();
    const first = pending ?? (await this.#intake.next());
    if (first === null || typeof first === "string") return first;
    this.#hold(first);
    if (comesAlone(first)) return [first];
    return this.#gather(first);
  }

  /** What was taken for the next batch, at most one. */
  takePending(): Job<T>[] {
    const pending = this.#pending;
    this.#pending = undefined;
    return pending === undefined ? [] : [pending];
  }

  async #gather(first: Job<T>): Promise<Job<T>[]> {
    const { batchMax, batchWaitMs = 0, signal } = this.#options;
    const bytesMax = this.#options.batchBytesMax ?? batchBytesMaxDefault;
    const batch = [first];
    let bytes = first.data.byteLength;
    const untilMs = performance.now() + batchWaitMs;
    while (batch.length < batchMax && this.#intake.room > 0) {
      const restMs = untilMs - performance.now();
      const job =
        this.#intake.tryNext() ??
        (restMs > 0 && !this.#intake.streamEnded
          ? await this.#intake.more(Math.min(restMs, lookAgainMs))
          : null);
      if (job === null) {
        if (restMs <= 0 || signal?.aborted === true || this.#intake.streamEnded)
          break;
        continue;
      }
      this.#hold(job);
      bytes += job.data.byteLength;
      if (comesAlone(job) || bytes > bytesMax) {
        this.#pending = job;
        break;
      }
      batch.push(job);
    }
    return batch;
  }
}

/**
 * What was delivered before may be what made a batch fail: alone it costs only itself. And only one message can have the
 * whole output as its reply.
 */
function comesAlone(job: Job<unknown>): boolean {
  try {
    return job.attempts > 1 || job.replyTo !== undefined;
  } catch {
    // Headers that cannot be read are the handler's to judge.
    return true;
  }
}
