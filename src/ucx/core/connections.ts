/**
 * How connections begin: connect, accept and handshake; and what UCX and the peers report about them.
 *
 * Callbacks of UCX only record what happened; everything else is done after `ucp_worker_progress` returned.
 */
import type { Handle } from "../../../ffi/host.ts";
import type { EndpointTarget } from "../../../ffi/ucp/endpoint_structs.ts";
import { UCS } from "../../../ffi/ucp/status.ts";
import {
  UcxError,
  UcxLimitError,
  UcxRedirectedError,
  UcxRejectedError,
  UcxUnreachableError,
} from "../errors.ts";
import { statusError } from "../status_errors.ts";
import type { ResolvedWorkerConfig } from "../worker_config.ts";
import { type AcceptHook, Accepting } from "./accepting.ts";
import {
  asError,
  Closing,
  type ConnectionHooks,
  type EndpointUser,
  notify,
} from "./closing.ts";
import {
  type ControlMessage,
  controlMessageId,
  decodeControl,
  encodeControl,
} from "./control_messages.ts";
import { descriptorBudget } from "./descriptor_budget.ts";
import { Endpoint } from "./endpoint.ts";
import { EndpointTable } from "./endpoint_table.ts";
import { Handshake } from "./handshake.ts";
import type { NativeWorker } from "./native_worker.ts";
import type { Requests } from "./requests.ts";
import type { TagMessages } from "./tag_messages.ts";

/** Connections that are begun at a time: more would overflow the queue of a listener of older kernels (SOMAXCONN). */
const connectsMax = 128;
/** How long UCX may take to close the descriptors of a connection that has ended, in milliseconds. */
const releaseMs = 50;
/** Turns of progress between two looks whether it has. */
const releaseTurns = 64;
/** UCS_ERR_NOT_CONNECTED: how UCX says that nobody listens there. */
const notConnected = -24;

