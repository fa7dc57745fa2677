/**
 * The threads of a server. UCX's contexts cannot share a listening port, so one worker listens, and tells each client
 * the address of the thread that serves it: the one with the fewest connections.
 */
import { clearTimeout, setTimeout } from "node:timers";
import { UcxClosedError, UcxError, UcxUnsupportedError } from "../errors.ts";
import type { AsyncManagerConfig } from "./manager_config.ts";
import type { FromThread, ToThread } from "./server_thread_messages.ts";

/** What a server wants of its threads. */
export interface ServerThreadsOptions {
  readonly count: number;
  readonly handlerModule: string;
  readonly config: AsyncManagerConfig;
  readonly maxConnections: number;
  readonly maxHandlers: number | undefined;
  onHandlerError(error: Error): void;
  /** A thread ended by itself; its connections are lost. */
  onLost(error: Error): void;
}

interface Thread {
  readonly worker: Worker;
  workerAddress: Uint8Array | undefined;
  connections: number;
  /** When clients were sent there that have not been seen yet. */
  sentMs: number[];
  isClosed: boolean;
  onReady: (error: Error | undefined) => void;
  onClosed: () => void;
}

/** A client that was sent to a thread arrives within this time, or not at all. */
const arrivalMsMax = 5000;
/** Time beside its own limit that a thread gets to end. */
const graceMs = 1000;
/** Where the files of an executable are. */
const embeddedRoot = "/$bunfs/";

/** Threads with a worker each. */
export class ServerThreads {
  readonly #options: ServerThreadsOptions;
  readonly #threads: Thread[] = [];
  #isClosing = false;

  constructor(options: ServerThreadsOptions) {
    this.#options = options;
  }

  /** Connections of each thread. */
  get connections(): number[] {
    return this.#threads.map((thread) => thread.connections);
  }

  /**
   * @throws {UcxUnsupportedError} in a compiled executable
   * @throws {UcxError} when a thread cannot begin, with its reason; then none is left
   */
  async start(): Promise<void> {
    const { count } = this.#options;
    // There a module's files cannot be found by their addresses.
    if (import.meta.url.includes(embeddedRoot))
      throw new UcxUnsupportedError(
        "workers: an executable made by `bun build --compile` cannot start them: start several processes instead",
      );
    try {
      await Promise.all(Array.from({ length: count }, () => this.#add()));
    } catch (error) {
      this.#terminate();
      throw error;
    }
  }

  #add(): Promise<void> {
    return new Promise((resolve, reject) => {
      const worker = new Worker(
        new URL("./server_thread.ts", import.meta.url),
        {
          type: "module",
        },
      );
      const thread: Thread = {
        worker,
        workerAddress: undefined,
        connections: 0,
        sentMs: [],
        isClosed: false,
        onReady: (error) => {
          if (error === undefined) resolve();
          else reject(error);
        },
        onClosed: () => {},
      };
      this.#threads.push(thread);
      worker.addEventListener("message", (event: MessageEvent<FromThread>) =>
        this.#onMessage(thread, event.data),
      );
      worker.addEventListener("error", (event: ErrorEvent) => {
        event.preventDefault();
        this.#onLost(thread, event.message);
      });
      const { config, handlerModule, maxConnections, maxHandlers } =
        this.#options;
      this.#say(thread, {
        kind: "start",
        config,
        handlerModule,
        maxConnections,
        maxHandlers,
      });
    });
  }

  #say(thread: Thread, message: ToThread): void {
    thread.worker.postMessage(message);
  }

  #onMessage(thread: Thread, message: FromThread): void {
    switch (message.kind) {
      case "ready":
        thread.workerAddress = message.workerAddress;
        thread.onReady(undefined);
        break;
      case "connections":
        if (message.connections > thread.connections) thread.sentMs.shift();
        thread.connections = message.connections;
        break;
      case "handlerError":
        this.#options.onHandlerError(new Error(message.message));
        break;
      case "failed":
        this.#onLost(thread, message.message);
        break;
      case "closed":
        this.#ended(thread);
        break;
    }
  }

  #ended(thread: Thread): void {
    if (thread.isClosed) return;
    thread.isClosed = true;
    thread.workerAddress = undefined;
    thread.connections = 0;
    thread.worker.terminate();
    thread.onClosed();
  }

  #onLost(thread: Thread, reason: string): void {
    const wasReady = thread.workerAddress !== undefined;
    const error = new UcxError(`a thread of the server: ${reason}`);
    this.#ended(thread);
    if (!wasReady) thread.onReady(error);
    else if (!this.#isClosing) this.#options.onLost(error);
  }

  /** The worker address of the thread that is to serve the next client. @throws {UcxClosedError} when none is left */
  next(): Uint8Array {
    const nowMs = performance.now();
    let best: Thread | undefined;
    let least = Number.POSITIVE_INFINITY;
    for (const thread of this.#threads) {
      if (thread.workerAddress === undefined) continue;
      // Those who never came are forgotten.
      thread.sentMs = thread.sentMs.filter((ms) => ms > nowMs - arrivalMsMax);
      const load = thread.connections + thread.sentMs.length;
      if (load >= least) continue;
      least = load;
      best = thread;
    }
    if (best?.workerAddress === undefined)
      throw new UcxClosedError("no thread of the server is left");
    best.sentMs.push(nowMs);
    return best.workerAddress;
  }

  /** Ends all threads: their handlers first, in order as far as time allows. Idempotent. */
  async close(kind: "close" | "drain", timeoutMs: number): Promise<void> {
    this.#isClosing = true;
    const open = this.#threads.filter((thread) => !thread.isClosed);
    if (open.length === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs + graceMs);
      let left = open.length;
      for (const thread of open) {
        thread.onClosed = () => {
          left -= 1;
          if (left > 0) return;
          clearTimeout(timer);
          resolve();
        };
        this.#say(thread, { kind, timeoutMs });
      }
    });
    this.#terminate();
  }

  #terminate(): void {
    for (const thread of this.#threads) this.#ended(thread);
  }
}
