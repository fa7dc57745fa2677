/** The streams of a blocking worker: its property `streams`. */
import { UCP_FEATURE } from "../../../ffi/ucp/constants.ts";
import { deadlineMs as deadlineOf } from "../../base/deadline.ts";
import {
  checkBuffer,
  checkData,
  dataBytes,
  type MessageData,
} from "../core/buffers.ts";
import type { Endpoint } from "../core/endpoint.ts";
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
import type { StreamChunk } from "./stream_chunk.ts";

/** How a stream is received. */
export interface StreamReceiveOptions extends BlockingOptions {
  /** Waits until the buffer is full. @default false: any bytes do */
  readonly waitAll?: boolean | undefined;
}

/** @throws {UcxFeatureDisabledError} when the worker has no streams */
export function checkStreams(core: WorkerCore, call: string): void {
  core.checkOpen();
  if (!core.config.enableStream)
    throw new UcxFeatureDisabledError(call, "enableStream");
}

/**
 * A connection to send to.
 *
 * @throws {UcxNotConnectedError} when there is no such open connection
 * @throws {UcxUnsupportedError} when the peer has no streams
 */
export function sendableStream(
  core: WorkerCore,
  endpointId: EndpointId,
): Endpoint {
  checkStreams(core, "sendStream");
  const endpoint = receivableStream(core, endpointId);
  if (endpoint.state !== "open") throw notSendable(endpoint);
  if (!endpoint.raw && (endpoint.peerFeatures & UCP_FEATURE.STREAM) === 0)
    throw new UcxUnsupportedError(
      `endpoint ${endpointId}: its peer was made without enableStream`,
      { endpointId },
    );
  return endpoint;
}

/**
 * A connection to receive from, also when it is closed and not all was read.
 *
 * @throws {UcxNotConnectedError} when there is none of that id
 */
export function receivableStream(
  core: WorkerCore,
  endpointId: EndpointId,
): Endpoint {
  checkStreams(core, "receiveStream");
  const endpoint = core.connections.table.get(endpointId);
  if (endpoint !== undefined) return endpoint;
  throw new UcxNotConnectedError(`there is no endpoint ${endpointId}`, {
    endpointId,
  });
}

/** Streams of a worker: calls block the thread until they are done or out of time. */
export class WorkerStreams {
  readonly #core: WorkerCore;

  /** Use {@linkcode UcxWorker.streams}. */
  constructor(core: WorkerCore) {
    this.#core = core;
  }

  /**
   * Sends bytes, and waits until the data is free again. The peer grants a window of bytes (its streamWindowBytes): when
   * it does not read, this waits.
   *
   * @param data one buffer, or several, one after the other
   * @throws {UcxNotConnectedError} when there is no such open connection
   * @throws {UcxConnectionResetError} when the connection is lost
   * @throws {UcxUnsupportedError} when the peer has no streams
   * @throws {UcxTimeoutError} when the peer does not read in time: `bytesDone` of the data are sent, the rest never is
   */
  send(
    endpointId: EndpointId,
    data: MessageData,
    options: BlockingOptions = {},
  ): void {
    const core = this.#core;
    const endpoint = sendableStream(core, endpointId);
    checkData(data, "data");
    const operation = core.streams.send(endpoint, data);
    if (operation === undefined) return;
    if (!this.#wait(operation, options)) {
      core.streams.cancel(operation);
      throw new UcxTimeoutError(
        `endpoint ${endpointId}: ${operation.bytes} of ${dataBytes(data)} bytes were sent within ${this.#timeoutMs(options)} ms; the peer has not read enough for more`,
        { endpointId, bytesDone: operation.bytes },
      );
    }
    checkOperation(operation, "sendStream");
  }

  /**
   * Receives bytes: as many as there are, up to the length of the buffer.
   *
   * @returns how many; 0 at the end of the stream, which the peer's goodbye is. With `waitAll`, less than the buffer holds
   *   only when the stream ended, was lost, or the time was over; the next call tells which
   * @throws {UcxTimeoutError} when nothing came in time
   * @throws {UcxConnectionResetError} when the connection is lost
   */
  receive(
    endpointId: EndpointId,
    buffer: Uint8Array,
    options: StreamReceiveOptions = {},
  ): number {
    const core = this.#core;
    const endpoint = receivableStream(core, endpointId);
    checkBuffer(buffer, "buffer");
    const operation = core.streams.receive(
      endpoint,
      buffer,
      options.waitAll === true,
    );
    this.#finishReceive(operation, options);
    return operation.bytes;
  }

  /** Receives what is there already: undefined when there is nothing yet, 0 at the end. @throws as `receive` */
  tryReceive(endpointId: EndpointId, buffer: Uint8Array): number | undefined {
    const core = this.#core;
    const endpoint = receivableStream(core, endpointId);
    checkBuffer(buffer, "buffer");
    core.progress();
    const operation = core.streams.receive(endpoint, buffer, false);
    if (!operation.isDone) {
      core.streams.cancel(operation);
      return undefined;
    }
    checkOperation(operation, "receiveStream");
    return operation.bytes;
  }

  /**
   * Receives the next bytes without a copy: they stay in UCX's memory, and in the window, until they are released. Worth
   * it for pieces of some ten KiB; a copy of a few KiB is cheaper than the view.
   *
   * @returns undefined at the end of the stream
   * @throws as {@linkcode receive}
   */
  take(
    endpointId: EndpointId,
    options: BlockingOptions = {},
  ): StreamChunk | undefined {
    const core = this.#core;
    const endpoint = receivableStream(core, endpointId);
    const operation = core.streams.waitReadable(endpoint);
    this.#finishReceive(operation, options);
    return core.streams.take(endpoint);
  }

  /**
   * Shows the next bytes to a function without a copy. They are UCX's: after the function returned, the view is empty.
   *
   * @returns how many bytes; 0 at the end of the stream, without a call
   * @throws as {@linkcode receive}, and what the function throws
   */
  read(
    endpointId: EndpointId,
    use: (bytes: Uint8Array) => void,
    options: BlockingOptions = {},
  ): number {
    using chunk = this.take(endpointId, options);
    if (chunk === undefined) return 0;
    use(chunk.bytes);
    return chunk.byteLength;
  }

  /** The connections that have something to read. Progresses once. */
  ready(): EndpointId[] {
    checkStreams(this.#core, "streams.ready");
    this.#core.progress();
    return this.#core.streams.ready().map((endpoint) => endpoint.id);
  }

  #finishReceive(operation: Operation, options: BlockingOptions): void {
    if (!this.#wait(operation, options)) {
      this.#core.streams.cancel(operation);
      if (operation.bytes === 0)
        throw new UcxTimeoutError(
          `nothing came by the stream within ${this.#timeoutMs(options)} ms`,
          { endpointId: operation.endpoint?.id },
        );
    }
    checkOperation(operation, "receiveStream");
  }

  #timeoutMs(options: BlockingOptions): number {
    return options.timeoutMs ?? this.#core.config.timeoutMs;
  }

  #wait(operation: Operation, options: BlockingOptions): boolean {
    if (operation.isDone) return true;
    const deadlineMs = deadlineOf(this.#timeoutMs(options));
    this.#core.waitUntil(() => operation.isDone, deadlineMs);
    return operation.isDone;
  }
}
