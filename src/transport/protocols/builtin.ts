/** The protocols that come with Ringwire. */
import { ProtocolRegistry } from "../registry.ts";
import { tcpAdapter } from "./tcp.ts";
import { tlsAdapter } from "./tls.ts";
import { unixAdapter } from "./unix.ts";
import { webSocketAdapter } from "./websocket.ts";

/** A registry of its own with all protocols that come with Ringwire; more can be registered in it. */
export function createDefaultRegistry(): ProtocolRegistry {
  return new ProtocolRegistry(
    tcpAdapter,
    tlsAdapter,
    unixAdapter,
    webSocketAdapter,
  );
}
