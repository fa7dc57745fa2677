/**
 * The synchronous level: one worker, whose calls block the thread until they are done or out of time. The functions of
 * the original Rust `UcxWorker`, and more.
 */
import type { EndpointTarget } from "../../ffi/ucp/endpoint_structs.ts";
import { deadlineMs as deadlineOf } from "../base/deadline.ts";
import { TypedEvents } from "../base/events.ts";
import { splitAddress, type UcxAddress } from "./address.ts";
import { checkBuffer, checkData, type MessageData } from "./core/buffers.ts";
import type { Endpoint } from "./core/endpoint.ts";
import { describeEndpoint } from "./core/descriptions.ts";
import { addressText } from "./core/native_worker.ts";
import { inProgress, type Operation } from "./core/operation.ts";
import { WorkerCore } from "./core/worker_core.ts";
import {
  UcxError,
  UcxFeatureDisabledError,
  UcxNotConnectedError,
  UcxTimeoutError,
} from "./errors.ts";
import { openLibrary } from "./library.ts";
import { UcxListener } from "./listener.ts";
import { firstThatWorks, resolveHost } from "./resolve.ts";
import { addCounters, type EndpointStats, WorkerStats } from "./statistics.ts";
import { statusError } from "./status_errors.ts";
import { checkTag } from "./tags.ts";
import type {
  BlockingOptions,
  EndpointId,
  EndpointInfo,
  ListenerOptions,
  TagReceiveOptions,
  WorkerEvents,
} from "./worker_types.ts";
import { WorkerGroups } from "./worker_groups.ts";
import {
  type ResolvedWorkerConfig,
  resolveWorkerConfig,
  type WorkerConfig,
} from "./worker_config.ts";

/** A UCX worker. Not for several threads at a time, unless its threadMode says so. */
export class UcxWorker extends WorkerGroups {
  /** The configuration, with all defaults. */
  readonly config: ResolvedWorkerConfig;
  /** What happens while it is progressed. */
  readonly events = new TypedEvents<WorkerEvents>();
  readonly #core: WorkerCore;

