/** Sums over the sessions of one end, those included that are over. */
import type { Session, SessionStatistics } from "./session.ts";

const summed = [
  "messagesSent",
  "messagesReceived",
  "requestsSent",
  "requestsReceived",
  "bytesSent",
  "bytesReceived",
  "dropped",
  "duplicates",
] as const;
const current = ["pendingRequests", "activeRequests", "queuedBytes"] as const;

/** What is counted, by name. */
export type SessionTotals = Record<
  (typeof summed)[number] | (typeof current)[number],
  number
>;

/** Keeps what sessions have done when they are gone. */
export class Totals {
  readonly #past: Record<(typeof summed)[number], number> = {
    messagesSent: 0,
    messagesReceived: 0,
    requestsSent: 0,
    requestsReceived: 0,
    bytesSent: 0,
    bytesReceived: 0,
    dropped: 0,
    duplicates: 0,
  };

  /** Takes over what a session has done. Call it once for each, when it is over. */
  keep(statistics: SessionStatistics): void {
    for (const name of summed) this.#past[name] += statistics[name];
  }

  /** The sum with the sessions that are there. */
  sum(sessions: Iterable<Session>): SessionTotals {
    const totals: SessionTotals = {
      ...this.#past,
      pendingRequests: 0,
      activeRequests: 0,
      queuedBytes: 0,
    };
    for (const { statistics } of sessions) {
      for (const name of summed) totals[name] += statistics[name];
      for (const name of current) totals[name] += statistics[name];
    }
    return totals;
  }
}
