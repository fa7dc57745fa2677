/** A queue as WHATWG streams. */
import { LeaseLostError } from "./errors.ts";
import type { Job } from "./job.ts";
import type { Message } from "./message.ts";
import type { Sendable } from "./sender.ts";

/** Done with; false when its lease was lost, so that somebody else gets it. */
function acknowledge(job: Job): boolean {
  try {
    job.ack();
  } catch (error) {
    if (error instanceof LeaseLostError) return false;
    throw error;
  }
  return true;
}

/** Messages are taken one at a time, when the reader asks; the stream ends when `next` gives null. */
export function readableOf<T>(
  next: (signal: AbortSignal) => Promise<Job<T> | null>,
): ReadableStream<Message<T>> {
  const cancelled = new AbortController();
  return new ReadableStream<Message<T>>(
    {
      async pull(controller): Promise<void> {
        for (;;) {
          let job: Job<T> | null;
          try {
            job = await next(cancelled.signal);
          } catch (error) {
            // The reader that cancelled does not want to hear of it again.
            if (cancelled.signal.aborted) return;
            throw error;
          }
          if (cancelled.signal.aborted) {
            // Found in the turn in which the reader left: nobody has seen it.
            job?.settleQuietly("release");
            return;
          }
          if (job === null) {
            controller.close();
            return;
          }
          if (!acknowledge(job)) continue;
          controller.enqueue(job);
          return;
        }
      },
      cancel(reason: unknown): void {
        cancelled.abort(reason);
      },
    },
    // Nothing is taken out of the queue before somebody reads.
    { highWaterMark: 0 },
  );
}

/** Each chunk is sent as a message; a full queue holds the writer back. */
export function writableOf(
  send: (
    message: Sendable,
    signal: AbortSignal | undefined,
  ) => Promise<unknown>,
): WritableStream<Sendable> {
  return new WritableStream<Sendable>({
    async write(chunk, controller): Promise<void> {
      // Fires when the stream is aborted; not yet in every runtime's types.
      const { signal } = controller as { readonly signal?: AbortSignal };
      await send(chunk, signal);
    },
  });
}

/** Fires when one of them does. */
export function eitherOf(
  one: AbortSignal | undefined,
  other: AbortSignal | undefined,
): AbortSignal | undefined {
  return one === undefined || other === undefined
    ? (one ?? other)
    : AbortSignal.any([one, other]);
}
