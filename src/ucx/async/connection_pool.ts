/** A bounded number of clients that are used by turns. */
import { clearTimeout, setTimeout } from "node:timers";
import { z } from "zod";
import { checkOptions, integerWithin } from "../../base/option_check.ts";
import type { UcxAddress } from "../address.ts";
import { UcxClosedError, UcxTimeoutError } from "../errors.ts";
import type { AsyncUcxClient } from "./client.ts";
import { AsyncUcxManager } from "./manager.ts";
import type { AsyncManagerConfig } from "./manager_config.ts";
import { Semaphore } from "./semaphore.ts";
import { checkWait, type WaitOptions } from "./wait_limits.ts";

/** How a pool gets its clients. */
export interface ConnectionPoolOptions {
  /** Where clients are connected to. @default they are given unconnected */
  readonly address?: UcxAddress | undefined;
  /** Whose clients; it is not shut down with the pool. @default one of the pool's own */
  readonly manager?: AsyncUcxManager | undefined;
  /** Of the pool's own manager. */
  readonly config?: AsyncManagerConfig | undefined;
  /** Milliseconds after which a connection that nobody uses is closed; 0 keeps none. @default 30000 */
  readonly idleMs?: number | undefined;
  /** Milliseconds until a connection is open. @default connectTimeoutMs */
  readonly connectTimeoutMs?: number | undefined;
}

/** A client, for as long as it is not released. `using lease = await pool.getClient()` releases it by itself. */
export interface ClientLease {
  readonly client: AsyncUcxClient;
  /** Gives the client back. Idempotent. */
  release(): void;
  [Symbol.dispose](): void;
}

/** What a pool has counted. */
export interface ConnectionPoolStats {
  /** Clients that somebody uses, that nobody uses, and calls that wait for one. */
  readonly inUse: number;
  readonly idle: number;
  readonly waiting: number;
  /** Clients that were connected, that were given again, and that were found dead. */
  readonly created: number;
  readonly reused: number;
  readonly replaced: number;
}

interface IdleClient {
  readonly client: AsyncUcxClient;
  readonly timer: ReturnType<typeof setTimeout>;
}

const schema = z.strictObject({
  address: z.custom<UcxAddress>().optional(),
  manager: z
    .custom<AsyncUcxManager>((value) => value instanceof AsyncUcxManager, {
      error: "allowed an AsyncUcxManager",
    })
    .optional(),
  config: z.custom<AsyncManagerConfig>().optional(),
  idleMs: integerWithin(0, 2 ** 31 - 1, "milliseconds").default(30_000),
  connectTimeoutMs: integerWithin(1, 2 ** 31 - 1, "milliseconds").optional(),
});

/** Clients to one address. Who waits gets one in the order of asking. */
export class UcxConnectionPool {
  readonly maxConnections: number;
  readonly #permits: Semaphore;
  readonly #manager: AsyncUcxManager;
  readonly #ownsManager: boolean;
  readonly #address: UcxAddress | undefined;
  readonly #idleMs: number;
  readonly #connectTimeoutMs: number | undefined;
  /** The one that was used last is given first, so that the others may be reclaimed. */
  readonly #idle: IdleClient[] = [];
  readonly #inUse = new Set<AsyncUcxClient>();
  #connecting = 0;
  readonly #counts = { created: 0, reused: 0, replaced: 0 };
  #closing: Promise<void> | undefined;

  /**
   * @param maxConnections clients that are in use at a time
   * @throws {RangeError|TypeError} when it or an option is wrong
   * @throws {UcxUnavailableError} when there is no libucp that fits
   */
  constructor(maxConnections: number, options: ConnectionPoolOptions = {}) {
    if (!Number.isInteger(maxConnections) || maxConnections < 1)
      throw new RangeError(
        `maxConnections: given ${maxConnections}, allowed an integer from 1`,
      );
    const checked = checkOptions(schema, options, "ConnectionPoolOptions");
    this.maxConnections = maxConnections;
    this.#permits = new Semaphore(maxConnections);
    this.#ownsManager = checked.manager === undefined;
    this.#manager = checked.manager ?? new AsyncUcxManager(checked.config);
    this.#address = checked.address;
    this.#idleMs = checked.idleMs;
    this.#connectTimeoutMs = checked.connectTimeoutMs;
  }

