/** Taking jobs with `for await`. */
import { EMPTY } from "../../ffi/shm/layout.ts";
import { throwIfAborted } from "../base/deadline.ts";
import { warn } from "../base/warnings.ts";
import type { QueueHandle } from "./handle.ts";
import type { Job } from "./job.ts";
import { checkConsumeOptions } from "./option_checks.ts";
import type { ConsumeOptions } from "./options.ts";
import type { Receiver } from "./receiver.ts";
import type { Waits } from "./waits.ts";

/** Takes the next jobs, waiting when it may; [] when the loop is to end. */
async function nextJobs<T>(
  handle: QueueHandle,
  receiver: Receiver<T>,
  waits: Waits,
  options: ConsumeOptions,
): Promise<readonly Job<T>[]> {
  const {
    signal,
    untilEmpty = false,
    untilEnd = true,
    leaseMs = 0,
    prefetch = 1,
  } = options;
  const take = (): readonly Job<T>[] | undefined => {
    let jobs: readonly Job<T>[];
    if (prefetch === 1) {
      const job = receiver.job(leaseMs);
      jobs = job === null ? [] : [job];
    } else {
      jobs = receiver.jobs(prefetch, leaseMs);
    }
    if (jobs.length > 0) return jobs;
    return untilEmpty || (untilEnd && handle.emptyReason === EMPTY.ended)
      ? []
      : undefined;
  };
  throwIfAborted(signal);
  if (!waits.busy("message")) {
    const found = take();
    if (found !== undefined) return found;
  }
  return await waits.enter(
    "message",
    take,
    () => [],
    Number.POSITIVE_INFINITY,
    signal,
  );
}

/** See `CrossProcessQueue.consume`. */
export async function* consumeJobs<T>(
  handle: QueueHandle,
  receiver: Receiver<T>,
  waits: Waits,
  given: ConsumeOptions,
): AsyncGenerator<Job<T>, void, undefined> {
  const options = checkConsumeOptions(given);
  let ahead: readonly Job<T>[] = [];
  let next = 0;
  try {
    for (;;) {
      throwIfAborted(options.signal);
      if (next >= ahead.length) {
        ahead = await nextJobs(handle, receiver, waits, options);
        next = 0;
        if (ahead.length === 0) return;
      }
      const job = ahead[next++] as Job<T>;
      try {
        yield job;
      } finally {
        if (!job.settled && job.settleQuietly("nack")) {
          warn(
            `job ${job.id} of queue ${handle.place.name} was left unsettled; it was given back`,
          );
        }
      }
    }
  } finally {
    // Taken ahead, never handed out: no attempt was made.
    for (; next < ahead.length; next++) ahead[next]?.settleQuietly("release");
  }
}
