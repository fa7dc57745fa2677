/** Memory of this process that peers may read and write. */
import { type Handle, handleOf } from "../../../ffi/host.ts";
import {
  createMemoryMapParameters,
  MemoryAttributes,
} from "../../../ffi/ucp/memory_structs.ts";
import { copyOf, viewAt } from "../../../ffi/ucp/native_memory.ts";
import { NativeCell } from "../../../ffi/ucp/native_struct.ts";
import type { NativeWorker } from "../core/native_worker.ts";
import { UcxClosedError } from "../errors.ts";
import { checkStatus } from "../status_errors.ts";
import { encodeMemoryKey } from "./memory_key.ts";

/** How memory is registered. */
export interface MemoryOptions {
  /** What peers may do: it is in the key, and they check it. @default "readWrite" */
  readonly access?: "read" | "readWrite" | undefined;
}

/** What {@linkcode UcxMemory} is made of. */
export interface MemoryInit {
  readonly native: NativeWorker;
  /** A view, or a number of bytes. */
  readonly memory: Uint8Array | number;
  readonly writable: boolean;
  /** In raw mode nobody can compare who owns it. */
  readonly ownerId: number;
  onClose(memory: UcxMemory): void;
}

/**
 * Registered memory. Before it is closed, peers must be done with it: over transports that emulate remote access, UCX
 * does not check what they write to.
 */
export class UcxMemory {
  /** In bytes. */
  readonly byteLength: number;
  /** In this process. */
  readonly address: bigint;
  readonly #init: MemoryInit;
  readonly #handle: Handle;
  /** Memory of UCX's, or of the caller, who keeps it alive by this. */
  #bytes: Uint8Array | undefined;
  readonly #isNative: boolean;

  /** Use {@linkcode UcxWorker.registerMemory}. @throws {UcxError} what UCX says of it */
  constructor(init: MemoryInit) {
    const { native, memory } = init;
    const { functions, context } = native;
    this.#init = init;
    this.#isNative = typeof memory === "number";
    const cell = new NativeCell();
    const params = createMemoryMapParameters(
      typeof memory === "number" ? { byteLength: memory } : { memory },
    );
    checkStatus(
      functions.ucp_mem_map(context, params.bytes, cell.bytes),
      "registerMemory",
    );
    this.#handle = cell.object;
    if (typeof memory === "number") {
      const attributes = new MemoryAttributes();
      functions.ucp_mem_query(this.#handle, attributes.bytes);
      this.byteLength = memory;
      this.address = BigInt(attributes.address);
      this.#bytes = viewAt(attributes.address, memory);
      // What was there before is nobody else's business.
      this.#bytes.fill(0);
    } else {
      this.byteLength = memory.byteLength;
      this.address = BigInt(handleOf(memory));
      this.#bytes = memory;
    }
  }

  /** The memory itself, zeros at first when UCX has allocated it. @throws {UcxClosedError} after `close` */
  get bytes(): Uint8Array {
    if (this.#bytes === undefined)
      throw new UcxClosedError("the memory is closed");
    return this.#bytes;
  }

  /** The key for peers. @throws {UcxClosedError} after `close` */
  exportKey(): Uint8Array<ArrayBuffer> {
    void this.bytes;
    const { native, ownerId, writable } = this.#init;
    const { functions, context } = native;
    const buffer = new NativeCell();
    const size = new NativeCell();
    checkStatus(
      functions.ucp_rkey_pack(context, this.#handle, buffer.bytes, size.bytes),
      "exportKey",
    );
    const nativeKey = copyOf(buffer.object, size.size);
    functions.ucp_rkey_buffer_release(buffer.object);
    return encodeMemoryKey({
      ownerId,
      writable,
      address: this.address,
      byteLength: this.byteLength,
      nativeKey,
    });
  }

  /** Takes the memory back. Views of memory that UCX has allocated become empty. Idempotent. */
  close(): void {
    const bytes = this.#bytes;
    if (bytes === undefined) return;
    this.#bytes = undefined;
    const { native, onClose } = this.#init;
    // Whoever kept a view must not reach what is no longer mapped: this detaches it.
    if (this.#isNative) (bytes.buffer as ArrayBuffer).transfer(0);
    native.functions.ucp_mem_unmap(native.context, this.#handle);
    onClose(this);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
