/** Sessions as `conns` shows them. */
import { z } from "zod";
import type { Session } from "../../src/transport/session.ts";

const count = z.number().min(0);

/** A session, as it comes over the control socket; what a newer version adds is left out. */
export const sessionRow = z.object({
  id: z.string(),
  state: z.string(),
  /** Undefined while the connection is lost. */
  peer: z.string().nullable(),
  scheme: z.string().nullable(),
  /** What it says of itself. */
  name: z.string().nullable(),
  rooms: z.array(z.string()),
  opened_ms: z.number(),
  last_activity_ms: z.number(),
  messages_received: count,
  messages_sent: count,
  requests_received: count,
  bytes_received: count,
  bytes_sent: count,
  /** Requests of it that are being handled, and bytes that wait for it. */
  pending: count,
  queued_bytes: count,
  dropped: count,
  round_trip_ms: z.number().nullable(),
});

/** A session, as `conns` shows it. Times are wall-clock milliseconds. */
export type SessionRow = z.output<typeof sessionRow>;

/** What is known about a session now. */
export function describeSession(
  session: Session,
  rooms: readonly string[],
): SessionRow {
  const { statistics, connection } = session;
  return {
    id: session.id,
    state: session.state,
    peer: connection?.peerAddress ?? null,
    scheme: connection?.scheme ?? null,
    name: session.peerName ?? null,
    rooms: [...rooms],
    opened_ms: statistics.openedAtMs,
    last_activity_ms: statistics.lastActivityAtMs,
    messages_received: statistics.messagesReceived,
    messages_sent: statistics.messagesSent,
    requests_received: statistics.requestsReceived,
    bytes_received: statistics.bytesReceived,
    bytes_sent: statistics.bytesSent,
    pending: statistics.activeRequests,
    queued_bytes: statistics.queuedBytes,
    dropped: statistics.dropped,
    round_trip_ms: statistics.roundTripMs ?? null,
  };
}
