/**
 * Works on a queue's messages with a bounded number of handlers at a time: takes, renews, settles. What is done with a
 * message, and what came of it, is the handler's; how often, how late and until when is the loop's. Runs in Bun and Deno.
 */
import { LeaseLostError, QueueClosedError } from "../errors.ts";
import type { Job } from "../job.ts";
import type { CrossProcessQueue } from "../queue.ts";
import { BatchIntake } from "./batch_intake.ts";
import { Intake } from "./intake.ts";
import { Lanes } from "./lanes.ts";
import type {
  BatchWorkLoopOptions,
  WorkLoopOptions,
  WorkOptions,
} from "./options.ts";
import type { WorkOutcome, WorkSummary } from "./outcome.ts";
import { Settlement } from "./settlement.ts";

/** What the handler gives back. A handler that throws gives a `retry` with the error as its note. */
export type WorkHandler<T> = (job: Job<T>) => Promise<WorkOutcome>;

/** The same for messages that are worked on together: one outcome for all of them. */
export type BatchWorkHandler<T> = (
  jobs: readonly Job<T>[],
) => Promise<WorkOutcome>;

const concurrencyMax = 4096;
/** How often a loop looks whether its queue is still there. */
const closedLookMs = 500;
const tooOften: WorkOutcome = { kind: "bury", note: "given back too often" };

/** What is worked on next, why there will be nothing any more, or null when something has changed meanwhile. */
type Source<T> = () => Promise<
  readonly Job<T>[] | WorkSummary["reason"] | null
>;

class WorkLoop<T> {
  readonly #queue: CrossProcessQueue<T>;
  readonly #handler: BatchWorkHandler<T>;
  readonly #options: WorkOptions;
  readonly #orderBy: WorkLoopOptions<T>["orderBy"];
  readonly #concurrency: number;
  readonly #settlement: Settlement<T>;
  readonly #source: Source<T>;
  #batches: BatchIntake<T> | undefined;
  readonly #lanes = new Lanes<T>(() => this.#changed());
  readonly #running = new Set<Promise<void>>();
  readonly #renewals = new Map<Job<T>, Disposable>();
  readonly #intake: Intake<T>;
  #change = Promise.withResolvers<void>();
  #failure: { readonly error: unknown } | undefined;

