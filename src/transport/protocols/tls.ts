/**
 * TLS over TCP: `tls://host:port`. By `node:tls` in both runtimes: Deno's own listener asks for no client certificates, and
 * Bun's own cannot change its certificate.
 */
import type { AddressInfo } from "node:net";
import {
  type ConnectionOptions,
  connect,
  createServer,
  type Server,
  type TLSSocket,
} from "node:tls";
import { isIP } from "node:net";
import { timerDelayMsMax } from "../../base/deadline.ts";
import type { ConnectionStart, ProtocolAdapter } from "../adapter.ts";
import { type Address, formatAddress, formatHostAndPort } from "../address.ts";
import { TlsHandshakeError, UnsupportedFeatureError } from "../errors.ts";
import { toTransportError } from "../system_errors.ts";
import type { TlsServerOptions } from "../tls_options.ts";
import { attemptWithin } from "./connect_attempt.ts";
import { Handshakes } from "./handshakes.ts";
import { explainRefusal } from "./raw_streams.ts";
import type { StreamConnection } from "./stream_connection.ts";
import { StreamListener } from "./stream_listener.ts";
import {
  type ConnectSettings,
  connectSettings,
  type ListenSettings,
  listenSettings,
  type StreamSettings,
} from "./stream_settings.ts";
import { loadTlsMaterial, type TlsMaterial } from "./tls_material.ts";
import { TlsStream, tlsInfoOf } from "./tls_stream.ts";

const urlOf = (host: string, port: number): string =>
  `tls://${formatHostAndPort(host, port)}`;

function adopt(
  socket: TLSSocket,
  settings: StreamSettings,
  serverName: string | undefined,
  onClosed: (connection: StreamConnection) => void,
): TlsStream {
  socket.setNoDelay(settings.noDelay);
  if (settings.keepAliveMs > 0) socket.setKeepAlive(true, settings.keepAliveMs);
  return new TlsStream(
    socket,
    {
      scheme: "tls",
      peerAddress: urlOf(socket.remoteAddress ?? "", socket.remotePort ?? 0),
      localAddress: urlOf(socket.localAddress ?? "", socket.localPort ?? 0),
      tls: tlsInfoOf(socket, serverName),
      closeTimeoutMs: settings.closeTimeoutMs,
      onClosed,
    },
    settings.writeBufferBytes,
  );
}

async function serverContext(tls: TlsServerOptions) {
  if (tls.requestClientCertificate === true && tls.ca === undefined)
    throw new TypeError(
      "tls.ca: given undefined, allowed the authorities of client certificates (requestClientCertificate is set)",
    );
  return {
    ...(await loadTlsMaterial(tls)),
    minVersion: tls.minimalVersion ?? "TLSv1.2",
  };
}

class TlsListener extends StreamListener {
  server: Server | undefined;

  override async setCertificates(tls: TlsServerOptions): Promise<void> {
    const context = await serverContext(tls);
    this.server?.setSecureContext(context);
  }
}

/** Listens, for protocols over TLS. @throws the runtime's own errors, and {TypeError} without a certificate */
export async function listenTls(
  address: Address,
  url: string,
  settings: ListenSettings,
  onConnection: ConnectionStart,
): Promise<StreamListener> {
  const { tls } = settings;
  if (tls?.cert === undefined)
    throw new TypeError(
      `tls: given ${tls === undefined ? "undefined" : "no cert"} for ${url}, allowed an object with cert and key`,
    );
  if (settings.reusePort && "Deno" in globalThis)
    throw new UnsupportedFeatureError("Deno has no reusePort with TLS", {
      address: url,
    });
  const context = await serverContext(tls);
  const listener = new TlsListener(settings.maxConnections, onConnection);
  const server = createServer({
    ...context,
    requestCert: tls.requestClientCertificate === true,
    rejectUnauthorized: tls.requestClientCertificate === true,
    ...(tls.alpnProtocols === undefined
      ? {}
      : { ALPNProtocols: [...tls.alpnProtocols] }),
    allowHalfOpen: true,
    // Ours comes first, and counts.
    handshakeTimeout: timerDelayMsMax,
  });
  listener.server = server;
  const handshakes = new Handshakes(settings.handshakeTimeoutMs, () =>
    listener.handshakeFailed(),
  );
  server.on("connection", (socket) => {
    socket.on("error", () => {});
    if (listener.admits(handshakes.count)) handshakes.begin(socket);
    else socket.destroy();
  });
  server.on("tlsClientError", (_error, socket) => socket.destroy());
  server.on("secureConnection", (socket) => {
    handshakes.succeeded(socket);
    const { servername } = socket as { servername?: unknown };
    const name =
      typeof servername === "string" && servername !== ""
        ? servername
        : undefined;
    const stream = adopt(socket, settings, name, listener.forget);
    listener.add(stream);
    stream.listen();
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    const { host, port } = address;
    server.listen({ host, port, reusePort: settings.reusePort }, () => {
      server.off("error", reject);
      resolve();
    });
  });
  server.on("error", () => listener.acceptFailed());
  const { port } = server.address() as AddressInfo;
  listener.listening(urlOf(address.host, port), () => {
    handshakes.stop();
    // It calls back when all connections are closed; it accepts no more at once.
    server.close();
  });
  return listener;
}

