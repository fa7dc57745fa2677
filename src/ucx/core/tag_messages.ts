/** Tagged messages: receiving them, and what is kept aside (`spill.ts`). Sending is in `tag_sending.ts`. */
import type { Handle } from "../../../ffi/host.ts";
import { UCP_FEATURE } from "../../../ffi/ucp/constants.ts";
import type { UcpFunctions } from "../../../ffi/ucp/library.ts";
import { TAKE, type TagPort } from "../../../ffi/ucp/tag_port.ts";
import {
  alwaysRequest,
  TagReceiveInfo,
} from "../../../ffi/ucp/request_structs.ts";
import { UcxTruncatedError } from "../errors.ts";
import { statusError } from "../status_errors.ts";
import type { Counters } from "../statistics.ts";
import { wireIdOf } from "../tags.ts";
import { NativeData } from "./buffers.ts";
import type { Endpoint, TagMatch } from "./endpoint.ts";
import type { NativeWorker } from "./native_worker.ts";
import { NativeSizes } from "./native_sizes.ts";
import {
  canceledStatus,
  type Operation,
  truncatedStatus,
} from "./operation.ts";
import type { Requests } from "./requests.ts";
import type { SpilledMessage, Spill } from "./spill.ts";
import { receiveSpilled } from "./spill_receive.ts";
import {
  messageBegun,
  noMessage,
  notAtOnce,
  type ProbedMessage,
  type TagDispatcher,
  type TagMessagesContext,
} from "./tag_context.ts";
import { TagCredit } from "./tag_credit.ts";
import { TagSending } from "./tag_sending.ts";

export type { ProbedMessage, TagDispatcher } from "./tag_context.ts";

/** Tagged messages of one worker. */
export class TagMessages extends TagSending {
  readonly #context: TagMessagesContext;
  readonly #native: NativeWorker;
  readonly #requests: Requests;
  readonly #spill: Spill;
  readonly #sizes = new NativeSizes();
  readonly #info = new TagReceiveInfo();
  // What `take` needs, without looking for it.
  readonly #infoHandle: Handle = this.#info.handle;
  readonly #probe: UcpFunctions["ucp_tag_probe_nb"];
  readonly #receiveProbed: UcpFunctions["ucp_tag_msg_recv_nbx"];
  readonly #worker: Handle;
  readonly #port: TagPort;
  readonly #raw: boolean;
  readonly #credit: TagCredit;
  /** Who looks after messages that nobody has received yet; without one, they stay in UCX. */
  dispatcher: TagDispatcher | undefined;
  /** Messages that were thrown away since nobody can receive them any more. */
  dropped = 0;

