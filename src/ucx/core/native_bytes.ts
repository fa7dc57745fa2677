/** Bytes that lie in UCX's memory, or, when that goes away, in a copy of ours. */
import type { Handle } from "../../../ffi/host.ts";
import { copyInto, copyOf, viewAt } from "../../../ffi/ucp/native_memory.ts";

/** An address some bytes further on. A handle is a number in Bun and a bigint in Deno. */
function addressAfter(start: Handle, bytes: number): Handle {
  return typeof start === "bigint" ? start + BigInt(bytes) : start + bytes;
}

/** Bytes that were taken out of UCX, and come back to it. */
export class NativeBytes {
  /** How many are not read yet. */
  byteLength: number;
  #native: Handle;
  #giveBack: ((native: Handle) => void) | undefined;
  #copy: Uint8Array<ArrayBuffer> | undefined;
  #view: Uint8Array<ArrayBuffer> | undefined;
  #offset = 0;

  /** @param giveBack called once, when UCX may have its memory again */
  constructor(
    native: Handle,
    byteLength: number,
    giveBack: (native: Handle) => void,
  ) {
    this.#native = native;
    this.byteLength = byteLength;
    this.#giveBack = giveBack;
  }

  /** Moves bytes to the start of `target`, as many as fit; gives how many. What is empty then is given back. */
  readInto(target: Uint8Array): number {
    const bytes = Math.min(target.byteLength, this.byteLength);
    if (this.#copy === undefined)
      copyInto(target, addressAfter(this.#native, this.#offset), bytes);
    else target.set(this.#copy.subarray(this.#offset, this.#offset + bytes), 0);
    this.#offset += bytes;
    this.byteLength -= bytes;
    if (this.byteLength === 0) this.release();
    return bytes;
  }

  /** The bytes where they are. Valid until `release`, and until `keep` moves them. */
  get view(): Uint8Array<ArrayBuffer> {
    if (this.#copy !== undefined) return this.#copy.subarray(this.#offset);
    this.#view ??= viewAt(
      addressAfter(this.#native, this.#offset),
      this.byteLength,
    );
    return this.#view;
  }

  /** Moves the bytes to memory of ours: UCX's goes away. Views of it become empty. */
  keep(): void {
    if (this.#giveBack === undefined) return;
    this.#copy = copyOf(
      addressAfter(this.#native, this.#offset),
      this.byteLength,
    );
    this.#offset = 0;
    this.#letGo();
  }

  /** Views of the bytes become empty. Idempotent. */
  release(): void {
    this.byteLength = 0;
    this.#copy = undefined;
    this.#letGo();
  }

  #letGo(): void {
    const giveBack = this.#giveBack;
    if (giveBack === undefined) return;
    this.#giveBack = undefined;
    // Whoever kept a view must not read what UCX does with its memory next: this detaches it.
    this.#view?.buffer.transfer(0);
    this.#view = undefined;
    giveBack(this.#native);
  }
}