/** Connections of one worker. */
export class Connections {
  readonly #native: NativeWorker;
  readonly #requests: Requests;
  readonly #config: ResolvedWorkerConfig;
  readonly #hooks: ConnectionHooks;
  /** Every connection, by each of its names. */
  readonly table = new EndpointTable();
  readonly closing: Closing;
  readonly #accepting: Accepting;
  readonly #handshake: Handshake;
  /** What depends on UCX's endpoints. */
  readonly users = new Set<EndpointUser>();
  #messages: TagMessages | undefined;
  /** Connections that were opened so far. */
  opened = 0;
  /** Those that UCX connects, and those that wait for their turn. */
  readonly #connecting = new Set<Endpoint>();
  readonly #waiting: {
    readonly endpoint: Endpoint;
    readonly target: EndpointTarget;
  }[] = [];

  /** Asked about each that was accepted: the address of the worker that serves it, if it is another one. */
  redirectOf: ((endpoint: Endpoint) => Uint8Array | undefined) | undefined;

  // What callbacks have recorded.
  #failures: (readonly [handle: Handle, status: number])[] = [];
  #controls: (readonly [bytes: Uint8Array, reply: Handle])[] = [];

  constructor(
    native: NativeWorker,
    requests: Requests,
    config: ResolvedWorkerConfig,
    hooks: ConnectionHooks,
  ) {
    this.#native = native;
    this.#requests = requests;
    this.#config = config;
    this.#hooks = hooks;
    this.closing = new Closing({
      native,
      requests,
      config,
      hooks,
      table: this.table,
      users: this.users,
      sendControl: (endpoint, message) => this.sendControl(endpoint, message),
      hasUnread: (endpoint) => this.#messages?.hasUnread(endpoint) ?? false,
      forgetMessages: (endpoint) => this.#messages?.forget(endpoint),
      dropEvents: (handle) => this.#dropEvents(handle),
    });
    this.#accepting = new Accepting({
      native,
      refusal: () => this.#refusal(),
      admit: (request, clientAddress, accept) =>
        this.#accept({ connectionRequest: request }, clientAddress, accept),
      refuse: (listener, request, reason) =>
        this.#refuse(listener, request, reason),
      onError: (error) => hooks.onError(error),
    });
    this.#handshake = new Handshake({
      native,
      config,
      table: this.table,
      closing: this.closing,
      refusal: () => this.#refusal(),
      admit: (target) => this.#accept(target, "", undefined),
      redirect: (endpoint) => this.redirectOf?.(endpoint),
      open: (endpoint) => this.#open(endpoint),
      send: (handle, message) => this.#sendControl(handle, message),
      onError: (error) => hooks.onError(error),
    });
    native.onEndpointError = (handle, status) => {
      this.#failures.push([handle, status]);
    };
    if (!config.raw)
      native.listenForHeaders(controlMessageId, (header, reply) => {
        this.#controls.push([header, reply]);
      });
  }

  /** Set once, since each needs the other. */
  set messages(messages: TagMessages) {
    this.#messages = messages;
  }

  /** Whether there is something to do that UCX does not tell. */
  get hasEvents(): boolean {
    return (
      this.#failures.length > 0 ||
      this.#accepting.count > 0 ||
      this.#controls.length > 0 ||
      this.#waiting.length > 0 ||
      this.closing.isWaiting
    );
  }

  /**
   * Begins to connect. The state of what it gives tells how it goes on.
   *
   * @throws {UcxLimitError} when there are too many connections, or too few descriptors for one more
   * @throws {UcxError} what UCX says of it
   */
  connect(
    target: EndpointTarget,
    remoteAddress: string,
    timeoutMs: number,
  ): Endpoint {
    this.#checkRoom();
    const endpoint = this.#newEndpoint(remoteAddress, true, timeoutMs);
    if (this.#connecting.size >= connectsMax) {
      this.#waiting.push({ endpoint, target });
      return endpoint;
    }
    try {
      this.#begin(endpoint, target);
    } catch (error) {
      this.closing.end(endpoint, undefined);
      throw error;
    }
    return endpoint;
  }

  /** Takes requests of a listener; `accept` is asked about each. Called within UCX. */
  requested(
    listener: Handle,
    request: Handle,
    accept: AcceptHook | undefined,
  ): void {
    this.#accepting.record(listener, request, accept);
  }

  /** A listener is closed: requests that nobody has looked at are refused. */
  dropRequests(listener: Handle): void {
    this.#accepting.drop(listener);
  }

  // --- making endpoints

  #checkRoom(): void {
    if (this.table.count >= this.#config.maxEndpoints)
      throw new UcxLimitError(
        `the worker has ${this.table.count} connections, allowed ${this.#config.maxEndpoints} (maxEndpoints)`,
      );
  }

  /** Why no connection can be accepted, if so. Otherwise descriptors for it are taken. */
  #refusal(): UcxError | undefined {
    try {
      this.#checkRoom();
      this.#takeDescriptors();
      return undefined;
    } catch (error) {
      if (error instanceof UcxError) return error;
      throw error;
    }
  }

  #takeDescriptors(): void {
    const { watchedMax, functions, worker } = this.#native;
    // UCX closes those of connections that have ended somewhat later; callbacks only record meanwhile.
    const endMs = descriptorBudget.givenMs + releaseMs;
    for (;;) {
      try {
        descriptorBudget.take(this.#connecting.size, watchedMax);
        return;
      } catch (error) {
        if (performance.now() >= endMs) throw error;
      }
      for (let turn = 0; turn < releaseTurns; turn++)
        functions.ucp_worker_progress(worker);
    }
  }

  #newEndpoint(
    remoteAddress: string,
    initiated: boolean,
    timeoutMs: number,
  ): Endpoint {
    const endpoint = new Endpoint({
      id: this.table.nextId(),
      wireId: this.table.wireIds.take(),
      remoteAddress,
      initiated,
      raw: this.#config.raw,
    });
    this.table.add(endpoint);
    endpoint.deadlineMs = performance.now() + timeoutMs;
    this.closing.noteDeadline(endpoint.deadlineMs);
    endpoint.stateListeners.add(() => this.#connecting.delete(endpoint));
    return endpoint;
  }

  /** Makes UCX's endpoint. Descriptors were taken for it. @throws {UcxError} what UCX says of it */
  #create(endpoint: Endpoint, target: EndpointTarget): void {
    let handle: Handle;
    try {
      handle = this.#native.createEndpoint(target);
    } catch (error) {
      descriptorBudget.give();
      throw error;
    }
    this.table.setHandle(endpoint, handle);
    this.#connecting.add(endpoint);
  }

  #begin(endpoint: Endpoint, target: EndpointTarget): void {
    this.#takeDescriptors();
    this.#create(endpoint, target);
    if (endpoint.raw) this.#openRaw(endpoint);
    else this.#handshake.greet(endpoint, "hello", "workerAddress" in target);
  }

  /** Connects those whose turn has come. Returns how many. */
  #beginWaiting(): number {
    let begun = 0;
    while (this.#connecting.size < connectsMax) {
      const next = this.#waiting.shift();
      if (next === undefined) return begun;
      const { endpoint, target } = next;
      if (endpoint.state !== "connecting") continue;
      begun++;
      try {
        this.#begin(endpoint, target);
      } catch (error) {
        if (!(error instanceof UcxError)) throw error;
        this.closing.end(endpoint, error);
      }
    }
    return begun;
  }

  /**
   * Accepts a connection only to say no at its hello. UCX's own refusal closes the socket in one thread while another
   * may still be handling its events; under many refusals that ends in an assertion, and with it the process (1.13.1).
   */
  #refuse(listener: Handle, request: Handle, reason: string): void {
    try {
      this.#takeDescriptors();
    } catch {
      this.#native.reject(listener, request);
      return;
    }
    this.#accept({ connectionRequest: request }, "", undefined, reason);
  }

  /** Makes our side of a connection that somebody else has begun. Descriptors were taken for it. */
  #accept(
    target: EndpointTarget,
    remoteAddress: string,
    accept: unknown,
    refusedFor?: string,
  ): Endpoint | undefined {
    const endpoint = this.#newEndpoint(
      remoteAddress,
      false,
      this.#config.connectTimeoutMs,
    );
    endpoint.acceptedBy = accept;
    endpoint.refusedFor = refusedFor;
    try {
      this.#create(endpoint, target);
    } catch (error) {
      if (!(error instanceof UcxError)) throw error;
      this.closing.end(endpoint, error);
      return undefined;
    }
    // Without a handshake there is no other way to say no than to close, once it has come about.
    if (endpoint.raw && refusedFor !== undefined) this.#openRaw(endpoint);
    else if (endpoint.raw) this.#open(endpoint.lift());
    return endpoint;
  }

  /** Without a handshake, a flush tells whether the connection has come about. */
  #openRaw(endpoint: Endpoint): void {
    endpoint.lift();
    const request = this.#native.functions.ucp_ep_flush_nbx(
      endpoint.handle,
      this.#native.params.plain,
    );
    const finish = (status: number): void => {
      if (endpoint.state !== "connecting") return;
      if (endpoint.refusedFor !== undefined)
        this.closing.end(endpoint, undefined);
      else if (status === 0) this.#open(endpoint);
      else this.closing.end(endpoint, this.#connectError(endpoint, status));
    };
    if (request > 0)
      this.#requests.add("plain", request, undefined).onDone = ({ status }) =>
        finish(status);
    else finish(Number(request));
  }

  /** Sends a message of our own. What becomes of it shows in the state of the connection. */
  sendControl(endpoint: Endpoint, message: ControlMessage): void {
    if (endpoint.handle && !endpoint.raw)
      this.#sendControl(endpoint.handle, message);
  }

  #sendControl(handle: Handle, message: ControlMessage): void {
    const bytes = encodeControl(message);
    const { plain, reply } = this.#native.params;
    const request = this.#native.sendHeader(
      handle,
      controlMessageId,
      bytes,
      message.kind === "hello" ? reply : plain,
    );
    if (request > 0) this.#requests.add("plain", request, bytes);
  }

  #open(endpoint: Endpoint): void {
    endpoint.state = "open";
    endpoint.deadlineMs = Number.POSITIVE_INFINITY;
    this.opened++;
    try {
      this.#hooks.onOpen(endpoint);
    } catch (error) {
      this.#hooks.onError(asError(error));
    }
    notify(endpoint.stateListeners, endpoint);
  }

  // --- what was recorded

  /** An endpoint of UCX is gone; the next one may get its address. */
  #dropEvents(handle: Handle): void {
    if (this.#failures.length > 0)
      this.#failures = this.#failures.filter(([each]) => each !== handle);
    if (this.#controls.length > 0)
      this.#controls = this.#controls.filter(([, reply]) => reply !== handle);
  }

  /** The worker goes: connections are cut off, and what was recorded is of no use any more. */
  drop(): void {
    this.closing.endAll();
    this.#controls = [];
    this.#failures = [];
    this.#waiting.length = 0;
  }

  /** Handles what callbacks have recorded. Runs hooks of the user. Returns how much there was. */
  handleEvents(): number {
    let handled = 0;
    for (;;) {
      const control = this.#controls.shift();
      if (control !== undefined) this.#onControl(control[0], control[1]);
      else if (!this.#accepting.handleNext()) {
        const failure = this.#failures.shift();
        if (failure === undefined) break;
        this.#onFailure(failure[0], failure[1]);
      }
      handled++;
    }
    if (this.closing.isWaiting) handled += this.closing.step();
    return handled + this.#beginWaiting();
  }

  #onControl(bytes: Uint8Array, reply: Handle): void {
    const message = decodeControl(bytes);
    if (message === undefined) {
      this.#handshake.onStrange(bytes, reply);
      return;
    }
    if (message.kind === "hello") {
      this.#handshake.onHello(message, reply);
      return;
    }
    const endpoint = this.table.byWireId(message.receiverId);
    // Late news of a connection that is gone.
    if (endpoint === undefined || endpoint.state === "closed") return;
    switch (message.kind) {
      case "welcome":
        this.#handshake.onWelcome(endpoint, message);
        break;
      case "refusal":
        this.closing.end(
          endpoint,
          new UcxRejectedError(`the peer refused: ${message.reason}`, {
            endpointId: endpoint.id,
          }),
        );
        break;
      case "redirect":
        this.closing.end(
          endpoint,
          new UcxRedirectedError(message.address, endpoint.id),
        );
        break;
      case "credit":
        endpoint.sendLimit = Math.max(
          endpoint.sendLimit,
          message.messagesGranted,
        );
        endpoint.streamSendLimit = Math.max(
          endpoint.streamSendLimit,
          message.streamBytesGranted,
        );
        notify(endpoint.creditListeners, endpoint);
        break;
      case "starved":
        this.#messages?.onStarved(endpoint, message.messagesSent);
        break;
      case "goodbye":
        this.closing.onGoodbye(endpoint, message);
        break;
      case "farewell":
        this.closing.onFarewell(endpoint);
        break;
      case "ping":
        this.sendControl(endpoint, {
          kind: "pong",
          receiverId: endpoint.peerWireId,
          sequence: message.sequence,
        });
        break;
      case "pong":
        for (const listener of [...endpoint.pongListeners])
          listener(message.sequence);
        break;
    }
  }

  #onFailure(handle: Handle, status: number): void {
    if (this.closing.lingering.failed(handle)) return;
    const endpoint = this.table.byHandle(handle);
    if (endpoint === undefined) return;
    if (endpoint.state === "connecting")
      this.closing.end(endpoint, this.#connectError(endpoint, status));
    else this.closing.onFailure(endpoint, status);
  }

  #connectError(endpoint: Endpoint, status: number): UcxError {
    const { id, initiated, remoteAddress } = endpoint;
    const where = remoteAddress || "the worker address";
    if (status === notConnected && initiated)
      return new UcxUnreachableError(
        `connect to ${where}: nobody listens there, or the connection was broken off`,
        { status, endpointId: id },
      );
    return statusError(
      `${initiated ? "connect to" : "connection from"} ${where}`,
      // What was under way is canceled when the connection breaks.
      status === UCS.UCS_ERR_CANCELED ? UCS.UCS_ERR_CONNECTION_RESET : status,
      id,
    );
  }
}
