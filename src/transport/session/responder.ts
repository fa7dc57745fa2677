/** What is done with messages and requests of the peer: handlers are called, and their answers sent. */
import { encodeErrorBody } from "../../wire/error_body.ts";
import { WireError, WireMalformedError } from "../../wire/errors.ts";
import { FrameKind } from "../../wire/kinds.ts";
import { type MessageBody, Reply } from "../message.ts";
import type { Session } from "../session.ts";
import {
  NoResponderError,
  noResponderCode,
  RemoteError,
} from "../session_errors.ts";
import type { ReceiveCredit } from "./credit.ts";
import type { ReceivedMessage, ReceivedRequest } from "./incoming.ts";
import { Outgoing } from "./outgoing.ts";
import { fillOutgoing, priorityNumber } from "./outgoing_body.ts";
import { reportError } from "./report_error.ts";
import type { Sender } from "./sender.ts";
import type { SessionSettings } from "./settings.ts";

/** What counts for a message besides its payload. */
const messageBytes = 64;

const nothing = new Uint8Array(0);

/** Handles what the peer sends. */
export class Responder {
  requestsReceived = 0;
  messagesReceived = 0;
  bytesReceived = 0;
  readonly #session: Session;
  readonly #settings: SessionSettings;
  readonly #credit: ReceiveCredit;
  readonly #sender: Sender;
  readonly #active = new Map<number, ReceivedRequest>();
  /** Something was finished: credit may be due, or the last thing that a drain waits for. */
  readonly #finished: () => void;

  constructor(
    session: Session,
    settings: SessionSettings,
    credit: ReceiveCredit,
    sender: Sender,
    finished: () => void,
  ) {
    this.#session = session;
    this.#settings = settings;
    this.#credit = credit;
    this.#sender = sender;
    this.#finished = finished;
  }

  /** Requests that are being handled. */
  get activeRequests(): number {
    return this.#active.size;
  }

