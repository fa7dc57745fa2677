/** Accepts connections and runs a handler for each. */
import { TypedEvents } from "../../base/events.ts";
import { integerWithin, checkOptions } from "../../base/option_check.ts";
import { z } from "zod";
import { splitAddress, type UcxAddress } from "../address.ts";
import { asError } from "../core/closing.ts";
import type { AcceptHook } from "../core/accepting.ts";
import type { CloseInfo, Endpoint } from "../core/endpoint.ts";
import { UcxClosedError, UcxError } from "../errors.ts";
import { UcxListener } from "../listener.ts";
import { firstThatWorks, resolveHostAsync } from "../resolve.ts";
import type { Background } from "./background.ts";
import { AsyncUcxClient } from "./client.ts";
import { Connection } from "./connection.ts";
import { Semaphore } from "./semaphore.ts";
import { ServerThreads } from "./server_threads.ts";
import { checkWait, limitsOf, type WaitOptions } from "./wait_limits.ts";

/** What is done with each connection. It is closed when the handler returns. */
export type ConnectionHandler = (
  client: AsyncUcxClient,
) => Promise<void> | void;

/** How a server treats who wants to connect. */
export interface ServerOptions {
  /** Asked about each; false refuses, and so does throwing. @default accepts all */
  readonly accept?: AcceptHook | undefined;
  /** Connections at a time; more are refused. @default 65536 */
  readonly maxConnections?: number | undefined;
  /** Handlers that run at a time; connections beyond them wait for their turn. @default maxConnections */
  readonly maxHandlers?: number | undefined;
  /**
   * Threads that serve in place of this one, each with a context, a worker and a handler of its own; clients are sent
   * to the one with the fewest connections. The bounds above hold for each of them. `accept` is asked here, by the one that
   * listens. @default 0: handlers run here
   */
  readonly workers?: number | undefined;
  /** With `workers`: the URL of a module whose default export is the handler. */
  readonly handlerModule?: string | URL | undefined;
}

/** What a server tells. */
export interface ServerEvents {
  /** A connection is open; its handler may still have to wait for its turn. */
  readonly connection: AsyncUcxClient;
  /** A connection has ended. */
  readonly close: CloseInfo;
  /** A handler has thrown; its connection is closed, the others go on. */
  readonly handlerError: {
    readonly client: AsyncUcxClient;
    readonly error: Error;
  };
  /** A handler in a thread has thrown, or a thread has ended by itself. */
  readonly threadError: Error;
  /** Somebody was refused, by the hook or for `maxConnections`. */
  readonly refused: { readonly clientAddress: string };
}

/** What a server has counted. */
export interface ServerStats {
  /** Connections that are open. */
  readonly connections: number;
  /** Handlers that run, and connections that wait for theirs. */
  readonly handlers: number;
  readonly waitingForHandler: number;
  readonly accepted: number;
  readonly refused: number;
  readonly handlerErrors: number;
  /** Connections of each thread, with `workers`. */
  readonly threadConnections: readonly number[];
}

const schema = z.strictObject({
  accept: z
    .custom<AcceptHook>((value) => typeof value === "function", {
      error: "allowed a function",
    })
    .optional(),
  maxConnections: integerWithin(1, 2 ** 22, "connections").default(65_536),
  maxHandlers: integerWithin(1, 2 ** 22, "handlers").optional(),
  workers: integerWithin(0, 1024, "threads").default(0),
  handlerModule: z
    .union([z.url({ error: "allowed a URL" }), z.instanceof(URL)])
    .optional(),
});

const drainTimeoutMsDefault = 30_000;

/** Use {@linkcode AsyncUcxManager.createServer}. */
export class AsyncUcxServer {
  readonly events = new TypedEvents<ServerEvents>();
  readonly #background: Background;
  readonly #address: UcxAddress | undefined;
  readonly #accept: AcceptHook | undefined;
  readonly #maxConnections: number;
  readonly #turns: Semaphore;
  readonly #accepting: AcceptHook = (request) => this.#onRequest(request);
  readonly #clients = new Set<AsyncUcxClient>();
  readonly #handlers = new Set<Promise<void>>();
  readonly #ended: Promise<void>;
  #end: () => void = () => {};
  #listener: UcxListener | undefined;
  #listening: Promise<void> | undefined;
  #handler: ConnectionHandler | undefined;
  #closing: Promise<void> | undefined;
  #isStopped = false;
  readonly #threads: ServerThreads | undefined;
  readonly #counts = { accepted: 0, refused: 0, handlerErrors: 0 };

