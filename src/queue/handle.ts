/** An open queue: the shim's handle, its exchange block, and what must happen before it is closed. */
import process from "node:process";
import { type Pointer, pointerAt, viewOf } from "../../ffi/host.ts";
import { EMPTY, IO, OPEN } from "../../ffi/shm/layout.ts";
import { openShim, type Shim } from "../../ffi/shm/symbols.ts";
import { warn } from "../base/warnings.ts";
import { jsonCodec } from "./codec.ts";
import { QueueClosedError, type SharedMemoryError } from "./errors.ts";
import { failureDetail, failureOf, type Operation } from "./failure.ts";
import type { HandleOptions } from "./options.ts";
import type { QueuePlace } from "./place.ts";
import { RecordCursor, type ValueRules } from "./record.ts";

/** What `QueueHandle.open` needs; already checked. */
export interface HandleRequest {
  readonly place: QueuePlace;
  readonly participantName: string;
  /** 0 for the shim's default. */
  readonly stagingBytes: number;
  readonly observe: boolean;
  readonly shared: boolean;
  /** Takes messages alone, or is not opened. @default false */
  readonly exclusive?: boolean | undefined;
  readonly rules: ValueRules;
}

const stagingBytesDefault = 262_144;
const encoder = new TextEncoder();
/** A handle that nobody can close any more still holds its place among the participants. */
const leaked = new FinalizationRegistry<Leaked>(({ name, reference }) => {
  forgetReference(reference);
  warn(
    `a handle of queue ${name} was dropped without close(); its place is held until the process ends`,
  );
});

interface Leaked {
  readonly name: string;
  readonly reference: WeakRef<QueueHandle>;
}

/** Open handles of this thread, oldest first; weak, so that a leaked one is found. */
const openHandles = new Set<WeakRef<QueueHandle>>();

/** A process that ends in good order gives its leases back at once and uncounted, and leaves nothing in the file system. */
function closeAllOnExit(): void {
  for (const reference of [...openHandles]) reference.deref()?.close();
}

function forgetReference(reference: WeakRef<QueueHandle>): void {
  openHandles.delete(reference);
  if (openHandles.size === 0) process.off("exit", closeAllOnExit);
}

/** A path as C takes it. */
export function pathBytes(path: string): Uint8Array {
  return encoder.encode(`${path}\0`);
}

/** How values are encoded by these options. */
export function rulesOf(
  options: HandleOptions<never> | HandleOptions,
): ValueRules {
  return { codec: options.codec ?? jsonCodec, schema: options.schema };
}

/**
 * Everything below works on one of these. It belongs to the thread that opened it; every call is made by way of
 * {@linkcode address}, which throws once the handle is closed, so that no freed memory is ever passed to C.
 */
export class QueueHandle {
  readonly shim: Shim;
  readonly place: QueuePlace;
  readonly rules: ValueRules;
  readonly observing: boolean;
  readonly shared: boolean;
  /** Whether nobody else may take messages. */
  readonly exclusive: boolean;
  /** The whole exchange block, staging area included, in four views. */
  readonly u32: Uint32Array;
  readonly f64: Float64Array;
  readonly u64: BigUint64Array;
  readonly block: Uint8Array;
  /** The exchange block's data area. */
  readonly staging: Uint8Array;
  readonly cursor: RecordCursor;
  /** `EMPTY` number of the last take that gave nothing. */
  emptyReason: number = EMPTY.now;
  /** Messages that were not handed out because their requester gave up. */
  skippedCancelled = 0;
  #pointer: Pointer | null;
  readonly #beforeClose = new Set<() => void>();
  readonly #reference = new WeakRef(this);

