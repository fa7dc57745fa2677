/** A session over connections that carry frames: the one implementation for both sides and every protocol. */
// tidy: long because hellos, resumes and endings of a session change the same few fields
import { CloseCode } from "../../wire/close_codes.ts";
import {
  availableCompressions,
  decompressPayload,
} from "../../wire/compression.ts";
import {
  encodeFin,
  type Fin,
  type Goodbye,
} from "../../wire/control_bodies.ts";
import { WireMalformedError } from "../../wire/errors.ts";
import {
  firstSequence,
  type Hello,
  type HelloInit,
  negotiateCompression,
} from "../../wire/hello.ts";
import { FrameFlag, FrameKind, FramePriority } from "../../wire/kinds.ts";
import type { Connection, ConnectionHandler } from "../adapter.ts";
import { TimedOutError } from "../errors.ts";
import type {
  IncomingMessage,
  MessageBody,
  MessageOptions,
  RequestOptions,
  SendOptions,
} from "../message.ts";
import type {
  Session,
  SessionEnd,
  SessionState,
  SessionStatistics,
} from "../session.ts";
import {
  FateUnknownError,
  SendQueueFullError,
  SessionClosedError,
} from "../session_errors.ts";
import { AcceptedSequences } from "./accepted_sequences.ts";
import { ReceiveCredit } from "./credit.ts";
import { ReceivedMessage, ReceivedRequest, readHeaders } from "./incoming.ts";
import {
  Link,
  type LinkEnd,
  type LinkOwner,
  lostCode,
  type WholeMessage,
} from "./link.ts";
import { fillOutgoing, Outgoing, ownPayload } from "./outgoing.ts";
import { PingTable } from "./ping_table.ts";
import { receivedError } from "./received_error.ts";
import { RequestTable } from "./request_table.ts";
import { reportError, Responder } from "./responder.ts";
import { Sender } from "./sender.ts";
import {
  type SequenceRange,
  type SessionOptions,
  type SessionSettings,
  sessionSettings,
} from "./settings.ts";
import { TimerWheel, WheelEntry } from "./timer_wheel.ts";

const noOptions: MessageOptions = {};

/** Goodbyes after which both sides still finish what is under way. */
const drainingCodes: ReadonlySet<number> = new Set([
  CloseCode.Normal,
  CloseCode.GoingAway,
  CloseCode.ServiceRestart,
]);

/** How this side leaves. */
interface Leaving {
  readonly code: number;
  readonly reason: string;
  readonly redirect: string | undefined;
  /** Whether the goodbye is out; it waits for what was taken before. */
  isSaid: boolean;
}

/**
 * A session. Make it, then give it a connection with `attach`: `adapter.connect(address, options, (c) => session.attach(c))`.
 * It is `away` when the connection is lost and it may come back: then attach another one, or end it with `abort`.
 */
export class FramedSession implements Session, LinkOwner {
  readonly metadata: Map<string, unknown> = new Map<string, unknown>();
  readonly receiveCredit: ReceiveCredit;
  readonly settings: SessionSettings;
  readonly #sender: Sender;
  readonly #responder: Responder;
  readonly #wheel: TimerWheel;
  readonly #accepted = new AcceptedSequences();
  readonly #requests: RequestTable;
  readonly #pings: PingTable;
  readonly #openedAtMs = Date.now();
  #lastActivityAtMs = Date.now();
  #state: SessionState = "opening";
  #id: string;
  #link: Link | undefined;
  #nextId = 1;
  /** Sequence of the last message that began to come. */
  #received = 0;
  #token: Uint8Array | undefined;
  #peerName: string | undefined;
  #wasOpened = false;
  #leaving: Leaving | undefined;
  #peerGoodbye: Goodbye | undefined;
  #drainTimer: unknown;
  #isAwaitingClose = false;
  #end: SessionEnd | undefined;
  readonly #endWaiters: ((end: SessionEnd) => void)[] = [];
  readonly #openWaiters: PromiseWithResolvers<void>[] = [];
  #framesSent = 0;
  #framesReceived = 0;
  #duplicates = 0;
  #resumptions = 0;
  #roundTripMs: number | undefined;

