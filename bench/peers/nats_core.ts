/** NATS without JetStream: publish and request, through its server. */
import { connect } from "@nats-io/transport-node";
import { WireServer } from "../programs/wire_client.ts";
import type { WirePeerEnds } from "./wire_ends.ts";

const messages = "bench.messages";
const requests = "bench.requests";
/** Messages between two waits for the server: the client keeps whatever it cannot send. */
const messagesPerFlush = 8192;
const bytesPerFlush = 8_388_608;

/** Both ends. */
export const natsCoreEnds: WirePeerEnds = {
  async serve(broker) {
    const server = new WireServer();
    const connection = await connect({ servers: `127.0.0.1:${broker}` });
    connection.subscribe(messages, { callback: server.message });
    connection.subscribe(requests, {
      callback: (_error, message) => {
        message.respond(server.answer(message.data));
      },
    });
    await connection.flush();
    return broker;
  },

  async connect(address) {
    const connection = await connect({ servers: `127.0.0.1:${address}` });
    let sinceFlush = 0;
    let bytesSinceFlush = 0;
    return {
      trySend(body) {
        if (sinceFlush >= messagesPerFlush || bytesSinceFlush >= bytesPerFlush)
          return false;
        sinceFlush += 1;
        bytesSinceFlush += body.length;
        connection.publish(messages, body);
        return true;
      },
      async send(body) {
        connection.publish(messages, body);
        await connection.flush();
        sinceFlush = 0;
        bytesSinceFlush = 0;
      },
      request: async (body) =>
        (await connection.request(requests, body, { timeout: 10_000 })).data,
    };
  },
};
