/**
 * Where sessions without frames meet the server: text over WebSocket, and HTTP. Such a session makes messages and
 * requests of what comes, and hands them to its host; the host knows listeners, rooms and limits, and no protocol.
 */
import type { Address } from "./address.ts";
import { TransportError } from "./errors.ts";
import type { Listener, ListenOptions } from "./adapter.ts";
import type { IncomingMessage, IncomingRequest, Reply } from "./message.ts";
import type { Session, SessionEnd } from "./session.ts";

/** What a server offers to sessions without frames. */
export interface IngressHost {
  /** Greatest message that is taken, in bytes. */
  readonly maxMessageBytes: number;
  /** Most requests of one session that are handled at the same time. */
  readonly maxActiveRequests: number;
  /** Name of this node, as clients are told. */
  readonly nodeName: string | undefined;
  /** An id that no session has had. */
  newSessionId(): string;
  /**
   * Lets a session in, before anything of it is handed over: checks its credentials, counts it, tells listeners.
   *
   * @param credentials as `Bearer …`; undefined without any
   * @throws {NotAdmittedError} when it may not come in; `left` is not called then
   */
  admit(
    session: Session,
    credentials: string | undefined,
  ): void | Promise<void>;
  /** A session that was let in has ended. Called once. */
  left(session: Session, end: SessionEnd): void;
  /** Puts a session into a room. @throws {RangeError} when that is no name of a room, or it is in too many */
  join(session: Session, room: string): void;
  /**
   * Handles a message. A promise is for its sender to be slowed by; the host tells of failures.
   *
   * @throws {RingwireError} when it is not accepted; `retryable` when it may be later
   */
  message(message: IncomingMessage, session: Session): void | Promise<void>;
  /**
   * Answers a request.
   *
   * @throws {NoResponderError} when nobody answers requests (code `NoResponder`)
   * @throws {RingwireError} what the handler says to the requester; anything else is an internal error
   */
  request(request: IncomingRequest, session: Session): Promise<Reply>;
}

/** A protocol without frames, server side only. */
export interface IngressProtocol {
  /** The schemes of its addresses, lower case. */
  readonly schemes: readonly [string, ...string[]];
  /** Ports of addresses that name none, by scheme. */
  readonly defaultPorts: Readonly<Record<string, number>>;
  /**
   * Listens. What comes goes to the host until the listener is closed.
   *
   * @throws {AddressInUseError | PermissionDeniedError | TlsMaterialError | …} a `TransportError`
   * @throws {TypeError | RangeError} for wrong options
   */
  listen(
    address: Address,
    options: ListenOptions,
    host: IngressHost,
  ): Promise<Listener>;
}

/** A session is not let in. */
export class NotAdmittedError extends TransportError {
  /** A `CloseCode`: `Unauthorized`, `TooManyConnections`, `PolicyViolation`, `GoingAway`. */
  readonly closeCode: number;

  constructor(closeCode: number, message: string) {
    super(message, { code: "NotAdmitted" });
    this.closeCode = closeCode;
  }
}
