/** Sends of one connection: at once as long as the peer gives credit, else in their order. */
import type { MessageData } from "../core/buffers.ts";
import type { Endpoint } from "../core/endpoint.ts";
import type { Operation } from "../core/operation.ts";
import {
  UcxClosedError,
  UcxLimitError,
  UcxNotConnectedError,
  UcxTimeoutError,
} from "../errors.ts";
import { statusError } from "../status_errors.ts";
import type { Background } from "./background.ts";
import { limitsOf, type WaitOptions } from "./wait_limits.ts";

interface QueuedSend {
  readonly tag: number | bigint;
  readonly data: MessageData;
  /** UCX has it; undefined when the data is free already. */
  onSent(operation: Operation | undefined): void;
  onFailed(error: unknown): void;
}

/** What a send of this connection that cannot be done fails with. */
export function notSendable(endpoint: Endpoint): Error {
  return (
    endpoint.failure ??
    new UcxNotConnectedError(
      endpoint.state === "left" || endpoint.goodbye !== undefined
        ? "the peer has closed the connection"
        : `the connection is ${endpoint.state}`,
      { endpointId: endpoint.id },
    )
  );
}

/** The sends of one connection. */
export class SendQueue {
  readonly #background: Background;
  readonly #endpoint: Endpoint;
  /** A Set keeps the order, and lets go of one in the middle at once. */
  readonly #queued = new Set<QueuedSend>();

  constructor(background: Background, endpoint: Endpoint) {
    this.#background = background;
    this.#endpoint = endpoint;
    endpoint.creditListeners.add(() => this.#flush());
  }

  /** Messages that wait for credit. */
  get length(): number {
    return this.#queued.size;
  }

  /**
   * Sends. Everything was checked before.
   *
   * @throws {UcxError} what is known at once
   */
  send(
    tag: number | bigint,
    data: MessageData,
    options: WaitOptions | undefined,
  ): Promise<void> {
    const { core, driver, turns, config } = this.#background;
    const endpoint = this.#endpoint;
    if (endpoint.state !== "open") throw notSendable(endpoint);
    if (this.#queued.size === 0 && core.messages.maySend(endpoint)) {
      const operation = core.messages.send(endpoint, tag, data);
      driver.notify();
      if (operation === undefined || driver.spin(() => operation.isDone))
        return operation === undefined || operation.status === 0
          ? turns.promise(undefined)
          : Promise.reject(this.#operationError(operation));
      return this.#wait(operation, options);
    }
    if (this.#queued.size >= config.maxQueuedSends)
      throw new UcxLimitError(
        `${this.#queued.size} messages wait for the peer's credit, allowed ${config.maxQueuedSends} (maxQueuedSends)`,
        { endpointId: endpoint.id },
      );
    driver.notify();
    return this.#enqueue(tag, data, options);
  }

  #operationError(operation: Operation): Error {
    return (
      operation.failure ??
      this.#endpoint.failure ??
      (this.#background.isClosing
        ? new UcxClosedError("the manager was closed before the peer took it")
        : statusError("sendMessage", operation.status, this.#endpoint.id))
    );
  }

  /** UCX has the message, and the receiver has not. */
  #wait(operation: Operation, options: WaitOptions | undefined): Promise<void> {
    const { driver } = this.#background;
    return new Promise((resolve, reject) => {
      driver.hold();
      let isOver = false;
      const limits = limitsOf(
        options,
        (error) => {
          isOver = true;
          driver.release();
          reject(error);
        },
        (timeoutMs) =>
          new UcxTimeoutError(
            `the receiver has not taken the message within ${timeoutMs} ms; its data is still in use, and it may arrive`,
            { endpointId: this.#endpoint.id },
          ),
      );
      operation.onDone = () => {
        if (isOver) return;
        limits?.clear();
        driver.release();
        if (operation.status === 0) resolve();
        else reject(this.#operationError(operation));
      };
    });
  }

  #enqueue(
    tag: number | bigint,
    data: MessageData,
    options: WaitOptions | undefined,
  ): Promise<void> {
    const { driver } = this.#background;
    return new Promise((resolve, reject) => {
      driver.hold();
      let isOver = false;
      const finish = (): boolean => {
        if (isOver) return false;
        isOver = true;
        limits?.clear();
        driver.release();
        return true;
      };
      const queued: QueuedSend = {
        tag,
        data,
        onSent: (operation) => {
          if (operation !== undefined)
            operation.onDone = () => {
              if (!finish()) return;
              if (operation.status === 0) resolve();
              else reject(this.#operationError(operation));
            };
          else if (finish()) resolve();
        },
        onFailed: (error) => {
          if (finish()) reject(error);
        },
      };
      this.#queued.add(queued);
      const limits = limitsOf(
        options,
        (error) => {
          this.#queued.delete(queued);
          if (finish()) reject(error);
        },
        (timeoutMs) =>
          new UcxTimeoutError(
            this.#queued.has(queued)
              ? `the peer has not received what was sent before within ${timeoutMs} ms; nothing was sent`
              : `the receiver has not taken the message within ${timeoutMs} ms; its data is still in use, and it may arrive`,
            { endpointId: this.#endpoint.id },
          ),
      );
    });
  }

  /** There is credit, or there never will be. */
  #flush(): void {
    const { messages } = this.#background.core;
    const endpoint = this.#endpoint;
    for (const queued of this.#queued) {
      if (endpoint.state !== "open") {
        this.fail(notSendable(endpoint));
        return;
      }
      if (!messages.maySend(endpoint)) return;
      this.#queued.delete(queued);
      try {
        queued.onSent(messages.send(endpoint, queued.tag, queued.data));
      } catch (error) {
        queued.onFailed(error);
      }
    }
  }

  /** Rejects everything that waits for credit. */
  fail(error: unknown): void {
    for (const queued of [...this.#queued]) {
      this.#queued.delete(queued);
      queued.onFailed(error);
    }
  }
}
