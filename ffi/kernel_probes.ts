/**
 * Trying what the queue needs of the kernel, one call at a time, for diagnosis. Each gives 0 when it works, else the
 * error number. Bun only: in Deno the error number of a call may be lost before it can be read.
 */
import {
  type NativeFunctions,
  openLibrary,
  type SymbolTable,
  viewOf,
} from "./host.ts";

const libcSymbols = {
  // int fcntl(int fd, int op, struct flock *lock);
  fcntl: { parameters: ["i32", "i32", "bytes"], result: "i32" },
  // int fallocate(int fd, int mode, off_t offset, off_t len);
  fallocate: { parameters: ["i32", "i32", "i64", "i64"], result: "i32" },
  // long syscall(long number, ...);
  syscall: { parameters: ["isize", "isize", "isize"], result: "isize" },
  // int memfd_create(const char *name, unsigned int flags);
  memfd_create: { parameters: ["bytes", "u32"], result: "i32" },
  // int socket(int domain, int type, int protocol);
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  // int connect(int fd, const struct sockaddr *address, socklen_t length);
  connect: { parameters: ["i32", "bytes", "u32"], result: "i32" },
  // int close(int fd);
  close: { parameters: ["i32"], result: "i32" },
  // int *__errno_location(void);
  __errno_location: { parameters: [], result: "pointer" },
} as const satisfies SymbolTable;

let opened: NativeFunctions<typeof libcSymbols> | undefined;

function libc(): NativeFunctions<typeof libcSymbols> {
  opened ??= openLibrary("libc.so.6", libcSymbols);
  return opened;
}

const F_OFD_GETLK = 36;
const F_OFD_SETLK = 37;
const F_WRLCK = 1;
const F_UNLCK = 2;
const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const MFD_CLOEXEC = 1;
/** The same on every architecture. */
const SYS_pidfd_open = 434;
const ECONNREFUSED = 111;
/** Bytes of `sun_path`, the end included. */
const socketPathBytes = 108;

function errorNumber(): number {
  const place = libc().__errno_location();
  return place === null ? 0 : (new Int32Array(viewOf(place, 4))[0] ?? 0);
}

/** For calls that give a descriptor: closes it again. */
function tryOpening(descriptor: number): number {
  if (descriptor < 0) return errorNumber();
  libc().close(descriptor);
  return 0;
}

/** A lock of the open file description on one byte; SEEK_SET is 0. */
function byteLock(type: number, offset: bigint): Uint8Array {
  // struct flock { short l_type, l_whence; off_t l_start, l_len; pid_t l_pid; }
  const lock = new DataView(new ArrayBuffer(32));
  lock.setInt16(0, type, true);
  lock.setBigInt64(8, offset, true);
  lock.setBigInt64(16, 1n, true);
  return new Uint8Array(lock.buffer);
}

/** `pidfd_open(2)` of this process: how a death is noticed at once. */
export function tryPidfd(): number {
  return tryOpening(Number(libc().syscall(SYS_pidfd_open, process.pid, 0)));
}

/** `memfd_create(2)`: where the library and handlers' launcher are loaded from. */
export function tryMemoryFile(): number {
  const name = new TextEncoder().encode("ringwire-doctor\0");
  return tryOpening(libc().memfd_create(name, MFD_CLOEXEC));
}

/** Locks of open file descriptions: how the queue knows who lives. The descriptor must be writable. */
export function tryByteLock(descriptor: number): number {
  const { fcntl } = libc();
  if (fcntl(descriptor, F_OFD_SETLK, byteLock(F_WRLCK, 1n << 60n)) !== 0)
    return errorNumber();
  fcntl(descriptor, F_OFD_SETLK, byteLock(F_UNLCK, 1n << 60n));
  return 0;
}

/** `fallocate(2)`: memory that is really there, so that a full file system is an error and no SIGBUS. */
export function tryAllocate(descriptor: number, bytes: number): number {
  return libc().fallocate(descriptor, 0, 0, bytes) === 0 ? 0 : errorNumber();
}

/** Whether another open file description holds the lock on a byte; undefined when the kernel does not say. */
export function isByteLocked(
  descriptor: number,
  offset: bigint,
): boolean | undefined {
  const lock = byteLock(F_WRLCK, offset);
  if (libc().fcntl(descriptor, F_OFD_GETLK, lock) !== 0) return undefined;
  return new DataView(lock.buffer).getInt16(0, true) !== F_UNLCK;
}

/** Whether a datagram socket is a mere name: nobody has it open any more, in whatever namespace. */
export function isDeadSocket(path: string): boolean {
  const name = new TextEncoder().encode(path);
  if (name.byteLength >= socketPathBytes) return false;
  const address = new Uint8Array(2 + socketPathBytes);
  new DataView(address.buffer).setUint16(0, AF_UNIX, true);
  address.set(name, 2);
  const { socket, connect, close } = libc();
  const descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return false;
  try {
    return (
      connect(descriptor, address, address.byteLength) !== 0 &&
      errorNumber() === ECONNREFUSED
    );
  } finally {
    close(descriptor);
  }
}
