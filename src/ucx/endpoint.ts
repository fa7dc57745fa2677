/** One connection with the calls of its worker. */
import { capturePrinted } from "../../ffi/ucp/native_memory.ts";
import type { MessageData, NativeMemory } from "./core/buffers.ts";
import type { Endpoint } from "./core/endpoint.ts";
import type { EndpointStats } from "./statistics.ts";
import type { TagCalls } from "./tag_calls.ts";
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

  /** Made by the worker. */
  constructor(calls: TagCalls, endpoint: Endpoint) {
    this.id = endpoint.id;
    this.#calls = calls;
    this.#endpoint = endpoint;
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
    this.#calls.send(this.#endpoint, tag, data, options);
  }

  /** See {@linkcode UcxWorker.receiveTag}. */
  receiveTag(
    tag: number | bigint | undefined,
    buffer: Uint8Array | NativeMemory,
    options?: TagReceiveOptions,
  ): number {
    return this.#calls.receive(this.#endpoint, tag, buffer, options);
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
