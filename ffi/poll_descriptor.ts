/** `poll(2)` of one descriptor on this thread: for synchronous waits, and for a look without waiting. */
import { FfiError } from "./errors.ts";
import { type NativeFunctions, openLibrary, type SymbolTable } from "./host.ts";

const libcSymbols = {
  // int poll(struct pollfd *fds, nfds_t nfds, int timeout);
  poll: { parameters: ["bytes", "usize", "i32"], result: "i32" },
} as const satisfies SymbolTable;

let opened: NativeFunctions<typeof libcSymbols> | undefined;

function libc(): NativeFunctions<typeof libcSymbols> {
  opened ??= openLibrary("libc.so.6", libcSymbols);
  return opened;
}

const POLLIN = 0x001;
const POLLNVAL = 0x020;
const timeoutMsMax = 2 ** 31 - 1;

/** struct pollfd { int fd; short events; short revents; }, little-endian; calls do not nest, so one is enough. */
const pollfd = new Int32Array(new ArrayBuffer(8));

/** @returns what is the case: 0 when nothing is, also when a signal came */
function pollOnce(descriptor: number, timeoutMs: number): number {
  pollfd[0] = descriptor;
  pollfd[1] = POLLIN;
  return libc().poll(pollfd, 1, timeoutMs) > 0 ? (pollfd[1] ?? 0) >>> 16 : 0;
}

/** Whether reading a descriptor would not wait now: it is readable, has failed, or is closed. */
export function isReadable(descriptor: number): boolean {
  return pollOnce(descriptor, 0) !== 0;
}

/**
 * Blocks this thread, and so its event loop, until a descriptor is readable or the time is up. A signal does not end it.
 *
 * @param timeoutMs rounded up to whole milliseconds
 * @returns false when the time is up
 * @throws {RangeError} when `timeoutMs` is not within 0 and 2^31 - 1
 * @throws {FfiError} code `BAD_DESCRIPTOR` when the descriptor is not open
 */
export function pollDescriptor(descriptor: number, timeoutMs: number): boolean {
  if (!(timeoutMs >= 0 && timeoutMs <= timeoutMsMax)) {
    throw new RangeError(
      `timeoutMs must be within 0 and ${timeoutMsMax}, got ${timeoutMs}`,
    );
  }
  const dueMs = performance.now() + timeoutMs;
  for (let leftMs = timeoutMs; ; leftMs = dueMs - performance.now()) {
    const revents = pollOnce(descriptor, Math.max(0, Math.ceil(leftMs)));
    if ((revents & POLLNVAL) !== 0) {
      throw new FfiError(
        "BAD_DESCRIPTOR",
        `descriptor ${descriptor} is not open`,
      );
    }
    if (revents !== 0) return true;
    // The end of the time looks like a signal: the clock tells them apart.
    if (performance.now() >= dueMs) return false;
  }
}
