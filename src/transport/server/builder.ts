/** Collects what a server is told, one call after the other. */
import type { ListenOptions } from "../adapter.ts";
import type {
  CodecOptions,
  CompressionOptions,
  HeartbeatOptions,
  LimitOptions,
} from "../end_options.ts";
import type { IngressProtocol } from "../ingress.ts";
import type { ProtocolRegistry } from "../registry.ts";
import type { MessageListener, RequestListener } from "../session.ts";
import type { TlsServerOptions } from "../tls_options.ts";
import type {
  Authenticator,
  ListenPlace,
  ResumeOptions,
  ServerOptions,
  SlowConsumerOptions,
} from "./options.ts";

type Gathered = {
  -readonly [
    Name in keyof Omit<ServerOptions, "protocols">
  ]: ServerOptions[Name];
};

/** Options of a server. Nothing is checked before `build`. */
export class TransportServerBuilder<Server> {
  readonly #start: (options: ServerOptions) => Promise<Server>;
  readonly #protocols: ListenPlace[] = [];
  readonly #options: Gathered = {};

  /** Use `TransportServer.builder()`. */
  constructor(start: (options: ServerOptions) => Promise<Server>) {
    this.#start = start;
  }

  /** Listens at an address too; once for each. Port 0 takes a free one. */
  withProtocol(url: string, options?: ListenOptions): this {
    this.#protocols.push(options === undefined ? { url } : { url, options });
    return this;
  }

  /** Connections at a time, over all protocols. @default 10000, or what the process may hold */
  withMaxConnections(count: number): this {
    this.#options.maxConnections = count;
    return this;
  }

  /** Sessions at a time, those included whose connection is lost. @default maxConnections and 10000 */
  withConnectionPoolSize(count: number): this {
    this.#options.connectionPoolSize = count;
    return this;
  }

  /** Whether payloads are compressed, where the client has it on too. @default false */
  withDataCompression(on: boolean | CompressionOptions): this {
    this.#options.dataCompression = on;
    return this;
  }

  /** Certificate and key of all protocols with TLS that are not given their own. */
  withTls(tls: TlsServerOptions): this {
    this.#options.tls = tls;
    return this;
  }

  /** Bounds of each session. */
  withLimits(limits: LimitOptions): this {
    this.#options.limits = limits;
    return this;
  }

  /** How dead clients are found. */
  withHeartbeat(heartbeat: HeartbeatOptions): this {
    this.#options.heartbeat = heartbeat;
    return this;
  }

  /** Asks whether somebody may come in. @default everybody may */
  withAuth(auth: Authenticator): this {
    this.#options.auth = auth;
    return this;
  }

  /** How long sessions outlive their connections. */
  withResume(resume: ResumeOptions): this {
    this.#options.resume = resume;
    return this;
  }

  /** What happens to receivers that are too slow for a broadcast. */
  withSlowConsumers(slowConsumers: SlowConsumerOptions): this {
    this.#options.slowConsumers = slowConsumers;
    return this;
  }

  /** Handles all messages, from the first one on: what `TransportServer.onMessage` sets later could miss some. */
  onMessage(listener: MessageListener): this {
    this.#options.onMessage = listener;
    return this;
  }

  /** Answers all requests, from the first one on. */
  onRequest(listener: RequestListener): this {
    this.#options.onRequest = listener;
    return this;
  }

  /** Codecs besides bytes, text and JSON. */
  withCodecs(...codecs: CodecOptions): this {
    this.#options.codecs = codecs;
    return this;
  }

  /** Rooms that one session may be in. @default 256 */
  withMaxRoomsPerSession(count: number): this {
    this.#options.maxRoomsPerSession = count;
    return this;
  }

  /** Protocols of one's own. @default those that come with Ringwire */
  withRegistry(registry: ProtocolRegistry): this {
    this.#options.registry = registry;
    return this;
  }

  /** Protocols without frames. @default http and https */
  withIngress(...protocols: readonly IngressProtocol[]): this {
    this.#options.ingresses = protocols;
    return this;
  }

  /** A name that clients are told. */
  withNodeName(name: string): this {
    this.#options.nodeName = name;
    return this;
  }

  /** How long closing may take, in milliseconds. @default 5000 */
  withCloseTimeout(timeoutMs: number): this {
    this.#options.closeTimeoutMs = timeoutMs;
    return this;
  }

  /**
   * Listens. When one address fails, none is kept.
   *
   * @throws {ConnectionLimitError} when the process cannot hold so many connections
   * @throws {AddressInUseError | PermissionDeniedError | TlsMaterialError | UnknownSchemeError | …} a `TransportError`
   * @throws {TypeError | RangeError} for wrong options
   */
  build(): Promise<Server> {
    return this.#start({ ...this.#options, protocols: [...this.#protocols] });
  }
}
