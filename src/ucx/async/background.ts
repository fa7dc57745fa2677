/** What the clients and servers of one manager share: the worker, who progresses it, and what waits on it. */
import { UcxClosedError } from "../errors.ts";
import { openLibrary } from "../library.ts";
import { ProgressDriver } from "../progress.ts";
import { WorkerCore } from "../core/worker_core.ts";
import { asError, type ConnectionHooks } from "../core/closing.ts";
import type { CloseInfo } from "../core/endpoint.ts";
import { Inboxes } from "./inboxes.ts";
import type { ResolvedManagerConfig } from "./manager_config.ts";
import { Semaphore } from "./semaphore.ts";
import { Turns } from "./turns.ts";

/** Turns of UCX in one turn of the driver, while something moves. */
const turnsMax = 256;

/** Turns of UCX between two looks whether what is waited for has come: 10 ns each over shared memory, 1 µs over TCP. */
const turnsPerSpin = 8;

/** A worker with its progress. */
export class Background {
  readonly config: ResolvedManagerConfig;
  readonly core: WorkerCore;
  readonly driver: ProgressDriver;
  readonly inboxes: Inboxes;
  readonly turns = new Turns();
  /** Told why a connection ended, by the endpoint's id. */
  readonly closeListeners = new Map<number, (info: CloseInfo) => void>();
  /** Connections that are being made: a listener's backlog is short. */
  readonly connecting: Semaphore;
  #isClosing = false;

  /**
   * @throws {UcxUnavailableError} when there is no libucp that fits
   * @throws {UcxError} what UCX says of it
   */
  constructor(config: ResolvedManagerConfig, hooks: ConnectionHooks) {
    this.config = config;
    const core = new WorkerCore(openLibrary(config.worker), config.worker, {
      onOpen: (endpoint) => hooks.onOpen(endpoint),
      onClose: (endpoint, info) => {
        this.closeListeners.get(endpoint.id)?.(info);
        hooks.onClose(endpoint, info);
      },
      onError: (error) => hooks.onError(error),
    });
    this.core = core;
    this.inboxes = new Inboxes(core);
    this.connecting = new Semaphore(config.maxConnecting);
    this.driver = new ProgressDriver(
      {
        progress: () => this.#progress(),
        spin: () => core.progressFor(turnsPerSpin),
        arm: () => core.isClosed || core.arm(),
        eventDescriptor: core.native.eventDescriptor,
        // Receives are no requests here, so whatever is one has to be pushed on.
        get hasWork() {
          return core.requests.count > 0;
        },
        get deadlineMs() {
          return core.connections.closing.deadlineMs;
        },
      },
      (error) => hooks.onError(asError(error)),
      config.progress,
    );
    this.driver.start();
  }

  /** Whether `shutdown` has begun. */
  get isClosing(): boolean {
    return this.#isClosing;
  }

  /** From now on nothing new may be begun. */
  beginClosing(): void {
    this.#isClosing = true;
  }

  /** @throws {UcxClosedError} when the manager is closed, or about to be */
  checkOpen(): void {
    if (this.#isClosing) throw new UcxClosedError("the manager is closed");
  }

  /** Keeps the process alive, and the progress going, until a promise is settled. */
  async hold<Value>(promise: Promise<Value>): Promise<Value> {
    this.driver.hold();
    try {
      return await promise;
    } finally {
      this.driver.release();
    }
  }

  /**
   * Progresses until nothing moves. What UCX does for itself alone, such as asking a quiet peer whether it is alive, is not
   * told: it is no reason to stay awake.
   */
  #progress(): number {
    const { core } = this;
    const before = core.nativeEvents;
    let total = 0;
    for (let turn = 0; turn < turnsMax; turn++) {
      const happened = core.progress();
      if (happened === 0) break;
      total += happened;
    }
    // The last turn may not have asked, and nobody may come back soon.
    if (core.requests.count > 0) total += core.requests.poll();
    core.checkDeadlines();
    return total - (core.nativeEvents - before);
  }
}
