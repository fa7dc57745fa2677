/** An operation that was begun and goes on while the worker is progressed. */
import { deadlineMs as deadlineOf } from "../base/deadline.ts";
import type { Operation } from "./core/operation.ts";
import { canceledStatus } from "./core/operation.ts";
import type { WorkerCore } from "./core/worker_core.ts";
import { UcxCanceledError, UcxError, UcxTimeoutError } from "./errors.ts";
import type { BlockingOptions, TagMessageInfo } from "./worker_types.ts";

/** How long `cancel` waits for UCX to give a request back, in milliseconds. */
const cancelMsMax = 1000;

/** What a request is made of. */
export interface UcxRequestInit {
  readonly core: WorkerCore;
  /** Undefined when it was done at once. */
  readonly operation: Operation | undefined;
  /** Whether it can be taken back once UCX has it. */
  readonly cancelable: boolean;
  readonly info: (operation: Operation | undefined) => TagMessageInfo;
  readonly failure: (operation: Operation) => UcxError;
}

/**
 * A send or receive that was begun: {@linkcode UcxWorker.startSendTag}, {@linkcode UcxWorker.startReceiveTag}. Its memory
 * is in use until it is done.
 */
export class UcxRequest {
  readonly #init: UcxRequestInit;

  /** Made by the worker. */
  constructor(init: UcxRequestInit) {
    this.#init = init;
  }

  /** Whether it is over, well or not. It only changes while the worker is progressed. */
  get isDone(): boolean {
    return this.#init.operation?.isDone ?? true;
  }

  /** Why it failed; undefined while it goes on, and when it went well. */
  get error(): UcxError | undefined {
    const { operation, failure } = this.#init;
    if (operation === undefined || !operation.isDone) return undefined;
    if (operation.status === 0) return undefined;
    if (operation.status === canceledStatus && operation.canceled)
      return new UcxCanceledError("the operation was given up", {
        status: canceledStatus,
        endpointId: operation.endpoint?.id,
      });
    return failure(operation);
  }

  /**
   * What was sent or received.
   *
   * @throws {UcxError} why it failed; code `UcxNotDone` while it goes on
   */
  get result(): TagMessageInfo {
    const { operation, info } = this.#init;
    if (!this.isDone)
      throw new UcxError("the operation goes on: progress, or wait for it", {
        code: "UcxNotDone",
      });
    const { error } = this;
    if (error !== undefined) throw error;
    return info(operation);
  }

  /**
   * Waits until it is done, on this thread.
   *
   * @param options.timeoutMs @default the worker's timeoutMs
   * @throws {UcxTimeoutError} when it is not done in time; it goes on
   * @throws {UcxError} why it failed
   */
  wait(options: BlockingOptions = {}): TagMessageInfo {
    const { core } = this.#init;
    const timeoutMs = options.timeoutMs ?? core.config.timeoutMs;
    const deadlineMs = deadlineOf(timeoutMs);
    if (!this.isDone) {
      core.checkOpen();
      core.waitUntil(() => this.isDone, deadlineMs);
    }
    if (!this.isDone)
      throw new UcxTimeoutError(`not done within ${timeoutMs} ms; it goes on`, {
        endpointId: this.#init.operation?.endpoint?.id,
      });
    return this.result;
  }

  /**
   * Gives it up, if that is still possible: a receive that no message has met, or a send that waits for the peer's
   * credit. What UCX has begun to move is not taken back.
   *
   * @returns whether it was given up: then `error` is an {@linkcode UcxCanceledError}
   */
  cancel(): boolean {
    const { core, operation, cancelable } = this.#init;
    if (operation === undefined || operation.isDone) return false;
    if (operation.kind === "local" ? operation.handed : !cancelable)
      return false;
    operation.canceled = true;
    core.messages.cancel(operation);
    // UCX gives a request back that met nothing at once. One that met a message may need its sender.
    const endMs = performance.now() + cancelMsMax;
    for (let turn = 0; turn < 16 && !operation.isDone; turn++) {
      core.progress();
      if (performance.now() > endMs) break;
    }
    return operation.status === canceledStatus;
  }
}