  readonly #onSpilledTaken = (spilled: SpilledMessage): void => {
    this.#spill.remove(spilled);
    this.#count(spilled.endpoint, spilled.bytes.length, false, true);
  };

  // What `take` has got last.
  tagUpper = 0;
  tagLower = 0;
  /** The connection that it came by; undefined in raw mode. */
  sender: Endpoint | undefined;
  begun: Operation | undefined;

  constructor(context: TagMessagesContext) {
    const credit = new TagCredit(context);
    super(context.native, context.requests, credit);
    this.#context = context;
    this.#native = context.native;
    this.#requests = context.requests;
    this.#spill = context.spill;
    this.#credit = credit;
    const { functions, worker } = context.native;
    this.#probe = functions.ucp_tag_probe_nb;
    this.#receiveProbed = functions.ucp_tag_msg_recv_nbx;
    this.#worker = worker;
    this.#port = context.native.tagPort;
    this.#raw = context.raw;
  }

  /**
   * Begins to receive into a buffer, ahead of messages that come later. The operation may be done already.
   *
   * @throws {UcxError} what UCX says of it
   */
  receive(match: TagMatch, buffer: Uint8Array | NativeData): Operation {
    const spilled = this.#findSpilled(match);
    if (spilled !== undefined)
      return receiveSpilled(spilled, match, buffer, this.#onSpilledTaken);
    const { functions, library, params, worker } = this.#native;
    const { tag, mask } = match;
    const size = this.#sizes.at(buffer.byteLength);
    const request =
      buffer instanceof NativeData
        ? library.addressFunctions.ucp_tag_recv_nbx(
            worker,
            buffer.handle,
            size,
            tag,
            mask,
            params.ofMemory(buffer.memoryType, alwaysRequest),
          )
        : functions.ucp_tag_recv_nbx(
            worker,
            buffer,
            size,
            tag,
            mask,
            params.receive,
          );
    if (request < 0) throw statusError("receiveTag", Number(request));
    const operation = this.#requests.add("tagReceive", request, buffer);
    operation.endpoint = match.endpoint;
    if (!this.#requests.look(operation)) {
      operation.waits = true;
      this.waits(match);
    }
    return operation;
  }

  /**
   * Takes the next message that has come, if there is one. It is received right into the buffer; one that does not fit is
   * kept aside, and so is one whose bytes are still to be fetched from its sender, unless `mayBegin`.
   *
   * @param turns of progress while there is none, at most, and until something happens; what has happened (`turnEvents`)
   * is to be settled by the caller
   * @returns its bytes, `noMessage`, or `messageBegun`
   * @throws {UcxTruncatedError} when the next message is longer than the buffer
   */
  take(
    match: TagMatch,
    buffer: Uint8Array,
    mayBegin: boolean,
    turns = 0,
  ): number {
    if (this.#spill.count > 0) {
      const spilled = this.#findSpilled(match);
      if (spilled !== undefined)
        return this.#takeSpilled(spilled, match, buffer, mayBegin);
    }
    const result = this.#port.take(match, buffer, turns);
    return result === TAKE.nothing
      ? noMessage
      : this.finishTake(match, buffer, mayBegin, result);
  }

  /** The rest of `take`, when UCX has had a message. */
  finishTake(
    match: TagMatch,
    buffer: Uint8Array,
    mayBegin: boolean,
    result: number,
  ): number {
    const port = this.#port;
    const bytes = port.length;
    this.tagUpper = port.tagUpper;
    this.tagLower = port.tagLower;
    if (result !== TAKE.taken)
      return this.#takeLater(match, buffer, mayBegin, result, bytes);
    const { endpoint } = match;
    if (endpoint === undefined || this.#raw)
      this.#count(this.#endpointOf(this.tagUpper), bytes, true, true);
    else this.countTaken(endpoint, bytes);
    return bytes;
  }

  /** The same as `count` does, for the shortest way. */
  countTaken(endpoint: Endpoint, bytes: number): void {
    const { counters } = endpoint;
    this.sender = endpoint;
    counters.messagesReceived++;
    counters.bytesReceived += bytes;
    endpoint.received++;
    if (++endpoint.taken >= endpoint.grantAt) this.#credit.grant(endpoint);
    if (endpoint.state === "closed") this.#context.forgetIfEmpty(endpoint);
  }

  /** What happened in the turns of the last `take`. */
  get turnEvents(): number {
    return this.#port.events;
  }

  /** A message that was found does not fit, or its bytes are still to be fetched. */
  #takeLater(
    match: TagMatch,
    buffer: Uint8Array,
    mayBegin: boolean,
    result: number,
    bytes: number,
  ): number {
    const { message: handle, status } = this.#port;
    const { tagUpper, tagLower } = this;
    const message = { handle, bytes, tagUpper, tagLower };
    if (result === TAKE.refused) {
      if (status !== notAtOnce)
        throw statusError("receiveTag", status, match.endpoint?.id);
      if (mayBegin) {
        this.begun = this.takeProbed(message, buffer);
        return messageBegun;
      }
    }
    const spilled = this.#keepAside(message);
    return this.#takeSpilled(spilled, match, buffer, mayBegin);
  }

  /** The length of the next message, with its tag and sender in `tagUpper`, `tagLower`, `sender`; nothing is removed. */
  peek(match: TagMatch): number {
    const spilled = this.#findSpilled(match);
    if (spilled !== undefined) {
      this.tagUpper = spilled.tagUpper;
      this.tagLower = spilled.tagLower;
      this.sender = spilled.endpoint;
      return spilled.bytes.length;
    }
    const bytes = this.#peekUnexpected(match);
    if (bytes === noMessage) return noMessage;
    const info = this.#info;
    this.tagUpper = info.tagUpper;
    this.tagLower = info.tagLower;
    this.sender = this.#endpointOf(this.tagUpper);
    return bytes;
  }

  #endpointOf(tagUpper: number): Endpoint | undefined {
    return this.#raw ? undefined : this.#context.endpointOf(wireIdOf(tagUpper));
  }

  #findSpilled(match: TagMatch): SpilledMessage | undefined {
    return this.#spill.count === 0
      ? undefined
      : this.#spill.find(match.tagBits, match.maskBits);
  }

  #takeSpilled(
    spilled: SpilledMessage,
    match: TagMatch,
    buffer: Uint8Array,
    mayBegin: boolean,
  ): number {
    if (!spilled.ready && !mayBegin && spilled.bytes.length <= buffer.length)
      return noMessage;
    const operation = receiveSpilled(
      spilled,
      match,
      buffer,
      this.#onSpilledTaken,
    );
    if (operation.failure !== undefined) throw operation.failure;
    if (operation.isDone) {
      this.tagUpper = operation.tagUpper;
      this.tagLower = operation.tagLower;
      this.sender = operation.sender;
      return operation.bytes;
    }
    this.begun = operation;
    return messageBegun;
  }

  /** A receive begins to wait, perhaps for what lies behind messages that nobody wants. */
  waits(match: TagMatch): void {
    this.#credit.waits(match.endpoint);
    if (this.#credit.starvedCount > 0) this.drainDeadlocked();
  }

  /** It does not wait any more. */
  waitsNoMore(match: TagMatch): void {
    this.#credit.waitsNoMore(match.endpoint);
  }

  /** Gives a receive up. It is done with status -16 soon, or with a message that came first. */
  cancel(operation: Operation): void {
    if (operation.isDone) return;
    if (operation.kind === "local") {
      operation.status = canceledStatus;
      operation.keep = undefined;
      operation.onCancel?.();
      operation.onDone?.(operation);
    } else this.#requests.cancel(operation);
  }

  /** Counts a message that a receive has got; called for each by the requests. */
  onReceived(operation: Operation): void {
    if (operation.waits) {
      operation.waits = false;
      this.#credit.waitsNoMore(operation.endpoint);
    }
    const { aside } = operation;
    const truncated = operation.status === truncatedStatus;
    if (truncated)
      operation.failure = new UcxTruncatedError(
        operation.bytes,
        (operation.keep as Uint8Array).byteLength,
        { status: truncatedStatus },
      );
    else if (operation.status !== 0) return;
    operation.sender = this.#endpointOf(operation.tagUpper);
    this.#count(operation.sender, operation.bytes, true, !aside);
    if (truncated && !aside) this.#counters(operation.sender).errors++;
  }

  #counters(endpoint: Endpoint | undefined): Counters {
    return endpoint?.counters ?? this.#context.unattributed;
  }

  /** Counts a message: one that UCX no longer holds, one that the user has got, or both at once. */
  #count(
    endpoint: Endpoint | undefined,
    bytes: number,
    taken: boolean,
    delivered: boolean,
  ): void {
    this.sender = endpoint;
    if (delivered) {
      const counters = this.#counters(endpoint);
      counters.messagesReceived++;
      counters.bytesReceived += bytes;
    }
    if (endpoint === undefined) return;
    if (delivered) endpoint.received++;
    if (taken) this.#credit.took(endpoint);
    if (delivered && endpoint.state === "closed")
      this.#context.forgetIfEmpty(endpoint);
  }

  // --- credit, and what is kept aside

  /** Tells the peer how many messages it may send by now. */
  grant(endpoint: Endpoint): void {
    this.#credit.grant(endpoint);
  }

  /** The peer waits for credit. Its messages are taken out of the way only when somebody waits for one behind them. */
  onStarved(endpoint: Endpoint, messagesSent: number): void {
    this.#credit.onStarved(endpoint, messagesSent);
    if (endpoint.peerStarved) this.dispatcher?.onStarved(endpoint);
    this.drainDeadlocked();
  }

  /** How many peers wait for credit. */
  get starvedCount(): number {
    return this.#credit.starvedCount;
  }

  /** Takes the messages of peers out of the way that wait for credit, while we wait for what they would send. */
  drainDeadlocked(): void {
    for (const endpoint of this.#credit.deadlocked())
      if (!this.#drain(endpoint)) this.#context.overflow(endpoint);
  }

  /** The same for a receive that only looks, and so only as long as there is room. */
  drainFor(match: TagMatch): void {
    for (const endpoint of this.#credit.starved(match.endpoint))
      this.#drain(endpoint);
  }

  /** Takes all messages of a connection that wait in UCX and keeps them aside. False when there is no room for one. */
  #drain(endpoint: Endpoint): boolean {
    const { all } = endpoint;
    for (;;) {
      const bytes = this.#peekUnexpected(all);
      if (bytes === noMessage) return true;
      if (!this.#spill.hasRoom(bytes)) return false;
      const message = this.probe(all);
      if (message === undefined) return true;
      this.#keepAside(message);
    }
  }

  #peekUnexpected(match: TagMatch): number {
    const { tag, mask } = match;
    return this.#probe(this.#worker, tag, mask, 0, this.#infoHandle)
      ? this.#info.length
      : noMessage;
  }

  /** Receives a message that was taken out of UCX into memory of its own. */
  #keepAside(message: ProbedMessage): SpilledMessage {
    const endpoint = this.#endpointOf(message.tagUpper);
    const spilled = this.#spill.add(message, endpoint);
    const operation = this.#begin(message, spilled.bytes);
    operation.aside = true;
    const finish = (): void => {
      if (operation.status === 0) spilled.ready = true;
      else {
        // It was announced, and its sender went away before the bytes came.
        spilled.failed = true;
        this.dropped++;
        this.#spill.remove(spilled);
        if (endpoint?.state === "closed") this.#context.forgetIfEmpty(endpoint);
      }
      spilled.onReady?.();
    };
    operation.onDone = finish;
    this.#requests.look(operation);
    return spilled;
  }

  /** Whether UCX can be asked for messages of one connection. */
  get #tellsSenders(): boolean {
    const { features, isDestroyed } = this.#native;
    return !this.#raw && !isDestroyed && (features & UCP_FEATURE.TAG) !== 0;
  }

  /** Whether a message of this connection has come that nobody received. */
  hasUnread(endpoint: Endpoint): boolean {
    if (!this.#tellsSenders) return false;
    if (this.dispatcher?.hasUnread(endpoint) === true) return true;
    if (this.#spill.ofEndpoint(endpoint).length > 0) return true;
    return this.#peekUnexpected(endpoint.all) !== noMessage;
  }

  /** Looks for a message and takes it out of UCX's matching; it must be received or discarded. */
  probe(match: TagMatch): ProbedMessage | undefined {
    const info = this.#info;
    const { tag, mask } = match;
    const handle = this.#probe(this.#worker, tag, mask, 1, this.#infoHandle);
    if (!handle) return undefined;
    return {
      handle,
      bytes: info.length,
      tagLower: info.tagLower,
      tagUpper: info.tagUpper,
    };
  }

  #begin(message: ProbedMessage, buffer: Uint8Array): Operation {
    const request = this.#receiveProbed(
      this.#worker,
      buffer,
      this.#sizes.at(buffer.byteLength),
      message.handle,
      this.#native.params.receive,
    );
    if (request < 0) throw statusError("receiveTag", Number(request));
    return this.#requests.add("tagReceive", request, buffer);
  }

  /** Receives a message that `probe` gave; `aside` when nobody gets it. */
  takeProbed(
    message: ProbedMessage,
    buffer: Uint8Array,
    aside = false,
  ): Operation {
    const operation = this.#begin(message, buffer);
    operation.aside = aside;
    this.#requests.look(operation);
    return operation;
  }

  /** Receives a message that `probe` gave, if its bytes are here: without a request. Otherwise nothing has happened. */
  takeProbedAtOnce(message: ProbedMessage, buffer: Uint8Array): boolean {
    const { bytes, handle, tagUpper } = message;
    const result = this.#receiveProbed(
      this.#worker,
      buffer,
      this.#sizes.at(bytes),
      handle,
      this.#native.params.atOnce,
    );
    if (result) {
      if (Number(result) !== notAtOnce)
        throw statusError("receiveTag", Number(result));
      return false;
    }
    this.#count(this.#endpointOf(tagUpper), bytes, true, true);
    return true;
  }

  /** Throws a message away that `probe` gave. */
  discard(message: ProbedMessage): void {
    this.dropped++;
    this.takeProbed(message, new Uint8Array(new ArrayBuffer(0)), true);
  }

  /** Throws away whatever is left of a connection that is let go. */
  forget(endpoint: Endpoint): void {
    if (!this.#tellsSenders) return;
    this.dispatcher?.forget(endpoint);
    this.dropped += this.#spill.drop(endpoint);
    for (;;) {
      const message = this.probe(endpoint.all);
      if (message === undefined) return;
      this.discard(message);
    }
  }
}
