/** Turns what a handler says into what happens to its message, and counts it. */
import { RingwireError } from "../../base/errors.ts";
import { LeaseLostError } from "../errors.ts";
import type { Job } from "../job.ts";
import { backOffDefault, retryDelayMs } from "./back_off.ts";
import type { WorkOptions } from "./options.ts";
import type { WorkCounts, WorkOutcome } from "./outcome.ts";

/** What is to happen next: nothing, another attempt in place after some milliseconds, or the message is not ours any more. */
export type Settled =
  | { readonly kind: "done" }
  | { readonly kind: "again"; readonly delayMs: number }
  /** Back in the queue, or lost to it: whatever had to come after it has to go back too. */
  | { readonly kind: "given back" };

const done: Settled = { kind: "done" };
const givenBack: Settled = { kind: "given back" };

/** Settles messages. */
export class Settlement<T> {
  readonly #options: WorkOptions;
  readonly #attemptsMax: number;
  /** Kept for another attempt in place after one that has failed, which stays counted whatever happens next. */
  readonly #failed = new WeakSet<Job<T>>();
  /** Messages given back with a delay and not seen since; kept only where something depends on them. */
  readonly #retrying = new Set<bigint>();
  readonly #counts = { acked: 0, retried: 0, buried: 0, released: 0, lost: 0 };

  constructor(options: WorkOptions, attemptsMax: number) {
    this.#options = options;
    this.#attemptsMax = attemptsMax;
  }

  /** What became of all messages so far. */
  get counts(): WorkCounts {
    return { ...this.#counts };
  }

  /** Whether messages that this loop gave back with a delay may still be due. */
  get awaitsRetries(): boolean {
    return this.#retrying.size > 0;
  }

  /** Somebody else has had them meanwhile. */
  forgetRetries(): void {
    this.#retrying.clear();
  }

  /** A message has been taken. */
  seen(job: Job<T>): void {
    this.#retrying.delete(job.id);
  }

  /** The handler never got to say anything: its lease was lost before. */
  countLost(): void {
    this.#counts.lost++;
    this.#options.onSettled?.(this.#counts);
  }

  /**
   * Does what the handler said.
   *
   * @param inPlace whether a failed message is kept for its next attempt instead of being given back
   * @throws what settling throws, except for a lost lease, which is counted
   */
  settle(job: Job<T>, outcome: WorkOutcome, inPlace: boolean): Settled {
    return this.#counted(() => this.#settle(job, outcome, inPlace));
  }

  /** Gives back a message that nobody is working on; failed attempts stay counted. @throws as `settle` */
  giveBack(job: Job<T>): void {
    this.#counted(() => this.#release(job, !this.#failed.has(job)));
  }

  #counted(settle: () => Settled): Settled {
    try {
      return settle();
    } catch (error) {
      if (!(error instanceof LeaseLostError)) throw error;
      this.#counts.lost++;
      return givenBack;
    } finally {
      this.#options.onSettled?.(this.#counts);
    }
  }

  #settle(job: Job<T>, outcome: WorkOutcome, inPlace: boolean): Settled {
    switch (outcome.kind) {
      case "ack":
        job.ack();
        this.#counts.acked++;
        return done;
      case "reply":
        return this.#reply(job, outcome.body, inPlace);
      case "release":
        return this.#release(job, true);
      case "bury":
        return this.#bury(job, outcome.note);
      case "retry":
        return job.attempts >= this.#attemptsMax
          ? this.#bury(job, outcome.note)
          : this.#retry(job, inPlace);
    }
  }

  #release(job: Job<T>, uncounted: boolean): Settled {
    job.nack({ uncounted });
    this.#counts.released++;
    return givenBack;
  }

  #bury(job: Job<T>, note: string | Uint8Array | undefined): Settled {
    job.bury(note);
    this.#counts.buried++;
    return done;
  }

  #retry(job: Job<T>, inPlace: boolean): Settled {
    const delayMs = retryDelayMs(
      job.attempts,
      this.#options.backoff ?? backOffDefault,
    );
    if (inPlace) {
      this.#failed.add(job);
      this.#counts.retried++;
      return { kind: "again", delayMs };
    }
    if (job.nack({ delayMs }) === "buried") {
      this.#counts.buried++;
      return done;
    }
    if (this.#options.until === "empty") this.#retrying.add(job.id);
    this.#counts.retried++;
    return givenBack;
  }

  #reply(job: Job<T>, body: Uint8Array | string, inPlace: boolean): Settled {
    try {
      job.reply(body);
      this.#counts.acked++;
      return done;
    } catch (error) {
      if (error instanceof LeaseLostError) throw error;
      // Anybody can write a header that names no requester: that must cost the message, not the worker.
      const again = error instanceof RingwireError && error.retryable;
      const note = `the reply could not be sent: ${error instanceof Error ? error.message : String(error)}`;
      const kind = again ? "retry" : "bury";
      return this.#settle(job, { kind, note }, inPlace);
    }
  }
}
