/** Where raw sockets are, and what makes them. */
import type { RawClient } from "./frames.ts";

/** Protocols that are measured. */
export const protocols = ["tcp", "unix", "tls", "ws"] as const;

/** One of them. */
export type Protocol = (typeof protocols)[number];

/** What TLS needs, as paths of PEM files. */
export interface Certificates {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** Where to listen or connect. */
export interface RawPlace {
  readonly protocol: Protocol;
  /** Of a unix socket. */
  readonly path: string;
  /** 0 to listen at a free one; not of a unix socket. */
  readonly port: number;
  readonly certificates: Certificates;
}

/** The sockets of a runtime. */
export interface RawSockets {
  /** Listens, and answers; the port. */
  listen(place: RawPlace): Promise<number>;
  connect(place: RawPlace): Promise<RawClient>;
}
