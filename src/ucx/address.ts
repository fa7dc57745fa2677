/** Addresses as users write them. */
import type { SocketAddress } from "../../ffi/ucp/socket_address.ts";

/** `"host:port"`, `"[::1]:port"`, or the two apart. */
export type UcxAddress =
  string | { readonly host: string; readonly port: number };

/**
 * Splits an address. The host may be a name, which is resolved elsewhere.
 *
 * @param portMin 1 to connect, 0 to listen
 * @throws {TypeError} when it is not of that form
 * @throws {RangeError} when the port is out of range
 */
export function splitAddress(
  address: UcxAddress,
  portMin: 0 | 1,
): SocketAddress {
  const { host, port } = split(address);
  if (!Number.isInteger(port) || port < portMin || port > 65_535)
    throw new RangeError(
      `port: given ${port}, allowed an integer from ${portMin} to 65535`,
    );
  return { address: host, port };
}

function split(address: UcxAddress): {
  readonly host: string;
  readonly port: number;
} {
  const allowed = `allowed "host:port", "[IPv6]:port" or { host, port }`;
  if (typeof address === "string") {
    const parts = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d+)$/.exec(address);
    if (parts === null)
      throw new TypeError(
        `address: given ${JSON.stringify(address)}, ${allowed}`,
      );
    return { host: parts[1] ?? parts[2] ?? "", port: Number(parts[3]) };
  }
  if (
    typeof address !== "object" ||
    address === null ||
    typeof address.host !== "string" ||
    address.host === "" ||
    typeof address.port !== "number"
  )
    throw new TypeError(`address: given ${typeof address}, ${allowed}`);
  return { host: address.host, port: address.port };
}
