/** What a running server says about itself at `GET /status`. Times are wall-clock milliseconds. */
import { z } from "zod";

const count = z.number().min(0);

/** Checks a report that came over a socket; what a newer version adds is left out. */
export const serverReport = z.object({
  kind: z.literal("server"),
  name: z.string(),
  pid: z.int().min(0),
  started_ms: z.number(),
  state: z.enum(["serving", "draining"]),
  urls: z.array(z.string()),
  connections: count,
  max_connections: count,
  sessions: count,
  routes: z.array(
    z.object({
      route: z.string(),
      messages: count,
      requests: count,
      failures: count,
    }),
  ),
  /** Messages and requests that no route was for. */
  unmatched: count,
  messages_received: count,
  requests_received: count,
  active_requests: count,
  dropped: count,
});

/** The report of a server. */
export type ServerReport = z.output<typeof serverReport>;