  constructor(
    queue: CrossProcessQueue<T>,
    handler: BatchWorkHandler<T>,
    options: WorkLoopOptions<T>,
    batch?: BatchWorkLoopOptions,
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
    this.#orderBy = options.orderBy;
    if (options.orderBy !== undefined && !queue.exclusive)
      throw new TypeError(
        "orderBy: others may take messages from this queue; needed is a queue opened with exclusive: true",
      );
    this.#concurrency = concurrency;
    this.#settlement = new Settlement(
      options,
      options.maxDeliver ?? queue.info.maxDeliver,
    );
    const intake = new Intake(
      queue,
      options,
      {
        busy: () => this.#busy,
        stopped: () => this.#stopped,
        awaitsRetries: () => this.#awaitsRetries(queue),
      },
      // What waits for its turn has not been tried yet.
      options.orderBy !== undefined,
    );
    this.#intake = intake;
    this.#source = this.#sourceOf(intake, batch);
  }

  async run(): Promise<WorkSummary> {
    const { signal } = this.#options;
    const onStop = (): void => this.#changed();
    signal?.addEventListener("abort", onStop);
    // Who is busy with a message takes none, and would not hear of it otherwise.
    const looking = setInterval(() => this.#checkQueue(), closedLookMs);
    try {
      const reason = await this.#takeAll();
      if (this.#failure !== undefined) throw this.#failure.error;
      return { ...this.#settlement.counts, reason };
    } finally {
      signal?.removeEventListener("abort", onStop);
      clearInterval(looking);
      for (const renewal of this.#renewals.values()) renewal[Symbol.dispose]();
    }
  }

  async #takeAll(): Promise<WorkSummary["reason"]> {
    let reason: WorkSummary["reason"] | undefined;
    try {
      while (reason === undefined) {
        this.#startHeld();
        const next = await this.#next();
        if (typeof next === "string") reason = next;
        else if (next !== null) this.#admit(next);
      }
      // What was taken is worked on, unless we have been told to stop.
      while (this.#busy && !this.#stopped) {
        this.#startHeld();
        await this.#untilChange();
      }
      return reason;
    } catch (error) {
      this.#fail(error);
      throw error;
    } finally {
      await this.#finish();
    }
  }

  #checkQueue(): void {
    if (this.#queue.closed || this.#queue.lifecycle() !== "closed") return;
    const { name } = this.#queue;
    this.#fail(
      new QueueClosedError(`${name}: the queue was destroyed`, { queue: name }),
    );
    this.#changed();
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = { error };
    this.#options.onFailure?.(error);
  }

  get #stopped(): boolean {
    return (
      this.#options.signal?.aborted === true || this.#failure !== undefined
    );
  }

  get #busy(): boolean {
    return this.#running.size > 0 || this.#lanes.held > 0;
  }

  #sourceOf(
    intake: Intake<T>,
    batch: BatchWorkLoopOptions | undefined,
  ): Source<T> {
    if (batch !== undefined) {
      const batches = new BatchIntake(intake, batch, (job) => this.#hold(job));
      this.#batches = batches;
      return () => batches.next();
    }
    return async () => {
      const next = await intake.next();
      return next === null || typeof next === "string" ? next : [next];
    };
  }

  async #next(): ReturnType<Source<T>> {
    if (this.#stopped) return "stopped";
    if (this.#running.size < this.#concurrency && this.#lanes.hasRoom)
      return await this.#source();
    await this.#untilChange();
    return null;
  }

  /** Retries of ours that are still to come. Other workers may take them, so the queue has the last word. */
  #awaitsRetries(queue: CrossProcessQueue<T>): boolean {
    if (!this.#settlement.awaitsRetries) return false;
    const { delayed, messageCount } = queue.status();
    // One may have become due since the last look.
    if (delayed > 0 || messageCount > 0) return true;
    this.#settlement.forgetRetries();
    return false;
  }

  #changed(): void {
    this.#change.resolve();
    this.#intake.wake();
  }

  /** Until a handler finishes, an attempt is due, or the loop is to stop. */
  async #untilChange(): Promise<void> {
    if (this.#stopped && this.#running.size === 0) return;
    await this.#change.promise;
    this.#change = Promise.withResolvers();
  }

  #admit(jobs: readonly Job<T>[]): void {
    for (const job of jobs) this.#settlement.seen(job);
    const [job] = jobs;
    const key =
      job === undefined || jobs.length > 1 ? undefined : this.#orderBy?.(job);
    if (job === undefined || key === undefined) {
      this.#begin(jobs);
      return;
    }
    this.#hold(job);
    this.#lanes.admit(job, key);
  }

  /** Has its lease renewed until it is settled, or until it is begun with. */
  #hold(job: Job<T>): void {
    if (!this.#renewals.has(job)) this.#renew(job, undefined);
  }

  #renew(job: Job<T>, maxProcessingMs: number | undefined): void {
    const { leaseMs } = this.#options;
    this.#forget(job);
    try {
      this.#renewals.set(job, job.keepAlive({ leaseMs, maxProcessingMs }));
    } catch (error) {
      // Settling it will say so too.
      if (!(error instanceof LeaseLostError)) throw error;
    }
  }

  #startHeld(): void {
    while (!this.#stopped && this.#running.size < this.#concurrency) {
      const job = this.#lanes.next();
      if (job === undefined) return;
      if (job.signal.aborted) {
        this.#settlement.countLost();
        this.#forget(job);
        this.#giveBack(this.#lanes.givenBack(job));
      } else {
        this.#begin([job]);
      }
    }
  }

  #begin(jobs: readonly Job<T>[]): void {
    const { maxProcessingMs } = this.#options;
    // What waited for its turn was not being processed.
    for (const job of jobs)
      if (maxProcessingMs !== undefined || !this.#renewals.has(job))
        this.#renew(job, maxProcessingMs);
    const work = this.#work(jobs)
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#running.delete(work);
        this.#changed();
      });
    this.#running.add(work);
  }

  async #work(jobs: readonly Job<T>[]): Promise<void> {
    const outcome = this.#countAttempts(jobs)
      ? await this.#outcomeOf(jobs)
      : tooOften;
    for (const job of jobs) {
      // A message without a lane has no place to be kept in.
      const inPlace = this.#lanes.has(job);
      const settled = this.#settlement.settle(job, outcome, inPlace);
      if (settled.kind === "again") {
        this.#renew(job, undefined);
        this.#lanes.again(job, settled.delayMs);
        continue;
      }
      this.#forget(job);
      if (settled.kind === "done") this.#lanes.done(job);
      else this.#giveBack(this.#lanes.givenBack(job));
    }
  }

  /** What was taken uncounted begins here. False when there have been too many attempts, or the lease is lost. */
  #countAttempts(jobs: readonly Job<T>[]): boolean {
    if (this.#orderBy === undefined) return true;
    try {
      return jobs.every((job) => job.countAttempt() !== null);
    } catch (error) {
      // Settling will say so too.
      if (error instanceof LeaseLostError) return false;
      throw error;
    }
  }

  async #outcomeOf(jobs: readonly Job<T>[]): Promise<WorkOutcome> {
    try {
      return await this.#handler(jobs);
    } catch (error) {
      const note =
        error instanceof Error ? (error.stack ?? error.message) : String(error);
      return { kind: "retry", note };
    }
  }

  #forget(job: Job<T>): void {
    this.#renewals.get(job)?.[Symbol.dispose]();
    this.#renewals.delete(job);
  }

  /** Nobody is working on these. */
  #giveBack(jobs: readonly Job<T>[]): void {
    for (const job of jobs) {
      this.#settlement.giveBack(job);
      this.#forget(job);
    }
  }

  /** Also after a failure of the queue: a handler that runs may still finish its work. */
  async #finish(): Promise<void> {
    for (;;) {
      // Closing the queue gives back whatever a failure left.
      if (this.#failure === undefined) this.#giveBack(this.#notBegun());
      if (this.#running.size === 0) return;
      await Promise.race(this.#running);
    }
  }

  #notBegun(): Job<T>[] {
    return [...this.#lanes.takeIdle(), ...(this.#batches?.takePending() ?? [])];
  }
}

/**
 * Works on messages until one of the ends in `options`, then finishes what has begun.
 *
 * @throws {RangeError} for a concurrency that is not allowed
 * @throws {TypeError} for `orderBy` with a queue that was not opened with `exclusive`
 * @throws {SharedMemoryError} what the queue throws; the handlers that run are awaited first
 */
export function runWorkLoop<T>(
  queue: CrossProcessQueue<T>,
  handler: WorkHandler<T>,
  options: WorkLoopOptions<T> = {},
): Promise<WorkSummary> {
  const one: BatchWorkHandler<T> = ([job]) => handler(job as Job<T>);
  return new WorkLoop(queue, one, options).run();
}

/**
 * The same with several messages for each call of the handler, which are settled alike. What was delivered before comes
 * alone, so that one bad message does not take its neighbours with it for ever; so do requests, which want a reply each.
 *
 * @throws what `runWorkLoop` throws, and {RangeError} for a `batchMax` that is not allowed
 */
export function runBatchWorkLoop<T>(
  queue: CrossProcessQueue<T>,
  handler: BatchWorkHandler<T>,
  options: BatchWorkLoopOptions,
): Promise<WorkSummary> {
  return new WorkLoop(queue, handler, options, options).run();
}
