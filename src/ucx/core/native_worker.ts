/** A UCX context with one worker: UCX's calls in terms of this room, without any policy. */
import { FfiError } from "../../../ffi/errors.ts";
import {
  type Handle,
  handleAt,
  type NativeCallback,
  openCallback,
  sizeAt,
} from "../../../ffi/host.ts";
import {
  ActiveMessageParameters,
  createActiveMessageHandler,
} from "../../../ffi/ucp/active_message_structs.ts";
import { UCP_FEATURE, UCS_THREAD_MODE } from "../../../ffi/ucp/constants.ts";
import {
  createContextParameters,
  createWorkerParameters,
  WorkerAttributes,
} from "../../../ffi/ucp/context_structs.ts";
import {
  ConnectionRequestAttributes,
  createEndpointParameters,
  createListenerParameters,
  type EndpointTarget,
  ListenerAttributes,
} from "../../../ffi/ucp/endpoint_structs.ts";
import { ucpLayout } from "../../../ffi/ucp/layout.ts";
import type { UcpFunctions, UcpLibrary } from "../../../ffi/ucp/library.ts";
import { capturePrinted, copyOf } from "../../../ffi/ucp/native_memory.ts";
import { NativeCell } from "../../../ffi/ucp/native_struct.ts";
import type { SocketAddress } from "../../../ffi/ucp/socket_address.ts";
import { ucpCallbacks } from "../../../ffi/ucp/symbols.ts";
import { ShimTagPort, type TagPort } from "../../../ffi/ucp/tag_port.ts";
import { DirectTagPort } from "../../../ffi/ucp/tag_port_direct.ts";
import {
  type AddressFamily,
  checkFamily,
  deviceAddresses,
  usableFamilies,
} from "../address_family.ts";
import {
  createConfig,
  effectiveValue,
  type UcxSetting,
} from "../configuration.ts";
import {
  UcxAddressInUseError,
  UcxAddressUnavailableError,
  UcxUnsupportedError,
} from "../errors.ts";
import { checkStatus } from "../status_errors.ts";
import type { ResolvedWorkerConfig } from "../worker_config.ts";
import { NativeSizes } from "./native_sizes.ts";
import { RequestParams } from "./request_params.ts";

const ok = 0;
const ioError = -3;
const noDevice = -14;
const busy = -15;
/** The largest id of an active message. */
const activeMessageIdMax = 65_535;
/** UCX_ASYNC_MAX_EVENTS, when nobody has set it. */
const watchedMaxDefault = 1024;

/** What an active message's handler is given: its header, copied, and the endpoint to answer to, if the sender wants one. */
export type HeaderHandler = (
  header: Uint8Array<ArrayBuffer>,
  replyEndpoint: Handle,
) => void;

/** A listener of UCX. */
export interface NativeListener {
  readonly handle: Handle;
  /** With the port that the system chose. */
  readonly address: SocketAddress;
  /** Idempotent. Requests of it that were not decided upon must be refused before. */
  close(): void;
}

/** How many descriptors UCX can watch in this process: its limit was fixed when it was loaded. */
function watchedMaxOf(library: UcpLibrary): number {
  const setting = library.settings.find(
    ({ name }) => name === "UCX_ASYNC_MAX_EVENTS",
  );
  const number = Number.parseInt(setting?.actual ?? "", 10);
  return Number.isNaN(number) ? watchedMaxDefault : number;
}

/** UCX's name of a socket address. */
export function addressText({ address, port }: SocketAddress): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

/** Bits of `UCP_FEATURE` that a configuration asks for. */
function featuresOf(config: ResolvedWorkerConfig): number {
  let features: number = UCP_FEATURE.WAKEUP;
  if (config.enableTag) features |= UCP_FEATURE.TAG;
  if (config.enableStream) features |= UCP_FEATURE.STREAM;
  if (config.enableRma)
    features |= UCP_FEATURE.RMA | UCP_FEATURE.AMO32 | UCP_FEATURE.AMO64;
  if (!config.raw || config.enableActiveMessages) features |= UCP_FEATURE.AM;
  return features;
}

