/** What a server tells those who want to hear it. */
import type { Session, SessionEnd } from "../session.ts";

/** Messages that a session did not get or send. */
export interface DroppedMessages {
  readonly session: Session;
  readonly messages: number;
  /** `slow`: no room for a broadcast; `lost`: the session ended, or came back without its past, before the peer said to have accepted them. */
  readonly reason: "slow" | "lost";
}

/** A receiver that does not keep up. */
export interface SlowConsumer {
  readonly session: Session;
  /** Messages in a row that there was no room for. */
  readonly dropsInRow: number;
  /** Bytes that wait for it. */
  readonly queuedBytes: number;
  /** Whether the session was closed for it. */
  readonly closed: boolean;
}

/** Messages of the peer that are lost, or whose fate nobody knows. */
export interface ServerGap {
  readonly session: Session;
  /** Messages of the peer that will never come. */
  readonly messages: number;
}

/** Somebody who was not let in. */
export interface RefusedConnection {
  readonly peerAddress: string;
  /** A `CloseCode`. */
  readonly code: number;
  readonly reason: string;
}

/** Something that failed in the program's own functions, and that nobody waits for. */
export interface ServerFault {
  readonly error: unknown;
  /** What failed: `handler` is a listener for messages or requests, `auth` the hook that checks credentials. */
  readonly during: "handler" | "auth";
  /** Whose it was, if it was about one. */
  readonly session: Session | undefined;
}

/** Events of a server by name. */
export interface ServerEvents {
  /** A session begins. */
  session: Session;
  /** A session has lost its connection and may come back. */
  sessionAway: Session;
  /** A session has come back. */
  sessionResumed: Session;
  /** A session is over. */
  sessionEnd: { readonly session: Session; readonly end: SessionEnd };
  /** A connection was not let in. */
  refused: RefusedConnection;
  drop: DroppedMessages;
  slowConsumer: SlowConsumer;
  gap: ServerGap;
  error: ServerFault;
}