  /** @throws {RangeError} when an option is out of bounds */
  constructor(options: SessionOptions) {
    const settings = sessionSettings(options);
    this.settings = settings;
    this.#id = settings.id ?? crypto.randomUUID();
    this.#token = settings.resumeToken;
    this.#wheel = new TimerWheel(settings.clock);
    this.receiveCredit = new ReceiveCredit(
      settings.creditBytes,
      settings.creditMessages,
    );
    this.#sender = new Sender(settings, this.#wheel, {
      roomAgain: () => this.#tell(() => settings.listeners.onWritable?.(this)),
      emptied: () => this.#leaveIfDone(),
    });
    this.#pings = new PingTable(settings.clock, this.#wheel);
    this.#requests = new RequestTable(
      settings,
      this.#wheel,
      this.#sender,
      () => this.#nextId++,
      () => this.#leaveIfDone(),
    );
    this.#responder = new Responder(
      this,
      settings,
      this.receiveCredit,
      this.#sender,
      () => this.#finishedOne(),
    );
  }

  get id(): string {
    return this.#id;
  }

  get state(): SessionState {
    return this.#state;
  }

  get connection(): Connection | undefined {
    return this.#link?.connection;
  }

  get peerName(): string | undefined {
    return this.#peerName;
  }

  /** The peer's hello, once it has come. */
  get peerHello(): Hello | undefined {
    return this.#link?.hello;
  }

  /** What the peer shows, or this side, to come back. */
  get resumeToken(): Uint8Array | undefined {
    return this.#token;
  }

  get acceptedSequence(): number {
    return this.#accepted.contiguous;
  }

  get statistics(): SessionStatistics {
    const sender = this.#sender;
    const responder = this.#responder;
    const link = this.#link;
    return {
      messagesSent: sender.messagesSent,
      messagesReceived: responder.messagesReceived,
      requestsSent: sender.requestsSent,
      requestsReceived: responder.requestsReceived,
      bytesSent: sender.bytesSent,
      bytesReceived: responder.bytesReceived,
      framesSent: this.#framesSent + (link?.framesSent ?? 0),
      framesReceived: this.#framesReceived + (link?.framesReceived ?? 0),
      dropped: sender.dropped,
      duplicates: this.#duplicates,
      lateAnswers: this.#requests.lateAnswers,
      pendingRequests: this.#requests.size,
      activeRequests: responder.activeRequests,
      queuedBytes: sender.outbox.bytes + (link?.coalescer.waitingBytes ?? 0),
      resumptions: this.#resumptions,
      roundTripMs: link?.heartbeat.roundTripMs ?? this.#roundTripMs,
      openedAtMs: this.#openedAtMs,
      lastActivityAtMs:
        link?.connection.statistics.lastActivityAtMs ?? this.#lastActivityAtMs,
    };
  }

  /**
   * Goes on over this connection; gives what its events go to. A connection that the session still has is closed with
   * `SessionReplaced`.
   *
   * @param link of a server that has read the client's hello already
   * @throws {SessionClosedError} when the session is over
   */
  attach(connection: Connection, link?: Link): ConnectionHandler {
    if (this.#end !== undefined) throw this.#closedError();
    const old = this.#link;
    if (old !== undefined) {
      this.#leaveLink(old);
      this.#settleLost(CloseCode.SessionReplaced);
      old.finish(CloseCode.SessionReplaced, "another connection took over");
    }
    const made = link ?? new Link(connection, this.settings, this);
    this.#link = made;
    if (link === undefined) made.begin();
    return made;
  }

  /** Resolves when the hellos are through. @throws {SessionClosedError} when the session ends before */
  async whenOpen(): Promise<void> {
    if (this.#end !== undefined) throw this.#closedError();
    if (this.#link?.isOpen === true) return;
    const waiter = Promise.withResolvers<void>();
    this.#openWaiters.push(waiter);
    await waiter.promise;
  }

  /** Resolves when the session is over. */
  whenEnded(): Promise<SessionEnd> {
    if (this.#end !== undefined) return Promise.resolve(this.#end);
    return new Promise((resolve) => this.#endWaiters.push(resolve));
  }

  trySend(body: MessageBody, options: MessageOptions = noOptions): boolean {
    if (this.#state === "closed" || this.#state === "draining")
      throw this.#closedError();
    if (options === noOptions && body instanceof Uint8Array) {
      const { Message } = FrameKind;
      const { Normal } = FramePriority;
      const id = this.#nextId;
      let isTaken: boolean | undefined = this.#sender.tryPlain(
        Message,
        Normal,
        id,
        body,
      );
      if (!isTaken) isTaken = this.#sender.tryWait(Message, Normal, id, body);
      if (isTaken === true) this.#nextId += 1;
      if (isTaken !== undefined) return isTaken;
    }
    const outgoing = new Outgoing();
    outgoing.kind = FrameKind.Message;
    fillOutgoing(outgoing, body, options, undefined, this.#link?.hello?.limits);
    if (!this.#sender.fits(outgoing.sizeBytes)) return false;
    outgoing.id = this.#nextId++;
    // The caller may use its memory again as soon as this returns.
    if (!this.#sender.offer(outgoing) && !outgoing.isOwn) ownPayload(outgoing);
    return true;
  }

  async send(body: MessageBody, options: SendOptions = {}): Promise<void> {
    const { signal } = options;
    signal?.throwIfAborted();
    this.#checkOpen();
    const outgoing = new Outgoing();
    outgoing.kind = FrameKind.Message;
    fillOutgoing(outgoing, body, options, undefined, this.#link?.hello?.limits);
    outgoing.id = this.#nextId++;
    if (this.#sender.offer(outgoing)) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timeoutMs = options.timeoutMs ?? this.settings.sendTimeoutMs;
    const giveUp = (error: unknown) => {
      // What has begun goes on: a message cannot be taken back.
      if (outgoing.sequence > 0 || !this.#sender.withdraw(outgoing)) return;
      this.#sender.dropped += 1;
      outgoing.settle?.(error);
      this.#leaveIfDone();
    };
    const onAbort = () => giveUp(signal?.reason);
    outgoing.settle = (error) => {
      this.#wheel.remove(outgoing);
      signal?.removeEventListener("abort", onAbort);
      if (error === undefined) resolve();
      else reject(error);
    };
    outgoing.onExpired = () =>
      giveUp(new TimedOutError(`the peer had no room for ${timeoutMs} ms`));
    signal?.addEventListener("abort", onAbort);
    if (outgoing.sequence === 0)
      this.#wheel.add(outgoing, this.settings.clock.nowMs() + timeoutMs);
    await promise;
  }

  request(
    body: MessageBody,
    options: RequestOptions = {},
  ): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      options.signal?.throwIfAborted();
      this.#checkOpen();
      this.#requests.begin(body, options, resolve, reject);
    });
  }

  async ping(
    options: {
      readonly timeoutMs?: number;
      readonly signal?: AbortSignal;
    } = {},
  ): Promise<number> {
    options.signal?.throwIfAborted();
    const link = this.#link;
    if (this.#end !== undefined || link?.isOpen !== true)
      throw this.#closedError();
    return await this.#pings.send(
      link,
      this.#nextId++,
      options.timeoutMs ?? this.settings.sendTimeoutMs,
      options.signal,
    );
  }

  drain(
    options: {
      readonly timeoutMs?: number;
      readonly reason?: string;
      readonly redirect?: string;
    } = {},
  ): Promise<SessionEnd> {
    return this.#leave(
      CloseCode.GoingAway,
      options.reason ?? "",
      options.timeoutMs ?? this.settings.drainTimeoutMs,
      options.redirect,
    );
  }

  close(code: number = CloseCode.Normal, reason = ""): Promise<SessionEnd> {
    return this.#leave(code, reason, this.settings.closeTimeoutMs, undefined);
  }

  abort(reason = "aborted"): void {
    if (this.#end !== undefined) return;
    const link = this.#link;
    this.#finish({
      code: lostCode,
      reason,
      by: "us",
      error: undefined,
      goodbye: undefined,
    });
    link?.connection.abort(reason);
  }

  #leave(
    code: number,
    reason: string,
    timeoutMs: number,
    redirect: string | undefined,
  ): Promise<SessionEnd> {
    const ended = this.whenEnded();
    const link = this.#link;
    if (this.#end !== undefined) return ended;
    if (link?.isOpen !== true || !drainingCodes.has(code)) {
      if (link === undefined)
        this.#finish({
          code,
          reason,
          by: "us",
          error: undefined,
          goodbye: undefined,
        });
      else link.finish(code, reason);
      return ended;
    }
    if (this.#leaving !== undefined) return ended;
    this.#leaving = { code, reason, redirect, isSaid: false };
    this.#setState("draining");
    this.settings.clock.clearTimer(this.#drainTimer);
    this.#drainTimer = this.settings.clock.setTimer(
      () => this.#link?.finish(code, reason),
      timeoutMs,
    );
    this.#leaveIfDone();
    return ended;
  }

  /** Goodbye when all that was taken is out, fin when all that came was handled, the end when both sides are there. */
  #leaveIfDone(): void {
    const link = this.#link;
    if (this.#state !== "draining" || link?.isOpen !== true) return;
    const leaving = this.#leaving;
    const isEmpty = this.#sender.outbox.size === 0;
    if (leaving !== undefined && !leaving.isSaid && isEmpty) {
      leaving.isSaid = true;
      link.goodbye({
        code: leaving.code,
        reason: leaving.reason,
        acceptedSequence: this.acceptedSequence,
        goTo: leaving.redirect,
        resumeToken: this.settings.role === "server" ? this.#token : undefined,
      });
    }
    const isHandled = this.receiveCredit.heldMessages === 0;
    if (
      !link.finSent &&
      isEmpty &&
      isHandled &&
      // All that the peer had to say before it heard is here then, and its requests are answered.
      (this.#peerGoodbye !== undefined || link.finReceived)
    ) {
      const isLast = link.finReceived;
      link.fin(
        encodeFin({
          lastSequence: this.#sender.highestSequence,
          acceptedSequence: this.acceptedSequence,
        }),
      );
      if (isLast) this.#awaitClose(link);
      return;
    }
    if (!link.finSent || !link.finReceived || !isHandled) return;
    if (this.#isAwaitingClose) return;
    // Our own fin went out before the last of the peer's messages came.
    link.credit();
    this.#finishDrained(link);
  }

  /** The peer has our fin last, and says what it has accepted before it closes. */
  #awaitClose(link: Link): void {
    const { clock, closeTimeoutMs } = this.settings;
    this.#isAwaitingClose = true;
    clock.clearTimer(this.#drainTimer);
    this.#drainTimer = clock.setTimer(
      () => this.#finishDrained(link),
      closeTimeoutMs,
    );
  }

  #finishDrained(link: Link): void {
    const leaving = this.#leaving;
    const goodbye = this.#peerGoodbye;
    if (leaving?.isSaid === true || goodbye === undefined)
      link.finish(leaving?.code ?? CloseCode.Normal, leaving?.reason ?? "", {
        isSaid: true,
      });
    else link.endedByPeer(goodbye);
  }

  // --- what the link tells

  greeting(theirs: Hello | undefined): HelloInit {
    const { settings } = this;
    const isServer = settings.role === "server";
    const isComingBack = isServer
      ? this.#wasOpened && theirs?.resumeToken !== undefined
      : this.#wasOpened && this.#token !== undefined;
    return {
      limits: settings.limits,
      compressions: availableCompressions(),
      contentTypes: settings.codecs.contentTypes,
      resumeToken: isServer || isComingBack ? this.#token : undefined,
      acceptedSequence: isComingBack ? this.acceptedSequence : 0,
      oldestSequence: isComingBack ? (this.#sender.replay?.oldest ?? 1) : 1,
      resumed: isServer ? isComingBack : false,
      sessionId: isServer ? this.#id : undefined,
      nodeName: settings.nodeName,
      software: settings.software,
      auth: isServer ? undefined : settings.auth,
      heartbeatMs: settings.heartbeatMs,
    };
  }

  opened(link: Link, theirs: Hello): void {
    const { settings } = this;
    const sender = this.#sender;
    const isServer = settings.role === "server";
    const isResumed = isServer
      ? this.#wasOpened && theirs.resumeToken !== undefined
      : theirs.resumed;
    if (isResumed && !this.#wasOpened)
      throw new WireMalformedError("a session is resumed that never began");
    this.#peerName = theirs.nodeName ?? theirs.software ?? this.#peerName;
    this.#peerGoodbye = undefined;
    this.#isAwaitingClose = false;
    sender.compression = negotiateCompression(settings.compressions, theirs);
    if (this.#wasOpened) this.#resumptions += 1;
    if (isResumed) this.#resume(link, theirs);
    else if (this.#wasOpened) this.#beginAnew();
    if (!isServer) {
      this.#id = theirs.sessionId ?? this.#id;
      this.#token = settings.resumes ? theirs.resumeToken : undefined;
    }
    if (this.#token !== undefined) sender.keepForReplay();
    this.#wasOpened = true;
    sender.link = link;
    for (const waiter of this.#openWaiters.splice(0)) waiter.resolve();
    this.#setState(this.#leaving === undefined ? "open" : "draining");
    sender.pump();
    if (isResumed) this.#requests.cancelAgain(link);
  }

  /** Both sides know each other still. */
  #resume(link: Link, theirs: Hello): void {
    const sender = this.#sender;
    if (theirs.acceptedSequence > sender.highestSequence)
      throw new WireMalformedError(
        `hello: accepted ${theirs.acceptedSequence}, sent ${sender.highestSequence}`,
      );
    sender.accepted(theirs.acceptedSequence);
    const oldestSequence = sender.replay?.oldest ?? sender.highestSequence + 1;
    const first = firstSequence({ oldestSequence }, theirs);
    if (first > theirs.acceptedSequence + 1)
      this.#tellUnconfirmed({
        first: theirs.acceptedSequence + 1,
        last: first - 1,
      });
    sender.link = link;
    sender.resume(first);
    const acceptedSequence = this.acceptedSequence;
    const firstOfPeer = firstSequence(theirs, { acceptedSequence });
    this.#received = firstOfPeer - 1;
    if (firstOfPeer > acceptedSequence + 1) {
      this.#accepted.skipTo(firstOfPeer);
      this.#tell(() =>
        this.settings.listeners.onGap?.(
          { first: acceptedSequence + 1, last: firstOfPeer - 1 },
          this,
        ),
      );
    }
  }

  /** The server does not know the session any more: what was under way may have arrived, or not. */
  #beginAnew(): void {
    const sender = this.#sender;
    if (sender.unconfirmed > 0)
      this.#tellUnconfirmed({
        first: sender.peerAccepted + 1,
        last: sender.highestSequence,
      });
    const error = new FateUnknownError(
      "the other side does not know the session any more",
      CloseCode.ResumeRefused,
    );
    for (const outgoing of sender.reset()) outgoing.settle?.(error);
    this.#accepted.reset();
    this.#received = 0;
    this.#responder.giveUpAll(error);
    this.#requests.beginAnew(error);
  }

  nextSequence(): number {
    this.#received += 1;
    return this.#received;
  }

  deliver(link: Link, message: WholeMessage): void {
    const { sequence, kind, id } = message;
    if (this.#accepted.has(sequence)) {
      this.#duplicates += 1;
      return;
    }
    const { limits } = this.settings;
    const headers = readHeaders(
      message.chunk,
      message.headersStart,
      message.headersEnd,
      limits,
    );
    let { chunk, payloadStart: start, payloadEnd: end } = message;
    if ((message.flags & FrameFlag.Compressed) !== 0) {
      chunk = decompressPayload(chunk.subarray(start, end), limits);
      start = 0;
      end = chunk.length;
    }
    this.#accepted.accept(sequence);
    if (kind === FrameKind.Message || kind === FrameKind.Response) {
      const received = new ReceivedMessage(
        this,
        chunk,
        start,
        end,
        message.priority,
        message.tagHigh,
        message.tagLow,
        headers,
      );
      if (kind === FrameKind.Message) this.#responder.message(received);
      else this.#requests.answered(id)?.resolve(received);
    } else if (kind === FrameKind.Request) {
      const request = new ReceivedRequest(
        this,
        chunk,
        start,
        end,
        message.priority,
        message.tagHigh,
        message.tagLow,
        headers,
      );
      if (headers.deadlineMs !== undefined)
        request.deadlineMs = link.nowMs + headers.deadlineMs;
      request.onSignal = this.#onSignal;
      this.#responder.request(id, request);
    } else {
      const error = receivedError(chunk.subarray(start, end));
      this.#requests.answered(id)?.reject(error);
    }
  }

  /** Codecs of payloads, for the messages of this session. */
  get codecs(): SessionSettings["codecs"] {
    return this.settings.codecs;
  }

  readonly #onSignal = (request: ReceivedRequest): void => {
    if (request.deadlineMs === Number.POSITIVE_INFINITY) return;
    this.#wheel.add(new RequestDeadline(request), request.deadlineMs);
  };

  cancelled(id: number, sequence: number | undefined): void {
    if (sequence !== undefined) this.#accepted.accept(sequence);
    else
      this.#responder.cancel(
        id,
        new DOMException("the requester has given up", "AbortError"),
      );
  }

  peerAccepted(sequence: number): void {
    if (sequence > this.#sender.highestSequence)
      throw new WireMalformedError(
        `accepted ${sequence}, sent ${this.#sender.highestSequence}`,
      );
    this.#sender.accepted(sequence);
  }

  ponged(id: number): void {
    this.#pings.answered(id);
  }

  writable(_link: Link): void {
    this.#sender.pump();
  }

  goodbye(link: Link, goodbye: Goodbye): void {
    if (!drainingCodes.has(goodbye.code)) {
      link.endedByPeer(goodbye);
      return;
    }
    this.#peerGoodbye = goodbye;
    this.#setState("draining");
    this.settings.clock.clearTimer(this.#drainTimer);
    this.#drainTimer = this.settings.clock.setTimer(
      () => link.endedByPeer(goodbye),
      this.settings.drainTimeoutMs,
    );
    if (!this.#mayComeBack(goodbye.code)) this.#dropNew(goodbye.code);
    this.#leaveIfDone();
  }

  /** The peer takes no new messages and requests; answers it does. */
  #dropNew(code: number): void {
    const error = new SessionClosedError("the peer has said goodbye", code);
    for (const outgoing of this.#sender.outbox.all()) {
      if (outgoing.sequence > 0 || outgoing.kind > FrameKind.Request) continue;
      this.#sender.drop(outgoing, error);
    }
  }

  fin(_link: Link, _fin: Fin): void {
    if (this.#state !== "draining")
      throw new WireMalformedError("a fin without a goodbye");
    this.#leaveIfDone();
  }

  ended(link: Link, how: LinkEnd): void {
    if (link !== this.#link) return;
    const end =
      how.by === "lost" && this.#isAwaitingClose ? this.#drainedEnd(how) : how;
    this.#leaveLink(link);
    const isLost = end.by === "lost";
    if ((isLost && this.#leaving === undefined) || end.goodbye !== undefined) {
      if (this.#mayComeBack(end.code)) {
        this.#settleLost(end.code);
        this.#setState("away");
        return;
      }
    }
    this.#finish(end);
  }

  /** What had begun and is not kept cannot be sent again. */
  #settleLost(code: number): void {
    const error = new FateUnknownError("the connection was lost", code);
    for (const outgoing of this.#sender.lost()) outgoing.settle?.(error);
  }

  /** The peer has closed after both fins, as it should. */
  #drainedEnd(how: LinkEnd): LinkEnd {
    const leaving = this.#leaving;
    const goodbye = this.#peerGoodbye;
    const isOurs = leaving?.isSaid === true;
    return {
      ...how,
      code: (isOurs ? leaving.code : goodbye?.code) ?? CloseCode.Normal,
      reason: (isOurs ? leaving.reason : goodbye?.reason) ?? "",
      by: isOurs ? "us" : "peer",
      error: undefined,
      goodbye: isOurs ? undefined : goodbye,
    };
  }

  #mayComeBack(code: number): boolean {
    return (
      this.#token !== undefined &&
      this.#wasOpened &&
      (code === lostCode || this.settings.goesOnAfter?.(code) === true)
    );
  }

  #leaveLink(link: Link): void {
    this.#link = undefined;
    this.#sender.link = undefined;
    this.#framesSent += link.framesSent;
    this.#framesReceived += link.framesReceived;
    this.#roundTripMs = link.heartbeat.roundTripMs ?? this.#roundTripMs;
    this.#lastActivityAtMs = link.connection.statistics.lastActivityAtMs;
    this.settings.clock.clearTimer(this.#drainTimer);
    this.#pings.failAll(this.#closedError());
  }

  #finish(end: LinkEnd): void {
    if (this.#end !== undefined) return;
    if (this.#link !== undefined) this.#leaveLink(this.#link);
    const sender = this.#sender;
    this.settings.clock.clearTimer(this.#drainTimer);
    const { unconfirmed } = sender;
    const first = sender.peerAccepted + 1;
    const last = sender.highestSequence;
    const { goodbye } = end;
    this.#end = {
      code: end.code,
      reason: end.reason,
      by: end.by,
      error: end.error,
      unconfirmed,
      redirect: goodbye?.goTo,
      retryAfterMs: goodbye?.retryAfterMs,
      resumeToken: goodbye?.resumeToken,
    };
    const closed = this.#closedError();
    const unknown = new FateUnknownError(
      `the session ended before the answer came${end.reason === "" ? "" : `: ${end.reason}`}`,
      end.code,
      { cause: end.error },
    );
    for (const outgoing of sender.outbox.all()) {
      if (outgoing.sequence === 0) sender.drop(outgoing, closed);
      else {
        sender.withdraw(outgoing);
        outgoing.settle?.(unknown);
      }
    }
    for (const outgoing of sender.reset()) outgoing.settle?.(unknown);
    this.#requests.failAll(unknown);
    for (const waiter of this.#openWaiters.splice(0)) waiter.reject(closed);
    this.#responder.giveUpAll(closed);
    this.#wheel.clear();
    this.#setState("closed");
    if (unconfirmed > 0) this.#tellUnconfirmed({ first, last });
    const told = this.#end;
    this.#tell(() => this.settings.listeners.onEnd?.(told, this));
    for (const waiter of this.#endWaiters.splice(0)) waiter(told);
  }

  #finishedOne(): void {
    this.#link?.creditIfDue();
    if (this.#state === "draining") this.#leaveIfDone();
  }

  #tellUnconfirmed(unknown: SequenceRange): void {
    this.#tell(() => this.settings.listeners.onUnconfirmed?.(unknown, this));
  }

  #setState(state: SessionState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#tell(() => this.settings.listeners.onStateChange?.(state, this));
  }

  /** A listener that throws disturbs nothing. */
  #tell(call: () => void): void {
    try {
      call();
    } catch (error) {
      reportError(this.settings, this, error);
    }
  }

  #checkOpen(): void {
    if (this.#state === "closed" || this.#state === "draining")
      throw this.#closedError();
    if (this.#sender.isCrowded)
      throw new SendQueueFullError(
        `${this.#sender.outbox.size} messages wait to be sent`,
      );
  }

  #closedError(): SessionClosedError {
    const code =
      this.#end?.code ??
      this.#peerGoodbye?.code ??
      this.#leaving?.code ??
      lostCode;
    const reason =
      this.#end?.reason ?? this.#peerGoodbye?.reason ?? this.#leaving?.reason;
    return new SessionClosedError(
      `the session is ${this.#state}${reason === undefined || reason === "" ? "" : `: ${reason}`}`,
      code,
      { cause: this.#end?.error },
    );
  }
}

/** The deadline of a request whose handler looks at the signal. */
class RequestDeadline extends WheelEntry {
  readonly #request: ReceivedRequest;

  constructor(request: ReceivedRequest) {
    super();
    this.#request = request;
  }

  override expired(): void {
    this.#request.giveUp(
      new TimedOutError("the deadline of the request has passed"),
    );
  }
}
