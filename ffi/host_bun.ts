import { UnsupportedRuntimeError } from "./errors.ts";
import type {
  CallbackKind,
  CallbackSignature,
  Handle,
  Host,
  NativeCallback,
  ParameterKind,
  Pointer,
  ResultKind,
  SymbolTable,
} from "./signatures.ts";

/** In Bun a pointer is a plain number; user space stays below 2^47 (2^56 with 5-level tables, on request only). */
type BunPointer = number;

interface BunFunction {
  readonly args: readonly string[];
  readonly returns: string;
}

interface BunCallback {
  readonly ptr: BunPointer | null;
  close(): void;
}

/** The part of `bun:ffi` used here. Declared by hand because Deno's checker cannot resolve `bun:` modules. */
interface BunFfi {
  dlopen(
    path: string,
    symbols: Record<string, BunFunction>,
  ): { readonly symbols: unknown };
  ptr(view: ArrayBufferView): BunPointer;
  toArrayBuffer(
    pointer: BunPointer,
    byteOffset: number,
    byteLength: number,
  ): ArrayBuffer;
  readonly JSCallback: new (
    implementation: (...args: never[]) => unknown,
    definition: BunFunction,
  ) => BunCallback;
}

/**
 * Bun's own `buffer` refuses null, hence `ptr` for it: `ptr` takes views too.
 * The `_fast` kinds give a number when the value fits in 2^53, else a bigint.
 */
const bunParameters: Readonly<Record<ParameterKind, string>> = {
  pointer: "ptr",
  buffer: "ptr",
  bytes: "buffer",
  bool: "bool",
  u8: "u8",
  i8: "i8",
  u16: "u16",
  i16: "i16",
  u32: "u32",
  i32: "i32",
  u64: "u64_fast",
  i64: "i64_fast",
  usize: "u64_fast",
  isize: "i64_fast",
  // `ptr` takes any number of 64 bits at 2 ns, `u64_fast` takes 6 and `i64_fast` 8.
  handle: "ptr",
  size: "ptr",
  f32: "f32",
  f64: "f64",
};

/** Out of C, where `ptr` would give null for 0, and 2^64 - 3 for a status of -3. */
const bunResults: Readonly<Record<CallbackKind | "void", string>> = {
  ...bunParameters,
  handle: "i64_fast",
  size: "u64_fast",
  void: "void",
};

function translate(signature: {
  readonly parameters: readonly ParameterKind[];
  readonly result: ResultKind;
}): BunFunction {
  return {
    args: signature.parameters.map((kind) => bunParameters[kind]),
    returns: bunResults[signature.result],
  };
}

/** What a callback is given comes out of C, and what it returns goes into it. */
function translateCallback(signature: CallbackSignature): BunFunction {
  const { result } = signature;
  return {
    args: signature.parameters.map((kind) => bunResults[kind]),
    returns: result === "void" ? "void" : bunParameters[result],
  };
}

function toBun(pointer: Pointer): BunPointer {
  return pointer as unknown as BunPointer;
}

function fromBun(pointer: BunPointer): Pointer {
  return pointer as unknown as Pointer;
}

function loadBunFfi(): BunFfi {
  // Neither an import (Deno has no bun: modules) nor require/import.meta.require
  // (both break `bun build --bytecode`); this is synchronous and works everywhere.
  const builtin: unknown = process.getBuiltinModule("bun:ffi");
  if (builtin === undefined) {
    throw new UnsupportedRuntimeError("a Bun without bun:ffi");
  }
  return builtin as BunFfi;
}

/** Drives `bun:ffi`. @throws {UnsupportedRuntimeError} when it is absent. */
export function createBunHost(): Host {
  const ffi = loadBunFfi();
  // A library that is collected takes its functions with it; ours live as long as the process.
  const opened: unknown[] = [];
  return {
    runtime: "bun",

    open(path: string, table: SymbolTable): unknown {
      const definitions: Record<string, BunFunction> = {};
      for (const [name, signature] of Object.entries(table)) {
        if (signature.nonblocking === true) {
          throw new Error(`${name} is nonblocking, which bun:ffi cannot do`);
        }
        definitions[name] = translate(signature);
      }
      const library = ffi.dlopen(path, definitions);
      opened.push(library);
      return library.symbols;
    },

    pointerOf(view: ArrayBufferView): Pointer | null {
      if (view.byteLength === 0) return null;
      // A small view lives in the collector's heap until `.buffer` is first read, which
      // moves its bytes: read it now, or the address would dangle after a later read.
      void view.buffer;
      return fromBun(ffi.ptr(view));
    },

    viewOf(pointer: Pointer, byteLength: number): ArrayBuffer {
      if (byteLength === 0) return new ArrayBuffer(0); // Bun refuses a length of 0.
      return ffi.toArrayBuffer(toBun(pointer), 0, byteLength);
    },

    pointerAt(address: bigint): Pointer | null {
      return address === 0n ? null : fromBun(Number(address));
    },

    addressOf(pointer: Pointer): bigint {
      return BigInt(toBun(pointer));
    },

    handleAt(address: number | bigint): Handle {
      return Number(address);
    },

    handleOf(view: ArrayBufferView): Handle {
      if (view.byteLength === 0) return 0;
      void view.buffer; // As in pointerOf.
      return ffi.ptr(view);
    },

    openCallback(
      signature: CallbackSignature,
      implementation: (...args: never[]) => unknown,
    ): NativeCallback {
      const callback = new ffi.JSCallback(
        implementation,
        translateCallback(signature),
      );
      if (callback.ptr === null) throw new Error("JSCallback has no address");
      let open = true;
      const close = (): void => {
        if (!open) return;
        open = false;
        callback.close();
      };
      return {
        pointer: fromBun(callback.ptr),
        close,
        [Symbol.dispose]: close,
      };
    },
  };
}
