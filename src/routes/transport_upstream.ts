/** Other servers by way of Ringwire's own client. */
import { TransportClient } from "../transport/client/client.ts";
import type { Upstream } from "./upstream_target.ts";

/** Until a connection is made, in milliseconds: a server that does not answer must not hold up what another could do. */
const connectTimeoutMs = 2000;

/**
 * Connects, once: a connection that is lost is not made again here, because another server may do.
 *
 * @param nodeName told to the other server
 * @throws why it cannot be reached
 */
export async function connectUpstream(
  url: string,
  nodeName: string,
): Promise<Upstream> {
  const client = await TransportClient.builder()
    .withProtocol(url)
    .withReconnect(false)
    .withConnectTimeout(connectTimeoutMs)
    .withNodeName(nodeName)
    .build();
  return {
    get isOpen() {
      return client.state === "open";
    },
    send: (body, options) => client.send(body, options),
    request: (body, options) => client.request(body, options),
    close: () => client.close(),
  };
}
