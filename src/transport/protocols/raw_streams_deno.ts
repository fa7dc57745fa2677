/** Sockets of Deno. Declared by hand, because Bun's checker does not know them. */
import { UnsupportedFeatureError } from "../errors.ts";
import { StreamConnection, type StreamStart } from "./stream_connection.ts";
import type { StreamListener } from "./stream_listener.ts";
import type {
  AddressWriter,
  RawStreams,
  SocketPlace,
} from "./socket_runtime.ts";
import type { ListenSettings, StreamSettings } from "./stream_settings.ts";
import { WriteQueue } from "./write_queue.ts";

interface DenoAddress {
  readonly hostname?: string;
  readonly port?: number;
}

interface DenoConnection {
  readonly localAddr: DenoAddress;
  readonly remoteAddr: DenoAddress;
  read(buffer: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number>;
  closeWrite(): Promise<void>;
  close(): void;
  setNoDelay?(isOn: boolean): void;
  setKeepAlive?(isOn: boolean): void;
}

interface DenoListener {
  readonly addr: DenoAddress;
  accept(): Promise<DenoConnection>;
  close(): void;
}

type DenoPlace =
  | { readonly hostname: string; readonly port: number }
  | { readonly transport: "unix"; readonly path: string };

/** The part of Deno's global that is used here. */
export interface DenoNet {
  connect(
    options: DenoPlace & { readonly signal?: AbortSignal },
  ): Promise<DenoConnection>;
  listen(options: DenoPlace & { readonly reusePort?: boolean }): DenoListener;
  /** There with --unstable-net only. */
  readonly listenDatagram?: unknown;
}

/** What a connection reads into at first; it doubles whenever a read fills it. */
const readBufferBytesMin = 4096;
const readBufferBytesMax = 131_072;
/** After a failed accept: without descriptors the next would fail at once. */
const acceptPauseMs = 100;

/** A connection over a connection of Deno, with one read and one write of Deno under way at most. */
class DenoStream extends StreamConnection {
  readonly #conn: DenoConnection;
  readonly #queue: WriteQueue;
  #buffer = new Uint8Array(readBufferBytesMin);
  #isReading = true;
  #readLoopRuns = false;
  #writeLoopRuns = false;
  #isFinishing = false;
  #isClosed = false;
  /** Read while a pause came in between. */
  #heldBytes = 0;
  #endIsHeld = false;

  constructor(
    conn: DenoConnection,
    start: StreamStart,
    writeBufferBytes: number,
  ) {
    super(start);
    this.#conn = conn;
    this.#queue = new WriteQueue(writeBufferBytes);
  }

