/** Sockets of Bun. Declared by hand, because Deno's checker does not know them. */
import type { ConnectionStart } from "../adapter.ts";
import { StreamConnection, type StreamStart } from "./stream_connection.ts";
import type {
  AddressWriter,
  RawStreams,
  SocketPlace,
} from "./socket_runtime.ts";
import type { StreamSettings } from "./stream_settings.ts";

interface BunSocket {
  data: BunStream | undefined;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  write(chunk: Uint8Array, from: number, byteLength: number): number;
  shutdown(): void;
  end(): void;
  terminate(): void;
  pause(): void;
  resume(): void;
  setNoDelay(isOn: boolean): boolean;
  setKeepAlive(isOn: boolean, initialDelayMs: number): boolean;
}

interface BunHandlers {
  readonly binaryType: "uint8array";
  open(socket: BunSocket): void;
  data(socket: BunSocket, chunk: Uint8Array): void;
  drain(socket: BunSocket): void;
  end(socket: BunSocket): void;
  close(socket: BunSocket, error?: Error): void;
  error(socket: BunSocket, error: Error): void;
}

type BunPlace =
  | { readonly hostname: string; readonly port: number }
  | { readonly unix: string };

interface BunSocketOptions {
  /** Without it Bun closes a socket as soon as the peer has ended, whatever is still to be written. */
  readonly allowHalfOpen: true;
  readonly socket: BunHandlers & {
    connectError?(socket: BunSocket, error: Error): void;
  };
  readonly reusePort?: boolean;
}

/** The part of Bun's global that is used here. */
export interface BunNet {
  connect(options: BunPlace & BunSocketOptions): Promise<unknown>;
  listen(options: BunPlace & BunSocketOptions): {
    readonly port?: number;
    stop(closeConnections: boolean): void;
  };
  udpSocket(options: {
    readonly hostname?: string;
    readonly connect: { readonly hostname: string; readonly port: number };
  }): Promise<{ close(): void }>;
}

/** A connection over a socket of Bun. It has no queue: what Bun takes, the system has. */
class BunStream extends StreamConnection {
  readonly queuedBytes = 0;
  readonly #socket: BunSocket;
  error: Error | undefined;

  constructor(socket: BunSocket, start: StreamStart) {
    super(start);
    this.#socket = socket;
  }

