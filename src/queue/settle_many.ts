/** Acknowledging many jobs with one call of the shim. */
import { ERRNO } from "./failure.ts";
import type { QueueHandle } from "./handle.ts";
import { Job } from "./job.ts";

/** Jobs per call. */
const batchMax = 1024;
const triples = new Uint32Array(batchMax * 3);

/**
 * Acknowledges; how many were still held.
 *
 * @throws {TypeError} for a job that another handle took; then none is acknowledged
 * @throws {QueueClosedError} {QueueCorruptError}
 */
export function ackAll(handle: QueueHandle, jobs: readonly Job[]): number {
  // Slot and token name a lease within one handle only: elsewhere they may be those of another message.
  for (const job of jobs) {
    if (!(job instanceof Job))
      throw new TypeError(`jobs: given ${typeof job}, allowed jobs`);
    if (!job.isOf(handle))
      throw new TypeError(
        `jobs: given job ${job.id} of another handle, allowed jobs that this handle of ${handle.place.name} took`,
      );
  }
  let acknowledged = 0;
  for (let from = 0; from < jobs.length; from += batchMax) {
    const end = Math.min(jobs.length, from + batchMax);
    let count = 0;
    for (let index = from; index < end; index++) {
      const job = jobs[index] as Job;
      if (job.settled) continue;
      // Views must be gone before the memory is somebody else's.
      if (job.zeroCopy) {
        if (job.settleQuietly("ack")) acknowledged++;
      } else {
        job.writeTicket(triples, count++ * 3);
      }
    }
    const { shim, address } = handle;
    const result = count === 0 ? 0 : shim.rwq_ack_many(address, triples, count);
    if (result < 0 && result !== -ERRNO.ESTALE)
      throw handle.failure(result, "settle");
    acknowledged += Math.max(0, result);
    for (let index = from; index < end; index++) jobs[index]?.markSettled();
  }
  return acknowledged;
}
