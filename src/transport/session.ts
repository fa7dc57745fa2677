/** A session: one peer, over one connection at a time. What both sides can do with it. */
import type { Connection } from "./adapter.ts";
import type {
  IncomingMessage,
  IncomingRequest,
  MessageBody,
  MessageOptions,
  Reply,
  RequestOptions,
  SendOptions,
} from "./message.ts";

/**
 * - `opening`: the hellos are under way
 * - `open`
 * - `draining`: a goodbye was said; what was accepted is still being handled
 * - `away`: the connection is lost, and the session may come back
 * - `closed`
 */
export type SessionState = "opening" | "open" | "draining" | "away" | "closed";

/** How a session ended. */
export interface SessionEnd {
  /** A `CloseCode`: ours or the peer's. */
  readonly code: number;
  readonly reason: string;
  /** Who said it; `lost` when the connection went without a word. */
  readonly by: "us" | "peer" | "lost";
  readonly error: Error | undefined;
  /** Messages that were sent and that the peer has not said to have accepted. */
  readonly unconfirmed: number;
  /** Where the peer says to go instead. */
  readonly redirect?: string | undefined;
  /** Not to come back before. */
  readonly retryAfterMs?: number | undefined;
  /** To be shown there. */
  readonly resumeToken?: Uint8Array | undefined;
}

/** Counted since the session began, over all of its connections. */
export interface SessionStatistics {
  readonly messagesSent: number;
  readonly messagesReceived: number;
  readonly requestsSent: number;
  readonly requestsReceived: number;
  /** Of payloads, uncompressed. */
  readonly bytesSent: number;
  readonly bytesReceived: number;
  /** Frames of every kind. */
  readonly framesSent: number;
  readonly framesReceived: number;
  /** Messages that were given up on our side before they were sent: queue full, too old, session over. */
  readonly dropped: number;
  /** Messages that came twice and were not delivered twice. */
  readonly duplicates: number;
  /** Answers to requests that had been given up. */
  readonly lateAnswers: number;
  /** Requests of ours that wait for an answer; of the peer that are being handled. */
  readonly pendingRequests: number;
  readonly activeRequests: number;
  /** Bytes that wait for credit or for the connection. */
  readonly queuedBytes: number;
  /** Times that the connection was replaced. */
  readonly resumptions: number;
  /** Round trip of the last heartbeat, in milliseconds; undefined before the first. */
  readonly roundTripMs: number | undefined;
  /** Milliseconds since 1970. */
  readonly openedAtMs: number;
  readonly lastActivityAtMs: number;
}

/** One peer. */
export interface Session {
  /** Unique among the sessions of its server. */
  readonly id: string;
  readonly state: SessionState;
  /** The connection that it has now; undefined while it is away. */
  readonly connection: Connection | undefined;
  /** What the peer says of itself: name of its machine or process, and its software. */
  readonly peerName: string | undefined;
  /** The application's own notes on this session. */
  readonly metadata: Map<string, unknown>;
  readonly statistics: SessionStatistics;

  /**
   * Sends a message if that can be done now, without a promise: the way for many small ones.
   *
   * @returns false when the peer has no room for it; nothing was sent then
   * @throws {SessionClosedError} when it is over
   * @throws {WireTooLargeError} when the peer takes no message of that size
   */
  trySend(body: MessageBody, options?: MessageOptions): boolean;
  /**
   * Sends a message. Resolves when its bytes were taken under the peer's credit, which does not mean that the peer has
   * handled it: that is what {@linkcode request} is for.
   *
   * @throws {TimedOutError} @throws {SessionClosedError} @throws {WireTooLargeError} @throws the signal's reason
   */
  send(body: MessageBody, options?: SendOptions): Promise<void>;
  /**
   * Sends a message and waits for the answer.
   *
   * @throws {RemoteError} what the other side's handler says
   * @throws {NoResponderError} when nobody there answers requests
   * @throws {TimedOutError} @throws {SessionClosedError} @throws {WireTooLargeError} @throws the signal's reason
   */
  request(
    body: MessageBody,
    options?: RequestOptions,
  ): Promise<IncomingMessage>;
  /** A round trip, in milliseconds. @throws {TimedOutError} @throws {SessionClosedError} */
  ping(options?: {
    readonly timeoutMs?: number;
    readonly signal?: AbortSignal;
  }): Promise<number>;
  /** Says goodbye, handles what the peer sent before it heard, and closes: at the latest after `timeoutMs`. */
  drain(options?: {
    readonly timeoutMs?: number;
    readonly reason?: string;
    /** Where the peer may go instead. */
    readonly redirect?: string;
  }): Promise<SessionEnd>;
  /** Sends what was taken and closes, with a goodbye. Bounded by the connection's `closeTimeoutMs`; idempotent. */
  close(code?: number, reason?: string): Promise<SessionEnd>;
  /** Ends it at once. */
  abort(reason?: string): void;
}

/** Handles a message. What it throws is told to the server's or client's `error` listeners. */
export type MessageListener = (
  message: IncomingMessage,
  session: Session,
) => void | Promise<void>;

/** Answers a request. What it throws reaches the requester: a `RemoteError` with its code, anything else as an internal error without details. */
export type RequestListener = (
  request: IncomingRequest,
  session: Session,
) => MessageBody | Reply | Promise<MessageBody | Reply>;
