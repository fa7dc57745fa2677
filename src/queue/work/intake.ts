/** Takes messages one after the other, and decides when there is no reason to wait for another one. */
import type { Job } from "../job.ts";
import type { LeaseOptions } from "../options.ts";
import type { CrossProcessQueue } from "../queue.ts";
import type { WorkOptions } from "./options.ts";
import type { WorkSummary } from "./outcome.ts";

/** How often a wait that depends on others looks again. */
export const lookAgainMs = 500;

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

/** What the intake must know of the work that is going on. */
export interface WorkInHand {
  /** Whether messages are being worked on, or held for it. */
  busy(): boolean;
  /** Whether nothing more is to be taken. */
  stopped(): boolean;
  /** Whether a failed message of ours may come back later. */
  awaitsRetries(): boolean;
}

/** The messages of one queue, for one loop. */
export class Intake<T> {
  readonly #queue: CrossProcessQueue<T>;
  readonly #options: WorkOptions;
  readonly #inHand: WorkInHand;
  /** Ends the current wait because something has changed. */
  #wake: AbortController | undefined;
  readonly #lease: LeaseOptions;
  #taken = 0;

  /** @param uncounted whether being taken is no attempt yet */
  constructor(
    queue: CrossProcessQueue<T>,
    options: WorkOptions,
    inHand: WorkInHand,
    uncounted: boolean,
  ) {
    this.#lease = { leaseMs: options.leaseMs, uncounted };
    this.#queue = queue;
    this.#options = options;
    this.#inHand = inHand;
  }

  /** How many more may be taken. */
  get room(): number {
    return (this.#options.count ?? Infinity) - this.#taken;
  }

  /** Whether nothing new will come; what is out may still come back. */
  get streamEnded(): boolean {
    return this.#queue.lifecycle() === "ended";
  }

  /** Ends the wait in `next` or `more`, which then gives null. */
  wake(): void {
    this.#wake?.abort();
  }

  /** The next job, why there will be none any more, or null when something has changed meanwhile. */
  async next(): Promise<Job<T> | WorkSummary["reason"] | null> {
    const { until, waitMs } = this.#options;
    if (this.#inHand.stopped()) return "stopped";
    if (this.room <= 0) return "count";
    const ready = this.tryNext();
    if (ready !== null) return ready;
    const why = this.#queue.emptyReason;
    if (why === "ended" && until !== undefined)
      return until === "end" ? "ended" : "empty";
    const busy = this.#inHand.busy();
    const mayLeave = until === "empty" && !busy && why !== "paused";
    if (mayLeave && !this.#inHand.awaitsRetries())
      // What a killed worker held is nobody's work any more, but ours.
      return this.#queue.sweep("deaths") > 0 ? null : "empty";
    const idle = waitMs !== undefined && !busy;
    const timeoutMs = mayLeave
      ? Math.min(lookAgainMs, waitMs ?? lookAgainMs)
      : idle
        ? waitMs
        : undefined;
    const job = await this.more(timeoutMs);
    if (job !== null) return job;
    const timedOut =
      idle &&
      !mayLeave &&
      !this.#inHand.busy() &&
      (this.#isOver() || this.#queue.emptyReason !== "ended");
    return timedOut && !this.#inHand.stopped() ? "timeout" : null;
  }

  /** A job that is there now. */
  tryNext(): Job<T> | null {
    const job = this.#queue.tryReserve(this.#lease);
    if (job !== null) this.#taken++;
    return job;
  }

  /** Waits for a job; null when time passed, `wake` was called, or the loop is to stop. */
  async more(timeoutMs: number | undefined): Promise<Job<T> | null> {
    const wake = new AbortController();
    this.#wake = wake;
    const { signal } = this.#options;
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
          ...this.#lease,
          signal: either,
        });
        if (job !== null) this.#taken++;
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
}
