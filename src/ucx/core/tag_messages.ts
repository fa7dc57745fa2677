/** Tagged messages: sending within the peer's credit, receiving, and what is kept aside (`spill.ts`). */
import { type Handle, sizeAt } from "../../../ffi/host.ts";
import { UCP_FEATURE } from "../../../ffi/ucp/constants.ts";
import { IovArray, TagReceiveInfo } from "../../../ffi/ucp/request_structs.ts";
import { UcxLimitError, UcxTruncatedError } from "../errors.ts";
import { statusError } from "../status_errors.ts";
import type { Counters } from "../statistics.ts";
import { anyTagMask, wireIdOf, wireTag } from "../tags.ts";
import type { ControlMessage } from "./control_messages.ts";
import { dataBytes, type MessageData } from "./buffers.ts";
import type { Endpoint, TagMatch } from "./endpoint.ts";
import type { NativeWorker } from "./native_worker.ts";
import { Operation } from "./operation.ts";
import type { Requests } from "./requests.ts";
import type { SpilledMessage, Spill } from "./spill.ts";

const truncatedStatus = -9;
const canceledStatus = -16;
const resetStatus = -25;

/** A message that was taken out of UCX's matching, and has to be received. */
export interface ProbedMessage {
  readonly handle: Handle;
  readonly bytes: number;
  readonly tagUpper: number;
  readonly tagLower: number;
}

/** What it needs of the worker. */
export interface TagMessagesContext {
  readonly native: NativeWorker;
  readonly requests: Requests;
  readonly spill: Spill;
  readonly raw: boolean;
  readonly creditMessages: number;
  /** Counts what belongs to no connection: all that is received in raw mode. */
  readonly unattributed: Counters;
  /** The connection that we call `wireId`, also when it is closed and not let go. */
  endpointOf(wireId: number): Endpoint | undefined;
  endpoints(): Iterable<Endpoint>;
  /** Closes a connection whose peer keeps more unread than may be kept. */
  overflow(endpoint: Endpoint): void;
  /** A message of a closed connection was received: it may have been the last. */
  forgetIfEmpty(endpoint: Endpoint): void;
  sendControl(endpoint: Endpoint, message: ControlMessage): void;
}

/** Takes all messages out of UCX as they come, and hands them out itself: the asynchronous level. */
export interface TagDispatcher {
  /** The peer waits for credit, and nothing was received since it got the last. */
  onStarved(endpoint: Endpoint): void;
  /** A connection is let go: its messages are to be thrown away. */
  forget(endpoint: Endpoint): void;
}

/** Tagged messages of one worker. */
export class TagMessages {
  readonly #context: TagMessagesContext;
  /** Who looks after messages that nobody has received yet; without one, they stay in UCX. */
  dispatcher: TagDispatcher | undefined;
  readonly #info = new TagReceiveInfo();
  /** Receives that wait for a message of whatever connection. */
  #waitingForAny = 0;
  /** Messages that were thrown away since nobody can receive them any more. */
  dropped = 0;

  constructor(context: TagMessagesContext) {
    this.#context = context;
  }