/** 1 to 2^53 - 1. */
function randomId(): number {
  const [random = 0n] = crypto.getRandomValues(new BigUint64Array(1));
  return Number(random >> 11n) || 1;
}

/** A context and its worker. */
export class NativeWorker {
  /** A random number that peers know it by. */
  readonly id: number = randomId();
  readonly library: UcpLibrary;
  readonly functions: UcpFunctions;
  readonly params = new RequestParams();
  readonly features: number;
  readonly context: Handle;
  readonly worker: Handle;
  /** Becomes readable when there is something to progress, after `arm`. */
  readonly eventDescriptor: number;
  /** Bytes. */
  readonly maxActiveMessageHeader: number;
  /** Descriptors that UCX can watch in this process. */
  readonly watchedMax: number;
  /** Keys of UCX that do not have UCX's default. */
  readonly settings: readonly UcxSetting[];
  /** Families that addresses may have; undefined for any. */
  readonly #families: ReadonlySet<AddressFamily> | undefined;
  /** Called within UCX, so it must only record. */
  onEndpointError: (endpoint: Handle, status: number) => void = () => {};

  #tagPort: TagPort | undefined;
  readonly #callbacks: NativeCallback[] = [];
  readonly #errorCallback: NativeCallback;
  /** One for all listeners: each is known by the number that UCX gives back with a request. */
  readonly #connectionCallback: NativeCallback;
  readonly #listeners = new Map<number, (request: Handle) => void>();
  #nextListener = 1;
  #destroyed = false;

