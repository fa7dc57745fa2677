/** What a worker can do beside tagged messages, by groups: each a property of its own, made when it is first asked for. */
import type {
  ActiveMessageHandler,
  ActiveMessageOptions,
  ActiveMessageSendOptions,
} from "./active_messages/active_messages.ts";
import { WorkerActiveMessages } from "./active_messages/worker_active_messages.ts";
import type { MessageData } from "./core/buffers.ts";
import { describeWorker } from "./core/descriptions.ts";
import type { WorkerCore } from "./core/worker_core.ts";
import type { MemoryOptions, UcxMemory } from "./memory/registered_memory.ts";
import { type UcxRemoteMemory, WorkerMemory } from "./memory/worker_memory.ts";
import {
  type StreamReceiveOptions,
  WorkerStreams,
} from "./streams/worker_streams.ts";
import type {
  BlockingOptions,
  EndpointId,
  WorkerInfo,
} from "./worker_types.ts";

/** The part of `UcxWorker` that is not about connections, tagged messages and progress. */
export abstract class WorkerGroups {
  #streams: WorkerStreams | undefined;
  #memory: WorkerMemory | undefined;
  #activeMessages: WorkerActiveMessages | undefined;

  protected abstract get core(): WorkerCore;

  /** Streams of bytes: everything about them. */
  get streams(): WorkerStreams {
    this.#streams ??= new WorkerStreams(this.core);
    return this.#streams;
  }

  /** Sends bytes by the stream of a connection: {@linkcode WorkerStreams.send}. */
  sendStream(
    endpointId: EndpointId,
    data: MessageData,
    options?: BlockingOptions,
  ): void {
    this.streams.send(endpointId, data, options);
  }

  /** Receives bytes of a connection's stream: {@linkcode WorkerStreams.receive}. */
  receiveStream(
    endpointId: EndpointId,
    buffer: Uint8Array,
    options?: StreamReceiveOptions,
  ): number {
    return this.streams.receive(endpointId, buffer, options);
  }

  /** Remote memory access: everything about it. */
  get memory(): WorkerMemory {
    this.#memory ??= new WorkerMemory(this.core);
    return this.#memory;
  }

  /** Registers memory for peers: {@linkcode WorkerMemory.register}. */
  registerMemory(
    memory: Uint8Array | number,
    options?: MemoryOptions,
  ): UcxMemory {
    return this.memory.register(memory, options);
  }

  /** Takes the key to a peer's memory: {@linkcode WorkerMemory.import}. */
  importMemory(endpointId: EndpointId, key: Uint8Array): UcxRemoteMemory {
    return this.memory.import(endpointId, key);
  }

  /** Active messages: everything about them. */
  get activeMessages(): WorkerActiveMessages {
    this.#activeMessages ??= new WorkerActiveMessages(this.core);
    return this.#activeMessages;
  }

  /** Sets the handler of an active message: {@linkcode WorkerActiveMessages.on}. */
  onActiveMessage(
    id: number,
    handler: ActiveMessageHandler,
    options?: ActiveMessageOptions,
  ): () => void {
    return this.activeMessages.on(id, handler, options);
  }

  /** Sends an active message: {@linkcode WorkerActiveMessages.send}. */
  sendActiveMessage(
    endpointId: EndpointId,
    id: number,
    header: Uint8Array,
    data: MessageData,
    options?: ActiveMessageSendOptions & BlockingOptions,
  ): void {
    this.activeMessages.send(endpointId, id, header, data, options);
  }

  /** Version, library, configuration, and UCX's own description. */
  info(): WorkerInfo {
    this.core.checkOpen();
    return describeWorker(this.core.native);
  }
}
