/** What a server has done so far. */
import type { ListenerStatistics } from "../adapter.ts";

/** Counted since the server began, over all of its sessions, also those that are over. */
export interface ServerStatistics {
  /** Open connections. */
  readonly connections: number;
  readonly maxConnections: number;
  /** Sessions, connected or away. */
  readonly sessions: number;
  readonly awaySessions: number;
  readonly sessionsBegun: number;
  readonly sessionsEnded: number;
  readonly sessionsResumed: number;
  /** Connections that were not let in: credentials, no room, no hello. */
  readonly refused: number;
  readonly messagesReceived: number;
  readonly messagesSent: number;
  readonly requestsReceived: number;
  readonly requestsSent: number;
  /** Of payloads, uncompressed. */
  readonly bytesReceived: number;
  readonly bytesSent: number;
  readonly broadcasts: number;
  /** Messages that somebody did not get, each counted once for each receiver. */
  readonly dropped: number;
  readonly duplicates: number;
  readonly activeRequests: number;
  readonly pendingRequests: number;
  readonly queuedBytes: number;
  readonly rooms: number;
  /** Milliseconds since 1970. */
  readonly startedAtMs: number;
  /** By address. */
  readonly listeners: Readonly<Record<string, ListenerStatistics>>;
}
