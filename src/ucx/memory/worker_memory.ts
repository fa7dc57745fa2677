/** Remote memory access of a blocking worker: its property `memory`. Between peers that trust each other only. */
import { UCP_FEATURE } from "../../../ffi/ucp/constants.ts";
import { deadlineMs as deadlineOf } from "../../base/deadline.ts";
import { checkBuffer } from "../core/buffers.ts";
import type { Operation } from "../core/operation.ts";
import { checkOperation, notSendable } from "../core/operation_errors.ts";
import type { WorkerCore } from "../core/worker_core.ts";
import {
  UcxFeatureDisabledError,
  UcxNotConnectedError,
  UcxTimeoutError,
  UcxUnsupportedError,
} from "../errors.ts";
import type { BlockingOptions, EndpointId } from "../worker_types.ts";
import type { MemoryOptions, UcxMemory } from "./registered_memory.ts";
import { RemoteAtomics, width32, width64 } from "./remote_atomics.ts";
import type { RemoteMemory } from "./remote_memory.ts";

/** Calls that are done at once, between two turns of progress. */
const callsPerProgress = 16;

function checkRma(core: WorkerCore, call: string): void {
  core.checkOpen();
  if (!core.config.enableRma)
    throw new UcxFeatureDisabledError(call, "enableRma");
}

/** Memory of a worker. */
export class WorkerMemory {
  readonly #core: WorkerCore;

  /** Use {@linkcode UcxWorker.memory}. */
  constructor(core: WorkerCore) {
    this.#core = core;
  }

  /**
   * Registers memory for peers.
   *
   * @param memory a number of bytes, which UCX allocates, in shared memory where that is in use; or a Uint8Array, whose
   *   ArrayBuffer must not be transferred while it is registered
   * @throws {UcxFeatureDisabledError} without enableRma
   * @throws {RangeError|TypeError} when it is neither, or empty
   * @throws {UcxNoResourceError} when there is not so much
   */
  register(
    memory: Uint8Array | number,
    options: MemoryOptions = {},
  ): UcxMemory {
    checkRma(this.#core, "registerMemory");
    const { access = "readWrite" } = options;
    if (access !== "read" && access !== "readWrite")
      throw new TypeError(
        `access: given ${JSON.stringify(access)}, allowed "read" or "readWrite"`,
      );
    if (typeof memory === "number") {
      if (!Number.isSafeInteger(memory) || memory < 1)
        throw new RangeError(
          `memory: given ${memory} bytes, allowed an integer from 1`,
        );
    } else {
      checkBuffer(memory, "memory");
      if (memory.byteLength === 0)
        throw new RangeError("memory: given 0 bytes, allowed 1 or more");
    }
    return this.#core.memories.register(memory, access === "readWrite");
  }

  /**
   * Takes the key to a peer's memory.
   *
   * @param key what `exportKey` of the peer gave
   * @throws {UcxInvalidKeyError} when the key is damaged, or is not of that peer
   * @throws {UcxFeatureDisabledError} without enableRma
   * @throws {UcxUnsupportedError} when the peer is without
   * @throws {UcxNotConnectedError} when there is no such open connection
   */
  import(endpointId: EndpointId, key: Uint8Array): UcxRemoteMemory {
    const core = this.#core;
    checkRma(core, "importMemory");
    if (!(key instanceof Uint8Array))
      throw new TypeError(`key: given ${typeof key}, allowed a Uint8Array`);
    const endpoint = core.connections.table.get(endpointId);
    if (endpoint === undefined)
      throw new UcxNotConnectedError(`there is no endpoint ${endpointId}`, {
        endpointId,
      });
    if (endpoint.state !== "open") throw notSendable(endpoint);
    if (!endpoint.raw && (endpoint.peerFeatures & UCP_FEATURE.RMA) === 0)
      throw new UcxUnsupportedError(
        `endpoint ${endpointId}: its peer was made without enableRma`,
        { endpointId },
      );
    return new UcxRemoteMemory(core, core.memories.import(endpoint, key));
  }
}

/**
 * A peer's memory. All calls throw {@linkcode UcxConnectionResetError} when the connection is lost,
 * {@linkcode UcxNotConnectedError} after it has ended, {@linkcode UcxClosedError} after `close`, and
 * {@linkcode UcxTimeoutError} when the peer does not progress in time; UCX then still uses the buffer.
 */
export class UcxRemoteMemory {
  readonly #core: WorkerCore;
  readonly #memory: RemoteMemory;
  #calls = 0;
  /** Atomic operations on 32 bits. */
  readonly atomics32: RemoteAtomics<number>;
  /** Atomic operations on 64 bits. */
  readonly atomics64: RemoteAtomics<bigint>;

