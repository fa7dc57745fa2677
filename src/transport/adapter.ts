/**
 * The adapter contract: what a protocol must offer, and all that the layers above know of it.
 *
 * A connection carries an ordered stream of bytes in each direction. Protocols that have messages of their own (WebSocket)
 * carry the stream in binary messages, whose bounds mean nothing.
 */
import type { Address, AddressForm } from "./address.ts";
import type { TransportError } from "./errors.ts";
import type {
  TlsClientOptions,
  TlsInfo,
  TlsServerOptions,
} from "./tls_options.ts";

/** One protocol. Register it with a `ProtocolRegistry`, under its schemes. */
export interface ProtocolAdapter {
  /** The schemes of its addresses, lower case; the first is the one that its own addresses are written with. */
  readonly schemes: readonly [string, ...string[]];
  /** Other names of the schemes, e.g. `{ websocket: "ws" }`. */
  readonly aliases?: Readonly<Record<string, string>>;
  /** What its addresses look like. */
  readonly addressForm: AddressForm;
  /** Ports of addresses that name none, by scheme. Without one the port must be given. */
  readonly defaultPorts?: Readonly<Record<string, number>>;

  /**
   * Accepts connections. Port 0 takes a free one: see `Listener.address`.
   *
   * @throws {AddressInUseError | AddressNotAvailableError | PermissionDeniedError | TooManyOpenFilesError | TlsMaterialError | …} a `TransportError`
   * @throws {TypeError | RangeError} for wrong options
   */
  listen(
    address: Address,
    options: ListenOptions,
    onConnection: ConnectionStart,
  ): Promise<Listener>;

  /**
   * Connects. The connection is ready for bytes (with TLS: after the handshake) when `onConnection` is called, before the promise resolves.
   *
   * @throws {ConnectionRefusedError | HostUnreachableError | NameNotFoundError | TimedOutError | TlsHandshakeError | …} a `TransportError`
   * @throws the signal's reason when it fires first
   * @throws {TypeError | RangeError} for wrong options
   */
  connect(
    address: Address,
    options: ConnectOptions,
    onConnection: ConnectionStart,
  ): Promise<Connection>;
}

/**
 * Called with each new connection, and gives the object that its events go to from then on. It may write at once. When
 * it throws, the connection is aborted: `listen` says so in a warning, `connect` rejects with what was thrown.
 */
export type ConnectionStart = (connection: Connection) => ConnectionHandler;

/** Where the events of one connection go. Methods are called one at a time, never from within `write`. They must not throw; one that does aborts the connection. */
export interface ConnectionHandler {
  /**
   * Bytes have come. The chunk is valid during the call only: the memory may be used again afterwards. May be called
   * once more after `pause()` where the runtime had read already.
   */
  data(chunk: Uint8Array): void;
  /** A message of text, in protocols that have such (WebSocket). Without this method, it closes the connection. */
  text?(text: string): void;
  /** `write` takes bytes again. Called once after a `write` that took less than it was given. */
  drain(): void;
  /**
   * The peer will send no more, but may still read (TCP half-close). With this method the connection stays open for
   * writing until it is closed here; without it, the connection closes as soon as the taken bytes are out.
   */
  ended?(): void;
  /** The last event, exactly once. */
  closed(reason: CloseReason): void;
}

/**
 * Why a connection is closed:
 * - `local`: `close()` was called here, and every byte that was taken has been handed to the system
 * - `peer`: the peer ended it. A killed process looks the same: the system ends its connections for it
 * - `aborted`: `abort()` was called here, or the deadline of `close()` passed
 * - `reset`: the peer reset it or vanished
 * - `timeout`: the system or a deadline gave the peer up
 * - `tls`: TLS failed
 * - `protocol`: the peer broke the rules of the protocol
 * - `failed`: anything else; see `error`
 */
export type CloseKind =
  | "local"
  | "peer"
  | "aborted"
  | "reset"
  | "timeout"
  | "tls"
  | "protocol"
  | "failed";

