/**
 * How connections begin: connect, accept and handshake; and what UCX and the peers report about them.
 *
 * Callbacks of UCX only record what happened; everything else is done after `ucp_worker_progress` returned.
 */
import type { Handle } from "../../../ffi/host.ts";
import type { EndpointTarget } from "../../../ffi/ucp/endpoint_structs.ts";
import type { UcpFunctions } from "../../../ffi/ucp/library.ts";
import {
  UcxIncompatibleError,
  UcxLimitError,
  UcxRejectedError,
} from "../errors.ts";
import { statusError } from "../status_errors.ts";
import type { ResolvedWorkerConfig } from "../worker_config.ts";
import {
  type ControlMessage,
  controlMessageId,
  controlVersion,
  controlVersionOf,
  decodeControl,
  encodeControl,
  type Greeting,
} from "./control_messages.ts";
import { asError, Closing, type ConnectionHooks, notify } from "./closing.ts";
import { Endpoint } from "./endpoint.ts";
import { EndpointTable } from "./endpoint_table.ts";
import type { NativeWorker } from "./native_worker.ts";
import type { Requests } from "./requests.ts";
import type { TagMessages } from "./tag_messages.ts";

/** Somebody wants to connect; decided by the listener's hook. */
export interface ConnectionRequest {
  /** `host:port` of the client. */
  readonly clientAddress: string;
}

/** What a listener does with a request: false refuses it. */
export type AcceptHook = (request: ConnectionRequest) => boolean | undefined;

interface ListenerEvent {
  readonly listener: Handle;
  readonly request: Handle;
  readonly accept: AcceptHook | undefined;
}

/** Connections of one worker. */
export class Connections {
  readonly #native: NativeWorker;
  readonly #functions: UcpFunctions;
  readonly #requests: Requests;
  readonly #config: ResolvedWorkerConfig;
  readonly #hooks: ConnectionHooks;
  /** Every connection, by each of its names. */
  readonly table = new EndpointTable();
  readonly closing: Closing;
  #messages: TagMessages | undefined;
  /** Connections that were opened so far. */
  opened = 0;

  // What callbacks have recorded.
  readonly #failures: (readonly [handle: Handle, status: number])[] = [];
  readonly #accepts: ListenerEvent[] = [];
  readonly #controls: (readonly [bytes: Uint8Array, reply: Handle])[] = [];