  /**
   * Waits for a client: an idle one whose connection is open, or a new one.
   *
   * @throws {UcxTimeoutError} when there is none in time, connecting included
   * @throws {UcxClosedError} when the pool is closed
   * @throws what connecting throws
   */
  async getClient(options: WaitOptions = {}): Promise<ClientLease> {
    checkWait(options);
    const { timeoutMs, signal } = options;
    const endMs =
      timeoutMs === undefined
        ? Number.POSITIVE_INFINITY
        : performance.now() + timeoutMs;
    await this.#acquire(options);
    try {
      const client =
        this.#takeIdle() ??
        (await this.#connect(endMs - performance.now(), signal));
      this.#checkOpen(client);
      this.#inUse.add(client);
      return this.#lease(client);
    } catch (error) {
      this.#permits.release();
      throw error;
    }
  }

  async #acquire(options: WaitOptions): Promise<void> {
    try {
      await this.#permits.acquire(options);
    } catch (error) {
      if (!(error instanceof UcxTimeoutError)) throw error;
      throw new UcxTimeoutError(
        `all ${this.maxConnections} clients of the pool were in use for ${options.timeoutMs} ms`,
      );
    }
  }

  #checkOpen(client: AsyncUcxClient): void {
    if (this.#closing === undefined) return;
    void client.close();
    throw new UcxClosedError("the pool is closed");
  }

  #takeIdle(): AsyncUcxClient | undefined {
    for (;;) {
      const idle = this.#idle.pop();
      if (idle === undefined) return undefined;
      clearTimeout(idle.timer);
      if (idle.client.isConnected) {
        this.#counts.reused += 1;
        return idle.client;
      }
      this.#counts.replaced += 1;
    }
  }

  async #connect(
    leftMs: number,
    signal: AbortSignal | undefined,
  ): Promise<AsyncUcxClient> {
    const client = this.#manager.createClient();
    if (this.#address === undefined) {
      this.#counts.created += 1;
      return client;
    }
    const timeoutMs = Math.min(
      Math.max(1, leftMs),
      this.#connectTimeoutMs ?? this.#manager.config.worker.connectTimeoutMs,
    );
    this.#connecting += 1;
    try {
      await client.connect(this.#address, { timeoutMs, signal });
    } finally {
      this.#connecting -= 1;
    }
    this.#counts.created += 1;
    return client;
  }

  #lease(client: AsyncUcxClient): ClientLease {
    let released = false;
    const release = (): void => {
      if (released) return;
      released = true;
      this.#release(client);
    };
    return { client, release, [Symbol.dispose]: release };
  }

  #release(client: AsyncUcxClient): void {
    this.#inUse.delete(client);
    if (this.#closing === undefined && this.#idleMs > 0 && client.isConnected) {
      const timer = setTimeout(() => {
        const index = this.#idle.findIndex((idle) => idle.client === client);
        if (index >= 0) this.#idle.splice(index, 1);
        void client.close();
      }, this.#idleMs);
      // A connection that nobody uses is no reason for the process to live.
      timer.unref();
      this.#idle.push({ client, timer });
    } else void client.close();
    this.#permits.release();
  }

  /** What it has counted. */
  stats(): ConnectionPoolStats {
    return {
      ...this.#counts,
      inUse: this.#inUse.size + this.#connecting,
      idle: this.#idle.length,
      waiting: this.#permits.waiting,
    };
  }

  /**
   * Rejects who waits, and closes all clients, those that are in use too. Idempotent.
   *
   * @param options.timeoutMs after it they are cut off. @default closeTimeoutMs
   */
  close(options: { readonly timeoutMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(options);
    return this.#closing;
  }

  async #close(options: { readonly timeoutMs?: number }): Promise<void> {
    this.#permits.close(new UcxClosedError("the pool is closed"));
    const clients = [...this.#inUse];
    for (const { client, timer } of this.#idle.splice(0)) {
      clearTimeout(timer);
      clients.push(client);
    }
    await Promise.all(clients.map((client) => client.close(options)));
    if (this.#ownsManager) await this.#manager.shutdown(options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
