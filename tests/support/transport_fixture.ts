/** Connections for tests of protocols: made, recorded, and closed after each test. */
import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type {
  CloseReason,
  Connection,
  ConnectionHandler,
  ConnectionStart,
  ConnectOptions,
  Listener,
  ListenOptions,
} from "../../src/transport/adapter.ts";
import type { ProtocolRegistry } from "../../src/transport/registry.ts";
import { until } from "./waiting.ts";

/** How the contract suite reaches one protocol. */
export interface ProtocolFixture {
  readonly registry: ProtocolRegistry;
  readonly scheme: string;
  /** An address to listen at; a new one each time. */
  readonly listenAddress: () => string;
  /** An address where nobody listens. */
  readonly deadAddress: () => string;
  readonly listenOptions?: () => ListenOptions;
  readonly connectOptions?: () => ConnectOptions;
}

/** Keeps what happens on one connection. */
export class Recorder implements ConnectionHandler {
  readonly connection: Connection;
  readonly chunks: Uint8Array[] = [];
  receivedBytes = 0;
  drains = 0;
  closeReason: CloseReason | undefined;
  closedCalls = 0;
  /** Called with each chunk, instead of keeping it. */
  onData: ((chunk: Uint8Array) => void) | undefined;
  onDrain: (() => void) | undefined;

  constructor(connection: Connection) {
    this.connection = connection;
  }

  data(chunk: Uint8Array): void {
    this.receivedBytes += chunk.length;
    if (this.onData === undefined) this.chunks.push(chunk.slice());
    else this.onData(chunk);
  }

  drain(): void {
    this.drains += 1;
    this.onDrain?.();
  }

  closed(reason: CloseReason): void {
    this.closedCalls += 1;
    this.closeReason = reason;
  }

  /** Everything received, in one piece. */
  bytes(): Uint8Array {
    return new Uint8Array(Buffer.concat(this.chunks));
  }

  /** Waits for the last event. */
  async whenClosed(): Promise<CloseReason> {
    await until("closed", () => this.closeReason !== undefined);
    return this.closeReason as CloseReason;
  }

  /** Writes all of some bytes, as fast as they are taken. */
  async send(bytes: Uint8Array): Promise<void> {
    let from = 0;
    while (from < bytes.length) {
      const seen = this.drains;
      from += this.connection.write(bytes, from);
      if (from < bytes.length) await until("drain", () => this.drains > seen);
    }
  }
}

/** Both ends of one connection. */
export interface Pair {
  readonly client: Recorder;
  readonly server: Recorder;
  readonly listener: Listener;
}

/** Makes listeners and connections, and closes them. */
export class TransportTrials {
  readonly fixture: ProtocolFixture;
  readonly #listeners: Listener[] = [];
  readonly #connections: Connection[] = [];

  constructor(fixture: ProtocolFixture) {
    this.fixture = fixture;
  }

  async listen(
    onConnection: ConnectionStart,
    options: ListenOptions = {},
    at: string = this.fixture.listenAddress(),
  ): Promise<Listener> {
    const { adapter, address } = this.fixture.registry.resolve(at);
    const listener = await adapter.listen(
      address,
      { closeTimeoutMs: 2000, ...this.fixture.listenOptions?.(), ...options },
      (connection) => {
        this.#connections.push(connection);
        return onConnection(connection);
      },
    );
    this.#listeners.push(listener);
    return listener;
  }

  async connect(
    to: string,
    options: ConnectOptions = {},
    start: (connection: Connection) => Recorder = (connection) =>
      new Recorder(connection),
  ): Promise<Recorder> {
    const { adapter, address } = this.fixture.registry.resolve(to);
    let recorder: Recorder | undefined;
    const connection = await adapter.connect(
      address,
      { closeTimeoutMs: 2000, ...this.fixture.connectOptions?.(), ...options },
      (made) => {
        this.#connections.push(made);
        recorder = start(made);
        return recorder;
      },
    );
    if (recorder?.connection !== connection)
      throw new Error("connect gave another connection than onConnection");
    return recorder;
  }

  /** A connection, with a recorder at each end. */
  async pair(
    options: {
      readonly listen?: ListenOptions;
      readonly connect?: ConnectOptions;
    } = {},
  ): Promise<Pair> {
    let server: Recorder | undefined;
    const listener = await this.listen((connection) => {
      server = new Recorder(connection);
      return server;
    }, options.listen);
    const client = await this.connect(listener.address, options.connect);
    await until("accepted", () => server !== undefined);
    return { client, server: server as unknown as Recorder, listener };
  }

  /** A listener that sends back what it gets. */
  echo(options: ListenOptions = {}): Promise<Listener> {
    return this.listen((connection) => {
      let left: Uint8Array[] = [];
      const flush = () => {
        while (left[0] !== undefined) {
          const taken = connection.write(left[0]);
          if (taken < left[0].length) {
            left[0] = left[0].subarray(taken);
            connection.pause();
            return;
          }
          left = left.slice(1);
        }
        connection.resume();
      };
      return {
        data(chunk) {
          left.push(chunk.slice());
          if (left.length === 1) flush();
        },
        drain: flush,
        closed() {},
      };
    }, options);
  }

  async closeAll(): Promise<void> {
    for (const connection of this.#connections.splice(0)) connection.abort();
    await Promise.all(
      this.#listeners.splice(0).map((listener) => listener.close()),
    );
  }
}

const socketPaths: string[] = [];

/** A path for a unix socket that nothing else uses. */
export function socketPath(): string {
  const path = join(tmpdir(), `rw-${randomBytes(6).toString("hex")}.sock`);
  socketPaths.push(path);
  return path;
}

/** Takes away what tests of unix sockets left behind. */
export function removeSocketPaths(): void {
  for (const path of socketPaths.splice(0)) rmSync(path, { force: true });
}

/** What was thrown or rejected, or a failure. */
export async function refusalOf(work: Promise<unknown>): Promise<unknown> {
  try {
    await work;
  } catch (error) {
    return error;
  }
  throw new Error("it was not refused");
}

/** Where the bytes of two arrays differ first, or -1. */
export function firstDifference(one: Uint8Array, other: Uint8Array): number {
  if (one.length !== other.length) return Math.min(one.length, other.length);
  if (Buffer.compare(one, other) === 0) return -1;
  return one.findIndex((byte, index) => byte !== other[index]);
}
