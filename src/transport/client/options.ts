/** What a client can be told. Its builder collects this. */
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

/** How a lost connection is made again. */
export interface ReconnectOptions {
  /** Tries in a row until the client gives up. @default Infinity */
  readonly maxAttempts?: number | undefined;
  /** Longest pause before the first try in milliseconds; it doubles each time, and what is waited is anything up to it. @default 100 */
  readonly baseDelayMs?: number | undefined;
  /** Longest pause in milliseconds. @default 10000 */
  readonly maxDelayMs?: number | undefined;
  /** Whether `build` tries as often, too; otherwise it fails with the first reason. @default false */
  readonly initially?: boolean | undefined;
}

/** Credentials for the hello, or a function that gets them anew for each connection. */
export type Credentials = string | (() => string | Promise<string>);

/** Everything that a client can be told. */
export interface ClientOptions {
  /** Where to connect: tried one after the other, at least one. */
  readonly protocols: readonly string[];
  /** @default on, see its own defaults; false never connects again */
  readonly reconnect?: boolean | ReconnectOptions | undefined;
  /** What `send` and `trySend` keep while there is no connection. */
  readonly offlineBuffer?: OfflineBufferOptions | undefined;
  readonly tls?: TlsClientOptions | undefined;
  /** @default none */
  readonly auth?: Credentials | undefined;
  /** @default false */
  readonly dataCompression?: boolean | CompressionOptions | undefined;
  readonly heartbeat?: HeartbeatOptions | undefined;
  readonly limits?: LimitOptions | undefined;
  /** Until an answer is here, in milliseconds, for requests that do not say. @default 30000 */
  readonly requestTimeoutMs?: number | undefined;
  /** Until a connection is made and the hellos are exchanged, in milliseconds, for each try. @default 10000 */
  readonly connectTimeoutMs?: number | undefined;
  /** Further options of the connections. */
  readonly connection?:
    Omit<ConnectOptions, "timeoutMs" | "signal" | "tls"> | undefined;
  /** @default bytes, text and JSON */
  readonly codecs?: CodecOptions | undefined;
  /** @default the protocols that come with Ringwire */
  readonly registry?: ProtocolRegistry | undefined;
  /** Told to the server. @default none */
  readonly nodeName?: string | undefined;
}
