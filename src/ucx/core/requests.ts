/** The requests that UCX works on: looked at after each progress, since a callback for each costs more. */
import type { Handle } from "../../../ffi/host.ts";
import type { UcpFunctions } from "../../../ffi/ucp/library.ts";
import { TagReceiveInfo } from "../../../ffi/ucp/request_structs.ts";
import type { Endpoint } from "./endpoint.ts";
import {
  canceledStatus,
  inProgress,
  Operation,
  type OperationKind,
} from "./operation.ts";

/** Requests of one worker. */
export class Requests {
  readonly #functions: UcpFunctions;
  readonly #worker: Handle;
  readonly #active: Operation[] = [];
  readonly #onReceived: (operation: Operation) => void;
  readonly #info = new TagReceiveInfo();

  /** @param onReceived called for each tagged message, before `onDone` of its operation */
  constructor(
    functions: UcpFunctions,
    worker: Handle,
    onReceived: (operation: Operation) => void,
  ) {
    this.#functions = functions;
    this.#worker = worker;
    this.#onReceived = onReceived;
  }

  /** Requests that are not done. */
  get count(): number {
    return this.#active.length;
  }

  /** Takes up a request that UCX has begun. */
  add(kind: OperationKind, request: Handle, keep: unknown): Operation {
    const operation = new Operation(kind, request, keep);
    operation.index = this.#active.length;
    this.#active.push(operation);
    return operation;
  }

  /** Asks UCX for each request; calls `onDone` of those that are done. Returns how many. */
  poll(): number {
    let done = 0;
    const active = this.#active;
    for (let index = active.length - 1; index >= 0; index--) {
      // A callback may have ended others meanwhile.
      const operation = active[index];
      if (operation === undefined) continue;
      if (this.look(operation)) done++;
    }
    return done;
  }

  /** Asks UCX for one request. Returns whether it is done now. */
  look(operation: Operation): boolean {
    if (operation.status !== inProgress) return true;
    const functions = this.#functions;
    let status: number;
    switch (operation.kind) {
      case "tagReceive":
        status = functions.ucp_tag_recv_request_test(
          operation.request,
          this.#info.handle,
        );
        if (status === inProgress) return false;
        operation.tagLower = this.#info.tagLower;
        operation.tagUpper = this.#info.tagUpper;
        operation.bytes = this.#info.length;
        break;
      case "plain":
        status = functions.ucp_request_check_status(operation.request);
        if (status === inProgress) return false;
        break;
      case "local":
        return false;
    }
    this.#finish(operation, status);
    return true;
  }

  /** Asks UCX to give a request up. It is done at a later look, with whatever came first. */
  cancel(operation: Operation): void {
    if (operation.status === inProgress && operation.kind !== "local")
      this.#functions.ucp_request_cancel(this.#worker, operation.request);
  }

  /** Asks UCX to give every receive up. */
  cancelAll(): void {
    for (const operation of this.list()) this.cancel(operation);
  }

  /** UCX's worker is gone, and its requests with it: what is not done never will be. */
  abandon(): void {
    for (const operation of this.#active.splice(0)) {
      operation.request = 0;
      operation.status = canceledStatus;
      operation.keep = undefined;
      operation.onDone?.(operation);
    }
  }

  /** Whether UCX still sends something for a connection. */
  sendsFor(endpoint: Endpoint): boolean {
    return this.#active.some(
      (operation) =>
        operation.endpoint === endpoint && operation.kind === "plain",
    );
  }

  /** Every request that is not done. */
  list(): readonly Operation[] {
    return [...this.#active];
  }

  #finish(operation: Operation, status: number): void {
    // First out of the table: the address may be another request's right after.
    const last = this.#active.pop();
    if (last !== undefined && last !== operation) {
      this.#active[operation.index] = last;
      last.index = operation.index;
    }
    this.#functions.ucp_request_free(operation.request);
    operation.request = 0;
    operation.status = status;
    if (operation.kind === "tagReceive") this.#onReceived(operation);
    operation.keep = undefined;
    operation.onDone?.(operation);
  }
}