  /**
   * @param address undefined for a server of those who connect by worker address
   * @throws {RangeError|TypeError} when an option is wrong
   */
  constructor(
    background: Background,
    address: UcxAddress | undefined,
    options: ServerOptions = {},
  ) {
    const checked = checkOptions(schema, options, "ServerOptions");
    this.#background = background;
    this.#address = address;
    this.#accept = checked.accept;
    this.#maxConnections = checked.maxConnections;
    this.#threads = this.#threadsOf(checked);
    this.#turns = new Semaphore(checked.maxHandlers ?? checked.maxConnections);
    this.#ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  #threadsOf(options: z.output<typeof schema>): ServerThreads | undefined {
    const { workers, handlerModule, maxConnections, maxHandlers } = options;
    if (workers === 0) return undefined;
    if (this.#address === undefined || handlerModule === undefined)
      throw new TypeError(
        "ServerOptions: workers need an address to listen at, and a handlerModule",
      );
    return new ServerThreads({
      count: workers,
      handlerModule: String(handlerModule),
      config: this.#background.config.given,
      maxConnections,
      maxHandlers,
      onHandlerError: (error) => {
        this.#counts.handlerErrors += 1;
        this.events.emit("threadError", error);
      },
      onLost: (error) => this.events.emit("threadError", error),
    });
  }

  /** The worker address of who serves a connection of this server, if it is a thread. */
  redirect(): Uint8Array | undefined {
    if (this.#threads === undefined) return undefined;
    this.#counts.accepted += 1;
    return this.#threads.next();
  }

  /** Fulfilled when it was closed. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  /** `host:port`, with the port that the system chose. @throws {UcxClosedError} when it does not listen */
  get address(): string {
    if (this.#listener === undefined)
      throw new UcxClosedError("the server does not listen");
    return this.#listener.address;
  }

  /** Whether connections are let in. */
  get isListening(): boolean {
    return (
      !this.#isStopped &&
      (this.#listener !== undefined ||
        (this.#address === undefined && this.#handler !== undefined))
    );
  }

  /** Whether an endpoint came by this server's listener, or by worker address if that is what it serves. */
  serves(endpoint: Endpoint): boolean {
    // Others may serve those who connect by worker address after it.
    return this.#address === undefined
      ? endpoint.acceptedBy === undefined && !this.#isStopped
      : endpoint.acceptedBy === this.#accepting;
  }

  /** The clients that are connected. */
  clients(): AsyncUcxClient[] {
    return [...this.#clients];
  }

  /**
   * Begins to listen, when `start` is to come later. Connections that are made meanwhile wait.
   *
   * @throws {UcxAddressInUseError} when somebody listens there
   * @throws {UcxUnknownHostError} when nobody knows the host
   */
  listen(): Promise<void> {
    this.#listening ??= this.#listen().catch((error: unknown) => {
      // The port may be free the next time.
      this.#listening = undefined;
      throw error;
    });
    return this.#listening;
  }

  async #listen(): Promise<void> {
    this.#background.checkOpen();
    if (this.#isStopped) throw new UcxClosedError("the server is closed");
    if (this.#address === undefined) return;
    const found = await this.#background.hold(
      resolveHostAsync(splitAddress(this.#address, 0)),
    );
    this.#background.checkOpen();
    if (this.#isStopped) throw new UcxClosedError("the server is closed");
    if (this.#threads !== undefined)
      await this.#background.hold(this.#threads.start());
    this.#listener = firstThatWorks(
      found,
      (socketAddress) =>
        new UcxListener(this.#background.core, socketAddress, this.#accepting),
    );
    this.#background.driver.notify();
  }

  /**
   * Listens, and runs a handler for each connection, until the server is closed. With `workers` there is none to be given. An error of a handler is an event
   * (`handlerError`) and ends its connection only.
   *
   * @returns fulfilled when the server was closed
   * @throws as {@linkcode listen}
   */
  async start(handler?: ConnectionHandler): Promise<void> {
    if (this.#threads !== undefined) {
      if (handler !== undefined)
        throw new TypeError(
          "handler: with workers, the default export of handlerModule is it",
        );
      await this.listen();
      await this.#background.hold(this.#ended);
      return;
    }
    if (typeof handler !== "function")
      throw new TypeError(
        `handler: given ${typeof handler}, allowed a function`,
      );
    if (this.#handler !== undefined)
      throw new TypeError("the server was started already");
    this.#handler = handler;
    try {
      await this.listen();
    } catch (error) {
      this.#handler = undefined;
      throw error;
    }
    for (const client of this.#clients) this.#serve(client);
    await this.#background.hold(this.#ended);
  }

  #onRequest(request: { readonly clientAddress: string }): boolean {
    let lets = !this.#isStopped && this.#connections() < this.#maxConnections;
    if (lets && this.#accept !== undefined) {
      try {
        lets = this.#accept(request) !== false;
      } catch (error) {
        this.#refused(request.clientAddress);
        throw error;
      }
    }
    if (!lets) this.#refused(request.clientAddress);
    return lets;
  }

  /** Those that are let in and have not ended, in the middle of the handshake too. */
  #connections(): number {
    let count = 0;
    for (const endpoint of this.#background.core.connections.table.list())
      if (this.serves(endpoint) && !endpoint.initiated) count += 1;
    return count;
  }

  #refused(clientAddress: string): void {
    this.#counts.refused += 1;
    this.events.emit("refused", { clientAddress });
  }

  /** A connection of this server is open. */
  adopt(endpoint: Endpoint): void {
    const connection = new Connection(this.#background, endpoint);
    const client = new AsyncUcxClient(this.#background, connection);
    this.#clients.add(client);
    this.#counts.accepted += 1;
    void connection.closed.then((info) => {
      this.#clients.delete(client);
      if (info !== undefined) this.events.emit("close", info);
    });
    this.events.emit("connection", client);
    if (this.#handler !== undefined) this.#serve(client);
  }

  #serve(client: AsyncUcxClient): void {
    const running = this.#run(client);
    this.#handlers.add(running);
    void running.then(() => this.#handlers.delete(running));
  }

  async #run(client: AsyncUcxClient): Promise<void> {
    try {
      await this.#turns.acquire();
    } catch {
      // The server is closed.
      await client.close();
      return;
    }
    try {
      await this.#handler?.(client);
    } catch (error) {
      if (!isEndOfConnection(client, error)) {
        this.#counts.handlerErrors += 1;
        this.events.emit("handlerError", { client, error: asError(error) });
      }
    } finally {
      this.#turns.release();
    }
    await client.close();
  }

  /** What it has counted. */
  stats(): ServerStats {
    return {
      ...this.#counts,
      connections: this.#clients.size,
      handlers: this.#handlers.size - this.#turns.waiting,
      waitingForHandler: this.#turns.waiting,
      threadConnections: this.#threads?.connections ?? [],
    };
  }

  /** Lets nobody in any more, and waits until the handlers have ended by themselves; then {@linkcode close}. */
  async drain(options: WaitOptions = {}): Promise<void> {
    checkWait(options);
    this.#stopListening();
    const timeoutMs = options.timeoutMs ?? drainTimeoutMsDefault;
    await Promise.all([
      this.#handlersEnded({ ...options, timeoutMs }),
      this.#threads?.close("drain", timeoutMs),
    ]);
    await this.close();
  }

  /**
   * Lets nobody in any more, closes all connections, and waits until their handlers have ended. Idempotent.
   *
   * @param options.timeoutMs after it connections are cut off, and handlers are left alone. @default closeTimeoutMs
   */
  async close(options: { readonly timeoutMs?: number } = {}): Promise<void> {
    checkWait(options);
    this.#closing ??= this.#close(
      options.timeoutMs ?? this.#background.config.worker.closeTimeoutMs,
    );
    return this.#closing;
  }

  async #close(timeoutMs: number): Promise<void> {
    this.#stopListening();
    const endMs = performance.now() + timeoutMs;
    this.#turns.close(new UcxClosedError("the server is closed"));
    await Promise.all([
      this.#threads?.close("close", timeoutMs),
      ...[...this.#clients].map((client) => client.close({ timeoutMs })),
    ]);
    await this.#handlersEnded({
      timeoutMs: Math.max(0, endMs - performance.now()),
    });
    this.#end();
  }

  #stopListening(): void {
    this.#isStopped = true;
    this.#listener?.close();
    this.#background.driver.notify();
  }

  /** Waits until no handler runs, or it takes too long. */
  async #handlersEnded(options: WaitOptions): Promise<void> {
    if (this.#handlers.size === 0) return;
    await this.#background.hold(
      new Promise<void>((resolve) => {
        const limits = limitsOf(
          options,
          () => resolve(),
          () => new UcxClosedError("handlers still run"),
        );
        void Promise.all(this.#handlers).then(() => {
          limits?.clear();
          resolve();
        });
      }),
    );
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** A handler that waits for the next message learns in this way that there is none: it is not its error. */
function isEndOfConnection(client: AsyncUcxClient, error: unknown): boolean {
  return error instanceof UcxError && !client.isConnected;
}
