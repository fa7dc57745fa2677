/**
 * The synchronous level: one worker, whose calls block the thread until they are done or out of time. The functions of
 * the original Rust `UcxWorker`, and more.
 */
import type { EndpointTarget } from "../../ffi/ucp/endpoint_structs.ts";
import { deadlineMs as deadlineOf } from "../base/deadline.ts";
import { TypedEvents } from "../base/events.ts";
import { splitAddress, type UcxAddress } from "./address.ts";
import { checkBuffer } from "./core/buffers.ts";
import type { Endpoint } from "./core/endpoint.ts";
import { describeEndpoint } from "./core/descriptions.ts";
import { addressText } from "./core/native_worker.ts";
import { WorkerCore } from "./core/worker_core.ts";
import {
  UcxNotConnectedError,
  UcxRedirectedError,
  UcxTimeoutError,
} from "./errors.ts";
import { openLibrary } from "./library.ts";
import { UcxListener } from "./listener.ts";
import { firstThatWorks, resolveHost } from "./resolve.ts";
import { addCounters, type EndpointStats, WorkerStats } from "./statistics.ts";
import type {
  BlockingOptions,
  EndpointId,
  EndpointInfo,
  ListenerOptions,
  WorkerEvents,
} from "./worker_types.ts";
import { WorkerTags } from "./worker_tags.ts";
import {
  type ResolvedWorkerConfig,
  resolveWorkerConfig,
  type WorkerConfig,
} from "./worker_config.ts";

/** A UCX worker. Not for several threads at a time, unless its threadMode says so. */
export class UcxWorker extends WorkerTags {
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
    try {
      return firstThatWorks(
        resolveHost(splitAddress(address, 1)),
        (socketAddress, left) =>
          this.#connect({ socketAddress }, addressText(socketAddress), {
            timeoutMs: Math.max(0, (untilMs - performance.now()) / left),
          }),
      );
    } catch (error) {
      if (!(error instanceof UcxRedirectedError)) throw error;
      return this.connectToWorker(error.workerAddress, {
        timeoutMs: Math.max(0, untilMs - performance.now()),
      });
    }
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
    core.waitAsleepUntil(
      () => endpoint.state !== "connecting",
      deadlineMs + 1000,
    );
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
}
