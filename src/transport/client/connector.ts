/** Keeps a client connected: one session after the other, each over one connection after the other. */
import { clearTimeout, setTimeout } from "node:timers";
import type { TypedEvents } from "../../base/events.ts";
import { fullJitterMs } from "../../resilience/back_off.ts";
import { pause } from "../../resilience/pause.ts";
import { CloseCode, mayConnectAgain } from "../../wire/close_codes.ts";
import type { CloseReason, Connection } from "../adapter.ts";
import { ConnectionResetError, TimedOutError } from "../errors.ts";
import type { IncomingMessage } from "../message.ts";
import type { Route } from "../registry.ts";
import type {
  RequestListener,
  Session,
  SessionEnd,
  SessionState,
} from "../session.ts";
import { NoResponderError, SessionClosedError } from "../session_errors.ts";
import { schemesWithTls, sessionOptionsOf } from "../session_setup.ts";
import { FramedSession } from "../session/framed_session.ts";
import { WatchedHandler } from "../watched_handler.ts";
import { lostCode } from "../session/link_end.ts";
import { type SessionTotals, Totals } from "../totals.ts";
import { ReconnectFailedError } from "./errors.ts";
import type { ClientEvents } from "./events.ts";
import { OpenWaiters } from "./open_waiters.ts";
import type { ClientSettings } from "./settings.ts";

/** What the connector tells its client. */
export interface ConnectorOwner {
  message(message: IncomingMessage, session: Session): void | Promise<void>;
  /** Messages can be sent. */
  opened(): void;
  /** The last word, unless `start` is called again. */
  closed(end: SessionEnd): void;
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

/** The connections of one client. */
export class Connector {
  onRequest: RequestListener | undefined;
  /** Connections that were made. */
  connections = 0;
  resumptions = 0;
  readonly #settings: ClientSettings;
  readonly #events: TypedEvents<ClientEvents>;
  readonly #owner: ConnectorOwner;
  readonly #routes: readonly Route[];
  readonly #totals = new Totals();
  readonly #waiters = new OpenWaiters<FramedSession>();
  #session: FramedSession | undefined;
  /** Ends what is going on to get a connection. */
  #abort = new AbortController();
  #starting: Promise<void> | undefined;
  #isReconnecting = false;
  #lostAtMs = 0;
  /** The connection of the session, once it was open. */
  #opened: Connection | undefined;
  /** How the last session ended. */
  #sessionEnd: SessionEnd | undefined;
  #end: SessionEnd | undefined;
  /** Whether `close` or `drain` was called. */
  #isLeaving = false;

  constructor(
    settings: ClientSettings,
    events: TypedEvents<ClientEvents>,
    owner: ConnectorOwner,
  ) {
    this.#settings = settings;
    this.#events = events;
    this.#owner = owner;
    this.#routes = settings.protocols.map((url) =>
      settings.registry.resolve(url),
    );
  }

