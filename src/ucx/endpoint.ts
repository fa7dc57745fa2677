/** One connection with the calls of its worker. */
import { capturePrinted } from "../../ffi/ucp/native_memory.ts";
import type { MessageData, NativeMemory } from "./core/buffers.ts";
import type { Endpoint } from "./core/endpoint.ts";
import type { EndpointStats } from "./statistics.ts";
import type { TagCalls } from "./tag_calls.ts";
import { notByLane, TagLane } from "./tag_lane.ts";
import type {
  EndpointId,
  TagProbeOptions,
  TagReceiveOptions,
  TagSendOptions,
} from "./worker_types.ts";

/**
 * A connection of a worker, for those who use it often: {@linkcode UcxWorker.endpoint}. It saves looking for the
 * connection at each call, and does the same as the worker's methods of these names.
 */
export class UcxEndpoint {
  readonly id: EndpointId;
  readonly #calls: TagCalls;
  readonly #endpoint: Endpoint;
  readonly #lane: TagLane | undefined;

  /** Made by the worker. */
  constructor(calls: TagCalls, endpoint: Endpoint) {
    this.id = endpoint.id;
    this.#calls = calls;
    this.#endpoint = endpoint;
    const { config } = calls.core;
    if (config.enableTag && !config.raw)
      this.#lane = new TagLane(calls, endpoint);
  }

  /** Whether messages can be sent to it. */
  get isConnected(): boolean {
    return this.#endpoint.state === "open";
  }

  /** Which transports it uses for what, in UCX's words; empty when it is closed. */
  transports(): string {
    const { handle } = this.#endpoint;
    if (!handle) return "";
    const { functions } = this.#calls.core.native;
    return capturePrinted((stream) =>
      functions.ucp_ep_print_info(handle, stream),
    );
  }

  /** What was counted so far. */
  stats(): EndpointStats {
    return { ...this.#endpoint.counters };
  }

  /** See {@linkcode UcxWorker.sendTag}. */
  sendTag(
    tag: number | bigint,
    data: MessageData | NativeMemory,
    options?: TagSendOptions,
  ): void {
    const lane = this.#lane;
    if (options !== undefined || lane === undefined) {
      this.#calls.send(this.#endpoint, tag, data, options);
      return;
    }
    if (lane.send(tag, data)) return;
    this.#calls.send(this.#endpoint, tag, data);
    lane.rememberSend(tag, data);
  }

  /** See {@linkcode UcxWorker.receiveTag}. */
  receiveTag(
    tag: number | bigint | undefined,
    buffer: Uint8Array | NativeMemory,
    options?: TagReceiveOptions,
  ): number {
    const lane = this.#lane;
    if (options !== undefined || lane === undefined)
      return this.#calls.receive(this.#endpoint, tag, buffer, options);
    let bytes = lane.receive(tag, buffer);
    if (bytes !== notByLane) return bytes;
    bytes = this.#calls.receive(this.#endpoint, tag, buffer);
    lane.rememberReceive(tag, buffer);
    return bytes;
  }

  /** See {@linkcode UcxWorker.tryReceiveTag}. */
  tryReceiveTag(
    tag: number | bigint | undefined,
    buffer: Uint8Array,
    options?: TagProbeOptions,
  ): number | undefined {
    return this.#calls.tryReceive(this.#endpoint, tag, buffer, options);
  }
}
