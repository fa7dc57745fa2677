/** Options of the work loops. */
import type { Job } from "../job.ts";
import type { BackOff } from "./back_off.ts";
import type { WorkCounts } from "./outcome.ts";

/** What both loops understand. */
export interface WorkOptions {
  /** Handlers at a time, 1 to 4096. @default 1 */
  readonly concurrency?: number | undefined;
  /** Milliseconds of each lease; it is renewed natively until the message is settled. @default the queue's */
  readonly leaseMs?: number | undefined;
  /** Milliseconds a handler may run before its lease is no longer renewed. @default no limit */
  readonly maxProcessingMs?: number | undefined;
  /** Attempts before a dead letter is made, at most the queue's own number. @default the queue's */
  readonly maxDeliver?: number | undefined;
  /** Limits of the exponential back-off, which has full jitter: 0 to `minMs`·2^(attempt-1), at most `maxMs`. @default 1 s to 5 min */
  readonly backoff?: BackOff | undefined;
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
  /** Told at once when the queue fails, or was destroyed: handlers that run are still awaited, however long they take. */
  readonly onFailure?: ((error: unknown) => void) | undefined;
  /** Told after each settlement. */
  readonly onSettled?: ((counts: WorkCounts) => void) | undefined;
}

/** Options of `runWorkLoop`. */
export interface WorkLoopOptions<T = unknown> extends WorkOptions {
  /**
   * Messages with the same key are worked on one after the other, in the order of their ids, also when one of them has
   * to be tried again; undefined is a message without order. Needs a queue opened with `exclusive`, because nobody else
   * may take messages beside it. @default no order
   */
  readonly orderBy?: ((job: Job<T>) => string | undefined) | undefined;
}

/** Options of `runBatchWorkLoop`. */
export interface BatchWorkLoopOptions extends WorkOptions {
  /** Messages that a handler gets at most, 1 to 65536. */
  readonly batchMax: number;
  /** Bytes of bodies that a handler gets at most; a single message may be larger. @default 64 MiB */
  readonly batchBytesMax?: number | undefined;
  /** Milliseconds to wait for more when a batch is not full. @default 0 */
  readonly batchWaitMs?: number | undefined;
}
