/**
 * Works on a queue's messages with a bounded number at a time: takes, renews, settles. What is done with a message, and
 * what came of it, is the handler's; how often, how late and until when is the loop's. Runs in Bun and Deno.
 */
import { RingwireError } from "../base/errors.ts";
import { LeaseLostError } from "./errors.ts";
import type { Job } from "./job.ts";
import type { CrossProcessQueue } from "./queue.ts";

/** What came of a message. A note is kept with the message if this makes it a dead letter. */
export type WorkOutcome =
  /** Done. */
  | { readonly kind: "ack" }
  /** Done, with an answer for whoever waits for one; it is a failure if it cannot be sent. */
  | { readonly kind: "reply"; readonly body: Uint8Array | string }
  /** Failed: again after a back-off, or a dead letter when it had its last attempt. */
  | { readonly kind: "retry"; readonly note?: string | Uint8Array | undefined }
  /** Hopeless: a dead letter at once. */
  | { readonly kind: "bury"; readonly note?: string | Uint8Array | undefined }
  /** Not this message's fault: back to the queue at once, and the attempt does not count. */
  | { readonly kind: "release" };

/** What the handler gives back. A handler that throws gives a `retry` with the error as its note. */
export type WorkHandler<T> = (job: Job<T>) => Promise<WorkOutcome>;

/** Options of `runWorkLoop`. */
export interface WorkLoopOptions {
  /** Messages at a time, 1 to 4096. @default 1 */
  readonly concurrency?: number | undefined;
  /** Milliseconds of each lease; it is renewed natively while the handler runs. @default the queue's */
  readonly leaseMs?: number | undefined;
  /** Milliseconds a handler may run before its lease is no longer renewed. @default no limit */
  readonly maxProcessingMs?: number | undefined;
  /** Attempts before a dead letter is made, at most the queue's own number. @default the queue's */
  readonly maxDeliver?: number | undefined;
  /** Limits of the exponential back-off, which has full jitter: 0 to `minMs`·2^(attempt-1), at most `maxMs`. @default 1 s to 5 min */
  readonly backoff?:
    { readonly minMs: number; readonly maxMs: number } | undefined;
  /**
   * `empty` leaves when nothing can be taken, nothing is being worked on and no retry of this loop is due later; `end`
   * leaves when the stream has ended and all of it is settled. @default neither
   */
  readonly until?: "empty" | "end" | undefined;
  /** Messages to take in all. @default no limit */
  readonly count?: number | undefined;
  /** Milliseconds to wait for a message while nothing is being worked on. @default no limit */
  readonly waitMs?: number | undefined;
  /** Ends the taking; what has begun is finished and settled. */
  readonly signal?: AbortSignal | undefined;
}

/** What a loop did, and why it ended. */
export interface WorkSummary {
  readonly acked: number;
  readonly retried: number;
  readonly buried: number;
  readonly released: number;
  /** Settlements that came too late: somebody else works, or worked, on the message too. */
  readonly lost: number;
  readonly reason: "empty" | "ended" | "count" | "timeout" | "stopped";
}

const backoffDefault = { minMs: 1000, maxMs: 300_000 };
const concurrencyMax = 4096;
/** How often a wait that depends on other workers looks again. */
const lookAgainMs = 500;

/**
 * Milliseconds until the next attempt: uniform between 0 and a limit that doubles with each attempt.
 *
 * @param attempts deliveries so far, at least 1
 */
export function retryDelayMs(
  attempts: number,
  backoff: { readonly minMs: number; readonly maxMs: number },
  random: () => number = Math.random,
): number {
  const limitMs = Math.min(
    backoff.maxMs,
    backoff.minMs * 2 ** Math.min(attempts - 1, 52),
  );
  return Math.round(random() * limitMs);
}

/** Sleeps, but not beyond the signal. */
async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  const woken = Promise.withResolvers<void>();
  const timer = setTimeout(woken.resolve, ms);
  const onAbort = (): void => woken.resolve();
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  await woken.promise;
  clearTimeout(timer);
  signal.removeEventListener("abort", onAbort);
}

