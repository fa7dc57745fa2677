/** Sending again what may succeed later. */
import { fullJitterMs } from "../../resilience/back_off.ts";
import { pause } from "../../resilience/pause.ts";
import { UcxError, UcxNotConnectedError, UcxTimeoutError } from "../errors.ts";
import type { MessageSender } from "./burst.ts";
import type { SendData } from "./message.ts";
import { checkWait, type WaitOptions } from "./wait_limits.ts";

/** How often, and how long, a message is tried. */
export interface RetryOptions extends WaitOptions {
  /** Tries after the first. @default 3 */
  readonly maxRetries?: number | undefined;
  /** Longest pause before the first retry in milliseconds; it doubles each time. @default 100 */
  readonly baseDelayMs?: number | undefined;
  /** Longest pause in milliseconds. @default 5000 */
  readonly maxDelayMs?: number | undefined;
  /** Milliseconds that one try may take. @default no limit but `timeoutMs` */
  readonly attemptTimeoutMs?: number | undefined;
  /**
   * Which errors are worth another try.
   *
   * @default those that say so (`retryable`), and with `beforeRetry`, which may connect again, a closed connection
   */
  readonly isRetryable?: ((error: unknown) => boolean) | undefined;
  /**
   * Called before a retry, after its pause: to connect again, for instance. What it throws counts as a failed try.
   *
   * @param attempt 1 for the first retry
   */
  readonly beforeRetry?:
    ((attempt: number, error: unknown) => Promise<void> | void) | undefined;
  /** Between 0 and 1. @default Math.random */
  readonly random?: (() => number) | undefined;
}

const maxRetriesDefault = 3;
const maxRetriesMax = 1_000_000;
const baseDelayMsDefault = 100;
const maxDelayMsDefault = 5000;

function saysSo(error: unknown): boolean {
  return error instanceof UcxError && error.retryable;
}

function saysSoOrIsClosed(error: unknown): boolean {
  return saysSo(error) || error instanceof UcxNotConnectedError;
}

function within(name: string, value: number, min: number, max: number): void {
  if (typeof value === "number" && value >= min && value <= max) return;
  throw new RangeError(
    `${name}: given ${value}, allowed a number from ${min} to ${max}`,
  );
}

/**
 * Pause before a retry: anything up to a limit that doubles each time, so that those who failed together do not come
 * back together.
 *
 * @param attempt 1 for the first retry
 * @returns milliseconds
 */
export function retryDelayMs(
  attempt: number,
  options: Pick<RetryOptions, "baseDelayMs" | "maxDelayMs" | "random"> = {},
): number {
  const {
    baseDelayMs = baseDelayMsDefault,
    maxDelayMs = maxDelayMsDefault,
    random,
  } = options;
  return fullJitterMs(attempt, { baseDelayMs, maxDelayMs, random });
}

/**
 * Sends a message; when that fails with an error that may go away, again after a pause. A message whose send was cut off
 * by a time limit or a lost connection may arrive more than once.
 *
 * @param options.timeoutMs over all tries and pauses
 * @returns how many retries it took
 * @throws the error of the last try
 * @throws {UcxTimeoutError} when the time is over; its cause is the error of the last try
 */
export async function sendWithRetry(
  client: MessageSender,
  tag: number | bigint,
  data: SendData,
  options: RetryOptions = {},
): Promise<number> {
  checkWait(options);
  const {
    maxRetries = maxRetriesDefault,
    isRetryable = options.beforeRetry === undefined ? saysSo : saysSoOrIsClosed,
    signal,
    timeoutMs = Number.POSITIVE_INFINITY,
    attemptTimeoutMs = Number.POSITIVE_INFINITY,
  } = options;
  within("maxRetries", maxRetries, 0, maxRetriesMax);
  within("baseDelayMs", options.baseDelayMs ?? 0, 0, 2 ** 31 - 1);
  within("maxDelayMs", options.maxDelayMs ?? 0, 0, 2 ** 31 - 1);
  within("attemptTimeoutMs", attemptTimeoutMs, 1, Number.POSITIVE_INFINITY);
  const endMs = performance.now() + timeoutMs;
  const leftMs = (): number => Math.max(0, endMs - performance.now());
  let failure: unknown;
  for (let attempt = 0; ; attempt++) {
    try {
      if (attempt > 0) await options.beforeRetry?.(attempt, failure);
      const limitMs = Math.min(attemptTimeoutMs, leftMs());
      await client.sendMessage(tag, data, {
        signal,
        timeoutMs: limitMs === Number.POSITIVE_INFINITY ? undefined : limitMs,
      });
      return attempt;
    } catch (error) {
      if (signal?.aborted === true) throw error;
      if (attempt >= maxRetries || !isRetryable(error)) throw error;
      failure = error;
      const delayMs = retryDelayMs(attempt + 1, options);
      if (delayMs >= leftMs())
        throw new UcxTimeoutError(
          `the message was not sent within ${timeoutMs} ms, in ${attempt + 1} tries`,
          { cause: error },
        );
      await pause(delayMs, signal);
    }
  }
}
