/**
 * What the blocking level does with tagged messages: arguments are checked, and waiting is spinning first. A short message
 * that is there, or room for one, makes no object and no closure.
 */
import type { Handle } from "../../ffi/host.ts";
import { deadlineMs as deadlineOf } from "../base/deadline.ts";
import {
  dataBytes,
  type MessageData,
  NativeData,
  type NativeMemory,
} from "./core/buffers.ts";
import type { Endpoint, TagMatch } from "./core/endpoint.ts";
import {
  canceledStatus,
  inProgress,
  type Operation,
} from "./core/operation.ts";
import { messageBegun, noMessage } from "./core/tag_context.ts";
import type { TagMessages } from "./core/tag_messages.ts";
import type { WorkerCore } from "./core/worker_core.ts";
import {
  UcxClosedError,
  UcxError,
  UcxTimeoutError,
  UcxTruncatedError,
} from "./errors.ts";
import { noMessageError, receiveError, sendError } from "./tag_errors.ts";
import { TagArguments } from "./tag_arguments.ts";
import { UcxRequest } from "./tag_request.ts";
import { TagSendQueue } from "./tag_send_queue.ts";
import { userTagOf } from "./tags.ts";
import type {
  EndpointId,
  TagMessage,
  TagMessageInfo,
  TagMessageOptions,
  TagProbeOptions,
  TagReceiveOptions,
  TagSendOptions,
} from "./worker_types.ts";

/** Turns of progress in one piece, within which nothing else is looked at. */
const spinTurns = 128;
/** Such pieces before a wait is prepared for sleeping. */
const spinLooks = 4;
/** Messages may come without UCX telling; it is asked at least so often, in turns (a power of two). */
const turnsPerLook = 16;
/** Calls that found what they wanted at once, between two turns of progress: so that nothing else is forgotten. */
const callsPerTurn = 64;

const noOptions: TagMessageOptions & TagSendOptions = {};

/** Tagged messages of one worker, for the blocking level. */
export class TagCalls extends TagArguments {
  readonly #queue: TagSendQueue;
  readonly #messages: TagMessages;
  readonly #raw: boolean;
  #calls = 0;

  constructor(core: WorkerCore) {
    super(core);
    this.#messages = core.messages;
    this.#raw = core.config.raw;
    this.#queue = new TagSendQueue(core);
  }

