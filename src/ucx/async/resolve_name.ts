/** Names of hosts, without blocking the thread. */
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import type { SocketAddress } from "../../../ffi/ucp/socket_address.ts";
import { splitAddress, type UcxAddress } from "../address.ts";
import { UcxUnreachableError } from "../errors.ts";

/**
 * Every address that a host has, in the order of the system.
 *
 * @throws {TypeError|RangeError} when the address is not well-formed
 * @throws {UcxUnreachableError} when the name is unknown
 */
export async function resolveName(
  address: UcxAddress,
  portMin: 0 | 1,
): Promise<readonly SocketAddress[]> {
  const target = splitAddress(address, portMin);
  if (isIP(target.address) !== 0) return [target];
  try {
    const found = await lookup(target.address, { all: true });
    return found.map((each) => ({ address: each.address, port: target.port }));
  } catch (error) {
    throw new UcxUnreachableError(
      `${target.address}: the name cannot be resolved`,
      { cause: error },
    );
  }
}