  get state(): SessionState {
    if (this.#end !== undefined) return "closed";
    if (this.#isReconnecting) return "away";
    return this.#session?.state ?? "opening";
  }

  /** The session that there is, or was last. */
  get session(): FramedSession | undefined {
    return this.#session;
  }

  /** The session, if it has a connection and takes messages. */
  get openSession(): FramedSession | undefined {
    return this.#session?.state === "open" ? this.#session : undefined;
  }

  /**
   * The session, if it can take messages now; undefined when it may be able to later.
   *
   * @throws {SessionClosedError | ReconnectFailedError} when it never will
   */
  get takingSession(): FramedSession | undefined {
    if (this.#end !== undefined) throw this.closedError();
    const isLast = this.#isLeaving || this.#settings.reconnect === undefined;
    if (isLast && this.#session?.state === "draining")
      throw new SessionClosedError(
        "the session is ending",
        this.#isLeaving ? CloseCode.Normal : CloseCode.GoingAway,
      );
    return this.openSession;
  }

  /** The server's, as a URL; undefined without a connection. */
  get address(): string | undefined {
    return this.#session?.connection?.peerAddress;
  }

  /** Sums over all sessions. */
  get totals(): SessionTotals {
    return this.#totals.sum(this.#session === undefined ? [] : [this.#session]);
  }

  /** Connects. @throws why the last address failed */
  start(): Promise<void> {
    if (this.openSession !== undefined) return Promise.resolve();
    this.#starting ??= this.#start().finally(() => {
      this.#starting = undefined;
    });
    return this.#starting;
  }

  /** The session as soon as it has a connection. @throws {TimedOutError} or why there will be none, or the signal's reason */
  whenOpen(dueMs: number, signal?: AbortSignal): Promise<FramedSession> {
    const session = this.openSession;
    if (session !== undefined) return Promise.resolve(session);
    if (this.#end !== undefined) return Promise.reject(this.closedError());
    return this.#waiters.wait(dueMs, signal);
  }

  /** What is thrown once it is over. */
  closedError(): Error {
    const end = this.#end;
    return (
      end?.error ??
      new SessionClosedError(
        `the client is closed${end?.reason ? `: ${end.reason}` : ""}`,
        end?.code ?? CloseCode.Normal,
      )
    );
  }

  /** Closes with a goodbye. Idempotent. */
  close(code: number, reason: string): Promise<SessionEnd> {
    return this.#leave((session) => session.close(code, reason), code, reason);
  }

  /** Says goodbye and waits for what is under way. */
  drain(options: {
    readonly timeoutMs?: number;
    readonly reason?: string;
  }): Promise<SessionEnd> {
    return this.#leave(
      (session) => session.drain(options),
      CloseCode.Normal,
      options.reason ?? "",
    );
  }

  async #leave(
    leave: (session: FramedSession) => Promise<SessionEnd>,
    code: number,
    reason: string,
  ): Promise<SessionEnd> {
    this.#isLeaving = true;
    this.#abort.abort(new SessionClosedError("the client was closed", code));
    const session = this.#session;
    if (session !== undefined && session.state !== "closed") {
      const end = await leave(session);
      this.#over(end);
      return this.#end ?? end;
    }
    this.#over({ code, reason, by: "us", error: undefined, unconfirmed: 0 });
    return this.#end as SessionEnd;
  }

  async #start(): Promise<void> {
    this.#end = undefined;
    this.#isLeaving = false;
    this.#abort = new AbortController();
    const { reconnect } = this.#settings;
    try {
      if (reconnect?.initially === true) await this.#insist();
      else await this.#connect();
    } catch (error) {
      this.#over({
        code: CloseCode.GoingAway,
        reason: asError(error).message,
        by: "us",
        error: asError(error),
        unconfirmed: 0,
      });
      throw error;
    }
  }

  /** Tries until it works. @throws when it must not go on */
  async #insist(): Promise<void> {
    const { reconnect } = this.#settings;
    if (reconnect === undefined) throw this.closedError();
    let failure: unknown;
    for (let attempt = 1; attempt <= reconnect.maxAttempts; attempt++) {
      // A server that ends a session may say how long it wants to be left alone.
      const restMs = attempt === 1 ? (this.#sessionEnd?.retryAfterMs ?? 0) : 0;
      const delayMs = restMs + fullJitterMs(attempt, reconnect);
      this.#events.emit("reconnecting", {
        attempt,
        delayMs,
        address: this.#settings.protocols[0] ?? "",
        error: failure === undefined ? undefined : asError(failure),
      });
      await pause(delayMs, this.#abort.signal);
      try {
        await this.#connect();
        return;
      } catch (error) {
        if (this.#abort.signal.aborted) throw error;
        failure = error;
        if (
          error instanceof SessionClosedError &&
          !mayConnectAgain(error.closeCode)
        )
          break;
      }
    }
    throw new ReconnectFailedError(
      `no connection to ${this.#settings.protocols.join(", ")}: ${asError(failure).message}`,
      { cause: failure },
    );
  }

  /** Tries each address once. @throws why the last one failed */
  async #connect(): Promise<void> {
    let failure: unknown;
    for (const route of this.#routes) {
      try {
        await this.#dial(route);
        return;
      } catch (error) {
        this.#abort.signal.throwIfAborted();
        failure = error;
      }
    }
    throw failure;
  }

  /** One address: the connection, and the hellos. */
  async #dial({ adapter, address }: Route): Promise<void> {
    const { auth, connectTimeoutMs, connection, tls } = this.#settings;
    const { signal } = this.#abort;
    const credentials = typeof auth === "function" ? await auth() : auth;
    signal.throwIfAborted();
    const session = this.#sessionFor(credentials);
    const opened = Promise.withResolvers<void>();
    // It may be rejected while nobody waits for it yet.
    opened.promise.catch(() => undefined);
    const beganMs = performance.now();
    const made = await adapter.connect(
      address,
      {
        ...connection,
        timeoutMs: connectTimeoutMs,
        signal,
        ...(tls !== undefined && schemesWithTls.has(address.scheme)
          ? { tls }
          : {}),
      },
      (given) =>
        new WatchedHandler(session.attach(given), (reason) => {
          opened.reject(this.#unopened(given.peerAddress, reason));
          if (this.#opened === given) this.#disconnected(session, reason);
        }),
    );
    const onAbort = (): void => opened.reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    const timer = setTimeout(
      () =>
        opened.reject(
          new TimedOutError(
            `${made.peerAddress}: no hello within ${connectTimeoutMs} ms`,
            { address: made.peerAddress },
          ),
        ),
      Math.max(1, connectTimeoutMs - (performance.now() - beganMs)),
    );
    session.whenOpen().then(opened.resolve, opened.reject);
    try {
      await opened.promise;
    } catch (error) {
      made.abort("the session was not opened");
      throw error;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** Why a connection came to nothing. */
  #unopened(address: string, { error }: CloseReason): Error {
    const end = this.#sessionEnd;
    if (end !== undefined && end.by !== "lost")
      return new SessionClosedError(
        `${address}: ${end.reason === "" ? "the session was refused" : end.reason}`,
        end.code,
        { address, cause: end.error },
      );
    return (
      error ??
      new ConnectionResetError(
        `${address}: closed before the hellos were exchanged`,
        { address },
      )
    );
  }

  /** The session that goes on, or a new one. */
  #sessionFor(credentials: string | undefined): FramedSession {
    const before = this.#session;
    if (before?.state === "away") return before;
    if (before !== undefined) this.#totals.keep(before.statistics);
    const session: FramedSession = new FramedSession({
      ...sessionOptionsOf(this.#settings),
      role: "client",
      auth: credentials,
      resumes: this.#settings.reconnect !== undefined,
      goesOnAfter: (code) =>
        code !== CloseCode.ResumeRefused && mayConnectAgain(code),
      requestTimeoutMs: this.#settings.requestTimeoutMs,
      listeners: {
        onMessage: (message, from) => this.#owner.message(message, from),
        onRequest: (request, from) => {
          if (this.onRequest === undefined)
            throw new NoResponderError("nobody answers requests here");
          return this.onRequest(request, from);
        },
        onStateChange: (state) => {
          if (state === "open") this.#isOpen(session);
        },
        onEnd: (end) => {
          this.#sessionEnd = end;
        },
        onError: (error) => this.#events.emit("error", { error }),
        onGap: ({ first, last }) =>
          this.#events.emit("gap", {
            direction: "received",
            messages: last - first + 1,
          }),
        onUnconfirmed: ({ first, last }) =>
          this.#events.emit("gap", {
            direction: "sent",
            messages: last - first + 1,
          }),
      },
    });
    this.#session = session;
    this.#sessionEnd = undefined;
    return session;
  }

  #isOpen(session: FramedSession): void {
    const { connection } = session;
    this.#opened = connection;
    this.#isReconnecting = false;
    this.connections += 1;
    const resumed = session.peerHello?.resumed === true;
    if (resumed) this.resumptions += 1;
    this.#events.emit("connect", {
      sessionId: session.id,
      address: connection?.peerAddress ?? "",
      resumed,
    });
    if (resumed)
      this.#events.emit("resumed", {
        sessionId: session.id,
        awayMs: Math.round(performance.now() - this.#lostAtMs),
      });
    this.#waiters.resolve(session);
    // After the session has sent again what it had.
    queueMicrotask(() => this.#owner.opened());
  }

  /** The connection of an open session is closed. */
  #disconnected(session: FramedSession, reason: CloseReason): void {
    this.#opened = undefined;
    this.#lostAtMs = performance.now();
    const end = session.state === "closed" ? this.#sessionEnd : undefined;
    const code = end?.code ?? reason.code ?? lostCode;
    const willReconnect =
      !this.#isLeaving &&
      this.#settings.reconnect !== undefined &&
      (end === undefined || end.by === "lost" || mayConnectAgain(end.code));
    this.#isReconnecting = willReconnect;
    this.#events.emit("disconnect", {
      sessionId: session.id,
      code,
      reason: end?.reason ?? reason.reason,
      error: end?.error ?? reason.error,
      willReconnect,
    });
    if (this.#isLeaving) return;
    if (willReconnect) void this.#reconnect();
    else
      this.#over(
        end ?? {
          code,
          reason: reason.reason,
          by: "lost",
          error: reason.error,
          unconfirmed: 0,
        },
      );
  }

  async #reconnect(): Promise<void> {
    try {
      await this.#insist();
    } catch (error) {
      if (this.#isLeaving) return;
      this.#session?.abort("the client has given up");
      this.#over({
        code: CloseCode.GoingAway,
        reason: asError(error).message,
        by: "lost",
        error: asError(error),
        unconfirmed: this.#sessionEnd?.unconfirmed ?? 0,
      });
    }
  }

  #over(end: SessionEnd): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#isReconnecting = false;
    this.#waiters.reject(this.closedError());
    this.#owner.closed(end);
  }
}