  #deadline(timeoutMs: number | undefined): number {
    return deadlineOf(timeoutMs ?? this.core.config.timeoutMs);
  }

  /** Every so often, a call that need not wait progresses all the same. What it has got is still told afterwards. */
  #turn(): void {
    if (++this.#calls % callsPerTurn !== 0) return;
    const messages = this.#messages;
    const { tagUpper, tagLower, sender } = messages;
    this.core.progress();
    messages.tagUpper = tagUpper;
    messages.tagLower = tagLower;
    messages.sender = sender;
  }

  // --- sending

  /** See {@linkcode UcxWorker.sendTag}. */
  send(
    endpoint: Endpoint,
    tag: number | bigint,
    data: MessageData | NativeMemory,
    options: TagSendOptions = noOptions,
  ): void {
    const operation = this.#startSend(endpoint, tag, data, options);
    if (operation === undefined) this.#turn();
    else this.#finishSend(endpoint, operation, options);
  }

  /** A {@linkcode TagLane} has begun to send, and UCX has answered with a request. */
  sendBegun(endpoint: Endpoint, data: Uint8Array, request: Handle): void {
    const operation = this.#messages.afterSend(
      endpoint,
      data,
      data.byteLength,
      request,
    );
    if (operation !== undefined)
      this.#finishSend(endpoint, operation, noOptions);
  }

  #finishSend(
    endpoint: Endpoint,
    operation: Operation,
    options: TagSendOptions,
  ): void {
    const { core } = this;
    for (let turn = 0; turn < spinTurns; turn++) {
      if (core.requests.look(operation)) break;
      core.progress();
    }
    if (operation.status === inProgress)
      core.waitUntil(() => operation.isDone, this.#deadline(options.timeoutMs));
    const error = sendError(operation, "sendTag", endpoint);
    if (error !== undefined) throw error;
  }

  #startSend(
    endpoint: Endpoint,
    tag: number | bigint,
    data: MessageData | NativeMemory,
    options: TagSendOptions,
  ): Operation | undefined {
    this.checkWorker("sendTag");
    this.sendable(endpoint);
    this.checkTag(tag);
    const checked = this.checkedData(data);
    const { timeoutMs, sync } = options;
    if (timeoutMs !== undefined && !(timeoutMs >= 0)) deadlineOf(timeoutMs);
    if (endpoint.sent >= endpoint.sendLimit || endpoint.queuedSends > 0)
      this.#waitForCredit(endpoint, timeoutMs);
    return this.#messages.send(endpoint, tag, checked, sync);
  }

  #waitForCredit(endpoint: Endpoint, timeoutMs: number | undefined): void {
    const { core } = this;
    const may = (): boolean =>
      (endpoint.queuedSends === 0 && endpoint.sent < endpoint.sendLimit) ||
      endpoint.state !== "open";
    // The grant is often here already; the peer is bothered only when it is not.
    for (let turn = 0; turn < spinTurns && !may(); turn++) core.progress();
    if (!may()) {
      this.#messages.maySend(endpoint);
      core.waitUntil(may, this.#deadline(timeoutMs));
    }
    core.checkOpen();
    this.sendable(endpoint);
    if (may()) return;
    throw new UcxTimeoutError(
      `endpoint ${endpoint.id}: the peer has not received what was sent before within ${timeoutMs ?? core.config.timeoutMs} ms; nothing was sent`,
      { endpointId: endpoint.id },
    );
  }

  /** See {@linkcode UcxWorker.broadcastTag}. */
  broadcast(
    tag: number | bigint,
    data: MessageData | NativeMemory,
    options: TagSendOptions = noOptions,
  ): Map<EndpointId, UcxError | undefined> {
    this.checkWorker("broadcastTag");
    const { core } = this;
    const deadlineMs = this.#deadline(options.timeoutMs);
    const results = new Map<EndpointId, UcxError | undefined>();
    const pending = new Map<Endpoint, Operation>();
    for (const endpoint of [...core.connections.table.list()]) {
      if (endpoint.state !== "open") continue;
      const timeoutMs = Math.max(0, deadlineMs - performance.now());
      try {
        const operation = this.#startSend(endpoint, tag, data, {
          ...options,
          timeoutMs,
        });
        results.set(endpoint.id, undefined);
        if (operation !== undefined) pending.set(endpoint, operation);
      } catch (error) {
        if (!(error instanceof UcxError)) throw error;
        results.set(endpoint.id, error);
      }
    }
    const all = [...pending.values()];
    core.waitUntil(
      () => all.every((operation) => operation.isDone),
      deadlineMs,
    );
    for (const [endpoint, operation] of pending)
      results.set(endpoint.id, sendError(operation, "broadcastTag", endpoint));
    return results;
  }

  /** See {@linkcode UcxWorker.startSendTag}. */
  startSend(
    endpoint: Endpoint,
    tag: number | bigint,
    data: MessageData | NativeMemory,
    options: TagSendOptions = noOptions,
  ): UcxRequest {
    this.checkWorker("startSendTag");
    this.sendable(endpoint);
    this.checkTag(tag);
    const checked = this.checkedData(data);
    const { sync = false } = options;
    const operation =
      endpoint.sent >= endpoint.sendLimit || endpoint.queuedSends > 0
        ? this.#queue.add(endpoint, tag, checked, sync)
        : this.#messages.send(endpoint, tag, checked, sync);
    const info = {
      byteLength: dataBytes(checked),
      tag,
      endpointId: endpoint.id,
    };
    return new UcxRequest({
      core: this.core,
      operation,
      cancelable: false,
      info: () => info,
      failure: (failed) =>
        sendError(failed, "startSendTag", endpoint) as UcxError,
    });
  }

  // --- receiving

  /** See {@linkcode UcxWorker.receiveTag}. Afterwards `info` tells of the message. */
  receive(
    endpoint: Endpoint | undefined,
    tag: number | bigint | undefined,
    buffer: Uint8Array | NativeMemory,
    options: TagReceiveOptions = noOptions,
  ): number {
    const match = this.match("receiveTag", endpoint, tag, options.mask);
    const { timeoutMs } = options;
    if (timeoutMs !== undefined && !(timeoutMs >= 0)) deadlineOf(timeoutMs);
    const into = this.checkedBuffer(buffer);
    if (into instanceof NativeData)
      return this.#receiveNative(match, into, timeoutMs);
    const bytes = this.#messages.take(
      match,
      into,
      true,
      timeoutMs === 0 ? 0 : spinTurns,
    );
    if (bytes >= 0) {
      this.#turn();
      return bytes;
    }
    return this.#receiveLater(match, into, bytes, timeoutMs);
  }

  /** A {@linkcode TagLane} has found a message that it could not take. */
  receiveFound(match: TagMatch, buffer: Uint8Array, result: number): number {
    const bytes = this.#messages.finishTake(match, buffer, true, result);
    return bytes === messageBegun
      ? this.#finish(match, this.#deadline(undefined))
      : bytes;
  }

  /** Nothing has come within the first turns of progress, or something else has. */
  #receiveLater(
    match: TagMatch,
    buffer: Uint8Array,
    first: number,
    timeoutMs: number | undefined,
  ): number {
    const messages = this.#messages;
    let bytes = first;
    for (
      let looks = 0;
      bytes === noMessage && timeoutMs !== 0 && looks < spinLooks;
      looks++
    ) {
      this.core.settle(messages.turnEvents);
      this.#checkStillOpen();
      if (messages.starvedCount > 0) break;
      bytes = messages.take(match, buffer, true, spinTurns);
    }
    if (bytes >= 0) return bytes;
    const deadlineMs = this.#deadline(timeoutMs);
    if (bytes === noMessage)
      bytes = this.#waitToTake(match, buffer, deadlineMs);
    if (bytes === noMessage)
      throw noMessageError(match, timeoutMs ?? this.core.config.timeoutMs);
    return bytes === messageBegun ? this.#finish(match, deadlineMs) : bytes;
  }

  /** A method of its own, since closures make whatever they share an object. */
  #waitToTake(match: TagMatch, buffer: Uint8Array, deadlineMs: number): number {
    return this.#waitFor(match, deadlineMs, () =>
      this.#messages.take(match, buffer, true),
    );
  }

  /** A hook that ran meanwhile may have closed the worker. */
  #checkStillOpen(): void {
    if (this.core.isClosed)
      throw new UcxClosedError("the worker was closed while it waited");
  }

  /** Waits for what `look` finds, and tells that it does, so that others' messages get out of the way. */
  #waitFor(match: TagMatch, deadlineMs: number, look: () => number): number {
    const { core } = this;
    const messages = this.#messages;
    const { endpoint } = match;
    let found = noMessage;
    messages.waits(match);
    try {
      core.waitUntil(() => {
        if (core.isClosed) return true;
        found = look();
        return found !== noMessage || endpoint?.state === "closed";
      }, deadlineMs);
    } finally {
      messages.waitsNoMore(match);
    }
    this.#checkStillOpen();
    return found;
  }

  /** Waits for the bytes of a message that is being fetched from its sender. */
  #finish(match: TagMatch, deadlineMs: number): number {
    const { core } = this;
    const messages = this.#messages;
    const operation = messages.begun as Operation;
    messages.begun = undefined;
    const ended = (): boolean => operation.isDone;
    core.waitUntil(ended, deadlineMs);
    if (operation.kind === "local") messages.cancel(operation);
    const endpointId = match.endpoint?.id;
    if (operation.status === inProgress)
      throw new UcxTimeoutError(
        "the message has not arrived whole in time; the buffer is still in use",
        { endpointId },
      );
    if (operation.status === 0) {
      messages.tagUpper = operation.tagUpper;
      messages.tagLower = operation.tagLower;
      messages.sender = operation.sender;
      return operation.bytes;
    }
    throw receiveError(operation, match.endpoint);
  }

  #receiveNative(
    match: TagMatch,
    into: NativeData,
    timeoutMs: number | undefined,
  ): number {
    const { core } = this;
    const messages = this.#messages;
    const operation = messages.receive(match, into);
    core.waitUntil(() => operation.isDone, this.#deadline(timeoutMs));
    if (!operation.isDone) {
      messages.cancel(operation);
      core.waitUntil(() => operation.isDone, performance.now() + 1000);
    }
    if (operation.status === canceledStatus)
      throw noMessageError(match, timeoutMs ?? this.core.config.timeoutMs);
    messages.begun = operation;
    return this.#finish(match, 0);
  }

  /** See {@linkcode UcxWorker.tryReceiveTag}. */
  tryReceive(
    endpoint: Endpoint | undefined,
    tag: number | bigint | undefined,
    buffer: Uint8Array,
    options: TagProbeOptions = noOptions,
  ): number | undefined {
    const match = this.match("tryReceiveTag", endpoint, tag, options.mask);
    this.checkBuffer(buffer);
    const messages = this.#messages;
    const bytes = messages.take(match, buffer, false);
    if (bytes >= 0) {
      this.#turn();
      return bytes;
    }
    if (!this.#mayHaveCome(match)) return undefined;
    const later = messages.take(match, buffer, false);
    return later === noMessage ? undefined : later;
  }

  /** Progresses once. Whether there is reason to look again for a message. */
  #mayHaveCome(match: TagMatch): boolean {
    const messages = this.#messages;
    const happened = this.core.progress();
    if (this.core.isClosed) return false;
    if (messages.starvedCount > 0) {
      messages.drainFor(match);
      return true;
    }
    return happened > 0 || ++this.#calls % turnsPerLook === 0;
  }

  /** See {@linkcode UcxWorker.probeTag}. */
  probe(
    endpoint: Endpoint | undefined,
    tag: number | bigint | undefined,
    options: TagProbeOptions = noOptions,
  ): TagMessageInfo | undefined {
    const match = this.match("probeTag", endpoint, tag, options.mask);
    let bytes = this.#messages.peek(match);
    if (bytes === noMessage && this.#mayHaveCome(match))
      bytes = this.#messages.peek(match);
    return bytes === noMessage ? undefined : this.info(bytes);
  }

  /** Waits for a message and receives it into a buffer of its length. */
  receiveMessage(
    endpoint: Endpoint | undefined,
    tag: number | bigint | undefined,
    options: TagMessageOptions = noOptions,
  ): TagMessage {
    const match = this.match("receiveTagMessage", endpoint, tag, options.mask);
    const messages = this.#messages;
    const { maxBytes = this.core.config.bufferSize, timeoutMs } = options;
    const deadlineMs = this.#deadline(timeoutMs);
    let length = messages.peek(match);
    if (length === noMessage)
      length = this.#waitFor(match, deadlineMs, () => messages.peek(match));
    if (length === noMessage)
      throw noMessageError(match, timeoutMs ?? this.core.config.timeoutMs);
    if (length > maxBytes)
      throw new UcxTruncatedError(length, maxBytes, {
        kept: true,
        endpointId: match.endpoint?.id,
      });
    const data = new Uint8Array(new ArrayBuffer(length));
    let bytes = messages.take(match, data, true);
    if (bytes === messageBegun) bytes = this.#finish(match, deadlineMs);
    return { data, ...this.info(bytes) };
  }

  /** See {@linkcode UcxWorker.startReceiveTag}. */
  startReceive(
    endpoint: Endpoint | undefined,
    tag: number | bigint | undefined,
    buffer: Uint8Array | NativeMemory,
    options: TagProbeOptions = noOptions,
  ): UcxRequest {
    const match = this.match("startReceiveTag", endpoint, tag, options.mask);
    const into = this.checkedBuffer(buffer);
    if (endpoint?.state === "closed" && this.#messages.peek(match) < 0)
      throw noMessageError(match, 0);
    const operation = this.#messages.receive(match, into);
    return new UcxRequest({
      core: this.core,
      operation,
      cancelable: true,
      info: () => ({
        byteLength: operation.bytes,
        tag: this.#tagOf(operation.tagUpper, operation.tagLower),
        endpointId: operation.sender?.id,
      }),
      failure: (failed) => receiveError(failed, endpoint),
    });
  }

  /** Tells of the message that was received last. */
  info(byteLength: number): TagMessageInfo {
    const { tagUpper, tagLower, sender } = this.#messages;
    return {
      byteLength,
      tag: this.#tagOf(tagUpper, tagLower),
      endpointId: sender?.id,
    };
  }

  /** The user's tag, of the halves of UCX's. */
  #tagOf(upper: number, lower: number): number | bigint {
    return this.#raw
      ? (BigInt(upper) << 32n) | BigInt(lower)
      : userTagOf(upper, lower);
  }
}
