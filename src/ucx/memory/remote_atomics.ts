/** Atomic operations on a peer's memory. */
import { UCP_ATOMIC_OP } from "../../../ffi/ucp/constants.ts";
import type { BlockingOptions } from "../worker_types.ts";
import type { AtomicCall } from "./remote_memory.ts";

/** Does one operation, and waits for it. */
export type AtomicRunner = (call: AtomicCall, options: BlockingOptions) => void;

interface Width<Value> {
  readonly bytes: 4 | 8;
  /** @throws {RangeError|TypeError} when the value does not fit */
  write(view: DataView, at: number, value: Value): void;
  read(view: DataView, at: number): Value;
  readonly zero: Value;
  readonly and: (left: Value, right: Value) => Value;
  readonly or: (left: Value, right: Value) => Value;
  readonly xor: (left: Value, right: Value) => Value;
}

function outOfRange(value: number | bigint, bits: number): RangeError {
  return new RangeError(
    `value: given ${value}, allowed an integer of ${bits} bits, with or without a sign`,
  );
}

/** 32 bits, as numbers from 0 to 2^32 - 1; negative ones may be given. */
export const width32: Width<number> = {
  bytes: 4,
  write(view, at, value) {
    if (typeof value !== "number")
      throw new TypeError(`value: given ${typeof value}, allowed a number`);
    if (!Number.isInteger(value) || value < -(2 ** 31) || value >= 2 ** 32)
      throw outOfRange(value, 32);
    view.setUint32(at, value, true);
  },
  read: (view, at) => view.getUint32(at, true),
  zero: 0,
  and: (left, right) => (left & right) >>> 0,
  or: (left, right) => (left | right) >>> 0,
  xor: (left, right) => (left ^ right) >>> 0,
};

/** 64 bits, as bigints from 0 to 2^64 - 1; negative ones may be given. */
export const width64: Width<bigint> = {
  bytes: 8,
  write(view, at, value) {
    if (typeof value !== "bigint")
      throw new TypeError(`value: given ${typeof value}, allowed a bigint`);
    if (value < -(2n ** 63n) || value >= 2n ** 64n) throw outOfRange(value, 64);
    view.setBigUint64(at, value, true);
  },
  read: (view, at) => view.getBigUint64(at, true),
  zero: 0n,
  and: (left, right) => BigInt.asUintN(64, left & right),
  or: (left, right) => BigInt.asUintN(64, left | right),
  xor: (left, right) => BigInt.asUintN(64, left ^ right),
};

/**
 * Atomic operations of one width. Offsets are in bytes; the address there must be a multiple of the width. Those that
 * give nothing are under way when they return, and done after `flush`; the others wait, and give the old value.
 *
 * All throw as `put` does.
 */
export class RemoteAtomics<Value extends number | bigint> {
  readonly #width: Width<Value>;
  readonly #run: AtomicRunner;

  /** Use {@linkcode UcxRemoteMemory.atomics64} or `atomics32`. */
  constructor(width: Width<Value>, run: AtomicRunner) {
    this.#width = width;
    this.#run = run;
  }

  /** memory += value, modulo 2^width */
  add(offset: number, value: Value, options: BlockingOptions = {}): void {
    this.#call(UCP_ATOMIC_OP.ADD, offset, value, options);
  }

  /** memory &= value */
  and(offset: number, value: Value, options: BlockingOptions = {}): void {
    this.#call(UCP_ATOMIC_OP.AND, offset, value, options);
  }

  /** memory |= value */
  or(offset: number, value: Value, options: BlockingOptions = {}): void {
    this.#call(UCP_ATOMIC_OP.OR, offset, value, options);
  }

  /** memory ^= value */
  xor(offset: number, value: Value, options: BlockingOptions = {}): void {
    this.#call(UCP_ATOMIC_OP.XOR, offset, value, options);
  }

  /** As `add`. Gives the old value. */
  fetchAdd(offset: number, value: Value, options: BlockingOptions = {}): Value {
    return this.#fetch(UCP_ATOMIC_OP.ADD, offset, value, options);
  }

  /** As `and`, by compare and swap. Gives the old value. */
  fetchAnd(offset: number, value: Value, options: BlockingOptions = {}): Value {
    return this.#change(offset, value, this.#width.and, options);
  }

  /** As `or`, by compare and swap. Gives the old value. */
  fetchOr(offset: number, value: Value, options: BlockingOptions = {}): Value {
    return this.#change(offset, value, this.#width.or, options);
  }

  /** As `xor`, by compare and swap. Gives the old value. */
  fetchXor(offset: number, value: Value, options: BlockingOptions = {}): Value {
    return this.#change(offset, value, this.#width.xor, options);
  }

  /** memory = value. Gives the old value. */
  swap(offset: number, value: Value, options: BlockingOptions = {}): Value {
    return this.#fetch(UCP_ATOMIC_OP.SWAP, offset, value, options);
  }

  /** memory = value if it is `expected`. Gives the old value, which is `expected` when that happened. */
  compareSwap(
    offset: number,
    expected: Value,
    value: Value,
    options: BlockingOptions = {},
  ): Value {
    return this.#fetch(UCP_ATOMIC_OP.CSWAP, offset, expected, options, value);
  }

  #call(
    opcode: number,
    offset: number,
    value: Value,
    options: BlockingOptions,
  ): void {
    const { cells } = this.#cells(value);
    const { bytes } = this.#width;
    this.#run({ opcode, width: bytes, offset, cells, fetches: false }, options);
  }

  #fetch(
    opcode: number,
    offset: number,
    value: Value,
    options: BlockingOptions,
    replacement?: Value,
  ): Value {
    const { cells, view } = this.#cells(value);
    const { bytes } = this.#width;
    if (replacement !== undefined) this.#width.write(view, 8, replacement);
    this.#run({ opcode, width: bytes, offset, cells, fetches: true }, options);
    return this.#width.read(view, 8);
  }

  /**
   * Changes a value by compare and swap. UCX can fetch and AND, OR or XOR too, but libuct 1.13.1 of Debian 12 does not
   * over shared memory: its machine code leaves the operand out (AND and OR change nothing, XOR stores 0).
   */
  #change(
    offset: number,
    value: Value,
    combine: (left: Value, right: Value) => Value,
    options: BlockingOptions,
  ): Value {
    this.#cells(value);
    const { zero } = this.#width;
    let seen = this.compareSwap(offset, zero, zero, options);
    for (;;) {
      const wanted = combine(seen, value);
      const found = this.compareSwap(offset, seen, wanted, options);
      if (found === seen) return seen;
      seen = found;
    }
  }

  #cells(value: Value): {
    readonly cells: Uint8Array<ArrayBuffer>;
    readonly view: DataView;
  } {
    const cells = new Uint8Array(new ArrayBuffer(16));
    const view = new DataView(cells.buffer);
    this.#width.write(view, 0, value);
    return { cells, view };
  }
}
