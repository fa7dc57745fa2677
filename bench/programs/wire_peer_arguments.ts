/** What both ends of a peer of the transport are told. */
import type { WirePeer } from "../peers/wire.ts";

/** Argument of `wire_peer_program.ts`. */
export interface WirePeerArgument {
  readonly peer: WirePeer;
  readonly role: "server" | "client";
  /** For the server: the port of what is between both, if anything; for the client: what the server has printed. */
  readonly address: string;
  readonly report: string;
}