  /** Reads from now on, unless it was paused. */
  startReading(): void {
    if (this.#isReading && !this.#readLoopRuns) void this.#readLoop();
  }

  get queuedBytes(): number {
    return this.#queue.queuedBytes;
  }

  protected take(chunk: Uint8Array, from: number, to: number): number {
    const taken = this.#queue.take(chunk, from, to);
    if (!this.#writeLoopRuns && taken > 0) void this.#writeLoop();
    return taken;
  }

  protected setReading(isReading: boolean): void {
    this.#isReading = isReading;
    this.startReading();
  }

  protected finishWrites(): void {
    this.#isFinishing = true;
    if (!this.#writeLoopRuns) void this.#endWriting();
  }

  protected release(): void {
    this.destroy();
    this.gone();
  }

  protected destroy(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#conn.close();
  }

  #fail(error: unknown): void {
    // Closing here ends what is under way with an error that means nothing.
    if (this.#isClosed) return;
    this.destroy();
    this.gone(error);
  }

  async #readLoop(): Promise<void> {
    this.#readLoopRuns = true;
    try {
      while (this.#isReading && !this.#isClosed) {
        if (this.#heldBytes === 0 && !this.#endIsHeld) {
          const length = await this.#conn.read(this.#buffer);
          if (this.#isClosed) return;
          this.#endIsHeld = length === null;
          this.#heldBytes = length ?? 0;
          // Paused meanwhile: it is held until reading goes on.
          if (!this.#isReading) return;
        }
        if (this.#endIsHeld) {
          this.#isReading = false;
          this.peerEnded();
          return;
        }
        const length = this.#heldBytes;
        this.#heldBytes = 0;
        const buffer = this.#buffer;
        if (length > 0) this.received(buffer.subarray(0, length));
        if (length === buffer.length && length < readBufferBytesMax)
          this.#buffer = new Uint8Array(length * 2);
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#readLoopRuns = false;
    }
  }

  async #writeLoop(): Promise<void> {
    this.#writeLoopRuns = true;
    try {
      let bytes = this.#queue.begin();
      while (bytes.length > 0) {
        const written = await this.#conn.write(bytes);
        if (this.#isClosed) return;
        bytes = this.#queue.wrote(written);
        this.writable();
      }
      // `writable` may have taken more, and have closed.
    } catch (error) {
      this.#fail(error);
      return;
    } finally {
      this.#writeLoopRuns = false;
    }
    if (this.#queue.queuedBytes > 0) void this.#writeLoop();
    else if (this.#isFinishing) await this.#endWriting();
  }

  async #endWriting(): Promise<void> {
    if (this.#isClosed) return;
    try {
      await this.#conn.closeWrite();
    } catch {
      // The peer has gone already: reading says how.
    }
    if (!this.#isClosed) this.writesFinished();
  }
}

function placeOf(place: SocketPlace): DenoPlace {
  return "path" in place
    ? { transport: "unix", path: place.path }
    : { hostname: place.host, port: place.port };
}

function adopt(
  conn: DenoConnection,
  scheme: string,
  writer: AddressWriter,
  settings: StreamSettings,
  onClosed: (connection: StreamConnection) => void,
): DenoStream {
  const write = ({ hostname, port }: DenoAddress): string =>
    hostname === undefined || port === undefined
      ? writer.path
      : writer.host(hostname, port);
  conn.setNoDelay?.(settings.noDelay);
  if (settings.keepAliveMs > 0) conn.setKeepAlive?.(true);
  return new DenoStream(
    conn,
    {
      scheme,
      peerAddress: write(conn.remoteAddr),
      localAddress: write(conn.localAddr),
      closeTimeoutMs: settings.closeTimeoutMs,
      onClosed,
    },
    settings.writeBufferBytes,
  );
}

async function acceptAll(
  server: DenoListener,
  isStopped: () => boolean,
  scheme: string,
  writer: AddressWriter,
  settings: ListenSettings,
  listener: StreamListener,
): Promise<void> {
  while (!isStopped()) {
    let conn: DenoConnection;
    try {
      conn = await server.accept();
    } catch {
      if (isStopped()) return;
      listener.acceptFailed();
      await new Promise((resolve) => setTimeout(resolve, acceptPauseMs));
      continue;
    }
    if (!listener.admits()) {
      conn.close();
      continue;
    }
    let stream: DenoStream;
    try {
      stream = adopt(conn, scheme, writer, settings, listener.forget);
    } catch {
      // It was reset before it was looked at.
      conn.close();
      continue;
    }
    listener.add(stream);
    stream.startReading();
  }
}

/** Sockets of Deno. */
export function createDenoStreams(deno: DenoNet): RawStreams {
  return {
    async connect(place, scheme, writer, settings, givenUp, onConnection) {
      const conn = await deno.connect({ ...placeOf(place), signal: givenUp });
      if (givenUp.aborted) {
        conn.close();
        throw givenUp.reason;
      }
      const stream = adopt(conn, scheme, writer, settings, () => {});
      stream.begin(onConnection);
      stream.startReading();
      return stream;
    },
    listen(place, scheme, writer, settings, listener) {
      // Deno would end the process.
      if (settings.reusePort && deno.listenDatagram === undefined)
        throw new UnsupportedFeatureError(
          "reusePort needs --unstable-net in Deno",
        );
      const server = deno.listen({
        ...placeOf(place),
        ...(settings.reusePort ? { reusePort: true } : {}),
      });
      let stopped = false;
      const accepting = acceptAll(
        server,
        () => stopped,
        scheme,
        writer,
        settings,
        listener,
      );
      return {
        port: server.addr.port ?? 0,
        stop: () => {
          stopped = true;
          server.close();
          // The system has the socket back when the accept that is under way has ended.
          return accepting;
        },
      };
    },
  };
}
