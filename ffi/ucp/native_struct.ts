/** Structures in memory that JavaScript owns and C reads or fills. */
import {
  addressOf,
  type Handle,
  handleAt,
  handleOf,
  type Pointer,
} from "../host.ts";
import type { FieldLayout, StructLayout } from "./layout.ts";

/** What a field that is a pointer can be set to. A view is kept reachable by the structure; an address is not ours to keep. */
export type PointerTarget = ArrayBufferView | Handle | Pointer;

type FieldName<Layout extends StructLayout> = keyof Layout["fields"] & string;

/**
 * One structure, filled with zeros. `bytes` is given to C; `handle` is its address, for functions that take a handle. Who
 * passes the handle keeps the structure reachable, and the structure keeps the views that its pointers point to.
 */
export class NativeStruct<Layout extends StructLayout = StructLayout> {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly #layout: Layout;
  readonly #view: DataView<ArrayBuffer>;
  readonly #kept = new Map<string, ArrayBufferView>();
  #handle: Handle | undefined;

  constructor(layout: Layout) {
    this.#layout = layout;
    this.bytes = new Uint8Array(new ArrayBuffer(layout.size));
    this.#view = new DataView(this.bytes.buffer);
  }

  /** The address of `bytes`. */
  get handle(): Handle {
    this.#handle ??= handleOf(this.bytes);
    return this.#handle;
  }

  /** Sets bits in the mask of fields that are filled, or wanted. */
  addToMask(bits: number, mask = "field_mask"): this {
    const { offset, size } = this.#field(mask);
    if (size === 4) {
      const before = this.#view.getUint32(offset, true);
      this.#view.setUint32(offset, (before | bits) >>> 0, true);
    } else {
      const before = this.#view.getBigUint64(offset, true);
      this.#view.setBigUint64(offset, before | BigInt(bits), true);
    }
    return this;
  }

  /** Writes an integer as wide as the field. @throws {RangeError} when it does not fit */
  write(field: FieldName<Layout>, value: number | bigint): this {
    const { offset, size } = this.#field(field);
    const integer = BigInt(value);
    const bits = BigInt(size * 8);
    if (size > 8 || integer >= 1n << bits || integer < -(1n << (bits - 1n))) {
      throw new RangeError(`${field} has ${size} bytes, ${value} does not fit`);
    }
    let rest = BigInt.asUintN(size * 8, integer);
    for (let index = 0; index < size; index++, rest >>= 8n) {
      this.bytes[offset + index] = Number(rest & 0xffn);
    }
    return this;
  }

  /** Writes an address. A view that is pointed to is kept reachable until the field is written again. */
  point(field: FieldName<Layout>, target: PointerTarget): this {
    this.#kept.delete(field);
    if (ArrayBuffer.isView(target)) {
      this.#kept.set(field, target);
      return this.write(field, handleOf(target));
    }
    return this.write(
      field,
      // A pointer is a number in Bun, and then already an address.
      typeof target === "object" ? addressOf(target) : target,
    );
  }

  /** An integer without a sign. @throws {RangeError} when it is above 2^53 - 1 */
  readNumber(field: FieldName<Layout>): number {
    const value = this.readBigint(field);
    if (value > Number.MAX_SAFE_INTEGER) {
      throw new RangeError(`${field} is ${value}, which is above 2^53 - 1`);
    }
    return Number(value);
  }

  /** An integer without a sign. */
  readBigint(field: FieldName<Layout>): bigint {
    const { offset, size } = this.#field(field);
    let value = 0n;
    for (let index = size - 1; index >= 0; index--) {
      value = (value << 8n) | BigInt(this.bytes[offset + index] ?? 0);
    }
    return value;
  }

  readHandle(field: FieldName<Layout>): Handle {
    return handleAt(this.readBigint(field));
  }

  /** The bytes of a field, without a copy. */
  readBytes(field: FieldName<Layout>): Uint8Array<ArrayBuffer> {
    const { offset, size } = this.#field(field);
    return this.bytes.subarray(offset, offset + size);
  }

  /** The text of a `char[]`. */
  readText(field: FieldName<Layout>): string {
    const bytes = this.readBytes(field);
    const end = bytes.indexOf(0);
    return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
  }

  #field(name: string): FieldLayout {
    const field = this.#layout.fields[name];
    if (field === undefined) throw new RangeError(`no field ${name}`);
    return field;
  }
}

/** A `T **` or `size_t *` that C writes to. Reusable: the value of the last call. */
export class NativeCell {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly #words: Uint32Array<ArrayBuffer>;
  #handle: Handle | undefined;

  constructor() {
    const memory = new ArrayBuffer(8);
    this.bytes = new Uint8Array(memory);
    this.#words = new Uint32Array(memory);
  }

  /** The address of the cell, which must be kept reachable. */
  get handle(): Handle {
    this.#handle ??= handleOf(this.bytes);
    return this.#handle;
  }

  /** As the handle of an object. */
  get object(): Handle {
    return handleAt(new BigUint64Array(this.bytes.buffer)[0] ?? 0n);
  }

  /** As a size, exact up to 2^53. */
  get size(): number {
    return (this.#words[1] ?? 0) * 2 ** 32 + (this.#words[0] ?? 0);
  }

  /** As a C `int`. */
  get int(): number {
    return (this.#words[0] ?? 0) | 0;
  }
}