  protected take(chunk: Uint8Array, from: number, to: number): number {
    // Negative when the socket has just gone: `close` says why.
    return Math.max(0, this.#socket.write(chunk, from, to - from));
  }

  protected setReading(isReading: boolean): void {
    if (isReading) this.#socket.resume();
    else this.#socket.pause();
  }

  protected finishWrites(): void {
    this.#socket.shutdown();
    this.writesFinished();
  }

  protected release(): void {
    this.#socket.end();
  }

  protected destroy(): void {
    this.#socket.terminate();
  }
}

function placeOf(place: SocketPlace): BunPlace {
  return "path" in place
    ? { unix: place.path }
    : { hostname: place.host, port: place.port };
}

/** Handlers for the sockets of one listener, or for one socket that connects. */
function handlersOf(open: (socket: BunSocket) => void): BunHandlers {
  return {
    binaryType: "uint8array",
    open,
    data: (socket, chunk) => socket.data?.received(chunk),
    drain: (socket) => socket.data?.writable(),
    end: (socket) => socket.data?.peerEnded(),
    close: (socket, error) => socket.data?.gone(error ?? socket.data.error),
    error: (socket, error) => {
      if (socket.data !== undefined) socket.data.error = error;
    },
  };
}

function adopt(
  socket: BunSocket,
  place: SocketPlace,
  scheme: string,
  writer: AddressWriter,
  settings: StreamSettings,
  onClosed: (connection: StreamConnection) => void,
): BunStream {
  const isUnix = "path" in place;
  if (!isUnix) {
    if (!settings.noDelay) socket.setNoDelay(false);
    if (settings.keepAliveMs > 0)
      socket.setKeepAlive(true, settings.keepAliveMs);
  }
  const stream = new BunStream(socket, {
    scheme,
    peerAddress: isUnix
      ? writer.path
      : writer.host(socket.remoteAddress, socket.remotePort),
    localAddress: isUnix
      ? writer.path
      : writer.host(socket.localAddress, socket.localPort),
    closeTimeoutMs: settings.closeTimeoutMs,
    onClosed,
  });
  socket.data = stream;
  return stream;
}

const unreachable: ReadonlySet<unknown> = new Set([
  "ENETUNREACH",
  "EHOSTUNREACH",
  "ENETDOWN",
]);

/**
 * Bun says ECONNREFUSED whatever kept it from connecting. A connected UDP socket sends nothing, but asks the system for the
 * way to the host, and so tells "there is none" apart.
 *
 * @returns the better error, or the given one
 */
export async function explainBunRefusal(
  bun: Pick<BunNet, "udpSocket">,
  host: string,
  port: number,
  refusal: unknown,
): Promise<unknown> {
  if ((refusal as { code?: unknown } | null)?.code !== "ECONNREFUSED")
    return refusal;
  try {
    const probe = await bun.udpSocket({
      ...(host.includes(":") ? { hostname: "::" } : {}),
      connect: { hostname: host, port },
    });
    probe.close();
  } catch (error) {
    const code = (error as { code?: unknown } | null)?.code;
    if (unreachable.has(code)) return error;
    // Broadcast, which nobody can connect to, is a matter of permission for UDP.
    if (code === "EACCES")
      return Object.assign(new Error("connect ENETUNREACH"), {
        code: "ENETUNREACH",
        cause: refusal,
      });
  }
  return refusal;
}

/** Bun gives no code when a name to listen at has no address. */
function listenOrExplain(
  bun: BunNet,
  options: BunPlace & BunSocketOptions,
): ReturnType<BunNet["listen"]> {
  try {
    return bun.listen(options);
  } catch (error) {
    if (
      error instanceof Error &&
      (error as { code?: unknown }).code === undefined &&
      "hostname" in options
    )
      Object.assign(error, { code: "ENOTFOUND" });
    throw error;
  }
}

/** Sockets of Bun. */
export function createBunStreams(bun: BunNet): RawStreams {
  const connect = async (
    place: SocketPlace,
    scheme: string,
    writer: AddressWriter,
    settings: StreamSettings,
    givenUp: AbortSignal,
    onConnection: ConnectionStart,
  ): Promise<StreamConnection> => {
    let stream: BunStream | undefined;
    let thrown: { readonly error: unknown } | undefined;
    const handlers = handlersOf((socket) => {
      // Bun cannot take an attempt back, only end what came of it.
      if (givenUp.aborted) {
        socket.terminate();
        return;
      }
      stream = adopt(socket, place, scheme, writer, settings, () => {});
      try {
        stream.begin(onConnection);
      } catch (error) {
        thrown = { error };
      }
    });
    try {
      await bun.connect({
        ...placeOf(place),
        allowHalfOpen: true,
        // With `connectError` a rejection that comes after giving up is not reported as unhandled.
        socket: { ...handlers, connectError() {} },
      });
    } catch (error) {
      if ("path" in place) throw error;
      throw await explainBunRefusal(bun, place.host, place.port, error);
    }
    if (thrown !== undefined) throw thrown.error;
    // Bun says that it is connected, but the peer has reset it meanwhile.
    if (stream === undefined)
      throw Object.assign(new Error("closed at once"), { code: "ECONNRESET" });
    return stream;
  };
  return {
    connect,
    listen(place, scheme, writer, settings, listener) {
      const options: BunPlace & BunSocketOptions = {
        ...placeOf(place),
        allowHalfOpen: true,
        ...(settings.reusePort ? { reusePort: true } : {}),
        socket: handlersOf((socket) => {
          if (!listener.admits()) {
            socket.terminate();
            return;
          }
          listener.add(
            adopt(socket, place, scheme, writer, settings, listener.forget),
          );
        }),
      };
      const server = listenOrExplain(bun, options);
      return { port: server.port ?? 0, stop: () => server.stop(false) };
    },
  };
}
