/** Ways to send and to take, one line each, so that the pairs and the single-process costs measure the same calls. */
import type { CrossProcessQueue } from "../../src/queue/mod.ts";

/** Messages per call in batches; the peers' batches are of this size too. */
export const batchSize = 100;

/** A small job, about 60 bytes of JSON. */
export const smallJob = {
  id: 1_234_567,
  kind: "resize",
  path: "images/a.png",
  width: 640,
};

const body = new Uint8Array(64).fill(0x61);
const bodies = Array.from({ length: batchSize }, () => body);

/** Both do one turn and say how many messages it moved; 0 when the queue is full, or empty. */
export interface Exchange {
  send(queue: CrossProcessQueue): number;
  /** Every message is acknowledged when this returns. */
  take(queue: CrossProcessQueue): number;
}

/** By name. `messages` are acknowledged as they are taken; `jobs` are leased, then acknowledged by a call of their own. */
export const exchanges = {
  messages: {
    send: (queue) => (queue.trySend(body) ? 1 : 0),
    take: (queue) => (queue.tryReceive() === null ? 0 : 1),
  },
  jobs: {
    send: (queue) => (queue.trySend(body) ? 1 : 0),
    take(queue) {
      const job = queue.tryReserve();
      if (job === null) return 0;
      job.ack();
      return 1;
    },
  },
  "message-batches": {
    send: (queue) => queue.sendMany(bodies),
    take: (queue) => queue.tryReceiveMany(batchSize).length,
  },
  "job-batches": {
    send: (queue) => queue.sendMany(bodies),
    take: (queue) => queue.ackMany(queue.tryReserveMany(batchSize)),
  },
  "json-jobs": {
    send: (queue) => (queue.trySend(JSON.stringify(smallJob)) ? 1 : 0),
    take(queue) {
      const job = queue.tryReserve();
      if (job === null) return 0;
      if (job.json<typeof smallJob>().id !== smallJob.id)
        throw new Error("a job came out different");
      job.ack();
      return 1;
    },
  },
} satisfies Record<string, Exchange>;

/** One of the ways. */
export type ExchangeName = keyof typeof exchanges;
