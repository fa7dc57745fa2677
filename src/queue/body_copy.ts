/** Copies of message bodies out of the staging area, in the way that is cheapest in each runtime. */
import { Buffer } from "node:buffer";
import { runtimeName } from "../../ffi/host.ts";
import { IO } from "../../ffi/shm/layout.ts";
import type { RecordCursor } from "./record.ts";

/** Bodies (with headers) up to this length share a slab. */
const sharedBytesMax = 512;
/** One message that is kept keeps its slab. */
const slabBytes = 16_384;

/** Memory to be overwritten from its first to its last byte; not cleared where the runtime can leave that out. */
export function freshBytes(byteLength: number): Uint8Array {
  if (runtimeName() === "deno") return new Uint8Array(byteLength);
  // Not a Buffer, whose slice() shares memory; and none of Buffer's pool, in which one message would keep others.
  const { buffer, byteOffset } = Buffer.allocUnsafeSlow(byteLength);
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/**
 * Copies the first bytes of the staging area into memory of JavaScript's own.
 *
 * Making a typed array costs 20 ns in Bun and 200 ns in Deno. In Deno, short bodies are therefore put one after the
 * other into a slab, word by word, as Node's Buffer does; a view of one is made when somebody asks for it.
 */
export class BodyCopier {
  readonly #u32: Uint32Array;
  readonly #staging: Uint8Array;
  readonly #sharing: boolean;
  #slab = new Uint8Array(0);
  #slabU32 = new Uint32Array(0);
  #used = 0;

  constructor(u32: Uint32Array, staging: Uint8Array) {
    this.#u32 = u32;
    this.#staging = staging;
    this.#sharing = runtimeName() === "deno";
  }

  /** Has the cursor stand at a copy of the first `byteLength` bytes. */
  copy(cursor: RecordCursor, byteLength: number): void {
    if (!this.#sharing || byteLength > sharedBytesMax) {
      cursor.chunk = this.#staging.slice(0, byteLength);
      cursor.offset = 0;
      return;
    }
    if (this.#used + byteLength > this.#slab.byteLength) this.#renew();
    const words = (byteLength + 3) >> 2;
    const at = this.#used >> 2;
    const from = this.#u32;
    const into = this.#slabU32;
    for (let index = 0; index < words; index++) {
      into[at + index] = from[IO.stagingU32 + index] as number;
    }
    cursor.chunk = this.#slab;
    cursor.offset = this.#used;
    this.#used += (byteLength + 7) & ~7;
  }

  #renew(): void {
    this.#slab = new Uint8Array(slabBytes);
    this.#slabU32 = new Uint32Array(this.#slab.buffer);
    this.#used = 0;
  }
}
