/** What a server can be told. Its builder collects this. */
import type { Connection, ListenOptions } from "../adapter.ts";
import type {
  CodecOptions,
  CompressionOptions,
  HeartbeatOptions,
  LimitOptions,
} from "../end_options.ts";
import type { IngressProtocol } from "../ingress.ts";
import type { ProtocolRegistry } from "../registry.ts";
import type { MessageListener, RequestListener } from "../session.ts";
import type { Session } from "../session.ts";
import type { TlsServerOptions } from "../tls_options.ts";

/** Somebody who wants in. */
export interface AuthAttempt {
  /** What the hello shows, e.g. `Bearer …`; undefined when it shows nothing. */
  readonly credentials: string | undefined;
  /** What the session will be. Nothing can be sent yet, but its `metadata` can be set. */
  readonly session: Session;
  /** With addresses, and certificate with TLS. Undefined with protocols that have no connection of their own (http). */
  readonly connection: Connection | undefined;
}

/** Whether somebody may come in. */
export type AuthDecision =
  | boolean
  | {
      readonly allow: boolean;
      /** For the session's `metadata`. @default none */
      readonly metadata?: Readonly<Record<string, unknown>> | undefined;
      /** Told to the peer. @default "the credentials are missing or wrong" */
      readonly reason?: string | undefined;
    };

/** Looks at credentials. What it throws is told to the `error` listeners, and refuses. */
export type Authenticator = (
  attempt: AuthAttempt,
) => AuthDecision | Promise<AuthDecision>;

/** What happens to receivers that are too slow for a broadcast. */
export interface SlowConsumerOptions {
  /** `drop` leaves the message out for them, `close` ends the session with 1013. @default "drop" */
  readonly policy?: "drop" | "close" | undefined;
  /** With `close`: messages in a row that there was no room for. @default 1 */
  readonly afterDrops?: number | undefined;
}

/** How long sessions outlive their connections. */
export interface ResumeOptions {
  /** Milliseconds that a session without a connection is kept; 0 keeps none. @default 60000 */
  readonly maxAwayMs?: number | undefined;
  /** Sessions without a connection; beyond, the one that is away longest is given up. @default 10000 */
  readonly maxAwaySessions?: number | undefined;
}

/** Where a server listens. */
export interface ListenPlace {
  /** E.g. `"tcp://0.0.0.0:7000"`. */
  readonly url: string;
  readonly options?: ListenOptions | undefined;
}

/** Everything that a server can be told. */
export interface ServerOptions {
  /** Where it listens; at least one place. */
  readonly protocols: readonly ListenPlace[];
  /**
   * Connections at a time, over all protocols. @default 10000, or what the process may hold
   */
  readonly maxConnections?: number | undefined;
  /**
   * Sessions at a time, connected or away. When all places are taken, the session that is away longest makes room;
   * when none is away, a new one is refused. @default maxConnections + resume.maxAwaySessions
   */
  readonly connectionPoolSize?: number | undefined;
  /** @default false */
  readonly dataCompression?: boolean | CompressionOptions | undefined;
  /** Of all protocols with TLS whose own options have none. */
  readonly tls?: TlsServerOptions | undefined;
  readonly limits?: LimitOptions | undefined;
  readonly heartbeat?: HeartbeatOptions | undefined;
  /** @default none: everybody may come in */
  readonly auth?: Authenticator | undefined;
  readonly resume?: ResumeOptions | undefined;
  readonly slowConsumers?: SlowConsumerOptions | undefined;
  /** Handles all messages from the first one on. @default messages are taken and forgotten */
  readonly onMessage?: MessageListener | undefined;
  /** Answers all requests from the first one on. @default requesters get a `NoResponderError` */
  readonly onRequest?: RequestListener | undefined;
  /** @default bytes, text and JSON */
  readonly codecs?: CodecOptions | undefined;
  /** Rooms that one session may be in. @default 256 */
  readonly maxRoomsPerSession?: number | undefined;
  /** @default the protocols that come with Ringwire */
  readonly registry?: ProtocolRegistry | undefined;
  /** Protocols without frames. @default http and https */
  readonly ingresses?: readonly IngressProtocol[] | undefined;
  /** Told to clients. @default none */
  readonly nodeName?: string | undefined;
  /** How long `close()` and each session's goodbye may take, in milliseconds. @default 5000 */
  readonly closeTimeoutMs?: number | undefined;
}
