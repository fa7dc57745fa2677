/** HTTP by Deno. Declared by hand, because Bun's checker does not know it. */
import { formatHostAndPort } from "../../address.ts";
import type { WebHandler, WebPlace, WebServer } from "./web_runtime.ts";

interface DenoServer {
  readonly addr: { readonly port: number };
  readonly finished: Promise<void>;
  shutdown(): Promise<void>;
}

/** The part of Deno's global that is used here. */
export interface DenoWeb {
  serve(
    options: {
      readonly hostname: string;
      readonly port: number;
      readonly cert?: string;
      readonly key?: string;
      readonly onListen: () => void;
    },
    handler: (
      request: Request,
      info: {
        readonly remoteAddr: {
          readonly hostname?: string;
          readonly port?: number;
        };
      },
    ) => Promise<Response>,
  ): DenoServer;
}

/** Listens with `Deno.serve`. */
export function serveWithDeno(
  deno: DenoWeb,
  place: WebPlace,
  handler: WebHandler,
): WebServer {
  const { host, port, tls } = place;
  const server = deno.serve(
    {
      hostname: host,
      port,
      ...(tls?.cert === undefined || tls.key === undefined
        ? {}
        : { cert: tls.cert, key: tls.key }),
      onListen() {},
    },
    (request, { remoteAddr: { hostname = "", port: peerPort = 0 } }) =>
      // Deno 2.9.6 tells by `request.signal` only, fires it after every answer, and prints a warning when it is looked at.
      handler(request, formatHostAndPort(hostname, peerPort), undefined),
  );
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= server.shutdown().catch(() => {});
    return stopped;
  };
  return {
    port: server.addr.port,
    stop: () => void stop(),
    // It waits for clients that have sent half a request, and cannot be told to end them.
    end: () => Promise.race([stop(), delay(endTimeoutMs)]),
  };
}

/** How long Deno may take to end its connections, in milliseconds. */
const endTimeoutMs = 1000;

function delay(timeoutMs: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, timeoutMs);
  });
}
