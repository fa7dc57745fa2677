/** How many messages wait, for a line of progress: counting looks at every slot, so it is done rarely. */
import type { CrossProcessQueue } from "../../src/queue/mod.ts";

/** Milliseconds from one count to the next, at least. */
const everyMs = 1000;
/** Counting takes at most one part in so many of the time. */
const shareOfTime = 50;

/** Gives the last count, and counts anew when it is time to; undefined once the queue is gone. */
export function waitingCounter(
  queue: CrossProcessQueue,
): () => number | undefined {
  let count: number | undefined;
  let nextMs = 0;
  return () => {
    const beganMs = performance.now();
    if (beganMs < nextMs || queue.closed) return count;
    try {
      count = queue.status().messageCount;
    } catch {
      // Destroyed meanwhile: the work itself will say so.
      count = undefined;
    }
    const endedMs = performance.now();
    nextMs =
      endedMs + Math.max(everyMs, (endedMs - beganMs) * (shareOfTime - 1));
    return count;
  };
}
