/** Shared memory as bytes, for as long as it may be looked at. */
import { pointerAt, viewOf } from "../../ffi/host.ts";
import { IO } from "../../ffi/shm/layout.ts";
import type { QueueHandle } from "./handle.ts";

/** Bytes of shared memory; `bytes` has length 0 after `release`, and once the handle is closed. */
export interface SharedView {
  readonly bytes: Uint8Array;
  /** Detaches the bytes, so that no reference to them can reach memory that belongs to somebody else by then. Idempotent. */
  release(): void;
  /** For the finalizer of its owner: the bytes are gone, so closing the handle need not detach them. Does not hold them. */
  readonly forget: () => void;
}

/** What must not be collected while anybody still holds a view of the memory. */
const owners = new WeakMap<ArrayBufferLike, object>();

/** Keeps `owner`, whose finalizer gives the memory away, alive as long as the bytes or any view of them. */
export function keepAliveWith(bytes: Uint8Array, owner: object): void {
  owners.set(bytes.buffer, owner);
}

/** The memory at the exchange block's `out_pointer`. */
export function viewSharedMemory(
  handle: QueueHandle,
  byteLength: number,
): SharedView {
  const pointer = pointerAt(handle.u64[IO.outPointerU32 >> 1] ?? 0n);
  if (pointer === null) throw new Error("the shim gave no address");
  const buffer = viewOf(pointer, byteLength);
  const forget = detachBeforeClose(handle, new WeakRef(buffer));
  return {
    bytes: new Uint8Array(buffer),
    release(): void {
      forget();
      detach(buffer);
    },
    forget,
  };
}

/**
 * Weakly, so that a job or a claim that is dropped together with its view is found. And by itself: a closure holds what
 * any closure of the same scope uses, and `release` uses the buffer.
 */
function detachBeforeClose(
  handle: QueueHandle,
  reference: WeakRef<ArrayBuffer>,
): () => void {
  return handle.beforeClose(() => detach(reference.deref()));
}

function detach(buffer: ArrayBuffer | undefined): void {
  // Transferring an external buffer to length 0 detaches all views of it and copies nothing.
  if (buffer !== undefined && !buffer.detached) buffer.transfer(0);
}
