/** Checks what the calls for tagged messages are given. What was found to be right last is not looked at again. */
import { UCS_MEMORY_TYPE } from "../../ffi/ucp/constants.ts";
import { ContextAttributes } from "../../ffi/ucp/context_structs.ts";
import { viewAt } from "../../ffi/ucp/native_memory.ts";
import {
  checkBuffer,
  checkData,
  type MessageData,
  NativeData,
  type NativeMemory,
} from "./core/buffers.ts";
import type { Endpoint, TagMatch } from "./core/endpoint.ts";
import type { TagData } from "./core/tag_sending.ts";
import type { WorkerCore } from "./core/worker_core.ts";
import {
  UcxFeatureDisabledError,
  UcxNotConnectedError,
  UcxUnsupportedError,
} from "./errors.ts";
import { checkMask, checkTag } from "./tags.ts";
import type { EndpointId } from "./worker_types.ts";

/** Views above it are not remembered as checked, since that keeps their memory. */
const rememberedBytesMax = 64 * 1024;

/** The arguments of `TagCalls`. */
export abstract class TagArguments {
  readonly core: WorkerCore;
  readonly #raw: boolean;
  readonly #enabled: boolean;
  // A view keeps its memory, and has no bytes when that is gone.
  #lastTag: number | bigint | undefined;
  #lastData: unknown;
  #lastBuffer: Uint8Array | undefined;
  // Of a pair of connections that are used in turn, both are remembered.
  #lastEndpoint: Endpoint | undefined;
  #endpointBefore: Endpoint | undefined;
  #memoryTypes: bigint | undefined;

  protected constructor(core: WorkerCore) {
    this.core = core;
    this.#raw = core.config.raw;
    this.#enabled = core.config.enableTag;
  }

  /** @throws {UcxNotConnectedError} when there is none of that id */
  known(endpointId: EndpointId): Endpoint {
    const last = this.#lastEndpoint;
    if (last?.id === endpointId && last.state !== "closed") return last;
    const before = this.#endpointBefore;
    if (before?.id === endpointId && before.state !== "closed") return before;
    this.core.checkOpen();
    const endpoint = this.core.connections.table.get(endpointId);
    if (endpoint === undefined)
      throw new UcxNotConnectedError(`there is no endpoint ${endpointId}`, {
        endpointId,
      });
    this.#endpointBefore = last;
    this.#lastEndpoint = endpoint;
    return endpoint;
  }

  /**
   * For calls that only look: who loops over the connections may end one by receiving from another.
   *
   * @returns null when it is closed and nothing of it is left
   * @throws {UcxNotConnectedError} when there never was one of that id
   */
  knownOrGone(endpointId: EndpointId): Endpoint | null {
    const { table } = this.core.connections;
    if (table.get(endpointId) === undefined && table.wasGiven(endpointId)) {
      this.core.checkOpen();
      return null;
    }
    return this.known(endpointId);
  }

  protected checkWorker(call: string): void {
    if (this.core.isClosed) this.core.checkOpen();
    if (!this.#enabled) throw new UcxFeatureDisabledError(call, "enableTag");
  }

  protected checkTag(tag: number | bigint): void {
    if (tag === this.#lastTag) return;
    checkTag(tag, this.#raw);
    this.#lastTag = tag;
  }

  protected checkBuffer(buffer: Uint8Array): void {
    if (buffer === this.#lastBuffer && buffer.byteLength > 0) return;
    checkBuffer(buffer, "buffer");
    this.#lastBuffer =
      buffer.byteLength <= rememberedBytesMax ? buffer : undefined;
  }

  protected checkedData(data: MessageData | NativeMemory): TagData {
    if (
      data === this.#lastData &&
      (data as { readonly byteLength: number }).byteLength > 0
    )
      return data as Uint8Array;
    if (data instanceof Uint8Array) {
      checkBuffer(data, "data");
      this.#lastData = data.byteLength <= rememberedBytesMax ? data : undefined;
      return data;
    }
    if (isNativeMemory(data)) return this.#native(data, "data");
    checkData(data as MessageData, "data");
    return data as MessageData;
  }

  #native(memory: NativeMemory, what: string): Uint8Array | NativeData {
    const data = new NativeData(memory, what);
    if (data.memoryType === UCS_MEMORY_TYPE.HOST)
      return viewAt(data.handle, data.byteLength);
    if (this.#memoryTypes === undefined) {
      const attributes = new ContextAttributes();
      const { functions, context } = this.core.native;
      functions.ucp_context_query(context, attributes.bytes);
      this.#memoryTypes = attributes.memoryTypes;
    }
    if ((this.#memoryTypes & (1n << BigInt(data.memoryType))) === 0n)
      throw new UcxUnsupportedError(
        `${what}: this UCX has no transport for memory of type ${memory.memoryType}`,
      );
    return data;
  }

  protected sendable(endpoint: Endpoint): void {
    if (endpoint.state === "open") return;
    throw (
      endpoint.failure ??
      new UcxNotConnectedError(
        `endpoint ${endpoint.id} is ${endpoint.state === "left" ? "being closed by its peer" : endpoint.state}`,
        { endpointId: endpoint.id },
      )
    );
  }

  protected match(
    call: string,
    endpoint: Endpoint | undefined,
    tag: number | bigint | undefined,
    mask: bigint | undefined,
  ): TagMatch {
    this.checkWorker(call);
    if (tag !== undefined) this.checkTag(tag);
    if (mask === undefined && tag !== undefined && endpoint !== undefined)
      return endpoint.match(tag);
    if (mask !== undefined) checkMask(mask);
    return this.core.match(endpoint, tag, mask);
  }

  protected checkedBuffer(
    buffer: Uint8Array | NativeMemory,
  ): Uint8Array | NativeData {
    if (!(buffer instanceof Uint8Array) && isNativeMemory(buffer))
      return this.#native(buffer, "buffer");
    this.checkBuffer(buffer as Uint8Array);
    return buffer as Uint8Array;
  }
}

function isNativeMemory(data: unknown): data is NativeMemory {
  return typeof data === "object" && data !== null && "address" in data;
}