/** How a connection came to its end. */
export interface CloseReason {
  readonly kind: CloseKind;
  /** The peer's code in protocols that carry one (WebSocket: 1000…4999). */
  readonly code: number | undefined;
  /** For people: what `close` or `abort` was given here, or what the peer or the system said. */
  readonly reason: string;
  /** Set unless the kind is `local`, `peer` or `aborted`. */
  readonly error: TransportError | undefined;
  /** Bytes that `write` had taken and that were not handed to the system. */
  readonly unsentBytes: number;
}

/** Of one connection, counted since its start. Bytes are those of the stream: without TLS and framing. */
export interface ConnectionStatistics {
  readonly bytesReceived: number;
  /** Bytes that `write` took. */
  readonly bytesSent: number;
  /** Chunks received. */
  readonly chunks: number;
  /** Calls of `write` that took something. */
  readonly writes: number;
  /** Calls of `write` that took less than they were given. */
  readonly shortWrites: number;
  /** Milliseconds since 1970. */
  readonly openedAtMs: number;
  /** When the last bytes came or went, in milliseconds since 1970, to about a second. */
  readonly lastActivityAtMs: number;
}

/** One connection. All methods may be called from within its handler. */
export interface Connection {
  /** The scheme that it was made with. */
  readonly scheme: string;
  /** `open` until `close` or `abort` is called, or the peer has gone. */
  readonly state: "open" | "closing" | "closed";
  /** As a URL. Of a unix socket that connected to a listener: the listener's own, since clients have none. */
  readonly peerAddress: string;
  /** As a URL. */
  readonly localAddress: string;
  /** Set with TLS only. */
  readonly tls: TlsInfo | undefined;
  /** Why it is closed; undefined until it is. */
  readonly closeReason: CloseReason | undefined;
  /** Of WebSocket only: what the handshake came to. */
  readonly upgrade?: UpgradeInfo;
  /** Counters, as they stand at the moment of the call. */
  readonly statistics: ConnectionStatistics;
  /** Whether `pause` stops the peer in the end. Where it is false, `pause` does nothing, and what comes must be bounded by credits. */
  readonly canPause: boolean;
  /** Bytes taken that have not been handed to the system. Bounded by `writeBufferBytes`. */
  readonly queuedBytes: number;

  /**
   * Takes bytes to send and says how many: `from`…`to` of the chunk, or a first part of it, or none. What was taken is
   * written or copied before it returns, so the caller may use the memory again; the rest must be given again, after
   * `drain`.
   *
   * @throws {ConnectionClosedError} when the state is not `open`
   */
  write(chunk: Uint8Array, from?: number, to?: number): number;
  /**
   * Sends a message of text, whole, in protocols that have such (WebSocket).
   *
   * @returns false when it was not taken; `drain` follows
   * @throws {ConnectionClosedError} when the state is not `open`
   */
  writeText?(text: string): boolean;
  /** Stops `data`, and with it, in the end, the peer's sending. The end of the peer is not seen meanwhile either. */
  pause(): void;
  /** Lets `data` come again. */
  resume(): void;
  /**
   * Closes after everything that was taken is out; no more `data` comes. Resolves, and never rejects, when `closed` has been
   * called: at the latest after `closeTimeoutMs`, when it becomes an `abort` if bytes are still queued. Further calls give
   * the same promise.
   *
   * @param code what the peer is told in protocols that can (WebSocket). @default 1000
   * @param reason the same, for people; at most 123 bytes
   */
  close(code?: number, reason?: string): Promise<CloseReason>;
  /** Closes at once. What is queued is lost. The peer sees a reset where the runtime can send one (Bun, over TCP), else an end. */
  abort(reason?: string): void;
}

