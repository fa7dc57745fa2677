/** BullMQ with ioredis, as its documentation sets it up for speed: jobs are removed when they are done, many at a time. */
import { Queue, Worker } from "bullmq";
import { Redis } from "ioredis";
import type { PeerAddress, PeerClient } from "./client.ts";

/** Opens a queue; a worker starts with `consume` or `hold`. */
export async function openBullmq({
  address,
  name,
  leaseMs,
}: PeerAddress): Promise<PeerClient> {
  // What BullMQ asks for, so that its blocking calls wait for ever.
  const connection = new Redis(address, { maxRetriesPerRequest: null });
  const queue = new Queue(name, {
    connection,
    defaultJobOptions: { removeOnComplete: true },
  });
  await queue.waitUntilReady();
  const work = (
    concurrency: number,
    run: (job: { readonly data: string }) => Promise<unknown>,
  ): Worker =>
    new Worker(name, run, {
      connection,
      concurrency,
      lockDuration: leaseMs,
      stalledInterval: leaseMs,
    });
  return {
    put: (bodies) =>
      bodies.length === 1
        ? queue.add("job", bodies[0] ?? "")
        : queue.addBulk(bodies.map((data) => ({ name: "job", data }))),
    consume(batch, handle) {
      return new Promise((_resolve, reject) => {
        work(batch, async ({ data }) => handle(data)).on("error", reject);
      });
    },
    hold(count) {
      return new Promise((resolve, reject) => {
        let held = 0;
        work(count, () => {
          if (++held === count) resolve(held);
          return new Promise(() => {});
        }).on("error", reject);
      });
    },
  };
}
