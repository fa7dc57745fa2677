/**
 * Loads a library from bytes in memory. A temporary file would need a directory
 * that is writable and mounted exec, which containers often lack.
 */
import { FfiError } from "./errors.ts";
import { openLibrary, type SymbolTable } from "./host.ts";

const libcFile = "libc.so.6";
const libcSymbols = {
  // int memfd_create(const char *name, unsigned int flags);
  memfd_create: { parameters: ["bytes", "u32"], result: "i32" },
  // ssize_t write(int fd, const void *buf, size_t count);
  write: { parameters: ["i32", "bytes", "usize"], result: "i64" },
  // int close(int fd);
  close: { parameters: ["i32"], result: "i32" },
  // void *dlopen(const char *filename, int flags);
  dlopen: { parameters: ["bytes", "i32"], result: "pointer" },
} as const satisfies SymbolTable;

const MFD_CLOEXEC = 1;
const RTLD_LAZY = 1;
const RTLD_NOLOAD = 4;

function cString(text: string): Uint8Array {
  return new TextEncoder().encode(`${text}\0`);
}

/**
 * A path to the descriptor that no other load used. The dynamic linker takes a
 * path it has seen for the same library, but descriptor numbers are used again.
 */
function uniquePath(descriptor: number): string {
  const [random = 0] = crypto.getRandomValues(new Uint32Array(1));
  // Spelled with `/` and `./`, which change the text of a path and not its meaning.
  const spelling = random
    .toString(2)
    .replaceAll("0", "/")
    .replaceAll("1", "./");
  return `/proc/self/fd/${spelling}${descriptor}`;
}

/** Whether a library with this `DT_SONAME` is already part of the process. */
export function isLoaded(soname: string): boolean {
  const libc = openLibrary(libcFile, libcSymbols);
  return libc.dlopen(cString(soname), RTLD_LAZY | RTLD_NOLOAD) !== null;
}

/**
 * Writes `bytes` into an anonymous file, calls `use` with a path to it and
 * closes it: what `use` has mapped stays mapped.
 *
 * @throws {FfiError} code `MEMORY_FILE` when the kernel refuses
 */
export function withMemoryFile<T>(
  name: string,
  bytes: Uint8Array,
  use: (path: string) => T,
): T {
  const libc = openLibrary(libcFile, libcSymbols);
  const descriptor = libc.memfd_create(cString(name), MFD_CLOEXEC);
  if (descriptor < 0) {
    throw new FfiError("MEMORY_FILE", "memfd_create was refused by the kernel");
  }
  try {
    let rest = bytes;
    while (rest.byteLength > 0) {
      // A signal may cut a write short; none of a memory file's bytes can fail for another reason than memory.
      const written = Number(libc.write(descriptor, rest, rest.byteLength));
      if (written <= 0) {
        throw new FfiError(
          "MEMORY_FILE",
          `no memory for ${rest.byteLength} bytes of ${name}`,
        );
      }
      rest = rest.subarray(written);
    }
    return use(uniquePath(descriptor));
  } finally {
    libc.close(descriptor);
  }
}
