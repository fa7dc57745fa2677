/** How a session is left in order: goodbye, what is under way, fin, close. Either side may begin. */
import { CloseCode, endsInOrder } from "../../wire/close_codes.ts";
import { encodeFin, type Goodbye } from "../../wire/control_bodies.ts";
import { WireMalformedError } from "../../wire/errors.ts";
import { FrameKind } from "../../wire/kinds.ts";
import type { SessionEnd } from "../session.ts";
import { SessionClosedError } from "../session_errors.ts";
import type { Link } from "./link.ts";
import type { LinkEnd } from "./link_end.ts";
import type { Resumption, SessionParts } from "./resumption.ts";
import type { SessionLife } from "./session_life.ts";

/** Leaves a session, or lets the peer leave. */
export class Departure {
  readonly #life: SessionLife;
  readonly #parts: SessionParts;
  readonly #resumption: Resumption;
  /** Ends a session that has no connection. */
  readonly #finish: (end: LinkEnd) => void;
  #drainTimer: unknown;
  /** When it fires, on the session's clock. */
  #drainDueMs = Number.POSITIVE_INFINITY;
  #isAwaitingClose = false;

  constructor(
    life: SessionLife,
    parts: SessionParts,
    resumption: Resumption,
    finish: (end: LinkEnd) => void,
  ) {
    this.#life = life;
    this.#parts = parts;
    this.#resumption = resumption;
    this.#finish = finish;
  }

  /** A connection begins: what the peer said on another one does not count. */
  restart(): void {
    this.#life.peerGoodbye = undefined;
    this.#isAwaitingClose = false;
  }

  /** Waits for nothing more: the connection is gone. */
  stopWaiting(): void {
    this.#life.settings.clock.clearTimer(this.#drainTimer);
    this.#drainDueMs = Number.POSITIVE_INFINITY;
  }

  /** Leaves; who does so already, no later than is asked now. @returns how it ended */
  leave(
    code: number,
    reason: string,
    timeoutMs: number,
    redirect: string | undefined,
  ): Promise<SessionEnd> {
    const life = this.#life;
    const ended = life.whenEnded();
    const { link } = life;
    if (life.end !== undefined) return ended;
    if (link?.isOpen !== true || !endsInOrder(code)) {
      if (link === undefined)
        this.#finish({
          code,
          reason,
          by: "us",
          error: undefined,
          goodbye: undefined,
        });
      else {
        // Nothing is taken any more, however long the connection needs to close.
        life.leaving = { code, reason, redirect, isSaid: true };
        life.become("draining");
        link.finish(code, reason);
      }
      return ended;
    }
    this.#waitAtMost(timeoutMs, () => life.link?.finish(code, reason));
    if (life.leaving !== undefined) return ended;
    life.leaving = { code, reason, redirect, isSaid: false };
    life.become("draining");
    this.leaveIfDone();
    return ended;
  }

  /** Goodbye when all that was taken is out, fin when all that came was handled, the end when both sides are there. */
  leaveIfDone(): void {
    const { link, leaving, state, settings, peerGoodbye } = this.#life;
    if (state !== "draining" || link?.isOpen !== true) return;
    const { sender, receiver } = this.#parts;
    const { acceptedSequence } = receiver;
    const { output } = link;
    const isEmpty = sender.outbox.size === 0;
    if (leaving !== undefined && !leaving.isSaid && isEmpty) {
      leaving.isSaid = true;
      output.goodbye({
        code: leaving.code,
        reason: leaving.reason,
        acceptedSequence,
        goTo: leaving.redirect,
        resumeToken:
          settings.role === "server" ? this.#resumption.token : undefined,
      });
    }
    const isHandled = receiver.receiveCredit.heldMessages === 0;
    if (
      !output.finSent &&
      isEmpty &&
      isHandled &&
      // All that the peer had to say before it heard is here then, and its requests are answered.
      (peerGoodbye !== undefined || link.finReceived)
    ) {
      const isLast = link.finReceived;
      output.fin(
        encodeFin({
          lastSequence: sender.highestSequence,
          acceptedSequence,
        }),
      );
      if (isLast) this.#awaitClose(link);
      return;
    }
    if (!output.finSent || !link.finReceived || !isHandled) return;
    if (this.#isAwaitingClose) return;
    // Our own fin went out before the last of the peer's messages came.
    link.credit();
    this.#finishDrained(link);
  }

  /** The peer has our fin last, and says what it has accepted before it closes. */
  #awaitClose(link: Link): void {
    this.#isAwaitingClose = true;
    this.#waitAtMost(this.#life.settings.closeTimeoutMs, () =>
      this.#finishDrained(link),
    );
  }

  #finishDrained(link: Link): void {
    const { leaving, peerGoodbye: goodbye } = this.#life;
    if (leaving?.isSaid === true || goodbye === undefined)
      link.finish(leaving?.code ?? CloseCode.Normal, leaving?.reason ?? "", {
        isSaid: true,
      });
    else link.endedByPeer(goodbye);
  }

  /** The peer has said goodbye. */
  goodbye(link: Link, goodbye: Goodbye): void {
    if (!endsInOrder(goodbye.code)) {
      link.endedByPeer(goodbye);
      return;
    }
    const life = this.#life;
    life.peerGoodbye = goodbye;
    life.become("draining");
    this.#waitAtMost(life.settings.drainTimeoutMs, () =>
      link.endedByPeer(life.peerGoodbye ?? goodbye),
    );
    if (!this.#resumption.mayComeBack(goodbye.code))
      this.#dropNew(goodbye.code);
    this.leaveIfDone();
  }

  /** The peer takes no new messages and requests; answers it does. */
  #dropNew(code: number): void {
    const error = new SessionClosedError("the peer has said goodbye", code);
    const { sender } = this.#parts;
    for (const outgoing of sender.outbox.all()) {
      if (outgoing.sequence > 0 || outgoing.kind > FrameKind.Request) continue;
      sender.drop(outgoing, error);
    }
  }

  /** The peer sends no data any more. @throws {WireMalformedError} when nobody has said goodbye */
  fin(): void {
    if (this.#life.state !== "draining")
      throw new WireMalformedError("a fin without a goodbye");
    this.leaveIfDone();
  }

  /** How it ended, as the session sees it: that the peer closes after both fins is in order. */
  endOf(how: LinkEnd): LinkEnd {
    return how.by === "lost" && this.#isAwaitingClose
      ? this.#drainedEnd(how)
      : how;
  }

  /** The peer has closed after both fins, as it should. */
  #drainedEnd(how: LinkEnd): LinkEnd {
    const { leaving, peerGoodbye: goodbye } = this.#life;
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

  /** The earliest end counts: a peer that says goodbye again and again puts off nothing. */
  #waitAtMost(timeoutMs: number, then: () => void): void {
    const { clock } = this.#life.settings;
    const dueMs = clock.nowMs() + timeoutMs;
    if (dueMs >= this.#drainDueMs) return;
    this.#drainDueMs = dueMs;
    clock.clearTimer(this.#drainTimer);
    this.#drainTimer = clock.setTimer(then, timeoutMs);
  }
}