class WorkLoop<T> {
  readonly #queue: CrossProcessQueue<T>;
  readonly #handler: WorkHandler<T>;
  readonly #options: WorkLoopOptions;
  readonly #concurrency: number;
  readonly #running = new Set<Promise<void>>();
  /** Messages put back with a delay and not seen since; kept only where something depends on them. */
  readonly #retrying = new Set<bigint>();
  readonly #counts = { acked: 0, retried: 0, buried: 0, released: 0, lost: 0 };
  #taken = 0;
  /** Ends the current wait for a message because a handler has finished. */
  #wake: AbortController | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(
    queue: CrossProcessQueue<T>,
    handler: WorkHandler<T>,
    options: WorkLoopOptions,
  ) {
    const concurrency = options.concurrency ?? 1;
    if (
      !Number.isInteger(concurrency) ||
      concurrency < 1 ||
      concurrency > concurrencyMax
    ) {
      throw new RangeError(
        `concurrency: given ${concurrency}, allowed 1 to ${concurrencyMax}`,
      );
    }
    this.#queue = queue;
    this.#handler = handler;
    this.#options = options;
    this.#concurrency = concurrency;
  }

  async run(): Promise<WorkSummary> {
    let reason: WorkSummary["reason"] | undefined;
    try {
      while (reason === undefined) {
        const next = await this.#next();
        if (typeof next === "string") reason = next;
        else this.#begin(next);
      }
    } finally {
      // Also after a failure of the queue: a handler that runs may still finish its work.
      while (this.#running.size > 0) await Promise.race(this.#running);
    }
    if (this.#failure !== undefined) throw this.#failure.error;
    return { ...this.#counts, reason };
  }

  /** The next job, or why there is none any more. */
  async #next(): Promise<Job<T> | WorkSummary["reason"]> {
    const { until, waitMs, count, leaseMs } = this.#options;
    for (;;) {
      if (this.#stopped()) return "stopped";
      if (count !== undefined && this.#taken >= count) return "count";
      if (this.#running.size >= this.#concurrency) {
        await this.#untilOneFinishes();
        continue;
      }
      const ready = this.#queue.tryReserve({ leaseMs });
      if (ready !== null) return ready;
      const why = this.#queue.emptyReason;
      if (why === "ended" && until !== undefined)
        return until === "end" ? "ended" : "empty";
      const busy = this.#running.size > 0;
      const mayLeave = until === "empty" && !busy && why !== "paused";
      if (mayLeave && !this.#awaitsRetries()) {
        // What a killed worker held is nobody's work any more, but ours.
        if (this.#queue.sweep("deaths") > 0) continue;
        return "empty";
      }
      const idle = waitMs !== undefined && !busy;
      const timeoutMs = mayLeave
        ? Math.min(lookAgainMs, waitMs ?? lookAgainMs)
        : idle
          ? waitMs
          : undefined;
      const job = await this.#wait(timeoutMs);
      if (job !== null) return job;
      const timedOut =
        idle &&
        !mayLeave &&
        this.#running.size === 0 &&
        (this.#isOver() || this.#queue.emptyReason !== "ended");
      if (timedOut && !this.#stopped()) return "timeout";
    }
  }

  #stopped(): boolean {
    return (
      this.#options.signal?.aborted === true || this.#failure !== undefined
    );
  }

  /** Retries of ours that are still to come. Other workers may take them, so the queue has the last word. */
  #awaitsRetries(): boolean {
    if (this.#retrying.size === 0) return false;
    if (this.#queue.status().delayed > 0) return true;
    this.#retrying.clear();
    return false;
  }

  async #untilOneFinishes(): Promise<void> {
    const { signal } = this.#options;
    const stopped = Promise.withResolvers<void>();
    const onAbort = (): void => stopped.resolve();
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      await Promise.race([...this.#running, stopped.promise]);
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
  }

  /** Waits for a job; null when time passed, a handler finished, or the loop is to stop. */
  async #wait(timeoutMs: number | undefined): Promise<Job<T> | null> {
    const wake = new AbortController();
    this.#wake = wake;
    const { signal, leaseMs } = this.#options;
    const either =
      signal === undefined
        ? wake.signal
        : AbortSignal.any([signal, wake.signal]);
    const deadlineMs = performance.now() + (timeoutMs ?? Infinity);
    try {
      for (;;) {
        const restMs = Math.max(0, deadlineMs - performance.now());
        const job = await this.#queue.reserve({
          timeoutMs: timeoutMs === undefined ? undefined : restMs,
          leaseMs,
          signal: either,
        });
        if (job !== null || restMs === 0 || !this.#isOver()) return job;
        // Nothing is waited for on an ended stream; it may be reopened some day.
        await sleep(Math.min(lookAgainMs, restMs), either);
        if (either.aborted) return null;
      }
    } catch (error) {
      if (either.aborted) return null;
      throw error;
    } finally {
      this.#wake = undefined;
    }
  }

  /** The stream has ended, and that is no reason to leave. */
  #isOver(): boolean {
    return (
      this.#options.until === undefined && this.#queue.emptyReason === "ended"
    );
  }

  #begin(job: Job<T>): void {
    this.#taken++;
    this.#retrying.delete(job.id);
    const work = this.#work(job)
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => {
        this.#running.delete(work);
        this.#wake?.abort();
      });
    this.#running.add(work);
  }

  async #work(job: Job<T>): Promise<void> {
    const { leaseMs, maxProcessingMs } = this.#options;
    try {
      using _renewal = job.keepAlive({ leaseMs, maxProcessingMs });
      this.#settle(job, await this.#outcomeOf(job));
    } catch (error) {
      if (!(error instanceof LeaseLostError)) throw error;
      this.#counts.lost++;
    }
  }

  async #outcomeOf(job: Job<T>): Promise<WorkOutcome> {
    try {
      return await this.#handler(job);
    } catch (error) {
      const note =
        error instanceof Error ? (error.stack ?? error.message) : String(error);
      return { kind: "retry", note };
    }
  }

  #reply(job: Job<T>, body: Uint8Array | string): void {
    try {
      job.reply(body);
      this.#counts.acked++;
    } catch (error) {
      if (error instanceof LeaseLostError) throw error;
      // Anybody can write a header that names no requester: that must cost the message, not the worker.
      const again = error instanceof RingwireError && error.retryable;
      const note = `the reply could not be sent: ${error instanceof Error ? error.message : String(error)}`;
      this.#settle(job, { kind: again ? "retry" : "bury", note });
    }
  }

  #settle(job: Job<T>, outcome: WorkOutcome): void {
    const { maxDeliver, backoff } = this.#options;
    const attemptsMax = maxDeliver ?? this.#queue.info.maxDeliver;
    if (outcome.kind === "ack") {
      job.ack();
      this.#counts.acked++;
    } else if (outcome.kind === "reply") {
      this.#reply(job, outcome.body);
    } else if (outcome.kind === "release") {
      job.nack({ uncounted: true });
      this.#counts.released++;
    } else if (outcome.kind === "bury" || job.attempts >= attemptsMax) {
      job.bury(outcome.note);
      this.#counts.buried++;
    } else {
      const buried =
        job.nack({
          delayMs: retryDelayMs(job.attempts, backoff ?? backoffDefault),
        }) === "buried";
      if (!buried && this.#options.until === "empty")
        this.#retrying.add(job.id);
      this.#counts[buried ? "buried" : "retried"]++;
    }
  }
}

/**
 * Works on messages until one of the ends in `options`, then finishes what has begun.
 *
 * @throws {RangeError} for a concurrency that is not allowed
 * @throws {SharedMemoryError} what the queue throws; the handlers that run are awaited first
 */
export function runWorkLoop<T>(
  queue: CrossProcessQueue<T>,
  handler: WorkHandler<T>,
  options: WorkLoopOptions = {},
): Promise<WorkSummary> {
  return new WorkLoop(queue, handler, options).run();
}
