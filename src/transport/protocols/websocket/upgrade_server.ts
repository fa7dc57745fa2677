/** The listening side of WebSocket: requests to upgrade become connections. */
import { Buffer } from "node:buffer";
import type {
  CloseReason,
  Connection,
  ConnectionHandler,
  ConnectionStart,
  ListenerStatistics,
} from "../../adapter.ts";
import type { TlsServerOptions } from "../../tls_options.ts";
import { StreamListener } from "../stream_listener.ts";
import type { ListenSettings } from "../stream_settings.ts";
import { answerUpgrade, refusal, type UpgradeRules } from "./upgrade.ts";
import {
  HeadMalformedError,
  HeadReader,
  type UpgradeHead,
} from "./upgrade_head.ts";
import { WebSocketStream } from "./websocket_stream.ts";

/** A listener for WebSockets, over one for streams. */
export class WebSocketListener extends StreamListener {
  /** Of what is below; given before anything can come. */
  below: StreamListener | undefined;
  readonly scheme: string;
  readonly settings: ListenSettings;
  readonly rules: UpgradeRules;
  readonly #handshakes = new Set<UpgradingHandler>();
  #failedUpgrades = 0;

  constructor(
    scheme: string,
    settings: ListenSettings,
    rules: UpgradeRules,
    onConnection: ConnectionStart,
  ) {
    super(settings.maxConnections, onConnection);
    this.scheme = scheme;
    this.settings = settings;
    this.rules = rules;
  }

  /** For the listener below. */
  readonly startBelow = (connection: Connection): ConnectionHandler => {
    const handler = new UpgradingHandler(connection, this);
    this.#handshakes.add(handler);
    return handler;
  };

  /** A handshake has come to its end. */
  handshakeEnded(handler: UpgradingHandler, hasSucceeded: boolean): void {
    if (this.#handshakes.delete(handler) && !hasSucceeded)
      this.#failedUpgrades += 1;
  }

  /** Ends the handshakes that are under way. */
  endHandshakes(): void {
    for (const handler of this.#handshakes) handler.giveUp();
  }

  override get statistics(): ListenerStatistics {
    const own = super.statistics;
    const below = this.below?.statistics;
    return {
      accepted: own.accepted,
      refused: below?.refused ?? 0,
      failedHandshakes: this.#failedUpgrades + (below?.failedHandshakes ?? 0),
      acceptErrors: below?.acceptErrors ?? 0,
    };
  }

  override setCertificates(tls: TlsServerOptions): Promise<void> {
    return this.below === undefined
      ? super.setCertificates(tls)
      : this.below.setCertificates(tls);
  }
}

/** Hears a connection that is to become a WebSocket, and passes on what comes once it is one. */
class UpgradingHandler implements ConnectionHandler {
  readonly #below: Connection;
  readonly #listener: WebSocketListener;
  readonly #reader = new HeadReader(false);
  readonly #timer: ReturnType<typeof setTimeout>;
  #stream: WebSocketStream | undefined;
  #isRefused = false;

  constructor(below: Connection, listener: WebSocketListener) {
    this.#below = below;
    this.#listener = listener;
    this.#timer = setTimeout(
      () => below.abort("no request to upgrade in time"),
      listener.settings.handshakeTimeoutMs,
    );
  }

  data(chunk: Uint8Array): void {
    if (this.#stream !== undefined) this.#stream.receive(chunk);
    else if (!this.#isRefused) this.#read(chunk);
  }

  #read(chunk: Uint8Array): void {
    try {
      const whole = this.#reader.push(chunk);
      if (whole !== undefined) this.#upgrade(whole.head, whole.behind);
    } catch (error) {
      if (!(error instanceof HeadMalformedError)) throw error;
      this.#refuse(refusal(error.status, `Bad request: ${error.message}.`));
    }
  }

  #upgrade(head: UpgradeHead, behind: Uint8Array): void {
    const answer = answerUpgrade(head, this.#listener.rules);
    if (!answer.isAccepted) {
      this.#refuse(answer.response);
      return;
    }
    clearTimeout(this.#timer);
    const { scheme, settings, address, forget } = this.#listener;
    this.#listener.handshakeEnded(this, true);
    const stream = new WebSocketStream(this.#below, {
      role: "server",
      scheme,
      peerAddress:
        this.#below.peerAddress.replace(/^[^:]*/, scheme) +
        this.#listener.rules.pathname,
      localAddress: address,
      tls: this.#below.tls,
      closeTimeoutMs: settings.closeTimeoutMs,
      maxTextBytes: settings.maxTextBytes,
      upgrade: answer.upgrade,
      onClosed: forget,
    });
    stream.sendFirst(Buffer.from(answer.response, "latin1"));
    this.#stream = stream;
    this.#listener.add(stream);
    if (behind.length > 0) stream.receive(behind);
  }

  #refuse(response: string): void {
    this.#isRefused = true;
    // A few hundred bytes on a connection that has carried nothing.
    this.#below.write(Buffer.from(response, "utf8"));
    void this.#below.close();
  }

  drain(): void {
    this.#stream?.flush();
  }

  ended(): void {
    if (this.#stream === undefined) void this.#below.close();
    else this.#stream.endedBelow();
  }

  closed(reason: CloseReason): void {
    clearTimeout(this.#timer);
    this.#listener.handshakeEnded(this, false);
    this.#stream?.closedBelow(reason);
  }

  giveUp(): void {
    this.#below.abort("the listener stops");
  }
}