  private constructor(
    request: HandleRequest,
    shim: Shim,
    pointer: Pointer,
    block: ArrayBuffer,
  ) {
    this.shim = shim;
    this.place = request.place;
    this.rules = request.rules;
    this.observing = request.observe;
    this.shared = request.shared;
    this.exclusive = request.exclusive === true;
    this.#pointer = pointer;
    this.u32 = new Uint32Array(block);
    this.f64 = new Float64Array(block);
    this.u64 = new BigUint64Array(block);
    this.block = new Uint8Array(block);
    this.staging = new Uint8Array(block, IO.stagingByte);
    this.cursor = new RecordCursor(this.u32, this.f64, request.rules);
    leaked.register(
      this,
      { name: request.place.name, reference: this.#reference },
      this,
    );
    if (openHandles.size === 0) process.on("exit", closeAllOnExit);
    openHandles.add(this.#reference);
  }

  /** @throws {AccessFailedError} and its subclasses; {TooManyParticipantsError}; {QueueClosedError}; {ConsumerExcludedError} */
  static open(request: HandleRequest): QueueHandle {
    const shim = openShim();
    // Whole 8-byte words, so that one view of each width covers the block.
    const stagingBytes =
      Math.ceil(
        (request.stagingBytes === 0
          ? stagingBytesDefault
          : request.stagingBytes) / 4096,
      ) * 4096;
    const words = new BigUint64Array(OPEN.bytes / 8);
    const options = new Uint8Array(words.buffer);
    const numbers = new Uint32Array(words.buffer);
    numbers[OPEN.stagingBytesU32] = stagingBytes;
    numbers[OPEN.flagsU32] =
      (request.observe ? OPEN.observe : 0) | (request.shared ? OPEN.shared : 0);
    encoder.encodeInto(
      request.participantName,
      options.subarray(OPEN.nameByte, OPEN.nameByte + OPEN.nameBytes - 1),
    );
    const result = shim.rwq_open(pathBytes(request.place.path), options);
    if (result < 0)
      throw failureOf(result, "open", request.place.name, failureDetail(shim));
    const pointer = pointerAt(words[OPEN.handleU64] ?? 0n);
    const io = pointerAt(words[OPEN.ioU64] ?? 0n);
    if (pointer === null || io === null)
      throw new Error("the shim opened a queue without giving its address");
    const alone =
      request.exclusive === true ? shim.rwq_consume_alone(pointer) : 0;
    if (alone < 0) {
      const detail = failureDetail(shim);
      shim.rwq_close(pointer);
      throw failureOf(alone, "take", request.place.name, detail);
    }
    return new QueueHandle(
      request,
      shim,
      pointer,
      viewOf(io, IO.stagingByte + stagingBytes),
    );
  }

  /** The `rwq *`. @throws {QueueClosedError} once closed */
  get address(): Pointer {
    const pointer = this.#pointer;
    if (pointer === null) throw this.closedError();
    return pointer;
  }

  get closed(): boolean {
    return this.#pointer === null;
  }

  closedError(): QueueClosedError {
    return new QueueClosedError(`${this.place.name}: this handle is closed`, {
      queue: this.place.name,
    });
  }

  /** The error for a negative result of the last call. */
  failure(result: number, operation: Operation): SharedMemoryError {
    return failureOf(
      result,
      operation,
      this.place.name,
      failureDetail(this.shim),
    );
  }

  /** Gives back a result that is no failure. */
  checked(result: number, operation: Operation): number {
    if (result < 0) throw this.failure(result, operation);
    return result;
  }

  /** Has `action` called when the handle is about to be closed, until the function that is returned is called. */
  beforeClose(action: () => void): () => void {
    this.#beforeClose.add(action);
    return () => this.#beforeClose.delete(action);
  }

  /** Leaves the queue; leases go back uncounted. Idempotent. */
  close(): void {
    if (this.#pointer === null) return;
    for (const action of [...this.#beforeClose]) action();
    this.#beforeClose.clear();
    const pointer = this.#pointer;
    this.#pointer = null;
    leaked.unregister(this);
    forgetReference(this.#reference);
    const result = this.shim.rwq_close(pointer);
    // Only a journal can fail here; there is nobody left to take the error.
    if (result < 0) warn(this.failure(result, "maintain").message);
  }
}
