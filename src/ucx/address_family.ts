/**
 * Which of IPv4 and IPv6 a worker can use. UCX's TCP has one kind of address for each network device, and does not check
 * that a peer's is of the same kind: an IPv6 address, 28 bytes, is written where there is room for 16, and the process
 * dies of it sooner or later (seen with UCX 1.13). So other addresses must not get there.
 */
import { networkInterfaces } from "node:os";
import type { SocketAddress } from "../../ffi/ucp/socket_address.ts";
import { UcxUnsupportedError } from "./errors.ts";

/** As in UCX's AF_PRIO. */
export type AddressFamily = "inet" | "inet6";

/** One address of this machine. */
export interface DeviceAddress {
  readonly family: AddressFamily;
  readonly address: string;
}

/** What decides: the values of UCX's keys. */
export interface FamilyKeys {
  /** TLS @default "all" */
  readonly transports: string;
  /** NET_DEVICES @default "all" */
  readonly devices: string;
  /** TCP_AF_PRIO @default "inet,inet6" */
  readonly priority: string;
}

function listOf(text: string): string[] {
  return text.split(",").map((part) => part.trim().toLowerCase());
}

function usesTcp(transports: string): boolean {
  if (transports.startsWith("^"))
    return !listOf(transports.slice(1)).includes("tcp");
  return listOf(transports).some((name) => name === "all" || name === "tcp");
}

/** UCX takes neither of these for a device's address. */
function isLocalV6(address: string): boolean {
  return address === "::1" || /^fe[89ab][0-9a-f]:/i.test(address);
}

/** Addresses by device; nothing when the runtime does not tell. */
export function deviceAddresses(): Map<string, DeviceAddress[]> {
  const devices = new Map<string, DeviceAddress[]>();
  try {
    for (const [name, addresses] of Object.entries(networkInterfaces()))
      devices.set(
        name,
        (addresses ?? []).map(({ family, address }) => ({
          family: family === "IPv6" ? "inet6" : "inet",
          address,
        })),
      );
  } catch {
    // Deno without --allow-sys.
  }
  return devices;
}

/** The families that connections of a worker may have; undefined when its transports do not care. */
export function usableFamilies(
  keys: FamilyKeys,
  devices: ReadonlyMap<string, readonly DeviceAddress[]>,
): ReadonlySet<AddressFamily> | undefined {
  if (!usesTcp(keys.transports)) return undefined;
  const wanted = listOf(keys.devices);
  const isWanted = (name: string): boolean =>
    wanted.includes("all") || wanted.includes(name.toLowerCase());
  const families = new Set<AddressFamily>();
  for (const [name, addresses] of devices) {
    if (!isWanted(name)) continue;
    const family = listOf(keys.priority).find((each) =>
      addresses.some(
        ({ family: own, address }) => own === each && !isLocalV6(address),
      ),
    );
    if (family === "inet" || family === "inet6") families.add(family);
  }
  // A mixture has room for the smaller ones only.
  if (families.size !== 1) return new Set(["inet"]);
  return families;
}

/** @throws {UcxUnsupportedError} when UCX would not survive an address */
export function checkFamily(
  { address }: SocketAddress,
  usable: ReadonlySet<AddressFamily> | undefined,
): void {
  const family = address.includes(":") ? "inet6" : "inet";
  if (usable === undefined || usable.has(family)) return;
  throw new UcxUnsupportedError(
    family === "inet6"
      ? `UCX uses IPv4 on the network devices of this worker, so it cannot use ${address}. For IPv6 give ucx: { AF_PRIO: "inet6,inet", NET_DEVICES: … } with devices that have an IPv6 address which is neither ::1 nor link-local`
      : `UCX uses IPv6 on the network devices of this worker (TCP_AF_PRIO), so it cannot use ${address}`,
  );
}