  constructor(
    native: NativeWorker,
    requests: Requests,
    config: ResolvedWorkerConfig,
    hooks: ConnectionHooks,
  ) {
    this.#native = native;
    this.#functions = native.functions;
    this.#requests = requests;
    this.#config = config;
    this.#hooks = hooks;
    this.closing = new Closing({
      native,
      requests,
      config,
      hooks,
      table: this.table,
      sendControl: (endpoint, message) => this.sendControl(endpoint, message),
      hasUnread: (endpoint) => this.#messages?.hasUnread(endpoint) ?? false,
      forgetMessages: (endpoint) => this.#messages?.forget(endpoint),
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

  /** Whether callbacks have recorded something that was not looked at. */
  get hasEvents(): boolean {
    return (
      this.#failures.length > 0 ||
      this.#accepts.length > 0 ||
      this.#controls.length > 0
    );
  }

  /**
   * Begins to connect. The state of what it gives tells how it goes on.
   *
   * @throws {UcxLimitError} when there are too many connections
   * @throws {UcxError} what UCX says of it
   */
  connect(
    target: EndpointTarget,
    remoteAddress: string,
    timeoutMs: number,
  ): Endpoint {
    const endpoint = this.#add(target, remoteAddress, true);
    endpoint.deadlineMs = performance.now() + timeoutMs;
    this.closing.noteDeadline(endpoint.deadlineMs);
    if (this.#config.raw) this.#openRaw(endpoint);
    else this.#greet(endpoint, "hello", "workerAddress" in target);
    return endpoint;
  }

  /** Takes requests of a listener; `accept` is asked about each. */
  requested(
    listener: Handle,
    request: Handle,
    accept: AcceptHook | undefined,
  ): void {
    this.#accepts.push({ listener, request, accept });
  }

  /** A listener is closed: those that it has not looked at are refused. */
  dropRequests(listener: Handle): void {
    for (let index = this.#accepts.length - 1; index >= 0; index--) {
      const accept = this.#accepts[index];
      if (accept?.listener !== listener) continue;
      this.#accepts.splice(index, 1);
      this.#native.reject(listener, accept.request);
    }
  }

  #add(
    target: EndpointTarget,
    remoteAddress: string,
    initiated: boolean,
  ): Endpoint {
    if (this.table.count >= this.#config.maxEndpoints)
      throw new UcxLimitError(
        `the worker has ${this.table.count} connections, allowed ${this.#config.maxEndpoints} (maxEndpoints)`,
      );
    const wireId = this.table.wireIds.take();
    let handle: Handle;
    try {
      handle = this.#native.createEndpoint(target);
    } catch (error) {
      this.table.wireIds.give(wireId);
      throw error;
    }
    const endpoint = new Endpoint({
      id: this.table.nextId(),
      wireId,
      handle,
      remoteAddress,
      initiated,
      raw: this.#config.raw,
    });
    this.table.add(endpoint);
    return endpoint;
  }

  /** Without a handshake, a flush tells whether the connection has come about. */
  #openRaw(endpoint: Endpoint): void {
    endpoint.sendLimit = Number.POSITIVE_INFINITY;
    endpoint.streamSendLimit = Number.POSITIVE_INFINITY;
    const request = this.#functions.ucp_ep_flush_nbx(
      endpoint.handle,
      this.#native.params.plain,
    );
    if (request < 0) {
      this.closing.end(
        endpoint,
        statusError("connect", Number(request), endpoint.id),
      );
      return;
    }
    if (!request) {
      this.#open(endpoint);
      return;
    }
    this.#requests.add("plain", request, undefined).onDone = (operation) => {
      if (endpoint.state !== "connecting") return;
      if (operation.status === 0) this.#open(endpoint);
      else
        this.closing.end(
          endpoint,
          statusError("connect", operation.status, endpoint.id),
        );
    };
  }

  #greet(
    endpoint: Endpoint,
    kind: "hello" | "welcome",
    withAddress: boolean,
  ): void {
    const { creditMessages, streamWindowBytes, maxMessageSize, name } =
      this.#config;
    if (endpoint.granted === 0) {
      endpoint.granted = creditMessages;
      endpoint.grantAt = Math.ceil(creditMessages / 2);
      endpoint.streamGranted = streamWindowBytes;
      endpoint.streamGrantAt = Math.ceil(streamWindowBytes / 2);
    }
    this.sendControl(endpoint, {
      kind,
      features: this.#native.features,
      receiverId: endpoint.peerWireId,
      senderId: endpoint.wireId,
      credits: creditMessages,
      streamCredits: streamWindowBytes,
      messageBytesMax: maxMessageSize,
      name,
      address: withAddress ? this.#native.address() : new Uint8Array(0),
    });
  }

