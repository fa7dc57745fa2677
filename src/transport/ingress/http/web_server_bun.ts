/** HTTP by Bun. Declared by hand, because Deno's checker does not know it. */
import { formatHostAndPort } from "../../address.ts";
import type { WebHandler, WebPlace, WebServer } from "./web_runtime.ts";

interface BunServer {
  readonly port: number;
  requestIP(
    request: Request,
  ): { readonly address: string; readonly port: number } | null;
  stop(closeActive: boolean): Promise<void>;
  timeout(request: Request, seconds: number): void;
}

/** The part of Bun's global that is used here. */
export interface BunWeb {
  serve(options: {
    readonly hostname: string;
    readonly port: number;
    readonly tls?: { readonly cert: string; readonly key: string };
    readonly idleTimeout: number;
    readonly maxRequestBodySize: number;
    readonly development: false;
    readonly reusePort: false;
    readonly fetch: (request: Request, server: BunServer) => Promise<Response>;
  }): BunServer;
}

/** Seconds without a byte, for connections between requests; while one is answered our own deadline counts. */
const idleSeconds = 30;

/** Listens with `Bun.serve`. */
export function serveWithBun(
  bun: BunWeb,
  place: WebPlace,
  handler: WebHandler,
): WebServer {
  const { host, port, tls, maxBodyBytes } = place;
  const server = bun.serve({
    hostname: host,
    port,
    ...(tls?.cert === undefined || tls.key === undefined
      ? {}
      : { tls: { cert: tls.cert, key: tls.key } }),
    idleTimeout: idleSeconds,
    maxRequestBodySize: maxBodyBytes,
    development: false,
    // Without it, Bun 1.4.4 was seen to share a port that was in use.
    reusePort: false,
    fetch: (request, self) => {
      self.timeout(request, 0);
      const peer = self.requestIP(request);
      return handler(
        request,
        peer === null ? "" : formatHostAndPort(peer.address, peer.port),
        request.signal,
      );
    },
  });
  return {
    port: server.port,
    stop: () => void server.stop(false),
    end: async () => {
      await server.stop(true);
    },
  };
}
