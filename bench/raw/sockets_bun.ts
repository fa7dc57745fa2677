/** Raw sockets of Bun. */
import { RawClient, type RawEnd, type RawSocket, serveRaw } from "./frames.ts";
import type { RawPlace, RawSockets } from "./places.ts";
import { connectWebSocket } from "./websockets.ts";

type Socket = Bun.Socket<{ end?: RawEnd }>;

function rawOf(socket: Socket): RawSocket {
  return {
    write: (bytes, from, to) =>
      Math.max(0, socket.write(bytes, from, to - from)),
  };
}

const handlers = {
  data(socket: Socket, chunk: Uint8Array): void {
    socket.data.end?.data(chunk);
  },
  drain(socket: Socket): void {
    socket.data.end?.drained();
  },
};

function listenStream({
  path,
  port,
  certificates,
  protocol,
}: RawPlace): number {
  const socket = {
    ...handlers,
    open(each: Socket): void {
      each.data = { end: serveRaw(rawOf(each)) };
    },
  };
  if (protocol === "unix") {
    Bun.listen<{ end?: RawEnd }>({ unix: path, socket });
    return 0;
  }
  const tls = {
    cert: Bun.file(certificates.cert),
    key: Bun.file(certificates.key),
  };
  return Bun.listen<{ end?: RawEnd }>({
    hostname: "127.0.0.1",
    port,
    socket,
    ...(protocol === "tls" ? { tls } : {}),
  }).port;
}

async function connectStream(place: RawPlace): Promise<RawClient> {
  const { path, port, certificates, protocol } = place;
  const data: { end?: RawEnd } = {};
  let secured = (): void => {};
  const isSecured = new Promise<void>((resolve) => {
    secured = resolve;
  });
  const socket = { ...handlers, handshake: () => secured() };
  const tls = { ca: Bun.file(certificates.ca), serverName: "localhost" };
  const made =
    protocol === "unix"
      ? await Bun.connect<{ end?: RawEnd }>({ unix: path, socket, data })
      : await Bun.connect<{ end?: RawEnd }>({
          hostname: "127.0.0.1",
          port,
          socket,
          data,
          ...(protocol === "tls" ? { tls } : {}),
        });
  if (protocol === "tls") await isSecured;
  const client = new RawClient(rawOf(made));
  data.end = client.end;
  return client;
}

function listenWebSocket(): number {
  const server = Bun.serve<{ end?: RawEnd }>({
    hostname: "127.0.0.1",
    port: 0,
    fetch(request, each) {
      return each.upgrade(request, { data: {} })
        ? undefined
        : new Response("", { status: 400 });
    },
    websocket: {
      maxPayloadLength: 16 * 1_048_576,
      backpressureLimit: 16 * 1_048_576,
      open(socket) {
        socket.data.end = serveRaw({
          write(bytes, from, to) {
            // 0 is dropped, −1 is queued.
            return socket.send(bytes.subarray(from, to)) === 0 ? 0 : to - from;
          },
        });
      },
      message(socket, message) {
        if (typeof message !== "string") socket.data.end?.data(message);
      },
      drain(socket) {
        socket.data.end?.drained();
      },
    },
  });
  return server.port ?? 0;
}

/** Bun's. */
export const bunSockets: RawSockets = {
  listen: (place) =>
    Promise.resolve(
      place.protocol === "ws" ? listenWebSocket() : listenStream(place),
    ),
  connect: (place) =>
    place.protocol === "ws"
      ? connectWebSocket(place.port)
      : connectStream(place),
};
