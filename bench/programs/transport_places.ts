/** What both ends of the benches of the transport are told. */
import type { Certificates, Protocol } from "../raw/places.ts";

/** Where a server listens. */
export interface TransportPlaces {
  /** Of Ringwire. */
  readonly url: string;
  /** Of the raw socket; 0 of a unix socket. */
  readonly rawPort: number;
}

/** Argument of `transport_program.ts`. */
export interface TransportArgument {
  readonly protocol: Protocol;
  readonly certificates: Certificates;
  /** Of unix sockets. */
  readonly paths: { readonly ringwire: string; readonly raw: string };
  /** What the names of Ringwire's samples begin with. */
  readonly report: string;
  /** What those of the raw socket begin with. */
  readonly limit: string;
  /** Of the server; for the client. */
  readonly places?: TransportPlaces;
}
