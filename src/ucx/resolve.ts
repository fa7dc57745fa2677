/** Names of hosts. */
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { FfiError } from "../../ffi/errors.ts";
import { lookUpHost } from "../../ffi/host_names.ts";
import type { SocketAddress } from "../../ffi/ucp/socket_address.ts";
import {
  UcxTimeoutError,
  UcxUnknownHostError,
  UcxUnreachableError,
  UcxUnsupportedError,
} from "./errors.ts";

/** An address needs no service, with a zone (`fe80::1%eth0`) or without. */
function isNumeric(host: string): boolean {
  return isIP(host.split("%")[0] ?? "") !== 0;
}

function unknownHost(
  host: string,
  cause: Error,
  retryable: boolean,
): UcxUnknownHostError {
  return new UcxUnknownHostError(
    `no address of host ${JSON.stringify(host)}: ${cause.message}`,
    { cause, retryable },
  );
}

/**
 * The addresses of a host, in the order in which they should be tried. Blocks the thread while the name is looked up.
 *
 * @returns at least one
 * @throws {UcxUnknownHostError} when there is none
 */
export function resolveHost(address: SocketAddress): SocketAddress[] {
  const { address: host, port } = address;
  if (isNumeric(host)) return [address];
  try {
    return lookUpHost(host).map((each) => ({ address: each, port }));
  } catch (error) {
    if (!(error instanceof FfiError)) throw error;
    throw unknownHost(host, error, error.code === "HOST_LATER");
  }
}

/**
 * As {@linkcode resolveHost}, without blocking the thread.
 *
 * @throws {UcxUnknownHostError} when there is no address
 */
export async function resolveHostAsync(
  address: SocketAddress,
): Promise<SocketAddress[]> {
  const { address: host, port } = address;
  if (isNumeric(host)) return [address];
  let found: readonly { readonly address: string }[];
  try {
    found = await lookup(host, { all: true });
  } catch (error) {
    const cause = error instanceof Error ? error : new Error(String(error));
    const { code } = cause as { readonly code?: unknown };
    throw unknownHost(host, cause, code === "EAI_AGAIN");
  }
  if (found.length === 0) throw unknownHost(host, new Error("none"), false);
  return found.map((each) => ({ address: each.address, port }));
}

/** Whether another address of the same host may do better. */
export function isWorthAnotherAddress(error: unknown): boolean {
  return (
    error instanceof UcxUnreachableError ||
    error instanceof UcxTimeoutError ||
    error instanceof UcxUnsupportedError
  );
}

/**
 * Tries the addresses of a host in their order, until one works or fails for a reason that the others would share.
 *
 * @param attempt is told how many addresses are left, this one included
 * @throws the error of the first address, if all fail; one that UCX cannot use counts only when there is no other
 */
export function firstThatWorks<Result>(
  addresses: readonly SocketAddress[],
  attempt: (address: SocketAddress, left: number) => Result,
): Result {
  let failure: unknown;
  for (const [index, address] of addresses.entries()) {
    try {
      return attempt(address, addresses.length - index);
    } catch (error) {
      if (!isWorthAnotherAddress(error)) throw error;
      if (failure === undefined || failure instanceof UcxUnsupportedError)
        failure = error;
    }
  }
  throw failure;
}