  /** Use {@linkcode UcxWorker.importMemory}. */
  constructor(core: WorkerCore, memory: RemoteMemory) {
    this.#core = core;
    this.#memory = memory;
    const run = (
      call: Parameters<RemoteMemory["atomic"]>[0],
      options: BlockingOptions,
    ): void =>
      this.#wait(this.#memory.atomic(call), "atomic operation", options);
    this.atomics32 = new RemoteAtomics(width32, run);
    this.atomics64 = new RemoteAtomics(width64, run);
  }

  get endpointId(): EndpointId {
    return this.#memory.endpoint.id;
  }

  /** In bytes. */
  get byteLength(): number {
    return this.#memory.key.byteLength;
  }

  /** Whether it may be written. */
  get writable(): boolean {
    return this.#memory.key.writable;
  }

  /**
   * Writes, and waits until the data is free again. The peer's memory has it after {@linkcode flush}.
   *
   * @param offset in bytes. @default 0
   * @throws {RangeError} when that is not within the memory
   * @throws {UcxUnsupportedError} when the memory may only be read
   */
  put(data: Uint8Array, offset = 0, options: BlockingOptions = {}): void {
    checkBuffer(data, "data");
    this.#wait(this.#memory.put(data, offset), "put", options);
  }

  /**
   * Reads as many bytes as the buffer holds, and waits for them.
   *
   * @param offset in bytes. @default 0
   * @throws {RangeError} when that is not within the memory
   */
  get(buffer: Uint8Array, offset = 0, options: BlockingOptions = {}): void {
    checkBuffer(buffer, "buffer");
    this.#wait(this.#memory.get(buffer, offset), "get", options);
  }

  /** Waits until all that this connection has written is in the peer's memory. */
  flush(options: BlockingOptions = {}): void {
    this.#wait(this.#memory.flush(), "flush", options);
  }

  /** What is written later, to whatever memory, is not seen before what was written earlier. Does not wait. */
  fence(): void {
    this.#memory.fence();
  }

  /**
   * The peer's memory itself, without any call: for memory that UCX has allocated, over shared memory. Becomes empty when
   * this or the connection is closed.
   *
   * @throws {UcxUnsupportedError} for other memory
   */
  view(): Uint8Array<ArrayBuffer> {
    return this.#memory.view();
  }

  /** Gives the key back. Idempotent. */
  close(): void {
    this.#memory.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #wait(
    operation: Operation | undefined,
    what: string,
    options: BlockingOptions,
  ): void {
    if (operation === undefined) {
      // Over shared memory all is done at once: nobody would notice that the peer is gone.
      if (++this.#calls % callsPerProgress === 0) this.#core.progress();
      return;
    }
    const timeoutMs = options.timeoutMs ?? this.#core.config.timeoutMs;
    this.#core.waitUntil(() => operation.isDone, deadlineOf(timeoutMs));
    if (!operation.isDone)
      throw new UcxTimeoutError(
        `${what}: not done within ${timeoutMs} ms; the peer may not be progressing`,
        { endpointId: this.endpointId },
      );
    checkOperation(operation, what);
  }
}
