/**
 * Native calls, the same in Bun and Deno. The runtime is looked at on first
 * use, so that importing this module is harmless anywhere.
 */
import { LibraryOpenError, UnsupportedRuntimeError } from "./errors.ts";
import { createBunHost } from "./host_bun.ts";
import { createDenoHost, type DenoFfi } from "./host_deno.ts";
import type {
  CallbackFunction,
  CallbackSignature,
  Handle,
  Host,
  NativeCallback,
  NativeFunctions,
  Pointer,
  SymbolTable,
} from "./signatures.ts";

export type {
  CallbackSignature,
  Handle,
  NativeCallback,
  NativeFunctions,
  NativeSignature,
  Pointer,
  SymbolTable,
} from "./signatures.ts";

let chosen: Host | undefined;

function chooseHost(): Host {
  // Through unknown, since Deno types its own global more narrowly than DenoFfi.
  const globals = globalThis as unknown as { Bun?: unknown; Deno?: DenoFfi };
  if (globals.Bun !== undefined) return createBunHost();
  if (globals.Deno !== undefined) return createDenoHost(globals.Deno);
  const found =
    typeof process === "object" ? `node ${process.version}` : "unknown";
  throw new UnsupportedRuntimeError(found);
}

function host(): Host {
  chosen ??= chooseHost();
  return chosen;
}

/** The runtime in use. @throws {UnsupportedRuntimeError} outside of Bun and Deno. */
export function runtimeName(): "bun" | "deno" {
  return host().runtime;
}

/**
 * Opens a native library and binds the functions of `table`. The functions are
 * the runtime's own, without a wrapper, and stay valid until the process ends:
 * libraries are never closed, since a native thread may still run in them.
 *
 * @param path a path, or a bare file name that the dynamic linker looks up
 * @throws {LibraryOpenError} when the file or one of the symbols is missing
 * @throws {UnsupportedRuntimeError} outside of Bun and Deno
 */
export function openLibrary<const Table extends SymbolTable>(
  path: string,
  table: Table,
): NativeFunctions<Table> {
  const current = host();
  try {
    return current.open(path, table) as NativeFunctions<Table>;
  } catch (cause) {
    throw new LibraryOpenError(path, cause);
  }
}

/**
 * The address of a view's first byte, or null for an empty view. The view must
 * be kept reachable, and not transferred or resized, while the address is in use.
 */
export function pointerOf(view: ArrayBufferView): Pointer | null {
  return host().pointerOf(view);
}

/**
 * Native memory as an ArrayBuffer, without a copy: the memory must stay mapped
 * while the buffer or a view of it is in use. Nothing is freed when it is collected.
 *
 * @param byteLength in bytes
 * @throws {RangeError} when `byteLength` is not a non-negative safe integer
 */
export function viewOf(pointer: Pointer, byteLength: number): ArrayBuffer {
  if (!Number.isSafeInteger(byteLength) || byteLength < 0) {
    throw new RangeError(
      `byteLength must be an integer >= 0, got ${byteLength}`,
    );
  }
  return host().viewOf(pointer, byteLength);
}

/**
 * The pointer of an address that was read out of memory; null for 0.
 *
 * @throws {RangeError} when `address` is negative, fractional or above 2^53 - 1
 */
export function pointerAt(address: number | bigint): Pointer | null {
  // Bun's pointers are numbers; no user-space address of the supported machines is that high.
  if (address < 0 || address > Number.MAX_SAFE_INTEGER) {
    throw new RangeError(
      `address must be within 0 and 2^53 - 1, got ${address}`,
    );
  }
  return host().pointerAt(BigInt(address));
}

/** The address of a pointer, to store in memory or to compare; 0n for null. */
export function addressOf(pointer: Pointer | null): bigint {
  return pointer === null ? 0n : host().addressOf(pointer);
}

/** The handle of an integer address: a number in Bun, a bigint in Deno. The address of a pointer is `addressOf(pointer)`. */
export function handleAt(address: number | bigint): Handle {
  return host().handleAt(address);
}

/** An integer size in the form that parameters of kind `size` take fastest. */
export function sizeAt(byteLength: number): number | bigint {
  return host().handleAt(byteLength);
}

/**
 * 64 bits that are no address, for a parameter of kind `handle`: exact, and in the form that is passed fastest. Make it
 * once and keep it.
 *
 * @param word 0 to 2^64 - 1
 */
export function wordAt(word: bigint): Handle {
  if (host().runtime === "deno") return word;
  if (word <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(word);
  // Bun takes a negative number for its two's complement.
  const negative = word - 2n ** 64n;
  return negative >= BigInt(Number.MIN_SAFE_INTEGER) ? Number(negative) : word;
}

/**
 * The address of a view's first byte as a handle; none for an empty view. The view must be kept reachable, and not
 * transferred or resized, while the handle is in use.
 */
export function handleOf(view: ArrayBufferView): Handle {
  return host().handleOf(view);
}

/**
 * Makes a JavaScript function callable from C, on the JavaScript thread only.
 * It must not throw: an exception cannot unwind through C.
 */
export function openCallback<const Signature extends CallbackSignature>(
  signature: Signature,
  implementation: CallbackFunction<Signature>,
): NativeCallback {
  return host().openCallback(signature, implementation);
}
