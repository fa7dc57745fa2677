/**
 * WebSocket, with and without TLS: `ws://host:port/path`, `wss://host:port/path`. Over the streams of tcp and tls, in both
 * runtimes: docs/decisions.md says why not by their own WebSockets.
 */
import type {
  ConnectionStart,
  Connection,
  ProtocolAdapter,
} from "../adapter.ts";
import { type Address, formatAddress, formatHostAndPort } from "../address.ts";
import { toTransportError } from "../system_errors.ts";
import { attemptWithin } from "./connect_attempt.ts";
import { rawStreams } from "./raw_streams.ts";
import type { StreamConnection } from "./stream_connection.ts";
import { StreamListener } from "./stream_listener.ts";
import {
  type ConnectSettings,
  connectSettings,
  type ListenSettings,
  listenSettings,
  refuseTls,
} from "./stream_settings.ts";
import { connectTls, listenTls } from "./tls.ts";
import { loadTlsMaterial, type TlsMaterial } from "./tls_material.ts";
import { UpgradeAttempt } from "./websocket/upgrade_client.ts";
import { WebSocketListener } from "./websocket/upgrade_server.ts";

const writerOf = (scheme: string) => ({
  host: (host: string, port: number) =>
    `${scheme}://${formatHostAndPort(host, port)}`,
  path: "",
});

/** What is held back here and below is together what was allowed. */
function settingsBelow<T extends ListenSettings | ConnectSettings>(
  settings: T,
): T {
  const { writeBufferBytes } = settings;
  return { ...settings, writeBufferBytes: Math.ceil(writeBufferBytes / 2) };
}

async function listenBelow(
  address: Address,
  url: string,
  settings: ListenSettings,
  listener: WebSocketListener,
): Promise<StreamListener> {
  const { host, port, scheme } = address;
  if (scheme === "wss")
    return await listenTls(address, url, settings, listener.startBelow);
  refuseTls(settings, url);
  const below = new StreamListener(
    settings.maxConnections,
    listener.startBelow,
  );
  const writer = writerOf(scheme);
  const bound = rawStreams().listen(
    { host, port },
    scheme,
    writer,
    settings,
    below,
  );
  below.listening(writer.host(host, bound.port), bound.stop);
  return below;
}

async function connectBelow(
  address: Address,
  settings: ConnectSettings,
  material: TlsMaterial,
  givenUp: AbortSignal,
  start: ConnectionStart,
): Promise<StreamConnection> {
  const { host, port, scheme } = address;
  if (scheme === "wss")
    return await connectTls(address, settings, material, givenUp, start);
  refuseTls(settings, formatAddress(address));
  return await rawStreams().connect(
    { host, port },
    scheme,
    writerOf(scheme),
    settings,
    givenUp,
    start,
  );
}

/** Connects and upgrades; what came of an attempt that was given up is closed. */
async function connectTo(
  address: Address,
  settings: ConnectSettings,
  material: TlsMaterial,
  givenUp: AbortSignal,
  onConnection: ConnectionStart,
): Promise<Connection> {
  const attempt = new UpgradeAttempt(address, settings, onConnection);
  let below: Connection | undefined;
  let isReady = false;
  givenUp.addEventListener("abort", () => {
    if (!isReady) below?.abort();
  });
  await connectBelow(address, settings, material, givenUp, (made) => {
    below = made;
    return attempt.start(made);
  });
  if (givenUp.aborted) below?.abort();
  const stream = await attempt.upgraded;
  isReady = true;
  return stream;
}

/** WebSocket. The path of a listener's address is the one that it answers at. */
export const webSocketAdapter: ProtocolAdapter = {
  schemes: ["ws", "wss"],
  aliases: { websocket: "ws", websockets: "wss" },
  addressForm: "url",
  defaultPorts: { ws: 80, wss: 443 },

  async listen(address, options, onConnection) {
    const url = formatAddress(address);
    const settings = listenSettings(options, url);
    const { scheme, path } = address;
    const [pathname = "/"] = path.split("?");
    const listener = new WebSocketListener(
      scheme,
      settings,
      {
        pathname,
        origins: settings.origins,
        httpScheme: scheme === "wss" ? "https" : "http",
      },
      onConnection,
    );
    try {
      const below = await listenBelow(
        address,
        url,
        settingsBelow(settings),
        listener,
      );
      listener.below = below;
      const place = below.address.replace(/^[^:]*/, scheme);
      listener.listening(`${place}${pathname}`, async () => {
        await below.stop();
        listener.endHandshakes();
      });
      return listener;
    } catch (error) {
      if (error instanceof TypeError) throw error;
      throw toTransportError(error, "listen", url);
    }
  },

  async connect(address, options, onConnection) {
    const url = formatAddress(address);
    const settings = settingsBelow(connectSettings(options, url));
    const material = await loadTlsMaterial(settings.tls ?? {});
    return await attemptWithin(settings, url, (givenUp) =>
      connectTo(address, settings, material, givenUp, onConnection),
    );
  },
};
