/** Collects what a client is told, one call after the other. */
import type { ConnectOptions } from "../adapter.ts";
import type {
  CodecOptions,
  CompressionOptions,
  HeartbeatOptions,
  LimitOptions,
} from "../end_options.ts";
import type { ProtocolRegistry } from "../registry.ts";
import type { TlsClientOptions } from "../tls_options.ts";
import type { OfflineBufferOptions } from "./offline_buffer.ts";
import type {
  ClientOptions,
  Credentials,
  ReconnectOptions,
} from "./options.ts";

type Gathered = {
  -readonly [
    Name in keyof Omit<ClientOptions, "protocols">
  ]: ClientOptions[Name];
};

/** Options of a client. Nothing is checked before `build`. */
export class TransportClientBuilder<Client> {
  readonly #start: (options: ClientOptions) => Promise<Client>;
  readonly #protocols: string[] = [];
  readonly #options: Gathered = {};

  /** Use `TransportClient.builder()`. */
  constructor(start: (options: ClientOptions) => Promise<Client>) {
    this.#start = start;
  }

  /** Where to connect. Several are tried one after the other, also when it connects again. */
  withProtocol(...urls: readonly string[]): this {
    this.#protocols.push(...urls);
    return this;
  }

  /** How a lost connection is made again; false never does. @default on */
  withReconnect(reconnect: boolean | ReconnectOptions): this {
    this.#options.reconnect = reconnect;
    return this;
  }

  /** What is kept while there is no connection. */
  withOfflineBuffer(bounds: OfflineBufferOptions): this {
    this.#options.offlineBuffer = bounds;
    return this;
  }

  /** Authorities, names and a certificate for protocols with TLS. */
  withTls(tls: TlsClientOptions): this {
    this.#options.tls = tls;
    return this;
  }

  /** Credentials, or a function that gets them anew for each connection. */
  withAuth(credentials: Credentials): this {
    this.#options.auth = credentials;
    return this;
  }

  /** Whether payloads are compressed, where the server has it on too. @default false */
  withDataCompression(on: boolean | CompressionOptions): this {
    this.#options.dataCompression = on;
    return this;
  }

  /** How a dead server is found. */
  withHeartbeat(heartbeat: HeartbeatOptions): this {
    this.#options.heartbeat = heartbeat;
    return this;
  }

  /** Bounds of the session. */
  withLimits(limits: LimitOptions): this {
    this.#options.limits = limits;
    return this;
  }

  /** Until an answer is here, for requests that do not say. @default 30000 */
  withRequestTimeout(timeoutMs: number): this {
    this.#options.requestTimeoutMs = timeoutMs;
    return this;
  }

  /** Until a connection is ready, for each try. @default 10000 */
  withConnectTimeout(timeoutMs: number): this {
    this.#options.connectTimeoutMs = timeoutMs;
    return this;
  }

  /** Further options of the connections. */
  withConnection(
    options: Omit<ConnectOptions, "timeoutMs" | "signal" | "tls">,
  ): this {
    this.#options.connection = options;
    return this;
  }

  /** Codecs besides bytes, text and JSON. */
  withCodecs(...codecs: CodecOptions): this {
    this.#options.codecs = codecs;
    return this;
  }

  /** Protocols of one's own. @default those that come with Ringwire */
  withRegistry(registry: ProtocolRegistry): this {
    this.#options.registry = registry;
    return this;
  }

  /** A name that the server is told. */
  withNodeName(name: string): this {
    this.#options.nodeName = name;
    return this;
  }

  /**
   * Connects.
   *
   * @throws {ConnectionRefusedError | NameNotFoundError | TlsHandshakeError | TimedOutError | SessionClosedError | …} why the last address failed
   * @throws {TypeError | RangeError} for wrong options
   */
  build(): Promise<Client> {
    return this.#start({ ...this.#options, protocols: [...this.#protocols] });
  }
}
