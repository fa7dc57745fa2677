/** What a client tells those who want to hear it. */
import type { SessionEnd } from "../session.ts";

/** A connection is there. */
export interface ClientConnected {
  readonly sessionId: string;
  /** The server's, as a URL. */
  readonly address: string;
  /** Whether the session goes on that there was before. */
  readonly resumed: boolean;
}

/** A connection is lost. */
export interface ClientDisconnected {
  readonly sessionId: string;
  /** A `CloseCode`, or 1006 when the connection went without a word. */
  readonly code: number;
  readonly reason: string;
  readonly error: Error | undefined;
  readonly willReconnect: boolean;
}

/** Another try is about to be made. */
export interface ClientReconnecting {
  /** 1 for the first. */
  readonly attempt: number;
  /** Pause before it, in milliseconds. */
  readonly delayMs: number;
  readonly address: string;
  /** Why the try before failed; undefined before the first. */
  readonly error: Error | undefined;
}

/** Messages are lost, or nobody knows what became of them. */
export interface ClientGap {
  /**
   * `received`: the server sent messages that will never come.
   * `sent`: messages that this side sent may or may not have been handled; the session was not resumed.
   */
  readonly direction: "received" | "sent";
  /** How many; undefined when nobody knows. */
  readonly messages: number | undefined;
}

/** Messages that were given up before they were sent. */
export interface ClientDrop {
  readonly messages: number;
  /** Of their payloads. */
  readonly bytes: number;
  readonly reason: "too old" | "buffer full" | "closed";
}

/** Something that failed in the program's own functions, and that nobody waits for. */
export interface ClientFault {
  readonly error: unknown;
}

/** Events of a client by name. */
export interface ClientEvents {
  connect: ClientConnected;
  disconnect: ClientDisconnected;
  reconnecting: ClientReconnecting;
  /** The session goes on after a lost connection. */
  resumed: { readonly sessionId: string; readonly awayMs: number };
  gap: ClientGap;
  drop: ClientDrop;
  error: ClientFault;
  /** The client is closed, or has given up; nothing comes after it. */
  close: SessionEnd;
}
