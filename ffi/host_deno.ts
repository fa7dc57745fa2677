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

interface DenoFunction {
  readonly parameters: readonly string[];
  readonly result: string;
  readonly nonblocking?: boolean;
}

interface DenoCallback {
  readonly pointer: Pointer;
  close(): void;
}

/** The part of the `Deno` namespace used here. Declared by hand because Bun's checker has no Deno types. */
export interface DenoFfi {
  dlopen(
    path: string,
    symbols: Record<string, DenoFunction>,
  ): { readonly symbols: unknown };
  readonly UnsafePointer: {
    of(view: ArrayBufferView): Pointer | null;
    create(address: bigint): Pointer | null;
    value(pointer: Pointer): bigint | number;
  };
  readonly UnsafePointerView: {
    getArrayBuffer(pointer: Pointer, byteLength: number): ArrayBuffer;
  };
  readonly UnsafeCallback: new (
    definition: DenoFunction,
    implementation: (...args: never[]) => unknown,
  ) => DenoCallback;
}

/** Into C: what is given to a function, and what a callback returns. */
function toC(kind: ParameterKind | ResultKind): string {
  if (kind === "bytes") return "buffer";
  if (kind === "handle") return "u64";
  return kind === "size" ? "usize" : kind;
}

/** Out of C: a handle may be a negative status there. */
function fromC(kind: CallbackKind | "void"): string {
  return kind === "handle" ? "i64" : toC(kind);
}

function translate(signature: {
  readonly parameters: readonly ParameterKind[];
  readonly result: ResultKind;
}): DenoFunction {
  return {
    parameters: signature.parameters.map(toC),
    result: fromC(signature.result),
  };
}

function translateCallback(signature: CallbackSignature): DenoFunction {
  return {
    parameters: signature.parameters.map(fromC),
    result: toC(signature.result),
  };
}

/** Drives `Deno.dlopen`; needs `--allow-ffi`. */
export function createDenoHost(deno: DenoFfi): Host {
  // A library that is collected takes its functions with it; ours live as long as the process.
  const opened: unknown[] = [];
  return {
    runtime: "deno",

    open(path: string, table: SymbolTable): unknown {
      const definitions: Record<string, DenoFunction> = {};
      for (const [name, signature] of Object.entries(table)) {
        definitions[name] = {
          ...translate(signature),
          nonblocking: signature.nonblocking ?? false,
        };
      }
      const library = deno.dlopen(path, definitions);
      opened.push(library);
      return library.symbols;
    },

    pointerOf(view: ArrayBufferView): Pointer | null {
      return view.byteLength === 0 ? null : deno.UnsafePointer.of(view);
    },

    viewOf(pointer: Pointer, byteLength: number): ArrayBuffer {
      return deno.UnsafePointerView.getArrayBuffer(pointer, byteLength);
    },

    pointerAt(address: bigint): Pointer | null {
      return deno.UnsafePointer.create(address);
    },

    addressOf(pointer: Pointer): bigint {
      return BigInt(deno.UnsafePointer.value(pointer));
    },

    handleAt(address: number | bigint): Handle {
      return BigInt(address);
    },

    handleOf(view: ArrayBufferView): Handle {
      if (view.byteLength === 0) return 0n;
      const pointer = deno.UnsafePointer.of(view);
      return pointer === null ? 0n : BigInt(deno.UnsafePointer.value(pointer));
    },

    openCallback(
      signature: CallbackSignature,
      implementation: (...args: never[]) => unknown,
    ): NativeCallback {
      const callback = new deno.UnsafeCallback(
        translateCallback(signature),
        implementation,
      );
      let open = true;
      const close = (): void => {
        if (!open) return;
        open = false;
        callback.close();
      };
      return { pointer: callback.pointer, close, [Symbol.dispose]: close };
    },
  };
}
