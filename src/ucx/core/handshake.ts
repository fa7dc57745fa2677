/** What two workers tell each other before a connection is handed to its user: hello, and welcome or refusal. */
import type { Handle } from "../../../ffi/host.ts";
import { UCP_FEATURE } from "../../../ffi/ucp/constants.ts";
import type { EndpointTarget } from "../../../ffi/ucp/endpoint_structs.ts";
import {
  type UcxError,
  UcxIncompatibleError,
  UcxRejectedError,
} from "../errors.ts";
import type { ResolvedWorkerConfig } from "../worker_config.ts";
import { asError, type Closing } from "./closing.ts";
import {
  type ControlMessage,
  controlPrefixOf,
  controlVersion,
  type Greeting,
} from "./control_messages.ts";
import { descriptorBudget } from "./descriptor_budget.ts";
import type { Endpoint } from "./endpoint.ts";
import type { EndpointTable } from "./endpoint_table.ts";
import type { NativeWorker } from "./native_worker.ts";

/** What it needs of the connections. */
export interface HandshakeContext {
  readonly native: NativeWorker;
  readonly config: ResolvedWorkerConfig;
  readonly table: EndpointTable;
  readonly closing: Closing;
  /** Whether there is room for one more; otherwise why not. */
  refusal(): UcxError | undefined;
  /** Makes a connection that somebody else has begun; undefined when that failed, and was told. */
  admit(target: EndpointTarget): Endpoint | undefined;
  /** The address of the worker that serves in our place, if one does. */
  redirect(endpoint: Endpoint): Uint8Array | undefined;
  /** The handshake is through. */
  open(endpoint: Endpoint): void;
  send(handle: Handle, message: ControlMessage): void;
  onError(error: Error): void;
}

/** Handshakes of one worker. */
export class Handshake {
  readonly #context: HandshakeContext;

  constructor(context: HandshakeContext) {
    this.#context = context;
  }

  /** @param withAddress whether the peer needs our address to have an endpoint to us */
  greet(
    endpoint: Endpoint,
    kind: Greeting["kind"],
    withAddress: boolean,
  ): void {
    const { native, config } = this.#context;
    const { creditMessages, streamWindowBytes } = config;
    endpoint.granted = creditMessages;
    endpoint.grantAt = Math.ceil(creditMessages / 2);
    endpoint.streamGranted = streamWindowBytes;
    endpoint.streamGrantAt = Math.ceil(streamWindowBytes / 2);
    this.#context.send(endpoint.handle, {
      kind,
      features: native.features,
      receiverId: endpoint.peerWireId,
      senderId: endpoint.wireId,
      workerId: native.id,
      credits: creditMessages,
      streamCredits: streamWindowBytes,
      messageBytesMax: config.maxMessageSize,
      name: config.name,
      address: withAddress ? native.address() : new Uint8Array(0),
    });
  }

  /** @param reply UCX's endpoint to who said it */
  onHello(hello: Greeting, reply: Handle): void {
    const known = this.#context.table.byHandle(reply);
    // Only who connects by worker address can be unknown here; the address is needed to notice its death.
    if (known === undefined && hello.address.length === 0) return;
    const endpoint = known ?? this.#admitByAddress(hello);
    // With both connecting at once by worker address, UCX makes one connection of the two, and two hellos cross.
    if (endpoint?.state !== "connecting") return;
    if (endpoint.refusedFor !== undefined) {
      this.#context.closing.end(endpoint, undefined, {
        kind: "refusal",
        receiverId: hello.senderId,
        reason: endpoint.refusedFor,
      });
      return;
    }
    const address = this.#context.redirect(endpoint);
    if (address !== undefined) {
      this.#context.closing.end(endpoint, undefined, {
        kind: "redirect",
        receiverId: hello.senderId,
        address,
      });
      return;
    }
    this.#take(endpoint, hello);
    this.greet(endpoint, "welcome", false);
    this.#context.open(endpoint);
  }

  onWelcome(endpoint: Endpoint, welcome: Greeting): void {
    if (endpoint.state !== "connecting") return;
    this.#take(endpoint, welcome);
    this.#context.open(endpoint);
  }

  /** A message that is not of our version, or damaged. Who wants to connect like that must learn that it cannot work. */
  onStrange(bytes: Uint8Array, reply: Handle): void {
    const { table, closing } = this.#context;
    const prefix = controlPrefixOf(bytes);
    const error = new UcxIncompatibleError(
      prefix === undefined || prefix.version === controlVersion
        ? "a control message that cannot be read"
        : `the peer speaks version ${prefix.version} of the handshake, this is version ${controlVersion}`,
    );
    const endpoint = reply
      ? table.byHandle(reply)
      : table.byWireId(prefix?.receiverId ?? 0);
    if (endpoint?.state === "connecting")
      closing.end(endpoint, error, {
        kind: "refusal",
        receiverId: prefix?.senderId ?? 0,
        reason: error.message,
      });
    else this.#context.onError(error);
  }

  #admitByAddress(hello: Greeting): Endpoint | undefined {
    const { config, onError } = this.#context;
    const refusal = config.acceptAddresses
      ? this.#context.refusal()
      : new UcxRejectedError(
          "connections by worker address are not accepted (acceptAddresses)",
        );
    if (refusal === undefined)
      return this.#context.admit({ workerAddress: hello.address });
    onError(refusal);
    this.#refuseByAddress(hello, refusal.message);
    return undefined;
  }

  /** UCX has made an endpoint for the peer already. We can only get hold of it, and close it, by making it ours. */
  #refuseByAddress(hello: Greeting, reason: string): void {
    const { native, closing, send, onError } = this.#context;
    let handle: Handle;
    try {
      handle = native.createEndpoint({ workerAddress: hello.address });
    } catch (error) {
      onError(asError(error));
      return;
    }
    descriptorBudget.adopt();
    send(handle, { kind: "refusal", receiverId: hello.senderId, reason });
    closing.linger(handle);
  }

  #take(endpoint: Endpoint, greeting: Greeting): void {
    endpoint.peerWireId = greeting.senderId;
    endpoint.peerWorkerId = greeting.workerId;
    endpoint.peerName = greeting.name;
    endpoint.peerFeatures = greeting.features;
    endpoint.peerTakesTags = (greeting.features & UCP_FEATURE.TAG) !== 0;
    endpoint.sendLimit = greeting.credits;
    endpoint.streamSendLimit = greeting.streamCredits;
    if (greeting.messageBytesMax > 0)
      endpoint.peerMessageBytesMax = greeting.messageBytesMax;
  }
}
