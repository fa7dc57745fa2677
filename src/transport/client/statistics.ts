/** What a client has done so far. */
import type { SessionState } from "../session.ts";

/** Counted since the client began, over all of its sessions. */
export interface ClientStatistics {
  readonly state: SessionState;
  /** The server's address; undefined without a connection. */
  readonly address: string | undefined;
  readonly messagesSent: number;
  readonly messagesReceived: number;
  readonly requestsSent: number;
  readonly requestsReceived: number;
  /** Of payloads, uncompressed. */
  readonly bytesSent: number;
  readonly bytesReceived: number;
  /** Messages that were given up before they were sent. */
  readonly dropped: number;
  readonly duplicates: number;
  readonly pendingRequests: number;
  readonly activeRequests: number;
  /** Bytes that wait for credit or for the connection. */
  readonly queuedBytes: number;
  /** Messages and bytes that wait for a connection. */
  readonly offlineMessages: number;
  readonly offlineBytes: number;
  /** Connections that were made. */
  readonly connections: number;
  readonly resumptions: number;
  /** Round trip of the last heartbeat, in milliseconds; undefined before the first. */
  readonly roundTripMs: number | undefined;
}
