/** Ringwire as the peers are measured: an event loop that awaits jobs, and sends that do not wait. */
import { CrossProcessQueue } from "../../src/queue/mod.ts";
import type { PeerAddress, PeerConsumer, PeerProducer } from "./client.ts";

/** Room for the memory that 100,000 waiting messages take, too. */
const maxMessages = 131_072;

/** Opens or makes the queue. */
export function openRingwire({
  name,
}: PeerAddress): PeerProducer & Pick<PeerConsumer, "consume"> {
  const queue = CrossProcessQueue.create(name, {
    maxMessages,
    maxMessageSize: 1024,
    ifExists: "connect",
  });
  return {
    async put(bodies) {
      queue.sendMany(bodies);
    },
    async consume(_batch, handle) {
      for await (const job of queue.consume()) {
        handle(job.data);
        job.ack();
      }
    },
  };
}
