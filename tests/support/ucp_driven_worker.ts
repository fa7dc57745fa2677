/** A UCX worker of FFI calls alone, as something to be driven: it hands over 8-byte messages. */
import { openCallback } from "../../ffi/host.ts";
import {
  createContextParameters,
  createWorkerParameters,
  WorkerAttributes,
} from "../../ffi/ucp/context_structs.ts";
import { UCP_FEATURE, UCS_THREAD_MODE } from "../../ffi/ucp/constants.ts";
import { createEndpointParameters } from "../../ffi/ucp/endpoint_structs.ts";
import { openUcp, ucpApiVersion } from "../../ffi/ucp/library.ts";
import { copyOf, cString } from "../../ffi/ucp/native_memory.ts";
import { NativeCell } from "../../ffi/ucp/native_struct.ts";
import {
  alwaysRequest,
  createRequestParameters,
  TagReceiveInfo,
} from "../../ffi/ucp/request_structs.ts";
import { describeStatus, UCS } from "../../ffi/ucp/status.ts";
import { ucpCallbacks } from "../../ffi/ucp/symbols.ts";
import type { Handle } from "../../ffi/host.ts";
import type { ProgressSource } from "../../src/ucx/progress.ts";

const anyTag = 0n;
const messageBytes = 8;
/** A worker address fits; who connects sends its own first. */
const longMessageBytes = 4096;

/** One worker with at most one endpoint. */
export class UcpDrivenWorker implements ProgressSource {
  /** Called for each message, from within `progress`; the bytes are valid until the next. */
  onMessage: (bytes: Uint8Array<ArrayBuffer>) => void = () => {};
  hasWork = false;
  readonly eventDescriptor: number;
  readonly address: Uint8Array<ArrayBuffer>;
  readonly #functions = openUcp().functions;
  readonly #worker: Handle;
  readonly #plain = createRequestParameters();
  readonly #receiving = createRequestParameters({ attributes: alwaysRequest });
  readonly #info = new TagReceiveInfo();
  readonly #received = new Uint8Array(new ArrayBuffer(longMessageBytes));
  readonly #short = this.#received.subarray(0, messageBytes);
  readonly #onError = openCallback(ucpCallbacks.error, () => {});
  #endpoint: Handle = 0;
  #request: Handle = 0;

  /** @param transports `posix,cma` or `tcp`, over the loopback device */
  constructor(transports: string) {
    const { ucp_config_read, ucp_config_modify, ucp_config_release } =
      this.#functions;
    const cell = new NativeCell();
    this.#check(ucp_config_read(null, null, cell.bytes));
    const config = cell.object;
    for (const [key, value] of [
      ["TLS", transports],
      ["NET_DEVICES", "lo"],
      ["MM_ERROR_HANDLING", "y"],
    ] as const) {
      this.#check(ucp_config_modify(config, cString(key), cString(value)));
    }
    const features = UCP_FEATURE.TAG | UCP_FEATURE.WAKEUP;
    const { major, minor } = ucpApiVersion;
    const context = createContextParameters({ features });
    this.#check(
      this.#functions.ucp_init_version(
        major,
        minor,
        context.bytes,
        config,
        cell.bytes,
      ),
    );
    ucp_config_release(config);
    const worker = createWorkerParameters({
      threadMode: UCS_THREAD_MODE.SINGLE,
      ignoreRequestLeak: true,
    });
    this.#check(
      this.#functions.ucp_worker_create(cell.object, worker.bytes, cell.bytes),
    );
    this.#worker = cell.object;
    this.#check(this.#functions.ucp_worker_get_efd(this.#worker, cell.bytes));
    this.eventDescriptor = cell.int;
    const attributes = new WorkerAttributes("all");
    this.#check(
      this.#functions.ucp_worker_query(this.#worker, attributes.bytes),
    );
    this.address = copyOf(attributes.address, attributes.addressLength);
    this.#receive();
  }

  #check(status: number): void {
    if (status !== UCS.UCS_OK) throw new Error(describeStatus(status));
  }

  connect(workerAddress: Uint8Array<ArrayBuffer>): void {
    const cell = new NativeCell();
    const parameters = createEndpointParameters({
      to: { workerAddress },
      onError: { callback: this.#onError.pointer },
    });
    this.#check(
      this.#functions.ucp_ep_create(this.#worker, parameters.bytes, cell.bytes),
    );
    this.#endpoint = cell.object;
  }

  /** Blocks until the bytes may be reused, which is at once once the connection is up. */
  send(bytes: Uint8Array<ArrayBuffer>): void {
    const request = this.#functions.ucp_tag_send_nbx(
      this.#endpoint,
      bytes,
      bytes.byteLength,
      anyTag,
      this.#plain.handle,
    );
    if (request < 0) throw new Error(describeStatus(Number(request)));
    if (request > 0) this.#finish(request);
  }

  #finish(request: Handle): void {
    const { ucp_request_check_status, ucp_worker_progress } = this.#functions;
    while (ucp_request_check_status(request) === UCS.UCS_INPROGRESS)
      ucp_worker_progress(this.#worker);
    this.#functions.ucp_request_free(request);
  }

  #receive(): void {
    this.#request = this.#functions.ucp_tag_recv_nbx(
      this.#worker,
      this.#received,
      this.#received.byteLength,
      anyTag,
      0n,
      this.#receiving.handle,
    );
  }

  progress(): number {
    let moved = 0;
    for (;;) {
      const count = this.#functions.ucp_worker_progress(this.#worker);
      const status = this.#functions.ucp_tag_recv_request_test(
        this.#request,
        this.#info.handle,
      );
      if (status === UCS.UCS_INPROGRESS && count === 0) return moved;
      moved += count;
      if (status === UCS.UCS_INPROGRESS) continue;
      this.#functions.ucp_request_free(this.#request);
      moved += 1;
      const { length } = this.#info;
      this.onMessage(
        length === messageBytes ? this.#short : this.#received.slice(0, length),
      );
      this.#receive();
    }
  }

  arm(): boolean {
    const status = this.#functions.ucp_worker_arm(this.#worker);
    if (status === UCS.UCS_ERR_BUSY) return false;
    this.#check(status);
    return true;
  }
}
