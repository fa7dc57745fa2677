/**
 * The neutral description of native functions that both runtimes are driven
 * by, and the TypeScript types that follow from it.
 */

declare const pointerBrand: unique symbol;

/**
 * An address in this process. Opaque: a number in Bun, an object in Deno, so
 * compare addresses with `addressOf`, never with `===`. The null pointer is `null`.
 */
export interface Pointer {
  readonly [pointerBrand]: "Pointer";
}

/**
 * The address of a native object in the form that is cheapest to pass back: a number in Bun, a bigint in Deno. 0 or 0n is
 * none, so `!handle` works for both. A result may be a `ucs_status_ptr_t`: 0 done, below 0 an error, above 0 a request.
 */
export type Handle = number | bigint;

/**
 * The TypeScript type of each argument.
 * - `buffer`: the memory of a view for the length of the call, or null.
 * - `bytes`: the same but never null; 2 ns cheaper per call in Bun.
 * - `u64`, `i64`, `usize`, `isize`: cost 10 ns in Bun and 65 ns in Deno; `u32` and `f64` cost 1 to 5 ns.
 * - `handle`, `size`: 64 bits in the runtime's own form (`handleAt`, `sizeAt`): 2 ns in Bun and 4 ns in Deno, where the
 *   other form is right too but takes 90 ns. The view that a handle points into must be kept reachable by the caller.
 */
interface ParameterTypes {
  readonly pointer: Pointer | null;
  readonly buffer: ArrayBufferView | null;
  readonly bytes: ArrayBufferView;
  readonly bool: boolean;
  readonly u8: number;
  readonly i8: number;
  readonly u16: number;
  readonly i16: number;
  readonly u32: number;
  readonly i32: number;
  readonly u64: number | bigint;
  readonly i64: number | bigint;
  readonly usize: number | bigint;
  readonly isize: number | bigint;
  readonly handle: Handle;
  readonly size: number | bigint;
  readonly f32: number;
  readonly f64: number;
}

/** The TypeScript type of each result. 64-bit results may be either type: wrap them in `Number()` or `BigInt()`. */
interface ResultTypes extends Omit<ParameterTypes, "buffer" | "bytes"> {
  readonly void: undefined;
}

/** Kinds that a parameter may have. */
export type ParameterKind = keyof ParameterTypes;
/** Kinds that a result may have. */
export type ResultKind = keyof ResultTypes;
/** Kinds that cross a callback, in either direction. */
export type CallbackKind = Exclude<ParameterKind, "buffer" | "bytes">;

/** One C function. Write the C declaration beside it. */
export interface NativeSignature {
  readonly parameters: readonly ParameterKind[];
  readonly result: ResultKind;
  /**
   * Runs on a thread of its own and gives a promise: for calls that block. Deno only, Bun refuses the table.
   * Views that are passed must stay reachable until the promise settles. @default false
   */
  readonly nonblocking?: boolean;
}

/** C functions by symbol name; declare tables `as const satisfies SymbolTable`. */
export type SymbolTable = Readonly<Record<string, NativeSignature>>;

/** One function that C calls back. */
export interface CallbackSignature {
  readonly parameters: readonly CallbackKind[];
  readonly result: ResultKind;
}

type ArgumentsOf<Kinds extends readonly ParameterKind[]> = {
  readonly [Index in keyof Kinds]: ParameterTypes[Kinds[Index]];
};

/** The JavaScript function of one signature. */
export type NativeFunction<Signature extends NativeSignature> = (
  ...args: ArgumentsOf<Signature["parameters"]>
) => Signature extends { readonly nonblocking: true }
  ? Promise<ResultTypes[Signature["result"]]>
  : ResultTypes[Signature["result"]];

/** What a callback is made of. It may return anything when C wants nothing. */
export type CallbackFunction<Signature extends CallbackSignature> = (
  ...args: ArgumentsOf<Signature["parameters"]>
) => Signature["result"] extends "void"
  ? void
  : ResultTypes[Signature["result"]];

/** The JavaScript functions of a whole table. */
export type NativeFunctions<Table extends SymbolTable> = {
  readonly [Name in keyof Table]: NativeFunction<Table[Name]>;
};

/** A JavaScript function that C may call, on this thread only and only while a native call runs. */
export interface NativeCallback {
  /** Given to C as a function pointer; dangling after `close`. */
  readonly pointer: Pointer;
  /** Releases the trampoline. Idempotent. C must not call it any more. */
  close(): void;
  [Symbol.dispose](): void;
}

/** What a runtime must offer; implemented by `host_bun.ts` and `host_deno.ts`. */
export interface Host {
  readonly runtime: "bun" | "deno";
  open(path: string, table: SymbolTable): unknown;
  pointerOf(view: ArrayBufferView): Pointer | null;
  viewOf(pointer: Pointer, byteLength: number): ArrayBuffer;
  pointerAt(address: bigint): Pointer | null;
  addressOf(pointer: Pointer): bigint;
  handleAt(address: number | bigint): Handle;
  handleOf(view: ArrayBufferView): Handle;
  openCallback(
    signature: CallbackSignature,
    implementation: (...args: never[]) => unknown,
  ): NativeCallback;
}
