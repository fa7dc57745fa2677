/** The server's side of a session in text messages, over a WebSocket that has asked for no frames: browsers, mostly. */
import { CloseCode } from "../../wire/close_codes.ts";
import { WireError } from "../../wire/errors.ts";
import { FrameKind } from "../../wire/kinds.ts";
import { protocolVersion } from "../../wire/limits.ts";
import {
  type EnvelopeTextMessage,
  isEnvelopeText,
  parseTextMessage,
  type TextMessage,
  textToEnvelope,
} from "../../wire/text_message.ts";
import type { CloseReason, Connection, ConnectionHandler } from "../adapter.ts";
import { TimedOutError } from "../errors.ts";
import { type IngressHost, NotAdmittedError } from "../ingress.ts";
import type {
  IncomingMessage,
  MessageBody,
  MessageOptions,
  RequestOptions,
} from "../message.ts";
import type { ReceivedRequest } from "../session/incoming.ts";
import {
  NoResponderError,
  noResponderCode,
  RemoteError,
  SendQueueFullError,
  SessionClosedError,
} from "../session_errors.ts";
import { FramelessSession } from "./frameless_session.ts";
import { PendingAnswers } from "./pending_answers.ts";
import {
  messageOf,
  requestOf,
  textOfFailure,
  textOfMessage,
} from "./text_form.ts";
import { TextOutbox } from "./text_outbox.ts";

/** Bounds of a session in text. */
export interface TextSessionOptions {
  /** How long the first message may take. @default 10000 */
  readonly helloTimeoutMs?: number;
  /** Bytes that may wait to be sent; a text that is longer waits alone. @default 1048576 */
  readonly queueBytes?: number;
  /** How long a client that does not read is waited for while that much waits. @default 10000 */
  readonly stallTimeoutMs?: number;
  /** Requests of ours that may wait for an answer. @default 1024 */
  readonly pendingRequests?: number;
}

const requestTimeoutMsDefault = 30_000;

/** A session in text messages. */
export class TextSession extends FramelessSession {
  readonly connection: Connection;
  /** For its connection. */
  readonly handler: ConnectionHandler;
  readonly #options: Required<TextSessionOptions>;
  readonly #outbox: TextOutbox;
  #helloTimer: ReturnType<typeof setTimeout> | undefined;
  #finishTimer: ReturnType<typeof setTimeout> | undefined;
  /** Whether it is being let in. */
  #isEntering = false;
  /** Texts that came in one piece with the one that reading was stopped at. */
  #held: string[] = [];
  #hasBegun = false;
  #nextId = 1;
  readonly #pending = new PendingAnswers();
  readonly #active = new Map<number, ReceivedRequest>();
  /** Messages that are being handled. */
  #handling = 0;
  /** The peer's goodbye, and ours. */
  #said: { readonly code: number; readonly reason: string } | undefined;
  #ours: { readonly code: number; readonly reason: string } | undefined;

