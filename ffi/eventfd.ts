/** An eventfd: how a thread that is blocked in `poll(2)` is woken by another, and what kernel AIO tells. */
import { type NativeFunctions, openLibrary, type SymbolTable } from "./host.ts";

const libcSymbols = {
  // int eventfd(unsigned int initval, int flags);
  eventfd: { parameters: ["u32", "i32"], result: "i32" },
  // ssize_t write(int fd, const void *buf, size_t count);
  write: { parameters: ["i32", "bytes", "usize"], result: "isize" },
  // ssize_t read(int fd, void *buf, size_t count);
  read: { parameters: ["i32", "bytes", "usize"], result: "isize" },
  // int close(int fd);
  close: { parameters: ["i32"], result: "i32" },
} as const satisfies SymbolTable;

const EFD_NONBLOCK = 0o4000;
const EFD_CLOEXEC = 0o2000000;

let opened: NativeFunctions<typeof libcSymbols> | undefined;

function libc(): NativeFunctions<typeof libcSymbols> {
  opened ??= openLibrary("libc.so.6", libcSymbols);
  return opened;
}

const one = new BigUint64Array([1n]);
const counter = new BigUint64Array(1);

/** @returns a descriptor, close-on-exec and non-blocking; below 0 when too many files are open */
export function createEventfd(): number {
  return libc().eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
}

/** Makes an eventfd readable. */
export function signalEventfd(descriptor: number): void {
  libc().write(descriptor, one, one.byteLength);
}

/** Makes an eventfd unreadable again. */
export function drainEventfd(descriptor: number): void {
  libc().read(descriptor, counter, counter.byteLength);
}

/** Gives a descriptor back. */
export function closeDescriptor(descriptor: number): void {
  libc().close(descriptor);
}