/** What the handshake of a WebSocket came to. */
export interface UpgradeInfo {
  /** What the connection is for: the protocol's frames in binary messages, or text messages. */
  readonly carries: "frames" | "text";
  /** The sub-protocol that both speak; undefined without one. */
  readonly protocol: string | undefined;
  /** The path that was asked for, with its query. */
  readonly path: string;
  /** Where the page comes from that has opened it, as the browser says. */
  readonly origin: string | undefined;
  /** What came as a sub-protocol, as `Bearer …`. Nobody has checked it yet. */
  readonly credentials: string | undefined;
}

/** What both sides may set of each connection. */
export interface StreamOptions {
  /** How long `close` waits until everything is out and the peer has closed too. @default 5000 */
  readonly closeTimeoutMs?: number;
  /**
   * Bytes that may wait in a connection's own queue, for runtimes and protocols that need one. @default 262144
   */
  readonly writeBufferBytes?: number;
  /** Whether small writes go out at once (TCP_NODELAY). @default true */
  readonly noDelay?: boolean;
  /**
   * How long a TCP connection is idle before the system asks whether the peer still lives; 0 never asks. Deno takes only
   * whether to ask, the time is the system's. @default 30000
   */
  readonly keepAliveMs?: number;
  /** Greatest message of text that is taken, in bytes; WebSocket only. @default 16777216 */
  readonly maxTextBytes?: number;
}

/** Options of `listen`. */
export interface ListenOptions extends StreamOptions {
  /** A connection beyond is refused: closed as soon as it is accepted. @default 10000 */
  readonly maxConnections?: number;
  /** How long a peer may take for its part of the handshake (TLS, upgrade). @default 10000 */
  readonly handshakeTimeoutMs?: number;
  /** Whether several processes may listen at the same port, each getting a share. Only with tcp and tls; in Deno only with tcp, and with `--unstable-net`, else an `UnsupportedFeatureError`. @default false */
  readonly reusePort?: boolean;
  /** Permissions of a unix socket's file. @default 0o600 */
  readonly mode?: number;
  /**
   * Origins whose pages may open WebSockets here, as `"https://example.org"`; `"*"` for all. Programs, which send no
   * origin, always may. @default only the origin whose host the request names
   */
  readonly origins?: readonly string[];
  /** Required by `tls` and `wss`, refused elsewhere. */
  readonly tls?: TlsServerOptions;
}

/** Options of `connect`. */
export interface ConnectOptions extends StreamOptions {
  /** Until the connection is ready, names and handshakes included. @default 10000 */
  readonly timeoutMs?: number;
  /** Gives up when it fires. Has no effect on a connection that is ready. */
  readonly signal?: AbortSignal;
  /** For `tls` and `wss`; refused elsewhere. */
  readonly tls?: TlsClientOptions;
}

/** Of one listener, counted since its start. */
export interface ListenerStatistics {
  /** Connections that were handed to `onConnection`. */
  readonly accepted: number;
  /** Connections that were closed because of `maxConnections`. */
  readonly refused: number;
  /** Connections whose handshake failed or took too long. */
  readonly failedHandshakes: number;
  /** Times that accepting failed, for want of descriptors for example. Bun does not tell: 0 there. */
  readonly acceptErrors: number;
}

/** Something that accepts connections. */
export interface Listener extends AsyncDisposable {
  /** Where it listens, as a URL, with the port that it got. */
  readonly address: string;
  /** Its open connections. */
  readonly connectionCount: number;
  /** Counters, as they stand at the moment of the call. */
  readonly statistics: ListenerStatistics;
  /**
   * Uses another certificate and key for the handshakes that begin from now on.
   *
   * @throws {UnsupportedFeatureError} where the protocol has no TLS, or the runtime cannot
   * @throws {TlsMaterialError} when they cannot be used; the old ones stay
   */
  setCertificates(tls: TlsServerOptions): Promise<void>;
  /** Accepts no more; open connections stay. A unix socket's file goes, if it is still this listener's. Idempotent. */
  stop(): Promise<void>;
  /** Stops, closes all connections gracefully and resolves when they are closed. Idempotent, bounded by `closeTimeoutMs`. */
  close(): Promise<void>;
}
