/** Peers of the transport: who they are, what they need, and how each end is opened. */
import type { WirePeerEnds } from "./wire_ends.ts";

/** Peers by name. */
export const wirePeers = {
  /** In Node: Bun has something of its own under the name of the package. */
  ws: { runtime: "node", clients: ["ws"], broker: false },
  "nats-core": {
    runtime: "bun",
    clients: ["@nats-io/transport-node"],
    broker: true,
  },
  /** In Node, for which it is made. */
  grpc: { runtime: "node", clients: ["@grpc/grpc-js"], broker: false },
  http: { runtime: "bun", clients: [], broker: false },
} as const;

/** A name of `wirePeers`. */
export type WirePeer = keyof typeof wirePeers;

/** Loaded when it is opened, since most of them need packages that the others do without. */
export async function wirePeerEnds(peer: WirePeer): Promise<WirePeerEnds> {
  switch (peer) {
    case "ws":
      return (await import("./ws.ts")).wsEnds;
    case "nats-core":
      return (await import("./nats_core.ts")).natsCoreEnds;
    case "grpc":
      return (await import("./grpc.ts")).grpcEnds;
    case "http":
      return (await import("./http.ts")).httpEnds;
  }
}
