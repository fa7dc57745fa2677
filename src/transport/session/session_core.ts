/** The parts of a session put together, and what its connections tell them. */
import type { Fin, Goodbye } from "../../wire/control_bodies.ts";
import { WireMalformedError } from "../../wire/errors.ts";
import type { Hello, HelloInit } from "../../wire/hello.ts";
import { CloseCode } from "../../wire/close_codes.ts";
import type { Connection, ConnectionHandler } from "../adapter.ts";
import type { Session, SessionEnd, SessionStatistics } from "../session.ts";
import { FateUnknownError } from "../session_errors.ts";
import { ReceiveCredit } from "./credit.ts";
import { Departure } from "./departure.ts";
import { Link, type LinkOwner } from "./link.ts";
import { type LinkEnd, lostCode } from "./link_end.ts";
import { LinkTotals } from "./link_totals.ts";
import { PingTable } from "./ping_table.ts";
import { Receiver } from "./receiver.ts";
import { RequestTable } from "./request_table.ts";
import { Responder } from "./responder.ts";
import { Resumption } from "./resumption.ts";
import { Sender } from "./sender.ts";
import { SessionLife } from "./session_life.ts";
import type { SessionSettings } from "./settings.ts";
import { TimerWheel } from "./timer_wheel.ts";

/** What a session does; `FramedSession` is how it is used. */
export class SessionCore implements LinkOwner {
  readonly life: SessionLife;
  readonly wheel: TimerWheel;
  readonly sender: Sender;
  readonly requests: RequestTable;
  readonly responder: Responder;
  readonly messages: Receiver;
  readonly pings: PingTable;
  readonly resumption: Resumption;
  readonly departure: Departure;
  /** The id of the next message. */
  nextId = 1;
  readonly #settings: SessionSettings;
  readonly #totals = new LinkTotals();
  readonly #openedAtMs = Date.now();

  constructor(session: Session, settings: SessionSettings) {
    const life = new SessionLife(session, settings);
    const wheel = new TimerWheel(settings.clock);
    const receiveCredit = new ReceiveCredit(
      settings.creditBytes,
      settings.creditMessages,
    );
    this.#settings = settings;
    this.life = life;
    this.wheel = wheel;
    this.sender = new Sender(settings, wheel, {
      roomAgain: () =>
        life.tell((listeners) => listeners.onWritable?.(session)),
      emptied: () => this.departure.leaveIfDone(),
    });
    this.pings = new PingTable(settings.clock, wheel);
    this.requests = new RequestTable(
      settings,
      wheel,
      this.sender,
      () => this.nextId++,
      () => this.departure.leaveIfDone(),
    );
    this.responder = new Responder(
      session,
      settings,
      receiveCredit,
      this.sender,
      () => this.#finishedOne(),
    );
    this.messages = new Receiver(
      session,
      settings,
      receiveCredit,
      wheel,
      this.requests,
      this.responder,
    );
    const parts = {
      sender: this.sender,
      receiver: this.messages,
      requests: this.requests,
      responder: this.responder,
    };
    this.resumption = new Resumption(life, parts);
    this.departure = new Departure(life, parts, this.resumption, (end) =>
      this.finish(end),
    );
  }

  get acceptedSequence(): number {
    return this.messages.acceptedSequence;
  }

  get statistics(): SessionStatistics {
    const { sender, responder, requests } = this;
    return {
      messagesSent: sender.messagesSent,
      messagesReceived: responder.messagesReceived,
      requestsSent: sender.requestsSent,
      requestsReceived: responder.requestsReceived,
      bytesSent: sender.bytesSent,
      bytesReceived: responder.bytesReceived,
      ...this.#totals.with(this.life.link, sender.outbox.bytes),
      dropped: sender.dropped,
      duplicates: this.messages.duplicates,
      lateAnswers: requests.lateAnswers,
      pendingRequests: requests.size,
      activeRequests: responder.activeRequests,
      resumptions: this.resumption.resumptions,
      openedAtMs: this.#openedAtMs,
    };
  }

