/** Where all sessions of a server meet, whatever they speak: who is there, who may come in, and who handles what comes. */
import { randomUUID } from "node:crypto";
import { TypedEvents } from "../../base/events.ts";
import { CloseCode } from "../../wire/close_codes.ts";
import type { Connection } from "../adapter.ts";
import { TransportError } from "../errors.ts";
import { type IngressHost, NotAdmittedError } from "../ingress.ts";
import {
  type IncomingMessage,
  type IncomingRequest,
  Reply,
} from "../message.ts";
import { Rooms } from "../rooms.ts";
import { NoResponderError, RemoteError } from "../session_errors.ts";
import type {
  MessageListener,
  RequestListener,
  Session,
  SessionEnd,
} from "../session.ts";
import type { ServerEvents, ServerFault } from "./events.ts";
import type { AuthDecision } from "./options.ts";
import type { ServerSettings } from "./settings.ts";
import { Totals } from "../totals.ts";

/** No session has that id: it never was, or it is over. */
export class UnknownSessionError extends TransportError {
  readonly sessionId: string;

  constructor(sessionId: string) {
    super(`no session ${JSON.stringify(String(sessionId).slice(0, 100))}`, {
      code: "UnknownSession",
    });
    this.sessionId = sessionId;
  }
}

/** What a listener for messages without one does. */
const ignore: MessageListener = () => undefined;

/** All sessions of one server. */
export class SessionHub implements IngressHost {
  readonly events = new TypedEvents<ServerEvents>();
  readonly rooms: Rooms;
  readonly totals = new Totals();
  readonly maxMessageBytes: number;
  readonly maxActiveRequests: number;
  readonly nodeName: string | undefined;
  onMessage: MessageListener = ignore;
  onRequest: RequestListener | undefined;
  /** Nobody comes in any more. */
  isClosing = false;
  begun = 0;
  ended = 0;
  refused = 0;
  readonly #settings: ServerSettings;
  readonly #sessions = new Map<string, Session>();
  readonly #makeRoom: () => boolean;

  /** @param makeRoom gives up a session that is away; false when there is none */
  constructor(settings: ServerSettings, makeRoom: () => boolean) {
    this.#settings = settings;
    this.#makeRoom = makeRoom;
    this.rooms = new Rooms(settings.maxRoomsPerSession);
    this.maxMessageBytes = settings.limits.maxMessageBytes;
    this.maxActiveRequests = settings.limits.creditMessages;
    this.nodeName = settings.nodeName;
  }

  /** Sessions, connected or away. */
  get sessions(): ReadonlyMap<string, Session> {
    return this.#sessions;
  }

  /** @throws {UnknownSessionError} */
  session(id: string): Session {
    const session = this.#sessions.get(id);
    if (session === undefined) throw new UnknownSessionError(id);
    return session;
  }

  newSessionId(): string {
    return randomUUID();
  }

  async admit(
    session: Session,
    credentials: string | undefined,
  ): Promise<void> {
    try {
      await this.check(session, credentials, session.connection);
      this.enter(session);
    } catch (error) {
      if (error instanceof NotAdmittedError) {
        const from =
          session.connection?.peerAddress ??
          session.metadata.get("peerAddress");
        this.refuse(String(from ?? ""), error.closeCode, error.message);
      }
      throw error;
    }
  }

  /**
   * Looks at credentials.
   *
   * @throws {NotAdmittedError} when the session may not come in, or not now
   */
  async check(
    session: Session,
    credentials: string | undefined,
    connection: Connection | undefined,
  ): Promise<void> {
    if (this.isClosing) this.#refuseWithoutRoom();
    const { auth } = this.#settings;
    if (auth === undefined) return;
    let decision: AuthDecision;
    try {
      decision = await auth({ credentials, session, connection });
    } catch (error) {
      this.fault(error, "auth", session);
      throw new NotAdmittedError(
        CloseCode.InternalError,
        "the credentials could not be checked",
      );
    }
    const { allow, metadata, reason } =
      typeof decision === "object"
        ? decision
        : { allow: decision, metadata: undefined, reason: undefined };
    if (allow !== true)
      throw new NotAdmittedError(
        CloseCode.Unauthorized,
        reason ?? "the credentials are missing or wrong",
      );
    for (const [name, value] of Object.entries(metadata ?? {}))
      session.metadata.set(name, value);
  }

  /** Counts a session in. @throws {NotAdmittedError} when there is no room */
  enter(session: Session): void {
    this.#refuseWithoutRoom();
    this.#sessions.set(session.id, session);
    this.begun += 1;
    this.events.emit("session", session);
  }

  left(session: Session, end: SessionEnd): void {
    if (this.#sessions.get(session.id) !== session) return;
    this.#sessions.delete(session.id);
    this.ended += 1;
    this.totals.keep(session.statistics);
    this.rooms.leaveAll(session.id);
    this.events.emit("sessionEnd", { session, end });
  }

  join(session: Session, room: string): void {
    this.rooms.join(session.id, room);
  }

  message(message: IncomingMessage, session: Session): void | Promise<void> {
    try {
      const handled = this.onMessage(message, session);
      if (handled === undefined) return;
      return handled.then(undefined, (error: unknown) =>
        this.fault(error, "handler", session),
      );
    } catch (error) {
      this.fault(error, "handler", session);
    }
  }

  async request(request: IncomingRequest, session: Session): Promise<Reply> {
    const listener = this.onRequest;
    if (listener === undefined)
      throw new NoResponderError("nobody answers requests here");
    try {
      const answer = await listener(request, session);
      return answer instanceof Reply ? answer : new Reply(answer);
    } catch (error) {
      // What a handler says on purpose is an answer.
      if (
        !(error instanceof RemoteError) &&
        !(error instanceof NoResponderError)
      )
        this.fault(error, "handler", session);
      throw error;
    }
  }

  /** Tells that something failed which nobody waits for. */
  fault(
    error: unknown,
    during: ServerFault["during"],
    session?: Session,
  ): void {
    this.events.emit("error", { error, during, session });
  }

  /** Tells that somebody was not let in. */
  refuse(peerAddress: string, code: number, reason: string): void {
    this.refused += 1;
    this.events.emit("refused", { peerAddress, code, reason });
  }

  #refuseWithoutRoom(): void {
    if (this.isClosing)
      throw new NotAdmittedError(CloseCode.GoingAway, "the server stops");
    while (this.#sessions.size >= this.#settings.connectionPoolSize)
      if (!this.#makeRoom())
        throw new NotAdmittedError(
          CloseCode.TooManyConnections,
          "the server has as many sessions as it may have",
        );
  }
}
