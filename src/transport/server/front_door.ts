/** Where connections come in: they are counted, greeted, and become sessions, new ones or such that come back. */
import { clearTimeout, setTimeout } from "node:timers";
import { CloseCode, endsInOrder } from "../../wire/close_codes.ts";
import type { Hello } from "../../wire/hello.ts";
import type {
  Connection,
  ConnectionHandler,
  Listener,
  ListenOptions,
} from "../adapter.ts";
import { parseAddress, schemeOf } from "../address.ts";
import { NotAdmittedError } from "../ingress.ts";
import { TextSession } from "../ingress/text_session.ts";
import type { Session, SessionEnd, SessionState } from "../session.ts";
import { NoResponderError } from "../session_errors.ts";
import { awaitHello, type HelloRefusal } from "../session/await_hello.ts";
import { FramedSession } from "../session/framed_session.ts";
import type { SessionListeners, SessionOptions } from "../session/settings.ts";
import { schemesWithTls, sessionOptionsOf } from "../session_setup.ts";
import { WatchedHandler } from "../watched_handler.ts";
import { AwaySessions } from "./away.ts";
import { refusal } from "./refusal.ts";
import { SessionHub } from "./hub.ts";
import type { ListenPlace } from "./options.ts";
import type { ServerSettings } from "./settings.ts";

/** Connections beyond the greatest number that are told so at a time; more are just closed. */
const refusalsMax = 64;
/** Of the time for a drain, what the last goodbyes have; a tenth of it, if that is less. */
const lastWordsMsMax = 1000;
/** Longer timers fire at once. */
const timerMsMax = 2 ** 31 - 1;

/** How a drain ended. */
export interface DrainResult {
  /** Sessions that finished all they had. */
  readonly drained: number;
  /** Sessions that were cut off. */
  readonly forced: number;
}

/** The connections of one server. */
export class FrontDoor {
  readonly hub: SessionHub;
  /** Open connections. */
  connectionCount = 0;
  /** Sessions that have come back. */
  resumed = 0;
  readonly #settings: ServerSettings;
  readonly #away: AwaySessions<FramedSession>;
  /** Sessions that are ending in good order. */
  readonly #draining = new WeakSet<Session>();
  readonly #common: Omit<SessionOptions, "role">;

  constructor(settings: ServerSettings) {
    this.#settings = settings;
    this.#common = sessionOptionsOf(settings);
    this.#away = new AwaySessions(settings.resume, (session, reason) =>
      session.abort(reason),
    );
    this.hub = new SessionHub(settings, () => this.#away.makeRoom());
  }

  /** Sessions without a connection. */
  get awayCount(): number {
    return this.#away.count;
  }

  /** Listens everywhere, or nowhere. @throws what the first address that failed says */
  async listen(): Promise<readonly Listener[]> {
    const listeners: Listener[] = [];
    try {
      for (const place of this.#settings.protocols)
        listeners.push(await this.#listenAt(place));
    } catch (error) {
      this.hub.isClosing = true;
      await Promise.all(listeners.map((listener) => listener.close()));
      throw error;
    }
    return listeners;
  }

  async #listenAt({ url, options = {} }: ListenPlace): Promise<Listener> {
    const { tls, maxConnections, closeTimeoutMs, registry, ingresses } =
      this.#settings;
    const scheme = schemeOf(url);
    const wanted: ListenOptions = {
      maxConnections: maxConnections + refusalsMax,
      closeTimeoutMs,
      ...(tls !== undefined && schemesWithTls.has(scheme) ? { tls } : {}),
      ...options,
    };
    const ingress = ingresses.find((each) => each.schemes.includes(scheme));
    if (ingress !== undefined) {
      const defaultPort = ingress.defaultPorts[scheme];
      return await ingress.listen(
        parseAddress(url, { scheme, form: "url", defaultPort }),
        wanted,
        this.hub,
      );
    }
    const { adapter, address } = registry.resolve(url);
    return await adapter.listen(address, wanted, (connection) =>
      this.#enter(connection),
    );
  }

  #enter(connection: Connection): ConnectionHandler {
    const { hub } = this;
    if (this.connectionCount >= this.#settings.maxConnections) {
      const code = CloseCode.TooManyConnections;
      const reason = "the server has as many connections as it may have";
      hub.refuse(connection.peerAddress, code, reason);
      return refusal(connection, code, reason);
    }
    this.connectionCount += 1;
    if (connection.upgrade?.carries === "text")
      return this.#enterText(connection);
    let isDecided = false;
    const link = awaitHello(
      connection,
      { ...this.#common, role: "server" },
      async (hello) => {
        const decision = await this.#decide(hello, connection);
        isDecided = true;
        if (!(decision instanceof FramedSession))
          hub.refuse(connection.peerAddress, decision.code, decision.reason);
        return decision;
      },
    );
    return new WatchedHandler(link, ({ code, reason }) => {
      this.connectionCount -= 1;
      // Of a connection that this side has ended, only the link knows the code in every protocol.
      const ours = link.end?.by === "us" ? link.end.code : undefined;
      if (!isDecided)
        hub.refuse(
          connection.peerAddress,
          ours ?? code ?? CloseCode.HelloTimeout,
          reason === "" ? "it was closed before its hello" : reason,
        );
    });
  }

  /** A browser, say: no frames, no credit, and nothing to resume. */
  #enterText(connection: Connection): ConnectionHandler {
    const { helloTimeoutMs, maxQueuedBytes, maxPendingRequests } =
      this.#settings.limits;
    const { handler } = new TextSession(connection, this.hub, {
      helloTimeoutMs,
      queueBytes: maxQueuedBytes,
      pendingRequests: maxPendingRequests,
    });
    return new WatchedHandler(handler, () => {
      this.connectionCount -= 1;
    });
  }

