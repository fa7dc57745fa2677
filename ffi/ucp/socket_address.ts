/** Socket addresses as text and port, and as C has them. Names of hosts are resolved elsewhere. */
import {
  type NativeFunctions,
  openLibrary,
  type SymbolTable,
} from "../host.ts";
import { AF } from "./constants.ts";
import { ucpLayout } from "./layout.ts";
import { cString } from "./native_memory.ts";

const libcSymbols = {
  // int inet_pton(int af, const char *src, void *dst);
  inet_pton: { parameters: ["i32", "bytes", "bytes"], result: "i32" },
  // const char *inet_ntop(int af, const void *src, char *dst, socklen_t size);
  inet_ntop: {
    parameters: ["i32", "bytes", "bytes", "u32"],
    result: "handle",
  },
  // unsigned int if_nametoindex(const char *ifname);
  if_nametoindex: { parameters: ["bytes"], result: "u32" },
} as const satisfies SymbolTable;

let opened: NativeFunctions<typeof libcSymbols> | undefined;

function libc(): NativeFunctions<typeof libcSymbols> {
  opened ??= openLibrary("libc.so.6", libcSymbols);
  return opened;
}

/** An end of a connection. */
export interface SocketAddress {
  /** Numeric: `127.0.0.1`, `::1`, or `fe80::1%2` with the number (or, to encode, the name) of the interface. */
  readonly address: string;
  /** 0 to 65535; 0 lets the system choose one to listen on. */
  readonly port: number;
}

const { sockaddr_in: v4, sockaddr_in6: v6 } = ucpLayout;
/** INET6_ADDRSTRLEN */
const textBytesMax = 46;

function scopeOf(zone: string, address: string): number {
  if (/^\d+$/.test(zone) && Number(zone) <= 0xffff_ffff) return Number(zone);
  const index = libc().if_nametoindex(cString(zone));
  if (index === 0) {
    throw new RangeError(`no network interface ${zone}, named by ${address}`);
  }
  return index;
}

/**
 * `struct sockaddr_in` or `struct sockaddr_in6`; its length is the `addrlen` that C wants.
 *
 * @throws {RangeError} when the address is not numeric, its interface unknown, or the port out of range
 */
export function encodeSocketAddress(
  socketAddress: SocketAddress,
): Uint8Array<ArrayBuffer> {
  const { address, port } = socketAddress;
  if (!Number.isInteger(port) || port < 0 || port > 0xffff) {
    throw new RangeError(
      `port must be an integer from 0 to 65535, got ${port}`,
    );
  }
  const isV6 = address.includes(":");
  const [text = "", ...zones] = address.split("%");
  const zone = zones.join("%");
  const bytes = new Uint8Array(new ArrayBuffer(isV6 ? v6.size : v4.size));
  const view = new DataView(bytes.buffer);
  const field = isV6 ? v6.fields.sin6_addr : v4.fields.sin_addr;
  const family = isV6 ? AF.INET6 : AF.INET;
  const target = bytes.subarray(field.offset, field.offset + field.size);
  const isZoned = zones.length > 0;
  if (
    (isZoned && (!isV6 || zone === "")) ||
    libc().inet_pton(family, cString(text), target) !== 1
  ) {
    throw new RangeError(
      `address must be numeric, IPv4 or IPv6, got ${JSON.stringify(address)}`,
    );
  }
  view.setUint16(v4.fields.sin_family.offset, family, true);
  view.setUint16(v4.fields.sin_port.offset, port, false);
  if (isZoned) {
    view.setUint32(
      v6.fields.sin6_scope_id.offset,
      scopeOf(zone, address),
      true,
    );
  }
  return bytes;
}

/** The address in a `struct sockaddr` or `struct sockaddr_storage`; undefined when it is neither IPv4 nor IPv6. */
export function decodeSocketAddress(
  bytes: Uint8Array,
): SocketAddress | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const family = view.getUint16(v4.fields.sin_family.offset, true);
  if (family !== AF.INET && family !== AF.INET6) return undefined;
  const isV6 = family === AF.INET6;
  const field = isV6 ? v6.fields.sin6_addr : v4.fields.sin_addr;
  const text = new Uint8Array(new ArrayBuffer(textBytesMax));
  libc().inet_ntop(
    family,
    bytes.subarray(field.offset, field.offset + field.size),
    text,
    textBytesMax,
  );
  const scope = isV6 ? view.getUint32(v6.fields.sin6_scope_id.offset, true) : 0;
  const address = new TextDecoder().decode(text.subarray(0, text.indexOf(0)));
  return {
    address: scope === 0 ? address : `${address}%${scope}`,
    port: view.getUint16(v4.fields.sin_port.offset, false),
  };
}
