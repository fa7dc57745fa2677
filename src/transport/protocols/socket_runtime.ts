/** What a runtime must offer for sockets without TLS. */
import type { ConnectionStart } from "../adapter.ts";
import type { StreamConnection } from "./stream_connection.ts";
import type { StreamListener } from "./stream_listener.ts";
import type { ConnectSettings, ListenSettings } from "./stream_settings.ts";

/** Where a socket is or goes to. */
export type SocketPlace =
  { readonly host: string; readonly port: number } | { readonly path: string };

/** How the addresses of sockets are written. */
export interface AddressWriter {
  /** Of a host and port. */
  readonly host: (host: string, port: number) => string;
  /** Of a unix socket, whatever the system calls the two ends. */
  readonly path: string;
}

/** What a runtime does with sockets. */
export interface RawStreams {
  /**
   * Connects, and gives the connection its handler before anything can come.
   * @throws the runtime's own errors
   */
  connect(
    place: SocketPlace,
    scheme: string,
    writer: AddressWriter,
    settings: ConnectSettings,
    givenUp: AbortSignal,
    onConnection: ConnectionStart,
  ): Promise<StreamConnection>;
  /**
   * Listens; connections go to `listener`.
   * @returns the port, or 0 without one, and how to stop
   * @throws the runtime's own errors
   */
  listen(
    place: SocketPlace,
    scheme: string,
    writer: AddressWriter,
    settings: ListenSettings,
    listener: StreamListener,
  ): { readonly port: number; readonly stop: () => void | Promise<void> };
}
