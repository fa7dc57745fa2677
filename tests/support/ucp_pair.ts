import {
  type Handle,
  type NativeCallback,
  openCallback,
} from "../../ffi/host.ts";
import {
  createContextParameters,
  createWorkerParameters,
  WorkerAttributes,
} from "../../ffi/ucp/context_structs.ts";
import {
  createEndpointParameters,
  type EndpointTarget,
} from "../../ffi/ucp/endpoint_structs.ts";
import { openUcp, ucpApiVersion } from "../../ffi/ucp/library.ts";
import { copyOf, cString } from "../../ffi/ucp/native_memory.ts";
import { NativeCell } from "../../ffi/ucp/native_struct.ts";
import {
  createRequestParameters,
  type TagReceiveInfo,
} from "../../ffi/ucp/request_structs.ts";
import { describeStatus, statusOf, UCS } from "../../ffi/ucp/status.ts";
import { ucpCallbacks } from "../../ffi/ucp/symbols.ts";
import { UCP_EP_CLOSE_FLAG } from "../../ffi/ucp/constants.ts";

/** Bytes that differ from their neighbours. */
export function numbered(byteLength: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(new ArrayBuffer(byteLength));
  for (let index = 0; index < byteLength; index++) bytes[index] = index * 7;
  return bytes;
}

/** Zeros. */
export function empty(byteLength: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new ArrayBuffer(byteLength));
}

/** What an endpoint's error handler was told. */
export interface EndpointFailure {
  readonly argument: number;
  readonly endpoint: Handle;
  readonly status: number;
}

/** A context with two workers of this thread, and what they must release. */
export class UcpPair {
  readonly ucp = openUcp();
  readonly context: Handle;
  readonly first: Handle;
  readonly second: Handle;
  readonly failures: EndpointFailure[] = [];
  readonly cell = new NativeCell();
  readonly plain = createRequestParameters();
  readonly #force = createRequestParameters({ flags: UCP_EP_CLOSE_FLAG.FORCE });
  readonly #onError: NativeCallback;
  readonly #endpoints: Handle[] = [];
  #closed = false;

  /** @param config keys of `ucp_config_modify`, over shared memory that notices dead peers */
  constructor(features: number, config: Readonly<Record<string, string>> = {}) {
    const { functions } = this.ucp;
    this.check(functions.ucp_config_read(null, null, this.cell.bytes));
    const read = this.cell.object;
    const keys = { TLS: "posix", MM_ERROR_HANDLING: "y", ...config };
    for (const [key, value] of Object.entries(keys)) {
      this.check(
        functions.ucp_config_modify(read, cString(key), cString(value)),
      );
    }
    const parameters = createContextParameters({ features, name: "pair" });
    this.check(
      functions.ucp_init_version(
        ucpApiVersion.major,
        ucpApiVersion.minor,
        parameters.bytes,
        read,
        this.cell.bytes,
      ),
    );
    this.context = this.cell.object;
    functions.ucp_config_release(read);
    this.#onError = openCallback(
      ucpCallbacks.error,
      (argument, endpoint, status) => {
        this.failures.push({ argument: Number(argument), endpoint, status });
      },
    );
    this.first = this.#createWorker();
    this.second = this.#createWorker();
  }

  /** @throws {Error} when `status` is not `UCS_OK` */
  check(status: number): void {
    if (status !== UCS.UCS_OK) throw new Error(describeStatus(status));
  }

  #createWorker(): Handle {
    const parameters = createWorkerParameters({ threadMode: 0 });
    this.check(
      this.ucp.functions.ucp_worker_create(
        this.context,
        parameters.bytes,
        this.cell.bytes,
      ),
    );
    return this.cell.object;
  }

  /** A copy of a worker's address. */
  addressOf(worker: Handle): Uint8Array<ArrayBuffer> {
    const attributes = new WorkerAttributes("all");
    const { functions } = this.ucp;
    this.check(functions.ucp_worker_query(worker, attributes.bytes));
    const copy = copyOf(attributes.address, attributes.addressLength);
    functions.ucp_worker_release_address(worker, attributes.address);
    return copy;
  }

  /** An endpoint whose errors land in `failures` with `argument`. */
  connect(worker: Handle, to: EndpointTarget, argument = 0): Handle {
    const parameters = createEndpointParameters({
      to,
      onError: { callback: this.#onError.pointer, argument },
    });
    this.check(
      this.ucp.functions.ucp_ep_create(
        worker,
        parameters.bytes,
        this.cell.bytes,
      ),
    );
    const endpoint = this.cell.object;
    this.#endpoints.push(endpoint);
    return endpoint;
  }

  /** Forgets an endpoint that a test has closed itself. */
  release(endpoint: Handle): void {
    this.#endpoints.splice(this.#endpoints.indexOf(endpoint), 1);
  }

  progress(): void {
    const { ucp_worker_progress: progress } = this.ucp.functions;
    progress(this.first);
    progress(this.second);
  }

  /** Progresses until `done`. @throws {Error} after `limitMs` */
  until(what: string, done: () => boolean, limitMs = 10_000): void {
    const deadline = Date.now() + limitMs;
    while (!done()) {
      if (Date.now() > deadline) throw new Error(`waited in vain: ${what}`);
      this.progress();
    }
  }

  /** The status of an operation, after it is complete. */
  finish(result: Handle): number {
    if (!(result > 0)) return statusOf(result);
    const { functions } = this.ucp;
    let status: number = UCS.UCS_INPROGRESS;
    this.until("completion", () => {
      status = functions.ucp_request_check_status(result);
      return status !== UCS.UCS_INPROGRESS;
    });
    functions.ucp_request_free(result);
    return status;
  }

  /** The status of a tag receive that gave a request, after it is complete. */
  finishReceive(request: Handle, info: TagReceiveInfo): number {
    const { functions } = this.ucp;
    let status: number = UCS.UCS_INPROGRESS;
    this.until("receive", () => {
      status = functions.ucp_tag_recv_request_test(request, info.handle);
      return status !== UCS.UCS_INPROGRESS;
    });
    functions.ucp_request_free(request);
    return status;
  }

  /** Closes endpoints by force, and releases everything. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const { functions } = this.ucp;
    for (const endpoint of this.#endpoints.splice(0)) {
      this.finish(functions.ucp_ep_close_nbx(endpoint, this.#force.handle));
    }
    functions.ucp_worker_destroy(this.first);
    functions.ucp_worker_destroy(this.second);
    functions.ucp_cleanup(this.context);
    this.#onError.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
