/** The connecting side of WebSocket. */
import { Buffer } from "node:buffer";
import {
  type Address,
  formatAddress,
  formatHostAndPort,
} from "../../address.ts";
import type {
  CloseReason,
  Connection,
  ConnectionHandler,
  ConnectionStart,
} from "../../adapter.ts";
import { ConnectionResetError, UpgradeRefusedError } from "../../errors.ts";
import type { ConnectSettings } from "../stream_settings.ts";
import {
  frameProtocol,
  requestUpgrade,
  type UpgradeRequest,
} from "./upgrade.ts";
import { HeadMalformedError, HeadReader } from "./upgrade_head.ts";
import { WebSocketStream } from "./websocket_stream.ts";

/** Makes a WebSocket of a connection, once: `start` is given to what connects below. */
export class UpgradeAttempt {
  readonly #address: Address;
  readonly #settings: ConnectSettings;
  readonly #onConnection: ConnectionStart;
  readonly #request: UpgradeRequest;
  readonly #upgraded: Promise<WebSocketStream>;
  #resolve: (stream: WebSocketStream) => void = () => {};
  #reject: (error: unknown) => void = () => {};

  constructor(
    address: Address,
    settings: ConnectSettings,
    onConnection: ConnectionStart,
  ) {
    this.#address = address;
    this.#settings = settings;
    this.#onConnection = onConnection;
    const { host, port, path } = address;
    this.#request = requestUpgrade(formatHostAndPort(host, port), path);
    this.#upgraded = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Whoever connects below may fail first, and then nobody waits for this.
    this.#upgraded.catch(() => {});
  }

  /** Resolves when the handshake has succeeded and the connection has its handler. */
  get upgraded(): Promise<WebSocketStream> {
    return this.#upgraded;
  }

  /** For what connects below. */
  readonly start = (below: Connection): ConnectionHandler => {
    const reader = new HeadReader(true);
    let stream: WebSocketStream | undefined;
    const refuse = (what: string, status: number | undefined) => {
      this.#reject(this.#refused(what, status));
      below.abort();
    };
    const read = (chunk: Uint8Array) => {
      const whole = reader.push(chunk);
      if (whole === undefined) return;
      const refused = this.#request.refusalOf(whole.head);
      if (refused !== undefined) {
        refuse(refused.what, refused.status);
        return;
      }
      stream = this.#adopt(below);
      stream.begin(this.#onConnection);
      this.#resolve(stream);
      if (whole.behind.length > 0) stream.receive(whole.behind);
    };
    below.write(Buffer.from(this.#request.text, "latin1"));
    return {
      data: (chunk) => {
        if (stream !== undefined) {
          stream.receive(chunk);
          return;
        }
        try {
          read(chunk);
        } catch (error) {
          if (error instanceof HeadMalformedError)
            refuse("the answer is no HTTP", undefined);
          // What `onConnection` has thrown: the connection is aborted.
          else this.#reject(error);
        }
      },
      drain: () => stream?.flush(),
      ended: () => {
        if (stream === undefined) below.abort();
        else stream.endedBelow();
      },
      closed: (reason: CloseReason) => {
        stream?.closedBelow(reason);
        this.#reject(
          reason.error ??
            new ConnectionResetError(
              `connect ${formatAddress(this.#address)}: the peer closed the connection in the handshake`,
              { address: formatAddress(this.#address) },
            ),
        );
      },
    };
  };

  #refused(what: string, status: number | undefined): UpgradeRefusedError {
    const address = formatAddress(this.#address);
    return new UpgradeRefusedError(`connect ${address}: ${what}`, status, {
      address,
    });
  }

  #adopt(below: Connection): WebSocketStream {
    const { scheme, path } = this.#address;
    const [pathname = ""] = path.split("?");
    const named = (url: string) => url.replace(/^[^:]*/, scheme) + pathname;
    return new WebSocketStream(below, {
      role: "client",
      scheme,
      peerAddress: named(below.peerAddress),
      localAddress: named(below.localAddress),
      tls: below.tls,
      closeTimeoutMs: this.#settings.closeTimeoutMs,
      maxTextBytes: this.#settings.maxTextBytes,
      upgrade: {
        carries: "frames",
        protocol: frameProtocol,
        path,
        origin: undefined,
        credentials: undefined,
      },
      onClosed: () => {},
    });
  }
}
