/** Owns a worker and its progress in the background; makes clients and servers on it. */
import { clearTimeout, setImmediate, setTimeout } from "node:timers";
import { timerDelayMsMax } from "../../base/deadline.ts";
import { TypedEvents } from "../../base/events.ts";
import type { UcxAddress } from "../address.ts";
import { describeWorker } from "../core/descriptions.ts";
import type { CloseInfo, Endpoint } from "../core/endpoint.ts";
import { UcxClosedError } from "../errors.ts";
import type { ProgressStatistics } from "../progress.ts";
import { addCounters, WorkerStats } from "../statistics.ts";
import type { WorkerInfo } from "../worker_types.ts";
import { Background } from "./background.ts";
import { AsyncUcxClient } from "./client.ts";
import { Connection } from "./connection.ts";
import {
  type AsyncManagerConfig,
  type ResolvedManagerConfig,
  resolveManagerConfig,
} from "./manager_config.ts";
import { AsyncUcxServer, type ServerOptions } from "./server.ts";
import { checkWait } from "./wait_limits.ts";

/** What a manager tells. */
export interface ManagerEvents {
  /** Somebody has connected by our worker address, and no server without an address was made. */
  readonly connection: AsyncUcxClient;
  /** A connection has ended; once for each that was open. */
  readonly close: CloseInfo;
  /** Something went wrong that no call tells. */
  readonly error: Error;
}

/** A UCX context and worker for `await`. Belongs to the thread that made it. */
export class AsyncUcxManager {
  readonly events = new TypedEvents<ManagerEvents>();
  /** The configuration, with all defaults. */
  readonly config: ResolvedManagerConfig;
  readonly #background: Background;
  readonly #servers = new Set<AsyncUcxServer>();
  #shutdown: Promise<void> | undefined;

  /**
   * @throws {RangeError|TypeError} when the configuration is wrong
   * @throws {UcxUnavailableError} when there is no libucp that fits
   * @throws {UcxError} what UCX says of it
   */
  constructor(config: AsyncManagerConfig = {}) {
    this.config = resolveManagerConfig(config);
    this.#background = new Background(this.config, {
      onOpen: (endpoint) => this.#onOpen(endpoint),
      onClose: (_endpoint, info) => this.events.emit("close", info),
      onError: (error) => this.events.emit("error", error),
    });
    this.#background.core.connections.redirectOf = (endpoint) =>
      this.#redirectOf(endpoint);
  }

  /** As the constructor, for those who would rather await. @throws as the constructor */
  static async create(
    config: AsyncManagerConfig = {},
  ): Promise<AsyncUcxManager> {
    return new AsyncUcxManager(config);
  }

  /** The worker address of who serves a connection, if it is a thread of a server. */
  #redirectOf(endpoint: Endpoint): Uint8Array | undefined {
    for (const server of this.#servers)
      if (server.serves(endpoint)) return server.redirect();
    return undefined;
  }

  #onOpen(endpoint: Endpoint): void {
    if (endpoint.initiated) return;
    if (this.#background.isClosing) {
      this.#background.core.connections.closing.close(endpoint, 0);
      return;
    }
    for (const server of this.#servers) {
      if (!server.serves(endpoint)) continue;
      server.adopt(endpoint);
      return;
    }
    if (endpoint.acceptedBy !== undefined) {
      // Its server was closed while it connected.
      this.#background.core.connections.closing.close(endpoint, 0);
      return;
    }
    this.events.emit(
      "connection",
      new AsyncUcxClient(
        this.#background,
        new Connection(this.#background, endpoint),
      ),
    );
  }

  /** Whether `shutdown` was not called yet. */
  get isOpen(): boolean {
    return !this.#background.isClosing;
  }

  /** A client that is not connected yet. @throws {UcxClosedError} when the manager is closed */
  createClient(): AsyncUcxClient {
    this.#background.checkOpen();
    return new AsyncUcxClient(this.#background);
  }

  /**
   * A server that does not listen yet.
   *
   * @param address with port 0 the system chooses one; undefined to serve those who connect by {@linkcode workerAddress}
   * @throws {UcxClosedError} when the manager is closed
   * @throws {RangeError|TypeError} when an option is wrong
   */
  createServer(
    address?: UcxAddress,
    options: ServerOptions = {},
  ): AsyncUcxServer {
    this.#background.checkOpen();
    const server = new AsyncUcxServer(this.#background, address, options);
    this.#servers.add(server);
    void server.ended.then(() => this.#servers.delete(server));
    return server;
  }

  /** What others give to {@linkcode AsyncUcxClient.connectToWorker}. */
  get workerAddress(): Uint8Array<ArrayBuffer> {
    this.#background.checkOpen();
    return this.#background.core.native.address();
  }

  /** What was counted so far. */
  stats(): WorkerStats {
    const { core, inboxes } = this.#background;
    const total = core.connections.table.total();
    addCounters(total, core.unattributed);
    let connections = 0;
    for (const endpoint of core.connections.table.list())
      if (endpoint.state === "open" || endpoint.state === "left")
        connections += 1;
    return new WorkerStats(total, {
      connections,
      connectionsOpened: core.connections.opened,
      messagesDropped: core.messages.dropped,
      messagesSpilled: inboxes.keptMessages,
      bytesSpilled: inboxes.keptBytes,
      elapsedSeconds: (performance.now() - core.startedMs) / 1000,
    });
  }

  /** How it has waited so far. */
  progressStats(): ProgressStatistics {
    return this.#background.driver.statistics;
  }

  /** Version, library, and UCX's own description of the transports in use. @throws {UcxClosedError} when it is closed */
  info(): WorkerInfo {
    this.#background.checkOpen();
    return describeWorker(this.#background.core.native);
  }

  /**
   * Ends everything: servers stop listening, whatever waits is rejected with {@linkcode UcxClosedError}, connections are
   * closed in order as far as time allows, UCX is given back. Idempotent.
   *
   * @param options.timeoutMs after it what is open is cut off; 0 does so at once. @default closeTimeoutMs
   */
  shutdown(options: { readonly timeoutMs?: number } = {}): Promise<void> {
    if (this.#shutdown === undefined) {
      checkWait(options);
      this.#shutdown = this.#end(
        options.timeoutMs ?? this.config.worker.closeTimeoutMs,
      );
    }
    return this.#shutdown;
  }

  async #end(timeoutMs: number): Promise<void> {
    const { core, driver, inboxes, connecting } = this.#background;
    const error = new UcxClosedError("the manager was closed");
    this.#background.beginClosing();
    connecting.close(error);
    inboxes.close(error);
    const ended = this.#background.hold(
      Promise.all(
        [...this.#servers].map((server) => server.close({ timeoutMs })),
      ),
    );
    const { closing, table } = core.connections;
    const closed: Promise<void>[] = [];
    for (const endpoint of [...table.list()]) {
      closed.push(
        new Promise((resolve) => {
          endpoint.stateListeners.add(() => {
            if (endpoint.state === "closed") resolve();
          });
        }),
      );
      closing.close(endpoint, timeoutMs);
    }
    driver.notify();
    const timer = setTimeout(
      () => {
        // Whoever has connected in the meantime.
        for (const endpoint of [...table.list()]) closing.close(endpoint, 0);
      },
      Math.min(timeoutMs + 5, timerDelayMsMax),
    );
    await this.#background.hold(Promise.all(closed));
    clearTimeout(timer);
    await ended;
    // Not within a turn of progress, whose hooks may have called this.
    await new Promise((resolve) => setImmediate(resolve));
    driver.stop();
    core.destroy();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown();
  }
}
