import type {
  CallbackSignature,
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

function denoKind(kind: ParameterKind | ResultKind): string {
  return kind === "bytes" ? "buffer" : kind;
}

function translate(signature: {
  readonly parameters: readonly ParameterKind[];
  readonly result: ResultKind;
}): DenoFunction {
  return {
    parameters: signature.parameters.map(denoKind),
    result: denoKind(signature.result),
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

    openCallback(
      signature: CallbackSignature,
      implementation: (...args: never[]) => unknown,
    ): NativeCallback {
      const callback = new deno.UnsafeCallback(
        translate(signature),
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
