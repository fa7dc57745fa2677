/** Tagged messages, as a worker offers them. */
import type { MessageData, NativeMemory } from "./core/buffers.ts";
import type { Endpoint } from "./core/endpoint.ts";
import type { UcxError } from "./errors.ts";
import { TagCalls } from "./tag_calls.ts";
import { UcxEndpoint } from "./endpoint.ts";
import type { UcxRequest } from "./tag_request.ts";
import { WorkerGroups } from "./worker_groups.ts";
import type {
  EndpointId,
  TagMessage,
  TagMessageInfo,
  TagMessageOptions,
  TagProbeOptions,
  TagReceiveOptions,
  TagSendOptions,
} from "./worker_types.ts";

/** The part of `UcxWorker` that sends and receives tagged messages. */
export abstract class WorkerTags extends WorkerGroups {
  #calls: TagCalls | undefined;

  get #tags(): TagCalls {
    return this.#calls ?? this.#made();
  }

  #made(): TagCalls {
    this.#calls = new TagCalls(this.core);
    return this.#calls;
  }

  #from(endpointId: EndpointId | undefined): Endpoint | undefined {
    return endpointId === undefined ? undefined : this.#tags.known(endpointId);
  }

  #fromOrGone(endpointId: EndpointId | undefined): Endpoint | undefined | null {
    return endpointId === undefined
      ? undefined
      : this.#tags.knownOrGone(endpointId);
  }

  #to(endpointId: EndpointId): Endpoint {
    return this.#tags.known(endpointId);
  }

  /**
   * A connection with its calls, for those who use it often.
   *
   * @throws {UcxNotConnectedError} when there is none of that id
   */
  endpoint(endpointId: EndpointId): UcxEndpoint {
    return new UcxEndpoint(this.#tags, this.#to(endpointId));
  }

  /**
   * Sends a message, and waits until its data is free again: short ones are on their way by then, of a long one the
   * receiver has it.
   *
   * @param tag 0 to 2^40 - 1; in raw mode 0 to 2^64 - 1
   * @param data one buffer, or several that make up one message, or native memory
   * @param options.sync waits until the receiver has taken the message, however short it is
   * @throws {UcxNotConnectedError} when there is no such open connection
   * @throws {UcxConnectionResetError} when the connection is lost
   * @throws {UcxTimeoutError} when the peer gives no credit in time: then nothing was sent. Or when the receiver does
   *   not take the message in time: then UCX still uses `data`, and the message may arrive
   * @throws {UcxLimitError} when it is longer than the peer takes
   * @throws {TypeError|RangeError} when an argument is wrong
   * @throws {UcxUnsupportedError} when the peer takes no tagged messages, or this UCX does not know that type of memory
   */
  sendTag(
    endpointId: EndpointId,
    tag: number | bigint,
    data: MessageData | NativeMemory,
    options?: TagSendOptions,
  ): void {
    this.#tags.send(this.#to(endpointId), tag, data, options);
  }

  /**
   * Begins to send, and returns at once. Without credit of the peer it waits behind those before it.
   *
   * @throws as {@linkcode sendTag}, of what is known at once
   * @throws {UcxLimitError} when too many wait for credit
   */
  startSendTag(
    endpointId: EndpointId,
    tag: number | bigint,
    data: MessageData | NativeMemory,
    options?: TagSendOptions,
  ): UcxRequest {
    return this.#tags.startSend(this.#to(endpointId), tag, data, options);
  }

  /** Sends one message to every open connection. Gives for each what went wrong, or undefined. */
  broadcastTag(
    tag: number | bigint,
    data: MessageData | NativeMemory,
    options?: TagSendOptions,
  ): Map<EndpointId, UcxError | undefined> {
    return this.#tags.broadcast(tag, data, options);
  }

  /**
   * Waits for a message.
   *
   * @param endpointId whose; undefined for anybody's
   * @param tag undefined for any
   * @returns its bytes
   * @throws {UcxTimeoutError} when none came; or a long one has not come whole: then UCX still uses the buffer
   * @throws {UcxTruncatedError} when it is longer than the buffer; it can be received with a larger one
   * @throws {UcxConnectionResetError} when the connection is lost, and so none can come
   * @throws {UcxNotConnectedError} when the connection was closed, and nothing of it is left
   */
  receiveTag(
    endpointId: EndpointId | undefined,
    tag: number | bigint | undefined,
    buffer: Uint8Array | NativeMemory,
    options?: TagReceiveOptions,
  ): number {
    return this.#tags.receive(this.#from(endpointId), tag, buffer, options);
  }

  /** As {@linkcode receiveTag}, and tells tag and sender too: for receives with wildcards. */
  receiveTagInto(
    endpointId: EndpointId | undefined,
    tag: number | bigint | undefined,
    buffer: Uint8Array | NativeMemory,
    options?: TagReceiveOptions,
  ): TagMessageInfo {
    const bytes = this.#tags.receive(
      this.#from(endpointId),
      tag,
      buffer,
      options,
    );
    return this.#tags.info(bytes);
  }

  /**
   * Waits for a message, and receives it into a buffer of its length.
   *
   * @param options.maxBytes a longer one is refused, and stays. @default the worker's bufferSize
   * @throws as {@linkcode receiveTag}
   */
  receiveTagMessage(
    endpointId: EndpointId | undefined,
    tag?: number | bigint,
    options?: TagMessageOptions,
  ): TagMessage {
    return this.#tags.receiveMessage(this.#from(endpointId), tag, options);
  }

  /**
   * Begins to receive, ahead of messages that come later, and returns at once. A message that is too long for the buffer
   * is lost: its request fails with an {@linkcode UcxTruncatedError}.
   *
   * @throws {UcxNotConnectedError} when the connection was closed, and nothing of it is left
   */
  startReceiveTag(
    endpointId: EndpointId | undefined,
    tag: number | bigint | undefined,
    buffer: Uint8Array | NativeMemory,
    options?: TagProbeOptions,
  ): UcxRequest {
    return this.#tags.startReceive(
      this.#from(endpointId),
      tag,
      buffer,
      options,
    );
  }

  /**
   * Takes a message if one has come. One that is too long for the buffer stays.
   *
   * @returns its bytes, or undefined when there is none; also when the connection has ended, and nothing of it is left
   * @throws {UcxTruncatedError} when it is longer than the buffer
   * @throws {UcxNotConnectedError} when there never was such a connection
   */
  tryReceiveTag(
    endpointId: EndpointId | undefined,
    tag: number | bigint | undefined,
    buffer: Uint8Array,
    options?: TagProbeOptions,
  ): number | undefined {
    const from = this.#fromOrGone(endpointId);
    return from === null
      ? undefined
      : this.#tags.tryReceive(from, tag, buffer, options);
  }

  /** As {@linkcode tryReceiveTag}, and tells tag and sender too. */
  tryReceiveTagInto(
    endpointId: EndpointId | undefined,
    tag: number | bigint | undefined,
    buffer: Uint8Array,
    options?: TagProbeOptions,
  ): TagMessageInfo | undefined {
    const bytes = this.tryReceiveTag(endpointId, tag, buffer, options);
    return bytes === undefined ? undefined : this.#tags.info(bytes);
  }

  /** Looks for a message without taking it: who sent it, its tag and length. Undefined when there is none. */
  probeTag(
    endpointId?: EndpointId,
    tag?: number | bigint,
    options?: TagProbeOptions,
  ): TagMessageInfo | undefined {
    const from = this.#fromOrGone(endpointId);
    return from === null ? undefined : this.#tags.probe(from, tag, options);
  }
}
