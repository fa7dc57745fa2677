/** A connection over a socket of `node:tls`, which both runtimes have. */
import type { TLSSocket } from "node:tls";
import type { TlsInfo, TlsVersion } from "../tls_options.ts";
import { StreamConnection, type StreamStart } from "./stream_connection.ts";
import { describeCertificate } from "./tls_material.ts";

/** Reads what TLS came to, after the handshake. */
export function tlsInfoOf(
  socket: TLSSocket,
  serverName: string | undefined,
): TlsInfo {
  const peer: { readonly raw?: Uint8Array } | null =
    socket.getPeerCertificate();
  const alpn = socket.alpnProtocol;
  return {
    version: (socket.getProtocol() as TlsVersion | null) ?? undefined,
    alpnProtocol: typeof alpn === "string" && alpn !== "" ? alpn : undefined,
    serverName,
    peerCertificate: describeCertificate(peer?.raw),
  };
}

/** The TCP socket below, of Deno. */
interface RawHandle {
  readStart(): unknown;
  readStop(): unknown;
}

/**
 * Deno 2.9.6 goes on reading into memory when a `TLSSocket` is paused (60 MB of 60 MB seen); stopping the socket below stops
 * the peer.
 *
 * @returns undefined in Bun, whose pause is enough; null in a Deno that keeps the socket elsewhere
 */
function rawHandleOf(socket: TLSSocket): RawHandle | null | undefined {
  if (!("Deno" in globalThis)) return undefined;
  const { _handle: handle } = socket as unknown as {
    _handle?: { _parent?: Partial<RawHandle> };
  };
  const raw = handle?._parent;
  return typeof raw?.readStop === "function" &&
    typeof raw.readStart === "function"
    ? (raw as RawHandle)
    : null;
}

/** TLS over TCP. */
export class TlsStream extends StreamConnection {
  readonly #socket: TLSSocket;
  readonly #writeBufferBytes: number;
  readonly #raw: RawHandle | null | undefined;
  override readonly canPause: boolean;
  #isReading = true;
  #error: unknown;

  constructor(socket: TLSSocket, start: StreamStart, writeBufferBytes: number) {
    super(start);
    this.#socket = socket;
    this.#raw = rawHandleOf(socket);
    this.canPause = this.#raw !== null;
    this.#writeBufferBytes = writeBufferBytes;
    socket.on("error", (error) => {
      this.#error ??= error;
    });
    socket.on("close", () => this.gone(this.#error));
  }

  /** Lets events come; after `begin`, so that a pause there holds. */
  listen(): void {
    this.#socket.on("data", (chunk: Uint8Array) => this.received(chunk));
    this.#socket.on("end", () => this.peerEnded());
  }

  get queuedBytes(): number {
    return this.#socket.writableLength;
  }

  protected take(chunk: Uint8Array, from: number, to: number): number {
    const room = this.#writeBufferBytes - this.#socket.writableLength;
    const taken = Math.min(to - from, room);
    if (taken <= 0) return 0;
    // The socket keeps what it is given until it is out.
    this.#socket.write(chunk.slice(from, from + taken), this.#onWritten);
    return taken;
  }

  readonly #onWritten = (): void => this.writable();

  protected setReading(isReading: boolean): void {
    if (isReading === this.#isReading) return;
    this.#isReading = isReading;
    if (isReading) {
      this.#socket.resume();
      this.#raw?.readStart();
    } else {
      this.#socket.pause();
      this.#raw?.readStop();
    }
  }

  protected finishWrites(): void {
    this.#socket.end(() => this.writesFinished());
  }

  protected release(): void {
    this.#socket.destroy();
  }

  protected destroy(): void {
    this.#socket.destroy();
  }
}
