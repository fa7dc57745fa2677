/** Sends that were begun without credit: they wait here, in order, until the peer gives some. */
import type { Endpoint } from "./core/endpoint.ts";
import { canceledStatus, Operation } from "./core/operation.ts";
import type { TagData } from "./core/tag_sending.ts";
import type { WorkerCore } from "./core/worker_core.ts";
import { UcxError, UcxLimitError, UcxNotConnectedError } from "./errors.ts";

/** Sends of one connection that may wait for credit at a time. */
const queuedSendsMax = 65_536;

interface QueuedSend {
  readonly tag: number | bigint;
  readonly data: TagData;
  readonly sync: boolean;
  /** Stands for the send before UCX knows of it. */
  readonly operation: Operation;
}

/** The sends of one worker that wait for credit. */
export class TagSendQueue {
  readonly #core: WorkerCore;
  readonly #queues = new Map<Endpoint, QueuedSend[]>();

  constructor(core: WorkerCore) {
    this.#core = core;
  }

  /**
   * Puts a send behind those that wait. The caller has checked everything.
   *
   * @throws {UcxLimitError} when too many wait
   */
  add(
    endpoint: Endpoint,
    tag: number | bigint,
    data: TagData,
    sync: boolean,
  ): Operation {
    const queue = this.#queues.get(endpoint) ?? [];
    if (queue.length >= queuedSendsMax)
      throw new UcxLimitError(
        `endpoint ${endpoint.id}: ${queue.length} messages wait for the peer's credit, allowed ${queuedSendsMax}`,
        { endpointId: endpoint.id },
      );
    const operation = new Operation("local", 0, data);
    operation.endpoint = endpoint;
    const queued: QueuedSend = { tag, data, sync, operation };
    operation.onCancel = () => this.#remove(endpoint, queued);
    if (queue.length === 0) {
      this.#queues.set(endpoint, queue);
      endpoint.creditListeners.add(this.#onCredit);
    }
    queue.push(queued);
    endpoint.queuedSends = queue.length;
    this.#onCredit(endpoint);
    return operation;
  }

  #remove(endpoint: Endpoint, queued: QueuedSend): void {
    const queue = this.#queues.get(endpoint);
    const index = queue?.indexOf(queued) ?? -1;
    if (queue === undefined || index < 0) return;
    queue.splice(index, 1);
    this.#shrunk(endpoint, queue);
  }

  #shrunk(endpoint: Endpoint, queue: readonly QueuedSend[]): void {
    endpoint.queuedSends = queue.length;
    if (queue.length > 0) return;
    this.#queues.delete(endpoint);
    endpoint.creditListeners.delete(this.#onCredit);
  }

  readonly #onCredit = (endpoint: Endpoint): void => {
    const queue = this.#queues.get(endpoint);
    if (queue === undefined) return;
    const { messages } = this.#core;
    let sent = 0;
    for (const queued of queue) {
      if (endpoint.state !== "open")
        this.#fail(
          queued.operation,
          endpoint.failure ??
            new UcxNotConnectedError(
              `endpoint ${endpoint.id} was closed before the message was sent`,
              { endpointId: endpoint.id },
            ),
        );
      else if (messages.maySend(endpoint)) this.#send(endpoint, queued);
      else break;
      sent++;
    }
    queue.splice(0, sent);
    this.#shrunk(endpoint, queue);
  };

  #send(endpoint: Endpoint, { tag, data, sync, operation }: QueuedSend): void {
    let handed: Operation | undefined;
    try {
      handed = this.#core.messages.send(endpoint, tag, data, sync);
    } catch (error) {
      if (!(error instanceof UcxError)) throw error;
      this.#fail(operation, error);
      return;
    }
    operation.onCancel = undefined;
    if (handed === undefined) finish(operation, 0);
    else {
      operation.handed = true;
      handed.onDone = ({ status }) => finish(operation, status);
    }
  }

  #fail(operation: Operation, error: UcxError): void {
    operation.failure = error;
    finish(operation, error.status ?? canceledStatus);
  }
}

function finish(operation: Operation, status: number): void {
  operation.status = status;
  operation.keep = undefined;
  operation.onDone?.(operation);
}