  /**
   * @throws {RangeError|TypeError} when the configuration is wrong
   * @throws {UcxUnavailableError} when there is no libucp that fits
   * @throws {UcxError} what UCX says of it
   */
  constructor(config: WorkerConfig = {}) {
    super();
    this.config = resolveWorkerConfig(config);
    this.#core = new WorkerCore(openLibrary(this.config), this.config, {
      onOpen: (endpoint) => this.events.emit("open", endpoint.id),
      onClose: (_endpoint, info) => this.events.emit("close", info),
      onError: (error) => this.events.emit("error", error),
    });
  }

  // --- connections

  /**
   * Connects, handshake included.
   *
   * @param address host and port of a listener
   * @throws {UcxUnknownHostError} when nobody knows the host
   * @throws {UcxUnreachableError} when nobody is there
   * @throws {UcxRejectedError} when the listener refuses
   * @throws {UcxIncompatibleError} when it speaks another version
   * @throws {UcxTimeoutError} when it takes too long
   */
  connect(address: UcxAddress, options: BlockingOptions = {}): EndpointId {
    this.#core.checkOpen();
    const timeoutMs = options.timeoutMs ?? this.config.connectTimeoutMs;
    const untilMs = deadlineOf(timeoutMs);
    return firstThatWorks(
      resolveHost(splitAddress(address, 1)),
      (socketAddress, left) =>
        this.#connect({ socketAddress }, addressText(socketAddress), {
          timeoutMs: Math.max(0, (untilMs - performance.now()) / left),
        }),
    );
  }

  /**
   * Connects to a worker by its {@linkcode workerAddress}, without a listener; the other must be progressed meanwhile.
   *
   * @throws as {@linkcode connect}
   */
  connectToWorker(
    workerAddress: Uint8Array,
    options: BlockingOptions = {},
  ): EndpointId {
    this.#core.checkOpen();
    checkBuffer(workerAddress, "workerAddress");
    return this.#connect({ workerAddress }, "", options);
  }

  #connect(
    target: EndpointTarget,
    remoteAddress: string,
    options: BlockingOptions,
  ): EndpointId {
    const core = this.#core;
    const timeoutMs = options.timeoutMs ?? this.config.connectTimeoutMs;
    const deadlineMs = deadlineOf(timeoutMs);
    const endpoint = core.connections.connect(target, remoteAddress, timeoutMs);
    // The deadline of the connection itself ends the wait, with the reason.
    core.waitUntil(() => endpoint.state !== "connecting", deadlineMs + 1000);
    if (endpoint.state === "open" || endpoint.state === "left")
      return endpoint.id;
    throw (
      endpoint.failure ??
      new UcxNotConnectedError(`the connection to ${remoteAddress} was closed`)
    );
  }

  /** What others give to {@linkcode connectToWorker}. */
  get workerAddress(): Uint8Array<ArrayBuffer> {
    this.#core.checkOpen();
    return this.#core.native.address();
  }

  /** Whether messages can be sent to it. */
  isConnected(endpointId: EndpointId): boolean {
    return this.#core.connections.table.get(endpointId)?.state === "open";
  }

  /** The connections that messages may be received of: open ones, and closed ones until all that has come was received. */
  getEndpointIds(): EndpointId[] {
    return this.#core.connections.table.receivableIds();
  }

  /**
   * Closes a connection: says goodbye, waits until what was sent has arrived, and lets go. Messages of it that nobody
   * received are thrown away. Nothing happens when it is closed already.
   *
   * @param options.timeoutMs after it the connection is cut off; 0 does so at once. @default closeTimeoutMs
   * @throws {UcxTimeoutError} when it had to be cut off
   */
  disconnect(endpointId: EndpointId, options: BlockingOptions = {}): void {
    const { connections } = this.#core;
    const endpoint = connections.table.get(endpointId);
    if (endpoint === undefined) return;
    this.#closeAll([endpoint], options.timeoutMs);
    if (endpoint.failure instanceof UcxTimeoutError) throw endpoint.failure;
  }

  /** Closes all connections, at the same time. Those that take too long are cut off. */
  cleanupAll(options: BlockingOptions = {}): void {
    this.#closeAll([...this.#core.connections.table.list()], options.timeoutMs);
  }

  #closeAll(
    endpoints: readonly Endpoint[],
    timeoutMs: number = this.config.closeTimeoutMs,
  ): void {
    const core = this.#core;
    const deadlineMs = deadlineOf(timeoutMs);
    for (const endpoint of endpoints)
      core.connections.closing.close(endpoint, timeoutMs);
    core.waitUntil(
      () => endpoints.every((endpoint) => endpoint.state === "closed"),
      deadlineMs + 1000,
    );
    for (const endpoint of endpoints) core.connections.closing.forget(endpoint);
  }

  /**
   * Listens. Connections are accepted while the worker is progressed.
   *
   * @param address with port 0 the system chooses one
   * @throws {UcxAddressInUseError} when somebody listens there
   */
  createListener(
    address: UcxAddress,
    options: ListenerOptions = {},
  ): UcxListener {
    this.#core.checkOpen();
    return firstThatWorks(
      resolveHost(splitAddress(address, 0)),
      (each) => new UcxListener(this.#core, each, options.accept),
    );
  }

  // --- tagged messages

  /**
   * Sends a message, and waits until its data is free again: short ones are on their way by then, of a long one the
   * receiver has it.
   *
   * @param data one buffer, or several that make up one message
   * @throws {UcxNotConnectedError} when there is no such open connection
   * @throws {UcxConnectionResetError} when the connection is lost
   * @throws {UcxTimeoutError} when the peer gives no credit in time: then nothing was sent. Or when the receiver does
   *   not take a long message in time: then UCX still uses `data`, and the message may arrive
   */
  sendTag(
    endpointId: EndpointId,
    tag: number | bigint,
    data: MessageData,
    options: BlockingOptions = {},
  ): void {
    const operation = this.#startSend(endpointId, tag, data, options);
    if (operation === undefined) return;
    this.#wait(operation, options.timeoutMs);
    if (operation.status === inProgress)
      throw new UcxTimeoutError(
        `endpoint ${endpointId}: the receiver has not taken the message in time; its data is still in use`,
        { endpointId },
      );
    if (operation.status !== 0)
      throw this.#operationError(operation, "sendTag", endpointId);
  }

  #startSend(
    endpointId: EndpointId,
    tag: number | bigint,
    data: MessageData,
    options: BlockingOptions,
  ): Operation | undefined {
    const { messages } = this.#core;
    const endpoint = this.#sendable(endpointId);
    checkTag(tag, this.config.raw);
    checkData(data, "data");
    if (!messages.maySend(endpoint)) this.#waitForCredit(endpoint, options);
    return messages.send(endpoint, tag, data);
  }

  #waitForCredit(endpoint: Endpoint, options: BlockingOptions): void {
    const core = this.#core;
    const timeoutMs = options.timeoutMs ?? this.config.timeoutMs;
    core.waitUntil(
      () => endpoint.sent < endpoint.sendLimit || endpoint.state !== "open",
      deadlineOf(timeoutMs),
    );
    this.#checkSendable(endpoint, endpoint.id);
    if (endpoint.sent >= endpoint.sendLimit)
      throw new UcxTimeoutError(
        `endpoint ${endpoint.id}: the peer has not received ${endpoint.sendLimit - endpoint.sent + this.config.creditMessages} messages that were sent before, within ${timeoutMs} ms`,
        { endpointId: endpoint.id },
      );
  }

  /** Sends one message to every open connection. Gives for each what went wrong, or undefined. */
  broadcastTag(
    tag: number | bigint,
    data: MessageData,
    options: BlockingOptions = {},
  ): Map<EndpointId, UcxError | undefined> {
    const results = new Map<EndpointId, UcxError | undefined>();
    const pending = new Map<EndpointId, Operation>();
    for (const id of this.getEndpointIds()) {
      if (!this.isConnected(id)) continue;
      try {
        const operation = this.#startSend(id, tag, data, options);
        results.set(id, undefined);
        if (operation !== undefined) pending.set(id, operation);
      } catch (error) {
        if (!(error instanceof UcxError)) throw error;
        results.set(id, error);
      }
    }
    const all = [...pending.values()];
    this.#core.waitUntil(
      () => all.every((operation) => operation.isDone),
      deadlineOf(options.timeoutMs ?? this.config.timeoutMs),
    );
    for (const [id, operation] of pending) {
      if (operation.status === inProgress)
        results.set(
          id,
          new UcxTimeoutError(
            `endpoint ${id}: the receiver has not taken the message in time; its data is still in use`,
            { endpointId: id },
          ),
        );
      else if (operation.status !== 0)
        results.set(id, this.#operationError(operation, "broadcastTag", id));
    }
    return results;
  }

  /**
   * Waits for a message.
   *
   * @param endpointId whose; undefined for anybody's
   * @param tag undefined for any
   * @returns its bytes
   * @throws {UcxTimeoutError} when none came
   * @throws {UcxTruncatedError} when it is longer than the buffer
   * @throws {UcxConnectionResetError} when the connection is lost, and so none can come
   */
  receiveTag(
    endpointId: EndpointId | undefined,
    tag: number | bigint | undefined,
    buffer: Uint8Array,
    options: TagReceiveOptions = {},
  ): number {
    return this.#receive(endpointId, tag, buffer, options).bytes;
  }

  #receive(
    endpointId: EndpointId | undefined,
    tag: number | bigint | undefined,
    buffer: Uint8Array,
    options: TagReceiveOptions,
  ): Operation {
    const core = this.#core;
    const endpoint = this.#receivable(endpointId);
    if (tag !== undefined) checkTag(tag, this.config.raw);
    checkBuffer(buffer, "buffer");
    const operation = core.messages.receive(
      core.match(endpoint, tag, options.mask),
      buffer,
    );
    if (operation.status === inProgress) {
      if (endpoint?.state === "closed") core.requests.cancel(operation);
      this.#wait(operation, options.timeoutMs);
      if (operation.status === inProgress) this.#takeBack(operation);
    }
    if (operation.status === 0) return operation;
    if (operation.status === -16 && endpoint?.state !== "closed")
      throw new UcxTimeoutError(
        `no message${tag === undefined ? "" : ` with tag ${tag}`} within ${options.timeoutMs ?? this.config.timeoutMs} ms`,
        { endpointId },
      );
    throw this.#operationError(operation, "receiveTag", endpointId);
  }

  /** Gives up a receive. A message that came in the meantime is received all the same. */
  #takeBack(operation: Operation): void {
    const core = this.#core;
    core.messages.cancel(operation);
    core.waitUntil(() => operation.isDone, performance.now() + 1000);
  }

  /**
   * Takes a message if one has come. One that is too long for the buffer stays.
   *
   * @returns its bytes, or undefined when there is none
   * @throws {UcxTruncatedError} when it is longer than the buffer
   */
  tryReceiveTag(
    endpointId: EndpointId | undefined,
    tag: number | bigint | undefined,
    buffer: Uint8Array,
    options: { readonly mask?: bigint | undefined } = {},
  ): number | undefined {
    const core = this.#core;
    const endpoint = this.#receivable(endpointId);
    if (tag !== undefined) checkTag(tag, this.config.raw);
    checkBuffer(buffer, "buffer");
    const match = core.match(endpoint, tag, options.mask);
    let operation = core.messages.tryReceive(match, buffer);
    if (operation === undefined) {
      core.progress();
      operation = core.messages.tryReceive(match, buffer);
    }
    return operation?.bytes;
  }

  // --- progress

  /** Lets UCX work once. Returns how much happened; 0 for nothing. */
  progress(): number {
    this.#core.checkOpen();
    return this.#core.progress();
  }

  /**
   * Progresses for a time, asleep while there is nothing to do.
   *
   * @param durationMs until the worker is closed (by a hook), when undefined
   * @returns how much happened
   */
  runProgressLoop(durationMs?: number): number {
    const core = this.#core;
    core.checkOpen();
    const endMs = durationMs === undefined ? Infinity : deadlineOf(durationMs);
    const { progressIntervalUs } = this.config;
    let total = 0;
    while (!core.isClosed) {
      const happened = core.progress();
      total += happened;
      if (happened > 0) continue;
      const leftMs = endMs - performance.now();
      if (leftMs <= 0) break;
      core.checkDeadlines();
      if (progressIntervalUs > 0)
        core.sleep(Math.min(leftMs, progressIntervalUs / 1000));
    }
    return total;
  }

  // --- what is known

  /** What was counted so far. */
  stats(): WorkerStats {
    const core = this.#core;
    const total = core.connections.table.total();
    addCounters(total, core.unattributed);
    return new WorkerStats(total, {
      connections: this.getEndpointIds().length,
      connectionsOpened: core.connections.opened,
      messagesDropped: core.messages.dropped,
      messagesSpilled: core.spill.count,
      bytesSpilled: core.spill.bytes,
      elapsedSeconds: (performance.now() - core.startedMs) / 1000,
    });
  }

  /** What one connection has counted. @throws {UcxNotConnectedError} when there is none of that id */
  endpointStats(endpointId: EndpointId): EndpointStats {
    return { ...this.#known(endpointId).counters };
  }

  /** The peer, and what UCX has chosen for it. @throws {UcxNotConnectedError} when there is none of that id */
  endpointInfo(endpointId: EndpointId): EndpointInfo {
    return describeEndpoint(this.#core.native, this.#known(endpointId));
  }

  /** Closes listeners and connections, and gives everything back. Idempotent. */
  close(options: BlockingOptions = {}): void {
    if (this.#core.isClosed) return;
    for (const closer of [...this.#core.closers]) closer.close();
    this.cleanupAll(options);
    this.#core.destroy();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  // --- inside

  protected override get core(): WorkerCore {
    return this.#core;
  }

  #known(endpointId: EndpointId): Endpoint {
    this.#core.checkOpen();
    const endpoint = this.#core.connections.table.get(endpointId);
    if (endpoint !== undefined) return endpoint;
    throw new UcxNotConnectedError(`there is no endpoint ${endpointId}`, {
      endpointId,
    });
  }

  #sendable(endpointId: EndpointId): Endpoint {
    const endpoint = this.#known(endpointId);
    if (!this.config.enableTag)
      throw new UcxFeatureDisabledError("sendTag", "enableTag");
    this.#checkSendable(endpoint, endpointId);
    return endpoint;
  }

  #checkSendable(endpoint: Endpoint, endpointId: EndpointId): void {
    if (endpoint.state === "open") return;
    throw (
      endpoint.failure ??
      new UcxNotConnectedError(
        `endpoint ${endpointId} is ${endpoint.state === "left" ? "being closed by its peer" : endpoint.state}`,
        { endpointId },
      )
    );
  }

  #receivable(endpointId: EndpointId | undefined): Endpoint | undefined {
    this.#core.checkOpen();
    if (!this.config.enableTag)
      throw new UcxFeatureDisabledError("receiveTag", "enableTag");
    return endpointId === undefined ? undefined : this.#known(endpointId);
  }

  #wait(operation: Operation, timeoutMs = this.config.timeoutMs): void {
    this.#core.waitUntil(() => operation.isDone, deadlineOf(timeoutMs));
  }

  #operationError(
    operation: Operation,
    what: string,
    endpointId: EndpointId | undefined,
  ): UcxError {
    return (
      operation.failure ??
      operation.endpoint?.failure ??
      statusError(what, operation.status, endpointId)
    );
  }
}