  /** Goes on over this connection. @throws {SessionClosedError} when the session is over */
  attach(connection: Connection, link: Link | undefined): ConnectionHandler {
    const { life } = this;
    if (life.end !== undefined) throw life.closedError();
    const old = life.link;
    if (old !== undefined) {
      this.#leaveLink(old);
      this.#settleLost(CloseCode.SessionReplaced);
      old.finish(CloseCode.SessionReplaced, "another connection took over");
    }
    const made = link ?? new Link(connection, this.#settings, this);
    life.link = made;
    if (link === undefined) made.begin();
    return made;
  }

  greeting(theirs: Hello | undefined): HelloInit {
    return this.resumption.greeting(theirs);
  }

  opened(link: Link, theirs: Hello): void {
    const { life, sender } = this;
    this.departure.restart();
    const isResumed = this.resumption.opened(link.output, theirs);
    life.opened();
    life.become(life.leaving === undefined ? "open" : "draining");
    sender.pump();
    if (isResumed) this.requests.cancelAgain(link.output);
  }

  cancelled(id: number, sequence: number | undefined): void {
    this.messages.cancelled(id, sequence);
  }

  peerAccepted(sequence: number): void {
    const { highestSequence } = this.sender;
    if (sequence > highestSequence)
      throw new WireMalformedError(
        `accepted ${sequence}, sent ${highestSequence}`,
      );
    this.sender.accepted(sequence);
  }

  ponged(id: number): void {
    this.pings.answered(id);
  }

  writable(): void {
    this.sender.pump();
  }

  goodbye(link: Link, goodbye: Goodbye): void {
    this.departure.goodbye(link, goodbye);
  }

  fin(_link: Link, _fin: Fin): void {
    this.departure.fin();
  }

  ended(link: Link, how: LinkEnd): void {
    const { life } = this;
    if (link !== life.link) return;
    const end = this.departure.endOf(how);
    this.#leaveLink(link);
    if (
      life.leaving === undefined &&
      (end.by === "lost" || end.goodbye !== undefined) &&
      this.resumption.mayComeBack(end.code)
    ) {
      this.#settleLost(end.code);
      life.become("away");
      return;
    }
    this.finish(end);
  }

  /** It is over. */
  finish(how: LinkEnd): void {
    const { life, sender } = this;
    if (life.end !== undefined) return;
    if (life.link !== undefined) this.#leaveLink(life.link);
    this.departure.stopWaiting();
    const { unconfirmed } = sender;
    const first = sender.peerAccepted + 1;
    const last = sender.highestSequence;
    const end = endOf(how, unconfirmed);
    const closed = life.over(end);
    const unknown = new FateUnknownError(
      `the session ended before the answer came${how.reason === "" ? "" : `: ${how.reason}`}`,
      how.code,
      { cause: how.error },
    );
    sender.giveUpAll(closed, unknown);
    this.requests.failAll(unknown);
    life.neverOpened(closed);
    this.responder.giveUpAll(closed);
    this.wheel.clear();
    life.become("closed");
    if (unconfirmed > 0) life.tellUnconfirmed({ first, last });
    life.tellEnd(end);
  }

  /** Ends it without a word to the peer. */
  abort(reason: string): void {
    const { link, end } = this.life;
    if (end !== undefined) return;
    this.finish({
      code: lostCode,
      reason,
      by: "us",
      error: undefined,
      goodbye: undefined,
    });
    link?.connection.abort(reason);
  }

  /** What had begun and is not kept cannot be sent again. */
  #settleLost(code: number): void {
    const error = new FateUnknownError("the connection was lost", code);
    for (const outgoing of this.sender.lost()) outgoing.settle?.(error);
  }

  #leaveLink(link: Link): void {
    this.life.link = undefined;
    this.sender.link = undefined;
    this.#totals.add(link);
    this.departure.stopWaiting();
    this.pings.failAll(this.life.closedError());
  }

  #finishedOne(): void {
    const { link, state } = this.life;
    link?.creditIfDue();
    if (state === "draining") this.departure.leaveIfDone();
  }
}

function endOf(how: LinkEnd, unconfirmed: number): SessionEnd {
  const { code, reason, by, error, goodbye } = how;
  return {
    code,
    reason,
    by,
    error,
    unconfirmed,
    redirect: goodbye?.goTo,
    retryAfterMs: goodbye?.retryAfterMs,
    resumeToken: goodbye?.resumeToken,
  };
}
