/** What all links of a session have counted together. */
import type { SessionStatistics } from "../session.ts";
import type { Link } from "./link.ts";

/** The part of a session's statistics that its links count. */
export type LinkStatistics = Pick<
  SessionStatistics,
  | "framesSent"
  | "framesReceived"
  | "queuedBytes"
  | "roundTripMs"
  | "lastActivityAtMs"
>;

/** Sums over the links of one session. */
export class LinkTotals {
  #framesSent = 0;
  #framesReceived = 0;
  #roundTripMs: number | undefined;
  #lastActivityAtMs = Date.now();

  /** A link is over. */
  add(link: Link): void {
    this.#framesSent += link.output.framesSent;
    this.#framesReceived += link.framesReceived;
    this.#roundTripMs = link.heartbeat.roundTripMs ?? this.#roundTripMs;
    this.#lastActivityAtMs = link.connection.statistics.lastActivityAtMs;
  }

  /** The sums with those of the link that there is. @param waitingBytes that are in no link yet */
  with(link: Link | undefined, waitingBytes: number): LinkStatistics {
    return {
      framesSent: this.#framesSent + (link?.output.framesSent ?? 0),
      framesReceived: this.#framesReceived + (link?.framesReceived ?? 0),
      queuedBytes: waitingBytes + (link?.output.coalescer.waitingBytes ?? 0),
      roundTripMs: link?.heartbeat.roundTripMs ?? this.#roundTripMs,
      lastActivityAtMs:
        link?.connection.statistics.lastActivityAtMs ?? this.#lastActivityAtMs,
    };
  }
}
