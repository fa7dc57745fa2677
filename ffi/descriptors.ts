/** Descriptors that the runtimes cannot make by themselves: real pipes and anonymous files. All are close-on-exec. */
import { FfiError } from "./errors.ts";
import { type NativeFunctions, openLibrary, type SymbolTable } from "./host.ts";

const libcFile = "libc.so.6";
const libcSymbols = {
  // int pipe2(int pipefd[2], int flags);
  pipe2: { parameters: ["bytes", "i32"], result: "i32" },
  // int ioctl(int fd, unsigned long request, ...);
  ioctl: { parameters: ["i32", "usize", "bytes"], result: "i32" },
  // int memfd_create(const char *name, unsigned int flags);
  memfd_create: { parameters: ["bytes", "u32"], result: "i32" },
} as const satisfies SymbolTable;

let opened: NativeFunctions<typeof libcSymbols> | undefined;

/** Binding takes longer than the calls, and there are two pipes for each handler. */
function libc(): NativeFunctions<typeof libcSymbols> {
  opened ??= openLibrary(libcFile, libcSymbols);
  return opened;
}

const O_CLOEXEC = 0o2000000;
const MFD_CLOEXEC = 1;

/** Both ends of a pipe; the caller closes them. */
export interface Pipe {
  readonly readDescriptor: number;
  readonly writeDescriptor: number;
}

/**
 * A pipe. The runtimes give child processes socket pairs instead, and those cannot be opened again by name: in a child,
 * `echo text >/dev/stderr` would fail.
 *
 * @throws {FfiError} code `PIPE`, usually because too many files are open
 */
export function createPipe(): Pipe {
  const ends = new Int32Array(2);
  if (libc().pipe2(ends, O_CLOEXEC) !== 0) {
    throw new FfiError("PIPE", "no pipe could be made: too many open files?");
  }
  return { readDescriptor: ends[0] ?? -1, writeDescriptor: ends[1] ?? -1 };
}

const FIONREAD = 0x541b;

/** Bytes that lie in a pipe and have not been read yet. */
export function unreadBytes(readDescriptor: number): number {
  const count = new Int32Array(1);
  return libc().ioctl(readDescriptor, FIONREAD, count) === 0
    ? (count[0] ?? 0)
    : 0;
}

/**
 * An empty file in memory without a name in any directory; gone when the last descriptor is closed.
 *
 * @param name shown in /proc, for people
 * @throws {FfiError} code `MEMORY_FILE`, usually because too many files are open
 */
export function createMemoryFile(name: string): number {
  const text = new TextEncoder().encode(`${name}\0`);
  const descriptor = libc().memfd_create(text, MFD_CLOEXEC);
  if (descriptor < 0)
    throw new FfiError(
      "MEMORY_FILE",
      "no file in memory could be made: too many open files?",
    );
  return descriptor;
}
