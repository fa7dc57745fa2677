/** What a peer of the transport is to the benches. */
import type { WireClient } from "../programs/wire_client.ts";

/** How both ends of a peer are opened. */
export interface WirePeerEnds {
  /** Answers. @param broker the port of the server between both, if there is one @returns where the client finds it */
  serve(broker: string): Promise<string>;
  connect(address: string): Promise<WireClient>;
}
