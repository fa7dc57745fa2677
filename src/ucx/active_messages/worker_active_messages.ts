/** Active messages of a blocking worker: its property `activeMessages`. */
import { deadlineMs as deadlineOf } from "../../base/deadline.ts";
import { checkBuffer, checkData, type MessageData } from "../core/buffers.ts";
import { controlMessageId } from "../core/control_messages.ts";
import type { Endpoint } from "../core/endpoint.ts";
import { checkOperation, notSendable } from "../core/operation_errors.ts";
import type { WorkerCore } from "../core/worker_core.ts";
import {
  UcxFeatureDisabledError,
  UcxNotConnectedError,
  UcxTimeoutError,
} from "../errors.ts";
import type { BlockingOptions, EndpointId } from "../worker_types.ts";
import type {
  ActiveMessageHandler,
  ActiveMessageOptions,
  ActiveMessageSendOptions,
} from "./active_messages.ts";

/** UCX has a table with an entry for each id up to the largest one in use. */
const idMax = 65_535;

/**
 * Checks the id of an active message.
 *
 * @throws {RangeError} when it is out of range, or the handshake's
 */
function checkId(core: WorkerCore, id: number): void {
  if (!Number.isInteger(id) || id < 0 || id > idMax)
    throw new RangeError(
      `id: given ${id}, allowed an integer from 0 to ${idMax}`,
    );
  if (!core.config.raw && id === controlMessageId)
    throw new RangeError(
      `id: ${id} is what workers speak to each other with; all ids are yours in a worker with raw: true`,
    );
}

/** Active messages of a worker. */
export class WorkerActiveMessages {
  readonly #core: WorkerCore;

  /** Use {@linkcode UcxWorker.activeMessages}. */
  constructor(core: WorkerCore) {
    this.#core = core;
  }

  /**
   * Sets the handler of an id, in place of another one. Handlers run while the worker is progressed, after UCX is done;
   * what they throw is an `error` event. A long message is handled when its data has come, so a short one may overtake it.
   * There is no credit: a handler keeps up, or the memory of what it keeps grows.
   *
   * @param id 0 to 65535, and small: UCX has a table up to the largest
   * @returns takes it away again; messages without a handler are dropped
   * @throws {UcxFeatureDisabledError} without enableActiveMessages
   * @throws {RangeError} when the id is out of range, or the handshake's own
   */
  on(
    id: number,
    handler: ActiveMessageHandler,
    options: ActiveMessageOptions = {},
  ): () => void {
    const core = this.#core;
    this.#check("onActiveMessage");
    checkId(core, id);
    if (typeof handler !== "function")
      throw new TypeError(
        `handler: given ${typeof handler}, allowed a function`,
      );
    core.activeMessages.on(id, handler, options);
    return () => core.activeMessages.off(id, handler);
  }

  /**
   * Sends, and waits until header and data are free again: short ones are on their way by then, of a long one the
   * receiver has it.
   *
   * @param header for the handler; some KiB at most
   * @param data one buffer, or several that make up one message
   * @throws {UcxFeatureDisabledError} without enableActiveMessages
   * @throws {UcxNotConnectedError} when there is no such open connection
   * @throws {UcxConnectionResetError} when the connection is lost
   * @throws {UcxLimitError} when it is longer than the peer takes
   * @throws {UcxTimeoutError} when the receiver does not take a long one in time: UCX then still uses it
   */
  send(
    endpointId: EndpointId,
    id: number,
    header: Uint8Array,
    data: MessageData,
    options: ActiveMessageSendOptions & BlockingOptions = {},
  ): void {
    const core = this.#core;
    this.#check("sendActiveMessage");
    checkId(core, id);
    const endpoint = this.#sendable(endpointId);
    checkBuffer(header, "header");
    const { maxActiveMessageHeader } = core.native;
    if (header.byteLength > maxActiveMessageHeader)
      throw new RangeError(
        `header: given ${header.byteLength} bytes, allowed ${maxActiveMessageHeader}`,
      );
    checkData(data, "data");
    const operation = core.activeMessages.send(
      endpoint,
      id,
      header,
      data,
      options,
    );
    if (operation === undefined) return;
    const timeoutMs = options.timeoutMs ?? core.config.timeoutMs;
    core.waitUntil(() => operation.isDone, deadlineOf(timeoutMs));
    if (!operation.isDone)
      throw new UcxTimeoutError(
        `endpoint ${endpointId}: the receiver has not taken the message within ${timeoutMs} ms; its data is still in use`,
        { endpointId },
      );
    checkOperation(operation, "sendActiveMessage");
  }

  #sendable(endpointId: EndpointId): Endpoint {
    const endpoint = this.#core.connections.table.get(endpointId);
    if (endpoint === undefined)
      throw new UcxNotConnectedError(`there is no endpoint ${endpointId}`, {
        endpointId,
      });
    if (endpoint.state !== "open") throw notSendable(endpoint);
    return endpoint;
  }

  #check(call: string): void {
    this.#core.checkOpen();
    if (!this.#core.config.enableActiveMessages)
      throw new UcxFeatureDisabledError(call, "enableActiveMessages");
  }
}