  /** Whether the peer has room for one more; if not, it is told that we wait. */
  maySend(endpoint: Endpoint): boolean {
    if (endpoint.sent < endpoint.sendLimit) return true;
    if (endpoint.starvedAt !== endpoint.sendLimit) {
      endpoint.starvedAt = endpoint.sendLimit;
      this.#context.sendControl(endpoint, {
        kind: "starved",
        receiverId: endpoint.peerWireId,
        messagesSent: endpoint.sent,
        streamBytesSent: endpoint.streamSent,
      });
    }
    return false;
  }

  /**
   * Hands a message to UCX. The caller has checked tag, data, state and credit. Gives the operation, or undefined when
   * the data is free again already.
   *
   * @throws {UcxLimitError} when it is longer than the peer takes
   * @throws {UcxError} what UCX says of it
   */
  send(
    endpoint: Endpoint,
    tag: number | bigint,
    data: MessageData,
  ): Operation | undefined {
    const { native, requests } = this.#context;
    const sizeBytes = dataBytes(data);
    if (sizeBytes > endpoint.peerMessageBytesMax)
      throw new UcxLimitError(
        `the peer takes messages of at most ${endpoint.peerMessageBytesMax} bytes, this one has ${sizeBytes}`,
        { endpointId: endpoint.id },
      );
    let request: Handle;
    let keep: unknown = data;
    if (data instanceof Uint8Array) {
      request = native.functions.ucp_tag_send_nbx(
        endpoint.handle,
        data,
        sizeAt(sizeBytes),
        endpoint.sendTag(tag),
        native.params.plain,
      );
    } else {
      const parts = new IovArray(data);
      keep = parts;
      request = native.library.addressFunctions.ucp_tag_send_nbx(
        endpoint.handle,
        parts.handle,
        sizeAt(parts.count),
        endpoint.sendTag(tag),
        native.params.iov,
      );
    }
    if (request < 0) {
      endpoint.counters.errors++;
      throw statusError("sendTag", Number(request), endpoint.id);
    }
    endpoint.sent++;
    endpoint.counters.messagesSent++;
    endpoint.counters.bytesSent += sizeBytes;
    if (!request) return undefined;
    const operation = requests.add("plain", request, keep);
    operation.endpoint = endpoint;
    return operation;
  }

  /**
   * Begins to receive into a buffer. The operation may be done already.
   *
   * @throws {UcxError} what UCX says of it
   */
  receive(match: TagMatch, buffer: Uint8Array): Operation {
    const { native, requests } = this.#context;
    const spilled = this.#findSpilled(match);
    if (spilled !== undefined)
      return this.#receiveSpilled(spilled, match, buffer);
    const request = native.functions.ucp_tag_recv_nbx(
      native.worker,
      buffer,
      sizeAt(buffer.byteLength),
      match.tag,
      match.mask,
      native.params.receive,
    );
    if (request < 0) throw statusError("receiveTag", Number(request));
    const operation = requests.add("tagReceive", request, buffer);
    operation.endpoint = match.endpoint;
    if (!requests.look(operation)) this.waits(operation);
    return operation;
  }

  #findSpilled(match: TagMatch): SpilledMessage | undefined {
    const { spill } = this.#context;
    return spill.count === 0 ? undefined : spill.find(match.tag, match.mask);
  }

  /** Copies a message that was kept aside, now or when it has come. One that is too long stays. */
  #receiveSpilled(
    spilled: SpilledMessage,
    match: TagMatch,
    buffer: Uint8Array,
  ): Operation {
    const operation = new Operation("local", 0, buffer);
    operation.endpoint = match.endpoint;
    operation.bytes = spilled.bytes.length;
    operation.tagUpper = spilled.tagUpper;
    operation.tagLower = spilled.tagLower;
    if (spilled.bytes.length > buffer.byteLength) {
      operation.failure = new UcxTruncatedError(
        spilled.bytes.length,
        buffer.byteLength,
        { kept: true, status: truncatedStatus },
      );
      operation.status = truncatedStatus;
      return operation;
    }
    this.#context.spill.remove(spilled);
    if (spilled.ready) {
      buffer.set(spilled.bytes);
      operation.status = 0;
      this.#forgetIfEmpty(spilled.tagUpper);
      return operation;
    }
    // Given up meanwhile, it is somebody else's again.
    operation.onCancel = () => {
      spilled.onReady = undefined;
      this.#context.spill.addFirst(spilled);
    };
    spilled.onReady = () => {
      operation.keep = undefined;
      operation.status = spilled.failed ? resetStatus : 0;
      if (!spilled.failed) buffer.set(spilled.bytes);
      operation.onDone?.(operation);
    };
    return operation;
  }

  /** A receive that has to wait may be waiting for what lies behind messages that nobody wants. */
  waits(operation: Operation): void {
    if (this.#context.raw) return;
    operation.waits = true;
    const { endpoint } = operation;
    if (endpoint === undefined) {
      this.#waitingForAny++;
      for (const each of this.#context.endpoints())
        if (each.peerStarved) this.drain(each);
      return;
    }
    endpoint.waitingReceives++;
    if (endpoint.peerStarved) this.drain(endpoint);
  }

  /** Gives a receive up. It is done with status -16 soon, or with a message that came first. */
  cancel(operation: Operation): void {
    if (operation.isDone) return;
    if (operation.kind === "local") {
      operation.status = canceledStatus;
      operation.onCancel?.();
      operation.onDone?.(operation);
    } else this.#context.requests.cancel(operation);
  }

  /** Counts a message that a receive has got; called for each by the requests. */
  onReceived(operation: Operation): void {
    const { endpoint } = operation;
    if (operation.waits) {
      operation.waits = false;
      if (endpoint === undefined) this.#waitingForAny--;
      else endpoint.waitingReceives--;
    }
    if (operation.status === truncatedStatus)
      operation.failure = new UcxTruncatedError(
        operation.bytes,
        (operation.keep as Uint8Array).byteLength,
        { status: truncatedStatus },
      );
    else if (operation.status !== 0) return;
    this.count(operation.tagUpper, operation.bytes);
  }

  /** Counts a message that came, and lets its sender send more. */
  count(tagUpper: number, bytes: number): void {
    const { raw, unattributed } = this.#context;
    const endpoint = raw
      ? undefined
      : this.#context.endpointOf(wireIdOf(tagUpper));
    if (endpoint === undefined) {
      unattributed.messagesReceived++;
      unattributed.bytesReceived += bytes;
      return;
    }
    endpoint.received++;
    endpoint.counters.messagesReceived++;
    endpoint.counters.bytesReceived += bytes;
    if (endpoint.state === "closed") this.#context.forgetIfEmpty(endpoint);
    else if (endpoint.received >= endpoint.grantAt || endpoint.peerStarved)
      this.grant(endpoint);
  }

  /** Tells the peer how many messages it may send by now. */
  grant(endpoint: Endpoint): void {
    const { creditMessages } = this.#context;
    endpoint.peerStarved = false;
    endpoint.granted =
      endpoint.received + endpoint.keptMessages + creditMessages;
    endpoint.grantAt = endpoint.received + Math.ceil(creditMessages / 2);
    this.#context.sendControl(endpoint, {
      kind: "credit",
      receiverId: endpoint.peerWireId,
      messagesGranted: endpoint.granted,
      streamBytesGranted: endpoint.streamGranted,
    });
  }

  /** The peer waits for credit. Its messages are taken out of the way only when somebody waits for one behind them. */
  onStarved(endpoint: Endpoint): void {
    // What was received since the last grant may be all that it needs.
    if (endpoint.received + this.#context.creditMessages > endpoint.granted) {
      this.grant(endpoint);
      return;
    }
    endpoint.peerStarved = true;
    this.dispatcher?.onStarved(endpoint);
    if (endpoint.waitingReceives > 0 || this.#waitingForAny > 0)
      this.drain(endpoint);
  }

  /** Takes all messages of a connection that wait in UCX and keeps them aside. */
  drain(endpoint: Endpoint): void {
    const match = {
      tag: wireTag(endpoint.wireId, 0n),
      mask: anyTagMask,
      endpoint,
    };
    for (;;) {
      const message = this.probe(match);
      if (message === undefined) return;
      if (!this.#context.spill.hasRoom(message.bytes)) {
        this.discard(message);
        this.#context.overflow(endpoint);
        return;
      }
      this.#keepAside(message);
    }
  }

  /** Receives a message that was taken out of UCX into memory of its own. */
  #keepAside(message: ProbedMessage): SpilledMessage {
    const { spill } = this.#context;
    const spilled: SpilledMessage = {
      tagUpper: message.tagUpper,
      tagLower: message.tagLower,
      bytes: new Uint8Array(new ArrayBuffer(message.bytes)),
      ready: false,
      failed: false,
      onReady: undefined,
    };
    spill.add(spilled);
    const operation = this.takeProbed(message, spilled.bytes);
    const finish = (): void => {
      if (operation.status === 0) spilled.ready = true;
      else {
        // It was announced, and its sender went away before the bytes came.
        spilled.failed = true;
        this.dropped++;
        spill.remove(spilled);
        this.#forgetIfEmpty(message.tagUpper);
      }
      spilled.onReady?.();
    };
    if (operation.isDone) finish();
    else operation.onDone = finish;
    return spilled;
  }

  #forgetIfEmpty(tagUpper: number): void {
    const endpoint = this.#context.endpointOf(wireIdOf(tagUpper));
    if (endpoint?.state === "closed") this.#context.forgetIfEmpty(endpoint);
  }

  /** Whether a message of this connection has come that nobody received. */
  hasUnread(endpoint: Endpoint): boolean {
    const { native, raw } = this.#context;
    if (raw || (native.features & UCP_FEATURE.TAG) === 0) return false;
    const match = {
      tag: wireTag(endpoint.wireId, 0n),
      mask: anyTagMask,
      endpoint,
    };
    if (this.#findSpilled(match) !== undefined) return true;
    const message = native.functions.ucp_tag_probe_nb(
      native.worker,
      match.tag,
      match.mask,
      0,
      this.#info.handle,
    );
    return Boolean(message);
  }

  /** Looks for a message and takes it out of UCX's matching; it must be received or discarded. */
  probe(match: TagMatch): ProbedMessage | undefined {
    const { native } = this.#context;
    const handle = native.functions.ucp_tag_probe_nb(
      native.worker,
      match.tag,
      match.mask,
      1,
      this.#info.handle,
    );
    if (!handle) return undefined;
    return {
      handle,
      bytes: this.#info.length,
      tagLower: this.#info.tagLower,
      tagUpper: this.#info.tagUpper,
    };
  }

  /** Receives a message that `probe` gave. */
  takeProbed(message: ProbedMessage, buffer: Uint8Array): Operation {
    const { native, requests } = this.#context;
    const request = native.functions.ucp_tag_msg_recv_nbx(
      native.worker,
      buffer,
      sizeAt(buffer.byteLength),
      message.handle,
      native.params.receive,
    );
    if (request < 0) throw statusError("receiveTag", Number(request));
    const operation = requests.add("tagReceive", request, buffer);
    requests.look(operation);
    return operation;
  }

  /** Throws a message away that `probe` gave. */
  discard(message: ProbedMessage): void {
    this.dropped++;
    this.takeProbed(message, new Uint8Array(new ArrayBuffer(0)));
  }

  /** Throws away whatever is left of a connection that is let go. */
  forget(endpoint: Endpoint): void {
    if (this.#context.raw) return;
    this.dispatcher?.forget(endpoint);
    const match = {
      tag: wireTag(endpoint.wireId, 0n),
      mask: anyTagMask,
      endpoint,
    };
    for (;;) {
      const spilled = this.#findSpilled(match);
      if (spilled === undefined) break;
      this.#context.spill.remove(spilled);
      this.dropped++;
    }
    for (;;) {
      const message = this.probe(match);
      if (message === undefined) return;
      this.discard(message);
    }
  }

  /**
   * Takes a message that has come, without waiting. One that does not fit is kept for a larger buffer; one whose bytes
   * are still fetched from its sender comes at a later call.
   *
   * @throws {UcxTruncatedError} when the next message is longer than the buffer
   */
  tryReceive(match: TagMatch, buffer: Uint8Array): Operation | undefined {
    let spilled = this.#findSpilled(match);
    if (spilled === undefined) {
      const message = this.probe(match);
      if (message === undefined) return undefined;
      spilled = this.#keepAside(message);
    }
    if (!spilled.ready) return undefined;
    const operation = this.#receiveSpilled(spilled, match, buffer);
    if (operation.failure !== undefined) throw operation.failure;
    return operation;
  }
}