  /** Sends a message of our own. What becomes of it shows in the state of the connection. */
  sendControl(endpoint: Endpoint, message: ControlMessage): void {
    if (!endpoint.handle || endpoint.raw) return;
    const bytes = encodeControl(message);
    const { plain, reply } = this.#native.params;
    const request = this.#native.sendHeader(
      endpoint.handle,
      controlMessageId,
      bytes,
      message.kind === "hello" ? reply : plain,
    );
    if (request > 0) this.#requests.add("plain", request, bytes);
  }

  /** Handles what callbacks have recorded. Runs hooks of the user. Returns how much there was. */
  handleEvents(): number {
    let handled = 0;
    for (;;) {
      const control = this.#controls.shift();
      if (control !== undefined) {
        this.#onControl(control[0], control[1]);
        handled++;
        continue;
      }
      const accept = this.#accepts.shift();
      if (accept !== undefined) {
        this.#onRequest(accept);
        handled++;
        continue;
      }
      const failure = this.#failures.shift();
      if (failure === undefined) return handled;
      this.#onFailure(failure[0], failure[1]);
      handled++;
    }
  }

  #onRequest({ listener, request, accept }: ListenerEvent): void {
    const clientAddress = this.#native.clientAddress(request);
    let accepted = true;
    try {
      if (accept !== undefined) accepted = accept({ clientAddress }) !== false;
    } catch (error) {
      accepted = false;
      this.#hooks.onError(asError(error));
    }
    if (!accepted) {
      this.#native.reject(listener, request);
      return;
    }
    let endpoint: Endpoint;
    try {
      endpoint = this.#add(
        { connectionRequest: request },
        clientAddress,
        false,
      );
    } catch (error) {
      if (error instanceof UcxLimitError)
        this.#native.reject(listener, request);
      this.#hooks.onError(asError(error));
      return;
    }
    endpoint.acceptedBy = accept;
    endpoint.deadlineMs = performance.now() + this.#config.connectTimeoutMs;
    this.closing.noteDeadline(endpoint.deadlineMs);
    if (this.#config.raw) {
      endpoint.sendLimit = Number.POSITIVE_INFINITY;
      endpoint.streamSendLimit = Number.POSITIVE_INFINITY;
      this.#open(endpoint);
    }
  }

  #onControl(bytes: Uint8Array, reply: Handle): void {
    const message = decodeControl(bytes);
    if (message === undefined) {
      this.#onStrange(bytes, reply);
      return;
    }
    if (message.kind === "hello") {
      this.#onHello(message, reply);
      return;
    }
    const endpoint = this.table.byWireId(message.receiverId);
    // Late news of a connection that is gone.
    if (endpoint === undefined || endpoint.state === "closed") return;
    switch (message.kind) {
      case "welcome":
        this.#meet(endpoint, message);
        break;
      case "refusal":
        this.closing.end(
          endpoint,
          new UcxRejectedError(`the peer refused: ${message.reason}`, {
            endpointId: endpoint.id,
          }),
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
        this.#messages?.onStarved(endpoint);
        break;
      case "goodbye":
        this.closing.onGoodbye(endpoint, message);
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
      case "farewell":
        endpoint.farewell = true;
        this.closing.closeWhenDone(endpoint);
        break;
    }
  }

  /** Not of our version: whoever it is must learn that it cannot work. */
  #onStrange(bytes: Uint8Array, reply: Handle): void {
    const version = controlVersionOf(bytes);
    const error = new UcxIncompatibleError(
      version === undefined || version === controlVersion
        ? "a control message that cannot be read"
        : `the peer speaks version ${version} of the handshake, this is version ${controlVersion}`,
    );
    const endpoint = reply ? this.table.byHandle(reply) : undefined;
    if (endpoint === undefined) this.#hooks.onError(error);
    else this.closing.end(endpoint, error);
  }

  #onHello(hello: Greeting, reply: Handle): void {
    let endpoint = this.table.byHandle(reply);
    if (endpoint === undefined) {
      // Only who connects by worker address can be unknown here; the address is needed to notice its death.
      if (hello.address.length === 0 || !this.#config.acceptAddresses) return;
      try {
        endpoint = this.#add({ workerAddress: hello.address }, "", false);
      } catch (error) {
        this.#hooks.onError(asError(error));
        return;
      }
    }
    this.#take(endpoint, hello);
    this.#greet(endpoint, "welcome", false);
    this.#meet(endpoint, hello);
  }

  #take(endpoint: Endpoint, greeting: Greeting): void {
    endpoint.peerWireId = greeting.senderId;
    endpoint.peerName = greeting.name;
    endpoint.peerFeatures = greeting.features;
    endpoint.sendLimit = Math.max(endpoint.sendLimit, greeting.credits);
    endpoint.streamSendLimit = Math.max(
      endpoint.streamSendLimit,
      greeting.streamCredits,
    );
    if (greeting.messageBytesMax > 0)
      endpoint.peerMessageBytesMax = greeting.messageBytesMax;
  }

  /** The handshake is through when we know what the peer has told about itself. */
  #meet(endpoint: Endpoint, greeting: Greeting): void {
    this.#take(endpoint, greeting);
    if (endpoint.state === "connecting") this.#open(endpoint);
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

  #onFailure(handle: Handle, status: number): void {
    const endpoint = this.table.byHandle(handle);
    if (endpoint === undefined) return;
    // This is how UCX reports an orderly close too.
    const orderly = endpoint.goodbye !== undefined || endpoint.farewell;
    this.closing.end(
      endpoint,
      orderly ? undefined : statusError("connection", status, endpoint.id),
    );
  }
}