  constructor(
    connection: Connection,
    host: IngressHost,
    options: TextSessionOptions = {},
  ) {
    super(host);
    this.connection = connection;
    this.#options = {
      helloTimeoutMs: 10_000,
      queueBytes: 1_048_576,
      stallTimeoutMs: 10_000,
      pendingRequests: 1024,
      ...options,
    };
    const { queueBytes, stallTimeoutMs } = this.#options;
    this.#outbox = new TextOutbox(connection, queueBytes, stallTimeoutMs, () =>
      this.#stalled(),
    );
    this.handler = {
      data: () => void this.close(CloseCode.Unsupported, "only text is taken"),
      text: (text) => this.#text(text),
      drain: () => this.#flush(),
      closed: (reason) => this.#closed(reason),
    };
    this.#helloTimer = setTimeout(
      () => void this.close(CloseCode.HelloTimeout, "nothing was said in time"),
      this.#options.helloTimeoutMs,
    );
  }

  // What comes.

  #text(text: string): void {
    if (this.state === "draining" || this.state === "closed") return;
    if (this.#isFull || this.#held.length > 0) this.#held.push(text);
    else this.#readOrClose(text);
  }

  #readOrClose(text: string): void {
    try {
      this.#read(text);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      void this.close(error.closeCode, error.message);
    }
  }

  #read(text: string): void {
    const message = parseTextMessage(text, this.host);
    this.counters.framesReceived += 1;
    this.touched();
    if (!this.#hasBegun) {
      this.#hasBegun = true;
      clearTimeout(this.#helloTimer);
      this.#begin(message);
    } else if (message.type === "hello")
      void this.close(CloseCode.ProtocolError, "a second hello");
    else this.#handle(message);
  }

  /** The first message: the session is let in before it is looked at. */
  #begin(message: TextMessage): void {
    const isHello = message.type === "hello";
    if (isHello) this.peerName = message.nodeName;
    this.#isEntering = true;
    this.#pace();
    const credentials =
      (isHello ? message.auth : undefined) ??
      this.connection.upgrade?.credentials;
    this.enter(credentials).then(
      () => {
        if (this.state !== "open") return;
        this.#put(
          JSON.stringify({
            type: "hello",
            version: protocolVersion.max,
            sessionId: this.id,
            nodeName: this.host.nodeName,
            maxMessageBytes: this.host.maxMessageBytes,
          }),
        );
        this.#isEntering = false;
        if (!isHello) this.#handle(message);
        this.#pace();
      },
      (error: unknown) => {
        const isMeant = error instanceof NotAdmittedError;
        void this.close(
          isMeant ? error.closeCode : CloseCode.InternalError,
          isMeant ? error.message : "the session could not be let in",
        );
      },
    );
  }

  #handle(message: TextMessage): void {
    if (isEnvelopeText(message)) {
      this.#receive(message);
      return;
    }
    switch (message.type) {
      case "ping":
        this.#answer(JSON.stringify({ type: "pong", id: message.id }));
        return;
      case "pong":
        this.#pending.answer(message.id ?? 0, undefined);
        return;
      case "goodbye":
        this.#said ??= {
          code: message.code,
          reason: message.reason ?? "",
        };
        void this.connection.close(CloseCode.Normal);
    }
  }

  #receive(message: EnvelopeTextMessage): void {
    const { host } = this;
    const envelope = textToEnvelope(message, () => 0);
    this.counters.bytesReceived += envelope.payload.length;
    switch (envelope.kind) {
      case FrameKind.Message:
        this.counters.messagesReceived += 1;
        this.#hold(host.message(messageOf(envelope, this.id), this));
        return;
      case FrameKind.Request:
        this.counters.requestsReceived += 1;
        this.#serve(message.id ?? 0, envelope);
        return;
      case FrameKind.Response:
        this.#late(
          this.#pending.answer(envelope.id, messageOf(envelope, this.id)),
        );
        return;
      case FrameKind.Error:
        if (message.type === "error")
          this.#late(this.#pending.fail(envelope.id, errorOf(message.error)));
        return;
      case FrameKind.Cancel:
        this.#active
          .get(envelope.id)
          ?.giveUp(new Error("the requester has given up"));
    }
  }

  #serve(id: number, envelope: Parameters<typeof requestOf>[0]): void {
    if (this.#active.has(id)) {
      void this.close(CloseCode.ProtocolError, `request ${id} came twice`);
      return;
    }
    const leftMs = envelope.headers.deadlineMs;
    const dueMs =
      leftMs === undefined
        ? Number.POSITIVE_INFINITY
        : performance.now() + leftMs;
    const request = requestOf(envelope, this.id, dueMs);
    let timer: ReturnType<typeof setTimeout> | undefined;
    request.onSignal = () => {
      if (leftMs !== undefined)
        timer = setTimeout(
          () => request.giveUp(new TimedOutError("the deadline has passed")),
          Math.max(0, dueMs - performance.now()),
        );
    };
    this.#active.set(id, request);
    const finished = (answer: () => string) => {
      clearTimeout(timer);
      this.#active.delete(id);
      if (!request.isGivenUp && this.state === "open") this.#answer(answer());
      this.#pace();
    };
    this.#pace();
    this.host.request(request, this).then(
      ({ body, options }) =>
        finished(() => {
          try {
            return textOfMessage(
              FrameKind.Response,
              id,
              body,
              options,
              undefined,
            );
          } catch (error) {
            return textOfFailure(id, error);
          }
        }),
      (error: unknown) => finished(() => textOfFailure(id, error)),
    );
  }

  /** A message is being handled as long as its promise is open. */
  #hold(result: void | Promise<void>): void {
    if (result === undefined) return;
    this.#handling += 1;
    this.#pace();
    const done = () => {
      this.#handling -= 1;
      this.#pace();
    };
    result.then(done, done);
  }

  get #isFull(): boolean {
    const count = this.#active.size + this.#handling;
    return this.#isEntering || count >= this.host.maxActiveRequests;
  }

  /** A client whose messages take long is read more slowly. */
  #pace(): void {
    while (!this.#isFull && this.state === "open") {
      const text = this.#held.shift();
      if (text === undefined) break;
      this.#readOrClose(text);
    }
    if (this.connection.state !== "open") return;
    if (this.#isFull) this.connection.pause();
    else this.connection.resume();
  }

  #closed(reason: CloseReason): void {
    clearTimeout(this.#helloTimer);
    clearTimeout(this.#finishTimer);
    const by =
      this.#said !== undefined || reason.kind === "peer"
        ? "peer"
        : reason.kind === "local" || reason.kind === "aborted"
          ? "us"
          : "lost";
    const ours = this.#ours;
    const code = ours?.code ?? this.#said?.code ?? reason.code ?? 1006;
    const why = ours?.reason ?? this.#said?.reason ?? reason.reason;
    const over = new SessionClosedError(`the session ${this.id} is over`, code);
    for (const request of this.#active.values()) request.giveUp(over);
    this.#pending.failAll(over);
    this.#outbox.clear();
    this.#held = [];
    this.over(ours === undefined ? by : "us", code, why, reason.error);
  }

  // What goes.

  protected get queuedBytes(): number {
    return this.#outbox.queuedBytes;
  }

  protected override get requestCounts(): readonly [number, number] {
    return [this.#pending.count, this.#active.size];
  }

  protected put(body: MessageBody, options: MessageOptions): boolean {
    const id = this.#nextId;
    const text = textOfMessage(FrameKind.Message, id, body, options, undefined);
    if (!this.#put(text)) return false;
    this.#nextId += 1;
    return true;
  }

  /** @returns false when there is no room */
  #put(text: string): boolean {
    const sizeBytes = this.#outbox.put(text);
    if (sizeBytes === 0) return false;
    this.counters.framesSent += 1;
    this.counters.bytesSent += sizeBytes;
    this.touched();
    return true;
  }

  /** What must not be left out: a client that leaves no room for it is closed. */
  #answer(text: string): void {
    if (!this.#put(text)) this.#stalled();
  }

  #stalled(): void {
    void this.close(CloseCode.TryAgainLater, "too much waits to be read");
  }

  #flush(): void {
    this.#outbox.flush();
    if (this.#ours !== undefined && this.#outbox.isEmpty)
      void this.connection.close(this.#ours.code, this.#ours.reason);
    this.roomAgain();
  }

  override async request(
    body: MessageBody,
    options: RequestOptions = {},
  ): Promise<IncomingMessage> {
    const { timeoutMs = requestTimeoutMsDefault, signal } = options;
    const id = this.#nextId;
    const answer = await this.#ask(id, timeoutMs, signal, () => {
      const { Request } = FrameKind;
      this.counters.requestsSent += 1;
      return textOfMessage(Request, id, body, options, Math.ceil(timeoutMs));
    });
    // A pong that names a request is none of its answers.
    if (answer === undefined)
      throw new RemoteError("NoAnswer", "a pong instead of an answer");
    return answer;
  }

  override async ping(
    options: {
      readonly timeoutMs?: number;
      readonly signal?: AbortSignal;
    } = {},
  ): Promise<number> {
    const { timeoutMs = requestTimeoutMsDefault, signal } = options;
    const id = this.#nextId;
    const beganAtMs = performance.now();
    await this.#ask(id, timeoutMs, signal, () =>
      JSON.stringify({ type: "ping", id }),
    );
    this.roundTripMs = performance.now() - beganAtMs;
    return this.roundTripMs;
  }

  async #ask(
    id: number,
    timeoutMs: number,
    signal: AbortSignal | undefined,
    text: () => string,
  ): Promise<IncomingMessage | undefined> {
    signal?.throwIfAborted();
    this.checkOpen();
    if (
      this.#pending.count >= this.#options.pendingRequests ||
      !this.#put(text())
    )
      throw new SendQueueFullError(`the peer of ${this.id} has no room`);
    this.#nextId += 1;
    return await this.#pending.wait(id, timeoutMs, signal, () => {
      if (this.state === "open")
        this.#put(JSON.stringify({ type: "cancel", id }));
    });
  }

  #late(hasWaited: boolean): void {
    if (!hasWaited) this.counters.lateAnswers += 1;
  }

  protected finish(code: number, reason: string): void {
    this.#ours = { code, reason };
    clearTimeout(this.#helloTimer);
    this.#outbox.stopWaiting();
    const close = () => void this.connection.close(code, reason);
    // Said in text too: what comes before it was not lost, and pages see it before the close.
    const goodbye = JSON.stringify({ type: "goodbye", code, reason });
    if (this.#outbox.isEmpty) {
      this.#put(goodbye);
      close();
    } else if (code === CloseCode.TryAgainLater) {
      // It is because of what waits.
      close();
    } else {
      this.#outbox.putLast(goodbye);
      this.#finishTimer = setTimeout(close, this.#options.stallTimeoutMs);
    }
  }

  protected cut(reason: string): void {
    this.#ours = { code: CloseCode.GoingAway, reason };
    this.connection.abort(reason);
  }
}

/** The error of a text, as those who asked see it. */
function errorOf(
  said: Extract<TextMessage, { type: "error" }>["error"],
): RemoteError | NoResponderError {
  const { code, message = code, retryable = false, retryAfterMs } = said;
  if (code === noResponderCode) return new NoResponderError(message);
  const { details } = said;
  return new RemoteError(code, message, { retryable, retryAfterMs, details });
}
