/** Raw sockets of Deno, whose types Bun's checker does not know. */
import { readFileSync } from "node:fs";
import { RawClient, type RawEnd, type RawSocket, serveRaw } from "./frames.ts";
import type { RawPlace, RawSockets } from "./places.ts";
import { connectWebSocket, WebSocketOut } from "./websockets.ts";

interface DenoConnection {
  read(buffer: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number>;
  setNoDelay?(isOn: boolean): void;
}

interface DenoListener {
  readonly addr: { readonly port?: number };
  accept(): Promise<DenoConnection>;
}

type Place =
  | { readonly hostname: string; readonly port: number }
  | { readonly transport: "unix"; readonly path: string };

/** The part of Deno's global that is used here. */
export interface DenoSockets {
  listen(place: Place): DenoListener;
  listenTls(
    place: Place & { readonly cert: string; readonly key: string },
  ): DenoListener;
  connect(place: Place): Promise<DenoConnection>;
  connectTls(
    place: Place & { readonly caCerts: readonly string[] },
  ): Promise<DenoConnection>;
  serve(
    options: {
      readonly hostname: string;
      readonly port: number;
      readonly onListen: () => void;
    },
    handle: (request: Request) => Response,
  ): { readonly addr: { readonly port: number } };
  upgradeWebSocket(request: Request): {
    readonly socket: WebSocket;
    readonly response: Response;
  };
}

const readBytes = 131_072;

/** One write under way at a time, from memory of its own. */
class DenoOut implements RawSocket {
  readonly #connection: DenoConnection;
  #spare = new Uint8Array(readBytes);
  #isWriting = false;
  #isAwaited = false;
  onRoom: () => void = () => {};

  constructor(connection: DenoConnection) {
    this.#connection = connection;
  }

  write(bytes: Uint8Array, from: number, to: number): number {
    if (this.#isWriting) {
      this.#isAwaited = true;
      return 0;
    }
    const length = to - from;
    if (this.#spare.length < length) this.#spare = new Uint8Array(length);
    this.#spare.set(bytes.subarray(from, to));
    void this.#writeAll(this.#spare.subarray(0, length));
    return length;
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    this.#isWriting = true;
    for (let from = 0; from < bytes.length;)
      from += await this.#connection.write(
        from === 0 ? bytes : bytes.subarray(from),
      );
    this.#isWriting = false;
    if (!this.#isAwaited) return;
    this.#isAwaited = false;
    this.onRoom();
  }
}

async function readAll(connection: DenoConnection, end: RawEnd): Promise<void> {
  const buffer = new Uint8Array(readBytes);
  for (;;) {
    const count = await connection.read(buffer);
    if (count === null) return;
    end.data(buffer.subarray(0, count));
  }
}

async function acceptAll(listener: DenoListener): Promise<void> {
  for (;;) {
    const connection = await listener.accept();
    connection.setNoDelay?.(true);
    const out = new DenoOut(connection);
    const end = serveRaw(out);
    out.onRoom = end.drained;
    readAll(connection, end).catch(() => {});
  }
}

/** Deno's. */
export function denoSockets(deno: DenoSockets): RawSockets {
  const placeOf = ({ protocol, path, port }: RawPlace): Place =>
    protocol === "unix"
      ? { transport: "unix", path }
      : { hostname: "127.0.0.1", port };

  function listenWebSocket(): number {
    const server = deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      (request) => {
        const { socket, response } = deno.upgradeWebSocket(request);
        socket.binaryType = "arraybuffer";
        const out = new WebSocketOut(socket);
        const end = serveRaw(out);
        out.onRoom = end.drained;
        socket.addEventListener("message", ({ data }) => {
          end.data(new Uint8Array(data as ArrayBuffer));
        });
        return response;
      },
    );
    return server.addr.port;
  }

  return {
    async listen(place) {
      if (place.protocol === "ws") return listenWebSocket();
      const { cert, key } = place.certificates;
      const listener =
        place.protocol === "tls"
          ? deno.listenTls({
              ...placeOf(place),
              cert: readFileSync(cert, "utf8"),
              key: readFileSync(key, "utf8"),
            })
          : deno.listen(placeOf(place));
      acceptAll(listener).catch(() => {});
      return listener.addr.port ?? 0;
    },
    async connect(place) {
      if (place.protocol === "ws") return connectWebSocket(place.port);
      const connection =
        place.protocol === "tls"
          ? await deno.connectTls({
              ...placeOf(place),
              caCerts: [readFileSync(place.certificates.ca, "utf8")],
            })
          : await deno.connect(placeOf(place));
      connection.setNoDelay?.(true);
      const out = new DenoOut(connection);
      const client = new RawClient(out);
      out.onRoom = client.end.drained;
      readAll(connection, client.end).catch(() => {});
      return client;
    },
  };
}
