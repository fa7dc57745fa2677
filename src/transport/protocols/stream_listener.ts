/** What all listeners over streams have in common: their connections, how many there may be, and how they end. */
import { warn } from "../../base/warnings.ts";
import type {
  ConnectionStart,
  Listener,
  ListenerStatistics,
} from "../adapter.ts";
import { UnsupportedFeatureError } from "../errors.ts";
import type { TlsServerOptions } from "../tls_options.ts";
import type { StreamConnection } from "./stream_connection.ts";

/** A listener over streams. Methods that are not of `Listener` are for the protocols and runtimes. */
export class StreamListener implements Listener {
  readonly #maxConnections: number;
  readonly #onConnection: ConnectionStart;
  readonly #connections = new Set<StreamConnection>();
  #address = "";
  #stopAccepting: () => void | Promise<void> = () => {};
  #stopped: Promise<void> | undefined;
  #closed: Promise<void> | undefined;
  #accepted = 0;
  #refused = 0;
  #failedHandshakes = 0;
  #acceptErrors = 0;

  constructor(maxConnections: number, onConnection: ConnectionStart) {
    this.#maxConnections = maxConnections;
    this.#onConnection = onConnection;
  }

  /** Says where it listens and how it stops, once that is known. */
  listening(address: string, stopAccepting: () => void | Promise<void>): void {
    this.#address = address;
    this.#stopAccepting = stopAccepting;
  }

  get address(): string {
    return this.#address;
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  get statistics(): ListenerStatistics {
    return {
      accepted: this.#accepted,
      refused: this.#refused,
      failedHandshakes: this.#failedHandshakes,
      acceptErrors: this.#acceptErrors,
    };
  }

  /** Whether one more connection has room besides `pending` ones; counts it as refused when it has not. */
  admits(pending = 0): boolean {
    if (
      this.#stopped === undefined &&
      this.#connections.size + pending < this.#maxConnections
    )
      return true;
    this.#refused += 1;
    return false;
  }

  /** Takes a connection in and gives it its handler. */
  add(connection: StreamConnection): void {
    this.#accepted += 1;
    this.#connections.add(connection);
    try {
      connection.begin(this.#onConnection);
    } catch (error) {
      warn(
        `onConnection of ${this.#address} threw: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }

  /** For `StreamStart.onClosed`. */
  readonly forget = (connection: StreamConnection): void => {
    this.#connections.delete(connection);
  };

  /** Counts a handshake that failed. */
  handshakeFailed(): void {
    this.#failedHandshakes += 1;
  }

  /** Counts a failed accept. */
  acceptFailed(): void {
    this.#acceptErrors += 1;
  }

  setCertificates(_tls: TlsServerOptions): Promise<void> {
    return Promise.reject(
      new UnsupportedFeatureError(`${this.#address} has no TLS`, {
        address: this.#address,
      }),
    );
  }

  stop(): Promise<void> {
    this.#stopped ??= Promise.resolve(this.#stopAccepting());
    return this.#stopped;
  }

  close(): Promise<void> {
    this.#closed ??= this.#closeAll();
    return this.#closed;
  }

  async #closeAll(): Promise<void> {
    await this.stop();
    await Promise.all(
      [...this.#connections].map((connection) =>
        connection.close(1001, "the listener closes"),
      ),
    );
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
