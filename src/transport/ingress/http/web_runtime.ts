/** What a runtime must offer for HTTP. */
import type { TlsMaterial } from "../../protocols/tls_material.ts";

/** Where and how to listen. */
export interface WebPlace {
  readonly host: string;
  readonly port: number;
  readonly tls: TlsMaterial | undefined;
  /** Beyond it the runtime itself may refuse a body. */
  readonly maxBodyBytes: number;
}

/**
 * Answers a request.
 *
 * @param peer host and port, as in a URL
 * @param gone fires when the client has gone, where the runtime tells while it waits for the answer
 */
export type WebHandler = (
  request: Request,
  peer: string,
  gone: AbortSignal | undefined,
) => Promise<Response>;

/** A server of the runtime. */
export interface WebServer {
  readonly port: number;
  /** Accepts no more; what is being answered goes on. */
  stop(): void;
  /** Ends what is left. Resolves when it is gone. */
  end(): Promise<void>;
}
