/** Names of hosts. */
import type { SocketAddress } from "../../ffi/ucp/socket_address.ts";

export function resolveHost(address: SocketAddress): SocketAddress {
  return address.address === "localhost"
    ? { address: "127.0.0.1", port: address.port }
    : address;
}
