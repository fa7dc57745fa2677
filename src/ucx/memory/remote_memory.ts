/** Memory of a peer: operations on it, without waiting. */
import { type Handle, sizeAt } from "../../../ffi/host.ts";
import { viewAt } from "../../../ffi/ucp/native_memory.ts";
import { NativeCell } from "../../../ffi/ucp/native_struct.ts";
import {
  contiguous,
  createRequestParameters,
} from "../../../ffi/ucp/request_structs.ts";
import type { Endpoint } from "../core/endpoint.ts";
import type { NativeWorker } from "../core/native_worker.ts";
import { Operation } from "../core/operation.ts";
import { notSendable } from "../core/operation_errors.ts";
import type { Requests } from "../core/requests.ts";
import { UcxClosedError, UcxUnsupportedError } from "../errors.ts";
import { checkStatus, statusError } from "../status_errors.ts";
import type { MemoryKey } from "./memory_key.ts";

/** What it needs of the worker. */
export interface RemoteMemoryContext {
  readonly native: NativeWorker;
  readonly requests: Requests;
  /** UCX's key is given back. */
  onClose(memory: RemoteMemory): void;
}

/** An atomic operation of UCX. */
export interface AtomicCall {
  /** One of `UCP_ATOMIC_OP`. */
  readonly opcode: number;
  /** 4 or 8. */
  readonly width: 4 | 8;
  readonly offset: number;
  /** 16 bytes: the operand, and from the 9th what goes in as the new value of a swap with condition, and comes out. */
  readonly cells: Uint8Array<ArrayBuffer>;
  /** Whether the old value is wanted. */
  readonly fetches: boolean;
}

/** A key to a peer's memory that UCX has taken. */
export class RemoteMemory {
  readonly endpoint: Endpoint;
  readonly key: MemoryKey;
  readonly #context: RemoteMemoryContext;
  readonly #nativeKey: Handle;
  /** Operations that UCX works on: its key must outlive them. */
  #underWay = 0;
  #closed = false;
  #view: Uint8Array<ArrayBuffer> | undefined;

  /** @throws {UcxError} when UCX does not take the key: no transport in use can reach that memory */
  constructor(
    endpoint: Endpoint,
    key: MemoryKey,
    context: RemoteMemoryContext,
  ) {
    this.endpoint = endpoint;
    this.key = key;
    this.#context = context;
    const cell = new NativeCell();
    checkStatus(
      context.native.functions.ucp_ep_rkey_unpack(
        endpoint.handle,
        key.nativeKey,
        cell.bytes,
      ),
      "importMemory",
    );
    this.#nativeKey = cell.object;
  }

  /** Writes. Gives the operation, or undefined when the data is free again already. */
  put(data: Uint8Array, offset: number): Operation | undefined {
    this.#check(offset, data.byteLength, true);
    if (data.byteLength === 0) return undefined;
    const { native } = this.#context;
    const request = native.functions.ucp_put_nbx(
      this.endpoint.handle,
      data,
      sizeAt(data.byteLength),
      this.key.address + BigInt(offset),
      this.#nativeKey,
      native.params.plain,
    );
    return this.#follow(request, data, "put");
  }

  /** Reads. Gives the operation, or undefined when it is done already. */
  get(target: Uint8Array, offset: number): Operation | undefined {
    this.#check(offset, target.byteLength, false);
    if (target.byteLength === 0) return undefined;
    const { native } = this.#context;
    const request = native.functions.ucp_get_nbx(
      this.endpoint.handle,
      target,
      sizeAt(target.byteLength),
      this.key.address + BigInt(offset),
      this.#nativeKey,
      native.params.plain,
    );
    return this.#follow(request, target, "get");
  }

