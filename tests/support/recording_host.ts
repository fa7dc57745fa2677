/** A host of sessions without frames, for tests: what the server is to them. */
import type { IngressHost } from "../../src/transport/ingress.ts";
import type {
  IncomingMessage,
  IncomingRequest,
  Reply,
} from "../../src/transport/message.ts";
import type { Session, SessionEnd } from "../../src/transport/session.ts";
import { NoResponderError } from "../../src/transport/session_errors.ts";

/** Keeps what it is given. */
export class RecordingHost implements IngressHost {
  maxMessageBytes = 100_000;
  maxActiveRequests = 4;
  readonly nodeName = "test";
  readonly sessions = new Map<string, Session>();
  readonly rooms = new Map<string, Session[]>();
  readonly ends: SessionEnd[] = [];
  readonly messages: IncomingMessage[] = [];
  readonly credentials: (string | undefined)[] = [];
  /** Throws to refuse. */
  onAdmit: (credentials: string | undefined) => void | Promise<void> = () => {};
  onMessage: (message: IncomingMessage) => void | Promise<void> = () => {};
  onRequest: ((request: IncomingRequest) => Promise<Reply>) | undefined;
  #count = 0;

  newSessionId(): string {
    this.#count += 1;
    return `s${this.#count}`;
  }

  async admit(
    session: Session,
    credentials: string | undefined,
  ): Promise<void> {
    this.credentials.push(credentials);
    await this.onAdmit(credentials);
    this.sessions.set(session.id, session);
  }

  left(session: Session, end: SessionEnd): void {
    if (!this.sessions.delete(session.id))
      throw new Error(`${session.id} has left without having come in`);
    this.ends.push(end);
  }

  join(session: Session, room: string): void {
    if (room === "") throw new RangeError("room: given nothing");
    this.rooms.set(room, [...(this.rooms.get(room) ?? []), session]);
  }

  message(message: IncomingMessage): void | Promise<void> {
    this.messages.push(message);
    return this.onMessage(message);
  }

  request(request: IncomingRequest): Promise<Reply> {
    if (this.onRequest === undefined)
      return Promise.reject(new NoResponderError("nobody here"));
    return this.onRequest(request);
  }
}