  /** A one-way message. */
  message(message: ReceivedMessage): void {
    this.messagesReceived += 1;
    this.bytesReceived += message.sizeBytes;
    const listener = this.#settings.listeners.onMessage;
    if (listener === undefined) return;
    let result: unknown;
    try {
      result = listener(message, this.#session);
    } catch (error) {
      this.#report(error);
      return;
    }
    if (!isThenable(result)) return;
    const heldBytes = message.sizeBytes + messageBytes;
    this.#credit.hold(heldBytes);
    const done = () => {
      this.#credit.release(heldBytes);
      this.#finished();
    };
    result.then(done, (error: unknown) => {
      this.#report(error);
      done();
    });
  }

  /** A request. @throws {WireMalformedError} when one with this id is being handled */
  request(id: number, request: ReceivedRequest): void {
    this.requestsReceived += 1;
    this.bytesReceived += request.sizeBytes;
    if (this.#active.has(id))
      throw new WireMalformedError(`request ${id} came twice`);
    const listener = this.#settings.listeners.onRequest;
    const priority = priorityNumber[request.priority];
    const heldBytes = request.sizeBytes + messageBytes;
    if (listener === undefined) {
      this.#credit.hold(heldBytes);
      this.#refuse(
        id,
        priority,
        new NoResponderError("nobody here answers requests"),
        heldBytes,
      );
      return;
    }
    let result: unknown;
    try {
      result = listener(request, this.#session);
    } catch (error) {
      this.#credit.hold(heldBytes);
      this.#refuse(id, priority, error, heldBytes);
      return;
    }
    if (isThenable(result)) {
      this.#credit.hold(heldBytes);
      this.#active.set(id, request);
      result.then(
        (body) => {
          this.#active.delete(id);
          if (request.isGivenUp) this.#release(heldBytes);
          else this.#answer(id, priority, body, heldBytes);
        },
        (error: unknown) => {
          this.#active.delete(id);
          if (request.isGivenUp) this.#release(heldBytes);
          else this.#refuse(id, priority, error, heldBytes);
        },
      );
      return;
    }
    if (
      result instanceof Uint8Array &&
      this.#sender.tryPlain(FrameKind.Response, priority, id, result)
    )
      return;
    this.#credit.hold(heldBytes);
    this.#answer(id, priority, result, heldBytes);
  }

  /** The peer does not want the answer any more. */
  cancel(id: number, reason: unknown): void {
    this.#active.get(id)?.giveUp(reason);
  }

  /** Nobody waits for answers any more. */
  giveUpAll(reason: unknown): void {
    for (const request of this.#active.values()) request.giveUp(reason);
  }

  #answer(
    id: number,
    priority: number,
    result: unknown,
    heldBytes: number,
  ): void {
    if (
      result instanceof Uint8Array &&
      this.#sender.tryPlain(FrameKind.Response, priority, id, result)
    ) {
      this.#release(heldBytes);
      return;
    }
    const outgoing = new Outgoing();
    outgoing.kind = FrameKind.Response;
    outgoing.id = id;
    outgoing.priority = priority;
    try {
      const isReply = result instanceof Reply;
      const body = isReply ? result.body : (result as MessageBody);
      fillOutgoing(
        outgoing,
        body === undefined ? nothing : body,
        isReply ? result.options : {},
        undefined,
        this.#sender.link?.limits,
      );
      this.#checkRoom(outgoing);
      this.#send(outgoing, heldBytes);
    } catch (error) {
      this.#refuse(id, priority, error, heldBytes);
    }
  }

  /** A peer that asks for much and reads nothing must not fill the memory with answers. */
  #checkRoom(outgoing: Outgoing): void {
    const { queueBytes, limits } = this.#settings;
    const allowed = queueBytes + limits.maxMessageBytes;
    if (this.#sender.outbox.bytes + outgoing.sizeBytes <= allowed) return;
    if (this.#sender.outbox.size === 0) return;
    throw new RemoteError(
      "AnswersWaiting",
      "too many answers wait for the peer to read them",
      { retryable: true },
    );
  }

  #refuse(
    id: number,
    priority: number,
    error: unknown,
    heldBytes: number,
  ): void {
    const outgoing = new Outgoing();
    outgoing.kind = FrameKind.Error;
    outgoing.id = id;
    outgoing.priority = priority;
    outgoing.isOwn = true;
    const isMeant =
      error instanceof RemoteError || error instanceof NoResponderError;
    if (!isMeant) this.#report(error);
    try {
      outgoing.payload = errorPayload(error);
    } catch (unsayable) {
      this.#report(unsayable);
      outgoing.payload = encodeErrorBody({ code: internalCode });
    }
    try {
      this.#send(outgoing, heldBytes);
    } catch (failure) {
      this.#release(heldBytes);
      this.#report(failure);
    }
  }

  /** Only when it is taken has the request been handled: credit for more comes after that. */
  #send(outgoing: Outgoing, heldBytes: number): void {
    outgoing.settle = () => this.#release(heldBytes);
    this.#sender.offer(outgoing);
  }

  #release(heldBytes: number): void {
    this.#credit.release(heldBytes);
    this.#finished();
  }

  #report(error: unknown): void {
    reportError(this.#settings, this.#session, error);
  }
}

/** The code that a requester sees when a handler has thrown anything but a `RemoteError`. */
const internalCode = "Internal";

function errorPayload(error: unknown): Uint8Array {
  if (error instanceof NoResponderError)
    return encodeErrorBody({ code: noResponderCode, message: error.message });
  if (error instanceof RemoteError)
    return encodeErrorBody({
      code: error.code,
      message: error.message,
      retryable: error.retryable,
      retryAfterMs: error.retryAfterMs,
      details:
        error.details === undefined ? undefined : JSON.stringify(error.details),
    });
  // A payload that is no text or JSON is the requester's fault, and it may know.
  if (error instanceof WireError)
    return encodeErrorBody({ code: error.code, message: error.message });
  return encodeErrorBody({
    code: internalCode,
    message: "the handler has failed",
  });
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === "object" &&
    value !== null &&
    typeof (value as { then?: unknown }).then === "function"
  );
}