  /** Gives the operation, or undefined when it is done already. */
  atomic(call: AtomicCall): Operation | undefined {
    const { width, offset, cells } = call;
    this.#check(offset, width, true);
    const address = this.key.address + BigInt(offset);
    if (address % BigInt(width) !== 0n)
      throw new RangeError(
        `offset: given ${offset}, which is the address ${address}; allowed one that is a multiple of ${width}`,
      );
    const { native } = this.#context;
    const params = createRequestParameters({
      datatype: contiguous(width),
      ...(call.fetches ? { replyBuffer: cells.subarray(8, 16) } : {}),
    });
    const request = native.functions.ucp_atomic_op_nbx(
      this.endpoint.handle,
      call.opcode,
      cells,
      sizeAt(1),
      address,
      this.#nativeKey,
      params.handle,
    );
    return this.#follow(request, [cells, params], "atomic operation");
  }

  /** Done when everything that was written by this connection is in the peer's memory. */
  flush(): Operation | undefined {
    this.#checkOpen();
    const { native } = this.#context;
    const request = native.functions.ucp_ep_flush_nbx(
      this.endpoint.handle,
      native.params.plain,
    );
    return this.#follow(request, undefined, "flush");
  }

  /** What is written after it is not seen before what was written before it. */
  fence(): void {
    this.#checkOpen();
    const { native } = this.#context;
    checkStatus(native.functions.ucp_worker_fence(native.worker), "fence");
  }

  /** The peer's memory itself. @throws {UcxUnsupportedError} when it is not shared with this process */
  view(): Uint8Array<ArrayBuffer> {
    this.#checkOpen();
    if (this.#view !== undefined) return this.#view;
    const cell = new NativeCell();
    const status = this.#context.native.functions.ucp_rkey_ptr(
      this.#nativeKey,
      this.key.address,
      cell.bytes,
    );
    if (status !== 0)
      throw new UcxUnsupportedError(
        "the peer's memory is not shared with this process: it must be allocated by UCX, and be reached over shared memory",
        { status, endpointId: this.endpoint.id },
      );
    this.#view = viewAt(cell.object, this.key.byteLength);
    return this.#view;
  }

  /** No more operations. UCX's key is given back when those under way are done. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    // Whoever kept a view must not reach what is no longer mapped: this detaches it.
    this.#view?.buffer.transfer(0);
    this.#view = undefined;
    if (this.#underWay === 0) this.#giveBack();
  }

  #giveBack(): void {
    const { functions, isDestroyed } = this.#context.native;
    if (!isDestroyed) functions.ucp_rkey_destroy(this.#nativeKey);
    this.#context.onClose(this);
  }

  #checkOpen(): void {
    if (this.endpoint.state !== "open") throw notSendable(this.endpoint);
    if (this.#closed) throw new UcxClosedError("the remote memory is closed");
  }

  #check(offset: number, byteLength: number, writes: boolean): void {
    this.#checkOpen();
    const { key } = this;
    if (
      !Number.isSafeInteger(offset) ||
      offset < 0 ||
      offset + byteLength > key.byteLength
    )
      throw new RangeError(
        `offset: given ${offset} for ${byteLength} bytes, allowed an integer from 0 to ${key.byteLength - byteLength}: the memory has ${key.byteLength} bytes`,
      );
    if (writes && !key.writable)
      throw new UcxUnsupportedError("the memory may only be read", {
        endpointId: this.endpoint.id,
      });
  }

  #follow(request: Handle, keep: unknown, what: string): Operation | undefined {
    const { endpoint } = this;
    if (request < 0) {
      endpoint.counters.errors++;
      throw endpoint.failure ?? statusError(what, Number(request), endpoint.id);
    }
    if (!request) return undefined;
    const outer = new Operation("local", 0, keep);
    outer.endpoint = endpoint;
    const inner = this.#context.requests.add("plain", request, keep);
    inner.endpoint = endpoint;
    this.#underWay++;
    inner.onDone = ({ status }) => {
      this.#underWay--;
      if (this.#closed && this.#underWay === 0) this.#giveBack();
      outer.status = status;
      outer.keep = undefined;
      outer.onDone?.(outer);
    };
    return outer;
  }
}
