/** Memory that belongs to C: copied, looked at and printed into. */
import {
  type Handle,
  handleAt,
  type NativeFunctions,
  openLibrary,
  pointerAt,
  type SymbolTable,
  viewOf,
} from "../host.ts";

const libcSymbols = {
  // void *memcpy(void *dest, const void *src, size_t n);
  memcpy: { parameters: ["bytes", "handle", "size"], result: "void" },
  // size_t strlen(const char *s);
  strlen: { parameters: ["handle"], result: "size" },
  // FILE *open_memstream(char **bufp, size_t *sizep);
  open_memstream: { parameters: ["bytes", "bytes"], result: "handle" },
  // int fclose(FILE *stream);
  fclose: { parameters: ["handle"], result: "i32" },
  // void free(void *ptr);
  free: { parameters: ["handle"], result: "void" },
} as const satisfies SymbolTable;

let opened: NativeFunctions<typeof libcSymbols> | undefined;

function libc(): NativeFunctions<typeof libcSymbols> {
  opened ??= openLibrary("libc.so.6", libcSymbols);
  return opened;
}

/**
 * Copies `byteLength` bytes of native memory to the start of `target`. Much cheaper than a view of the memory.
 *
 * @throws {RangeError} when `target` is shorter
 */
export function copyInto(
  target: Uint8Array,
  source: Handle,
  byteLength: number | bigint,
): void {
  if (byteLength > target.byteLength) {
    throw new RangeError(
      `${byteLength} bytes do not fit in a target of ${target.byteLength}`,
    );
  }
  if (byteLength > 0) libc().memcpy(target, source, byteLength);
}

/** A copy of native memory, in a buffer of its own. */
export function copyOf(
  source: Handle,
  byteLength: number | bigint,
): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(new ArrayBuffer(Number(byteLength)));
  copyInto(copy, source, byteLength);
  return copy;
}

/** Native memory without a copy; empty for no handle. Valid while the memory is. */
export function viewAt(
  source: Handle,
  byteLength: number | bigint,
): Uint8Array<ArrayBuffer> {
  const pointer = pointerAt(source);
  return new Uint8Array(
    pointer === null ? new ArrayBuffer(0) : viewOf(pointer, Number(byteLength)),
  );
}

/** The text of a `const char *`; empty for no handle. */
export function textAt(source: Handle): string {
  return source > 0
    ? new TextDecoder().decode(copyOf(source, libc().strlen(source)))
    : "";
}

/** A string with the zero that C ends it with. @throws {RangeError} when the text itself holds a zero */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  if (text.includes("\0")) {
    throw new RangeError(
      `text for C must not contain a zero: ${JSON.stringify(text)}`,
    );
  }
  const bytes = new TextEncoder().encode(`${text}\0`);
  // Over an ArrayBuffer from the start: its address must not change.
  const fixed = new Uint8Array(new ArrayBuffer(bytes.byteLength));
  fixed.set(bytes);
  return fixed;
}

/**
 * What a C function writes to the `FILE *` that it is given.
 *
 * @throws {RangeError} when there is no memory for the text
 */
export function capturePrinted(print: (stream: Handle) => void): string {
  const { open_memstream, fclose, free } = libc();
  // Written by fflush and fclose, so they must live as long as the stream.
  const buffer = new BigUint64Array(1);
  const size = new BigUint64Array(1);
  void buffer.buffer;
  void size.buffer;
  const stream = open_memstream(buffer, size);
  if (!stream) throw new RangeError("no memory for a stream into memory");
  try {
    print(stream);
  } finally {
    fclose(stream);
  }
  const text = handleAt(buffer[0] ?? 0n);
  try {
    return new TextDecoder().decode(copyOf(text, size[0] ?? 0n));
  } finally {
    free(text);
  }
}
