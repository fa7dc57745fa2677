/** Shared memory as bytes, for as long as it may be looked at. */
import { pointerAt, viewOf } from "../../ffi/host.ts";
import { IO } from "../../ffi/shm/layout.ts";
import type { QueueHandle } from "./handle.ts";

/** Bytes of shared memory; `bytes` has length 0 after `release`, unless it is kept, and once the handle is closed. */
export interface SharedView {
  readonly bytes: Uint8Array;
  /** Whether its buffer is shown again for the next message at the same place: then nothing happens when it is let go. */
  readonly kept: boolean;
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

/** A buffer over the memory at the exchange block's `out_pointer`. */
function bufferOf(handle: QueueHandle, byteLength: number): ArrayBuffer {
  const pointer = pointerAt(handle.u64[IO.outPointerU32 >> 1] ?? 0n);
  if (pointer === null) throw new Error("the shim gave no address");
  return viewOf(pointer, byteLength);
}

/** The memory at the exchange block's `out_pointer`. */
export function viewSharedMemory(
  handle: QueueHandle,
  byteLength: number,
): SharedView {
  const buffer = bufferOf(handle, byteLength);
  const forget = detachBeforeClose(handle, new WeakRef(buffer));
  return {
    bytes: new Uint8Array(buffer),
    kept: false,
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

/** The collector takes each buffer for as much memory as it shows, so what is kept is bounded. */
const keptBytesMax = 2 ** 26;
const keptMax = 1024;
/** Up to this length bodies lie packed, in places of whole lines; longer ones begin on a page of their own. */
const packedMax = 512;
const lineBytes = 64;
const pageBytes = 4096;

interface KeptView extends SharedView {
  /** Bytes of its buffer. */
  readonly whole: number;
}

function nothing(): void {
  // A kept view stays attached.
}

/** Has one buffer for each place of the segment, instead of one for each message: making, detaching and collecting them costs more than all the rest. */
export class KeptViews {
  readonly #handle: QueueHandle;
  /** By address. */
  readonly #views = new Map<number, KeptView>();
  #bytes = 0;

  constructor(handle: QueueHandle) {
    this.#handle = handle;
    handle.beforeClose(() => this.#close());
  }

  /** The memory at the exchange block's `out_pointer`; undefined when too much is kept already. */
  view(byteLength: number): SharedView | undefined {
    const { u32 } = this.#handle;
    const address =
      (u32[IO.outPointerU32 + 1] as number) * 2 ** 32 +
      (u32[IO.outPointerU32] as number);
    const found = this.#views.get(address);
    if (found !== undefined && found.bytes.byteLength === byteLength)
      return found;
    // Empty ones are never seen to be detached.
    return byteLength === 0 ? undefined : this.#show(address, byteLength);
  }

  /** Another length than last time. */
  #show(address: number, byteLength: number): SharedView | undefined {
    const unit = byteLength <= packedMax ? lineBytes : pageBytes;
    const whole = Math.ceil(byteLength / unit) * unit;
    const known = this.#views.get(address);
    let buffer = known?.bytes.buffer as ArrayBuffer | undefined;
    let kept = known?.whole ?? 0;
    // Detached by its user, or too short.
    if (buffer === undefined || buffer.byteLength < byteLength) {
      const bytes = this.#bytes - kept + whole;
      if (bytes > keptBytesMax) return undefined;
      if (known === undefined && this.#views.size >= keptMax) return undefined;
      detach(buffer);
      buffer = bufferOf(this.#handle, whole);
      this.#bytes = bytes;
      kept = whole;
    }
    const view: KeptView = {
      bytes: new Uint8Array(buffer, 0, byteLength),
      kept: true,
      release: nothing,
      forget: nothing,
      whole: kept,
    };
    this.#views.set(address, view);
    return view;
  }

  #close(): void {
    for (const { bytes } of this.#views.values())
      detach(bytes.buffer as ArrayBuffer);
    this.#views.clear();
  }
}
