/** Names of hosts, looked up by libc on this thread, which is blocked meanwhile: hosts file, name service and all. */
import { FfiError } from "./errors.ts";
import {
  handleAt,
  type NativeFunctions,
  openLibrary,
  type SymbolTable,
} from "./host.ts";
import { copyOf, cString, textAt } from "./ucp/native_memory.ts";
import { NativeCell } from "./ucp/native_struct.ts";
import { decodeSocketAddress } from "./ucp/socket_address.ts";

const libcSymbols = {
  // int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **res);
  getaddrinfo: {
    parameters: ["bytes", "handle", "bytes", "bytes"],
    result: "i32",
  },
  // void freeaddrinfo(struct addrinfo *res);
  freeaddrinfo: { parameters: ["handle"], result: "void" },
  // const char *gai_strerror(int errcode);
  gai_strerror: { parameters: ["i32"], result: "handle" },
} as const satisfies SymbolTable;

let opened: NativeFunctions<typeof libcSymbols> | undefined;

function libc(): NativeFunctions<typeof libcSymbols> {
  opened ??= openLibrary("libc.so.6", libcSymbols);
  return opened;
}

/**
 * struct addrinfo { int ai_flags, ai_family, ai_socktype, ai_protocol; socklen_t ai_addrlen; struct sockaddr *ai_addr;
 * char *ai_canonname; struct addrinfo *ai_next; } of 64-bit Linux.
 */
const addrinfo = {
  size: 48,
  socktype: 8,
  addrlen: 16,
  addr: 24,
  next: 40,
} as const;
const SOCK_STREAM = 1;
const EAI_AGAIN = -3;
/** More addresses than that nobody tries. */
const addressesMax = 64;

/**
 * The addresses of a host, in the order in which they should be tried.
 *
 * @param name a name, or an address already
 * @returns numeric addresses, IPv4 and IPv6; at least one
 * @throws {FfiError} code `HOST_LATER` when the name service does not answer now, else `HOST`
 */
export function lookUpHost(name: string): string[] {
  const { getaddrinfo, freeaddrinfo, gai_strerror } = libc();
  const hints = new Uint8Array(new ArrayBuffer(addrinfo.size));
  hints[addrinfo.socktype] = SOCK_STREAM;
  const cell = new NativeCell();
  const status = getaddrinfo(cString(name), handleAt(0), hints, cell.bytes);
  if (status !== 0)
    throw new FfiError(
      status === EAI_AGAIN ? "HOST_LATER" : "HOST",
      textAt(gai_strerror(status)),
    );
  const first = cell.object;
  const addresses = new Set<string>();
  try {
    let next = first;
    while (next && addresses.size < addressesMax) {
      const bytes = copyOf(next, addrinfo.size);
      const view = new DataView(bytes.buffer);
      const address = decodeSocketAddress(
        copyOf(
          handleAt(view.getBigUint64(addrinfo.addr, true)),
          view.getUint32(addrinfo.addrlen, true),
        ),
      );
      if (address !== undefined) addresses.add(address.address);
      next = handleAt(view.getBigUint64(addrinfo.next, true));
    }
  } finally {
    freeaddrinfo(first);
  }
  if (addresses.size === 0) throw new FfiError("HOST", "no address");
  return [...addresses];
}