function openSocket(
  address: Address,
  settings: ConnectSettings,
  material: Awaited<ReturnType<typeof loadTlsMaterial>>,
  givenUp: AbortSignal,
  onConnection: ConnectionStart,
): Promise<StreamConnection> {
  const { tls = {} } = settings;
  const { host, port } = address;
  const serverName = tls.serverName ?? (isIP(host) === 0 ? host : undefined);
  return new Promise((resolve, reject) => {
    // The type forgets that these options are those of the socket too.
    const options: ConnectionOptions & { readonly allowHalfOpen: boolean } = {
      host,
      port,
      ...material,
      ...(serverName === undefined ? {} : { servername: serverName }),
      ...(tls.alpnProtocols === undefined
        ? {}
        : { ALPNProtocols: [...tls.alpnProtocols] }),
      minVersion: tls.minimalVersion ?? "TLSv1.2",
      rejectUnauthorized: true,
      allowHalfOpen: true,
    };
    const socket = connect(options);
    givenUp.addEventListener("abort", () => {
      if (!isReady) socket.destroy();
    });
    let isReady = false;
    const onEarlyClose = () =>
      reject(
        new TlsHandshakeError(
          `connect ${formatAddress(address)}: the peer closed the connection in the handshake`,
          { address: formatAddress(address) },
        ),
      );
    socket.once("error", reject);
    socket.once("close", onEarlyClose);
    socket.once("secureConnect", () => {
      isReady = true;
      const stream = adopt(socket, settings, serverName, () => {});
      socket.off("error", reject);
      socket.off("close", onEarlyClose);
      try {
        stream.begin(onConnection);
      } catch (error) {
        reject(error);
        return;
      }
      stream.listen();
      resolve(stream);
    });
  });
}

/** Connects, for protocols over TLS. @throws the runtime's own errors */
export async function connectTls(
  address: Address,
  settings: ConnectSettings,
  material: TlsMaterial,
  givenUp: AbortSignal,
  onConnection: ConnectionStart,
): Promise<StreamConnection> {
  try {
    return await openSocket(address, settings, material, givenUp, onConnection);
  } catch (error) {
    throw await explainRefusal(address.host, address.port, error);
  }
}

/** TLS. See `TlsServerOptions` and `TlsClientOptions`. */
export const tlsAdapter: ProtocolAdapter = {
  schemes: ["tls"],
  addressForm: "host",

  async listen(address, options, onConnection) {
    const url = formatAddress(address);
    const settings = listenSettings(options, url);
    try {
      return await listenTls(address, url, settings, onConnection);
    } catch (error) {
      if (error instanceof TypeError) throw error;
      throw toTransportError(error, "listen", url);
    }
  },

  async connect(address, options, onConnection) {
    const url = formatAddress(address);
    const settings = connectSettings(options, url);
    const material = await loadTlsMaterial(settings.tls ?? {});
    return await attemptWithin(settings, url, (givenUp) =>
      connectTls(address, settings, material, givenUp, onConnection),
    );
  },
};
