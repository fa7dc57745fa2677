/** NATS JetStream: a work queue in memory, with a pull consumer that prefetches. */
import {
  type JsMsg,
  type Consumer,
  jetstream,
  jetstreamManager,
} from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import type { PeerAddress, PeerClient } from "./client.ts";

const durableName = "workers";
/** Messages on their way to a consumer; more did not make it faster. */
const prefetch = 1000;

/** Connects, and makes the stream and its consumer. */
export async function openJetstream({
  address,
  name,
  leaseMs,
}: PeerAddress): Promise<PeerClient> {
  const connection = await connect({
    servers: `127.0.0.1:${address}`,
    noEcho: true,
  });
  const manager = await jetstreamManager(connection);
  await manager.streams.add({
    name,
    subjects: [name],
    storage: "memory",
    retention: "workqueue",
  });
  await manager.consumers.add(name, {
    durable_name: durableName,
    ack_policy: "explicit",
    ack_wait: leaseMs * 1e6,
    max_ack_pending: 2 * prefetch,
  });
  const client = jetstream(connection);
  const encoder = new TextEncoder();
  const pull = async (
    messages: number,
    callback: (message: JsMsg) => void,
  ): Promise<unknown> => {
    const consumer: Consumer = await client.consumers.get(name, durableName);
    return consumer.consume({ max_messages: messages, callback });
  };
  return {
    put: (bodies) =>
      Promise.all(
        bodies.map((body) => client.publish(name, encoder.encode(body))),
      ),
    // The client hands messages out one at a time whatever the batch is, and acknowledges each without waiting for an answer.
    consume: (_batch, handle) =>
      pull(prefetch, (message) => {
        handle(message.data);
        message.ack();
      }),
    hold(count) {
      return new Promise((resolve, reject) => {
        let held = 0;
        pull(count, () => {
          if (++held === count) resolve(held);
        }).catch(reject);
      });
    },
  };
}