  async #decide(
    hello: Hello,
    connection: Connection,
  ): Promise<FramedSession | HelloRefusal> {
    const { hub } = this;
    const known =
      hello.resumeToken === undefined
        ? undefined
        : this.#away.find(hello.resumeToken);
    const session = known ?? this.#newSession();
    try {
      await hub.check(session, hello.auth, connection);
      if (connection.state !== "open")
        throw new NotAdmittedError(CloseCode.GoingAway, "it was closed");
      // The session that was known may have ended, or be about to: its client begins anew.
      if (known?.state === "closed" || known?.state === "draining")
        throw new NotAdmittedError(
          CloseCode.ResumeRefused,
          "the session has ended",
        );
      if (known === undefined) hub.enter(session);
      return session;
    } catch (error) {
      if (known === undefined) this.#away.forget(session);
      if (!(error instanceof NotAdmittedError)) throw error;
      return { code: error.closeCode, reason: error.message };
    }
  }

  readonly #listeners: SessionListeners = {
    // Straight to the listeners: sessions tell of what these throw, and no promise is made for it.
    onMessage: (message, session) => this.hub.onMessage(message, session),
    onRequest: (request, session) => {
      const listener = this.hub.onRequest;
      if (listener === undefined)
        throw new NoResponderError("nobody answers requests here");
      return listener(request, session);
    },
    onEnd: (end, session) => this.#ended(end, session),
    onError: (error, session) => this.hub.fault(error, "handler", session),
    onStateChange: (state, session) => this.#changed(state, session),
    onGap: ({ first, last }, session) =>
      this.hub.events.emit("gap", { session, messages: last - first + 1 }),
    onUnconfirmed: ({ first, last }, session) => {
      // What is unconfirmed at its end is told with the end.
      if (session.state !== "closed") this.#lost(session, last - first + 1);
    },
  };

  #changed(state: SessionState, session: Session): void {
    if (!(session instanceof FramedSession)) return;
    if (state === "draining") this.#draining.add(session);
    else if (state === "away") {
      this.hub.events.emit("sessionAway", session);
      this.#away.add(session);
    } else if (state === "open" && this.#away.back(session)) {
      this.resumed += 1;
      this.hub.events.emit("sessionResumed", session);
    }
  }

  #lost(session: Session, messages: number): void {
    this.hub.events.emit("drop", { session, messages, reason: "lost" });
  }

  #ended(end: SessionEnd, session: Session): void {
    // After an orderly end the other side had no occasion to confirm the last ones.
    const isOrderly =
      this.#draining.has(session) && end.by !== "lost" && endsInOrder(end.code);
    if (end.unconfirmed > 0 && !isOrderly) this.#lost(session, end.unconfirmed);
    if (session instanceof FramedSession) this.#away.forget(session);
    this.hub.left(session, end);
  }

  #newSession(): FramedSession {
    const token = this.#away.newToken();
    const session: FramedSession = new FramedSession({
      ...this.#common,
      role: "server",
      id: this.hub.newSessionId(),
      closeTimeoutMs: this.#settings.closeTimeoutMs,
      resumeToken: token,
      listeners: this.#listeners,
    });
    if (token !== undefined) this.#away.know(token, session);
    return session;
  }

  /** Says goodbye to all and waits for what is under way. */
  async drain(options: {
    readonly timeoutMs: number;
    readonly reason: string;
    readonly redirect: string | undefined;
  }): Promise<DrainResult> {
    this.#away.clear(options.reason);
    let drained = 0;
    let forced = 0;
    const lastWordsMs = Math.min(lastWordsMsMax, options.timeoutMs / 10);
    const timeoutMs = options.timeoutMs - lastWordsMs;
    const dueMs = performance.now() + timeoutMs;
    const sessions = [...this.hub.sessions.values()];
    // Who reads nothing does not hear the last goodbye either, and is not waited for.
    const timer = setTimeout(
      () => {
        for (const session of sessions) session.abort(options.reason);
      },
      Math.min(options.timeoutMs, timerMsMax),
    );
    await Promise.all(
      sessions.map(async (session) => {
        const end = await session.drain({
          timeoutMs,
          reason: options.reason,
          ...(options.redirect === undefined
            ? {}
            : { redirect: options.redirect }),
        });
        const isOrderly = end.by !== "lost" && end.error === undefined;
        if (isOrderly && performance.now() < dueMs) drained += 1;
        else forced += 1;
      }),
    );
    clearTimeout(timer);
    return { drained, forced };
  }

  /** Ends all sessions with a goodbye. */
  async close(): Promise<void> {
    const reason = "the server stops";
    this.#away.clear(reason);
    await Promise.all(
      [...this.hub.sessions.values()].map((session) =>
        session.close(CloseCode.GoingAway, reason),
      ),
    );
  }
}