  /**
   * @throws {UcxUnsupportedError} when no transport fits the keys of UCX
   * @throws {UcxError} what UCX says of it
   */
  constructor(library: UcpLibrary, config: ResolvedWorkerConfig) {
    this.library = library;
    this.functions = library.functions;
    this.features = featuresOf(config);
    const { functions } = this;
    const cell = new NativeCell();
    const contextParams = createContextParameters({
      features: this.features,
      ...(config.name === "" ? {} : { name: config.name }),
    });
    const configuration = createConfig(library, config);
    this.settings = configuration.settings;
    const effective = (key: string, otherwise: string): string =>
      effectiveValue(this.settings, key, otherwise);
    this.#families = usableFamilies(
      {
        transports: effective("TLS", "all"),
        devices: effective("NET_DEVICES", "all"),
        priority: effective("TCP_AF_PRIO", "inet,inet6"),
      },
      deviceAddresses(),
    );
    try {
      const status = functions.ucp_init_version(
        1,
        13,
        contextParams.bytes,
        configuration.handle,
        cell.bytes,
      );
      if (status === noDevice)
        throw new UcxUnsupportedError(
          `no transport of this UCX fits TLS ${effective("TLS", "all")} with NET_DEVICES ${effective("NET_DEVICES", "all")}`,
          { status },
        );
      checkStatus(status, "ucp_init");
    } finally {
      configuration.release();
    }
    this.context = cell.object;
    this.watchedMax = watchedMaxOf(library);
    let worker: Handle = 0;
    try {
      worker = this.#createWorker(config, cell);
      this.worker = worker;
      const attributes = new WorkerAttributes();
      functions.ucp_worker_query(worker, attributes.bytes);
      this.maxActiveMessageHeader = attributes.maxActiveMessageHeader;
      checkStatus(
        functions.ucp_worker_get_efd(worker, cell.bytes),
        "ucp_worker_get_efd",
      );
      this.eventDescriptor = cell.int;
    } catch (error) {
      if (worker) functions.ucp_worker_destroy(worker);
      functions.ucp_cleanup(this.context);
      throw error;
    }
    this.#errorCallback = this.adopt(
      openCallback(ucpCallbacks.error, (_argument, endpoint, status) => {
        this.onEndpointError(endpoint, status);
        return undefined;
      }),
    );
    this.#connectionCallback = this.adopt(
      openCallback(ucpCallbacks.connection, (request, listener) => {
        this.#listeners.get(Number(listener))?.(request);
        return undefined;
      }),
    );
    if ((this.features & UCP_FEATURE.AM) !== 0) this.#dropUnhandled();
  }

  /**
   * UCX 1.13 looks a peer's id up beyond the end of its table, and in entries that it has never written, and dies of it:
   * so each id has a handler, which drops what comes.
   */
  #dropUnhandled(): void {
    const { pointer } = this.adopt(
      openCallback(ucpCallbacks.activeMessage, () => ok),
    );
    const { bytes } = createActiveMessageHandler({
      id: activeMessageIdMax,
      onMessage: { callback: pointer },
    });
    const view = new DataView(bytes.buffer);
    const { offset } = ucpLayout.ucp_am_handler_param_t.fields.id;
    const { ucp_worker_set_am_recv_handler } = this.functions;
    // The largest first, so that the table grows once.
    for (let id = activeMessageIdMax; id >= 0; id--) {
      view.setUint32(offset, id, true);
      ucp_worker_set_am_recv_handler(this.worker, bytes);
    }
  }

  #createWorker(config: ResolvedWorkerConfig, cell: NativeCell): Handle {
    const params = createWorkerParameters({
      threadMode: {
        single: UCS_THREAD_MODE.SINGLE,
        serialized: UCS_THREAD_MODE.SERIALIZED,
        multi: UCS_THREAD_MODE.MULTI,
      }[config.threadMode],
      ignoreRequestLeak: true,
      ...(config.name === "" ? {} : { name: config.name }),
    });
    checkStatus(
      this.functions.ucp_worker_create(this.context, params.bytes, cell.bytes),
      "ucp_worker_create",
    );
    return cell.object;
  }

  /** Receives tagged messages: by the shim where there is one. */
  get tagPort(): TagPort {
    this.#tagPort ??= this.#openTagPort();
    return this.#tagPort;
  }

  /** Whether receiving goes by the shim. */
  get usesShim(): boolean {
    return this.tagPort instanceof ShimTagPort;
  }

  #openTagPort(): TagPort {
    const { functions, library, params, worker } = this;
    try {
      return new ShimTagPort(library.path, worker, params.atOnce);
    } catch (error) {
      if (!(error instanceof FfiError)) throw error;
      const sizes = new NativeSizes();
      return new DirectTagPort(functions, worker, params.atOnce, (sizeBytes) =>
        sizes.at(sizeBytes),
      );
    }
  }

  /** Keeps a callback that UCX is given until the worker is destroyed. */
  adopt(callback: NativeCallback): NativeCallback {
    this.#callbacks.push(callback);
    return callback;
  }

  /** What others need to connect without a listener; it changes with the transports only. */
  address(): Uint8Array<ArrayBuffer> {
    const attributes = new WorkerAttributes("all");
    checkStatus(
      this.functions.ucp_worker_query(this.worker, attributes.bytes),
      "ucp_worker_query",
    );
    const bytes = copyOf(attributes.address, attributes.addressLength);
    this.functions.ucp_worker_release_address(this.worker, attributes.address);
    return bytes;
  }

  /**
   * @throws {UcxUnsupportedError} when UCX cannot use such an address
   * @throws {UcxError} what UCX says of it; a connection request is used up all the same
   */
  createEndpoint(to: EndpointTarget): Handle {
    if ("socketAddress" in to) checkFamily(to.socketAddress, this.#families);
    const cell = new NativeCell();
    const params = createEndpointParameters({
      to,
      onError: { callback: this.#errorCallback.pointer },
    });
    checkStatus(
      this.functions.ucp_ep_create(this.worker, params.bytes, cell.bytes),
      "connect",
    );
    return cell.object;
  }

  /**
   * Begins to listen.
   *
   * @param onRequest called within UCX, so it must only record
   * @throws {UcxUnsupportedError} when UCX cannot use such an address
   * @throws {UcxAddressInUseError} when somebody listens there
   * @throws {UcxAddressUnavailableError} when it is no address to listen at
   * @throws {UcxError} what else UCX says of it
   */
  listen(
    address: SocketAddress,
    onRequest: (request: Handle) => void,
  ): NativeListener {
    checkFamily(address, this.#families);
    const id = this.#nextListener++;
    const cell = new NativeCell();
    const params = createListenerParameters(address, {
      callback: this.#connectionCallback.pointer,
      argument: handleAt(id),
    });
    const status = this.functions.ucp_listener_create(
      this.worker,
      params.bytes,
      cell.bytes,
    );
    if (status === busy)
      throw new UcxAddressInUseError(
        `somebody listens at ${addressText(address)} already`,
        { status },
      );
    if (status === ioError || status === noDevice)
      throw new UcxAddressUnavailableError(
        `cannot listen at ${addressText(address)}: it is no address of this machine, or not allowed`,
        { status },
      );
    checkStatus(status, `listen at ${addressText(address)}`);
    const handle = cell.object;
    this.#listeners.set(id, onRequest);
    const attributes = new ListenerAttributes();
    this.functions.ucp_listener_query(handle, attributes.bytes);
    return {
      handle,
      address: attributes.address ?? address,
      close: () => {
        if (!this.#listeners.delete(id) || this.#destroyed) return;
        this.functions.ucp_listener_destroy(handle);
      },
    };
  }

  /** UCX's own description. */
  describe(): string {
    return capturePrinted((stream) =>
      this.functions.ucp_worker_print_info(this.worker, stream),
    );
  }

  /** UCX's own description of an endpoint. */
  describeEndpoint(endpoint: Handle): string {
    return capturePrinted((stream) =>
      this.functions.ucp_ep_print_info(endpoint, stream),
    );
  }

  /** Who wants to connect. */
  clientAddress(request: Handle): string {
    const attributes = new ConnectionRequestAttributes();
    const status = this.functions.ucp_conn_request_query(
      request,
      attributes.bytes,
    );
    const address = status === ok ? attributes.clientAddress : undefined;
    return address === undefined ? "" : addressText(address);
  }

  reject(listener: Handle, request: Handle): void {
    this.functions.ucp_listener_reject(listener, request);
  }

  /** @param handler called within UCX, so it must only record */
  listenForHeaders(id: number, handler: HeaderHandler): void {
    const params = new ActiveMessageParameters();
    const callback = this.adopt(
      openCallback(
        ucpCallbacks.activeMessage,
        (_argument, header, headerBytes, _data, _dataBytes, parameters) => {
          handler(
            copyOf(header, headerBytes),
            params.load(parameters).replyEndpoint,
          );
          return ok;
        },
      ),
    );
    checkStatus(
      this.functions.ucp_worker_set_am_recv_handler(
        this.worker,
        createActiveMessageHandler({
          id,
          onMessage: { callback: callback.pointer },
        }).bytes,
      ),
      "ucp_worker_set_am_recv_handler",
    );
  }

  /** Sends an active message without data. Gives UCX's `ucs_status_ptr_t`; keep `header` until a request is done. */
  sendHeader(
    endpoint: Handle,
    id: number,
    header: Uint8Array,
    params: Handle,
  ): Handle {
    return this.functions.ucp_am_send_nbx(
      endpoint,
      id,
      header,
      sizeAt(header.byteLength),
      null,
      sizeAt(0),
      params,
    );
  }

  /** Whether nothing of it may be called any more: hooks of the user may destroy it while their caller goes on. */
  get isDestroyed(): boolean {
    return this.#destroyed;
  }

  /** Destroys worker and context. Whatever is open goes with them. Idempotent. */
  destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    this.functions.ucp_worker_destroy(this.worker);
    this.functions.ucp_cleanup(this.context);
    for (const callback of this.#callbacks) callback.close();
  }
}
