/** Requests of ours that wait for an answer. */
import { FrameKind, FramePriority } from "../../wire/kinds.ts";
import { TimedOutError } from "../errors.ts";
import type {
  IncomingMessage,
  MessageBody,
  RequestOptions,
} from "../message.ts";
import { SendQueueFullError } from "../session_errors.ts";
import type { LinkOutput } from "./link_output.ts";
import { Outgoing, ownPayload } from "./outgoing.ts";
import { fillOutgoing, isBare } from "./outgoing_body.ts";
import type { Sender } from "./sender.ts";
import type { SessionSettings } from "./settings.ts";
import type { Timed, TimerWheel } from "./timer_wheel.ts";

/** Requests that were cancelled while they may have to be sent again. */
const cancelledMax = 4096;

/** An object that no request uses holds none of its promise. */
const unused = (): void => undefined;

/** Objects of requests that are used again. */
const sparesMax = 1024;

/** One request. */
export class PendingRequest implements Timed {
  dueMs: number;
  before: Timed | undefined;
  after: Timed | undefined;
  slot: number;
  id: number;
  resolve: (answer: IncomingMessage) => void;
  reject: (error: unknown) => void;
  readonly giveUp: (request: PendingRequest) => void;
  /** What was sent, as long as it may have to be sent once more, or waits. */
  outgoing: Outgoing | undefined;
  isIdempotent: boolean;
  /** Whether it did not go the short way: then closures know it. */
  wasOffered: boolean;
  signal: AbortSignal | undefined;
  onAbort: (() => void) | undefined;

  constructor(
    id: number,
    resolve: (answer: IncomingMessage) => void,
    reject: (error: unknown) => void,
    giveUp: (request: PendingRequest) => void,
  ) {
    this.dueMs = Number.POSITIVE_INFINITY;
    this.before = undefined;
    this.after = undefined;
    this.slot = -1;
    this.id = id;
    this.resolve = resolve;
    this.reject = reject;
    this.giveUp = giveUp;
    this.outgoing = undefined;
    this.isIdempotent = false;
    this.wasOffered = false;
    this.signal = undefined;
    this.onAbort = undefined;
  }

  expired(): void {
    this.giveUp(this);
  }

  /** Listens to its signal no more. */
  release(): void {
    if (this.signal === undefined || this.onAbort === undefined) return;
    this.signal.removeEventListener("abort", this.onAbort);
    this.onAbort = undefined;
  }
}

/** All of one session, by their id. */
export class RequestTable {
  /** Answers to requests that had been given up. */
  lateAnswers = 0;
  readonly #settings: SessionSettings;
  readonly #wheel: TimerWheel;
  readonly #sender: Sender;
  readonly #nextId: () => number;
  /** One was given up: a drain may have waited for it. */
  readonly #changed: () => void;
  readonly #pending = new Map<number, PendingRequest>();
  readonly #cancelled = new Set<number>();
  readonly #spares: PendingRequest[] = [];

  constructor(
    settings: SessionSettings,
    wheel: TimerWheel,
    sender: Sender,
    nextId: () => number,
    changed: () => void,
  ) {
    this.#settings = settings;
    this.#wheel = wheel;
    this.#sender = sender;
    this.#nextId = nextId;
    this.#changed = changed;
  }

  /** Requests that wait. */
  get size(): number {
    return this.#pending.size;
  }

  /** Sends a request. What it throws, the promise is rejected with. */
  begin(
    body: MessageBody,
    options: RequestOptions,
    resolve: (answer: IncomingMessage) => void,
    reject: (error: unknown) => void,
  ): void {
    options.signal?.throwIfAborted();
    if (this.#pending.size >= this.#settings.pendingRequests)
      throw new SendQueueFullError(
        `${this.#pending.size} requests wait for an answer, allowed ${this.#settings.pendingRequests}`,
      );
    const timeoutMs = options.timeoutMs ?? this.#settings.requestTimeoutMs;
    if (!(timeoutMs >= 0))
      throw new RangeError(
        `timeoutMs: given ${timeoutMs}, allowed a number of milliseconds >= 0`,
      );
    const deadlineMs = Math.min(Math.ceil(timeoutMs), 0xffff_ffff);
    const id = this.#nextId();
    const pending = this.#newRequest(id, resolve, reject);
    if (
      body instanceof Uint8Array &&
      isBare(options) &&
      this.#sender.tryPlain(
        FrameKind.Request,
        FramePriority.Normal,
        id,
        body,
        deadlineMs,
      )
    ) {
      this.#pending.set(id, pending);
      const { link } = this.#sender;
      const nowMs = link?.clock.nowMs ?? this.#settings.clock.nowMs();
      this.#wheel.add(pending, nowMs + timeoutMs);
      return;
    }
    this.#offer(pending, body, options, timeoutMs, deadlineMs);
  }

  /** The way for requests that have to wait, or have more than bytes. */
  #offer(
    pending: PendingRequest,
    body: MessageBody,
    options: RequestOptions,
    timeoutMs: number,
    deadlineMs: number,
  ): void {
    const { signal, idempotencyKey } = options;
    const { id } = pending;
    pending.wasOffered = true;
    const outgoing = new Outgoing();
    outgoing.kind = FrameKind.Request;
    outgoing.id = id;
    fillOutgoing(
      outgoing,
      body,
      options,
      deadlineMs,
      this.#sender.link?.limits,
    );
    if (signal !== undefined) {
      pending.signal = signal;
      pending.onAbort = () => this.#giveUp(pending, signal.reason);
      signal.addEventListener("abort", pending.onAbort);
    }
    if (idempotencyKey !== undefined) {
      pending.isIdempotent = true;
      ownPayload(outgoing);
    }
    this.#pending.set(id, pending);
    this.#wheel.add(pending, this.#settings.clock.nowMs() + timeoutMs);
    try {
      const isTaken = this.#sender.offer(outgoing);
      if (!isTaken || pending.isIdempotent) pending.outgoing = outgoing;
      if (!isTaken)
        outgoing.settle = (error) => {
          if (error !== undefined) this.settle(pending)?.reject(error);
          else if (!pending.isIdempotent) pending.outgoing = undefined;
        };
    } catch (error) {
      this.settle(pending);
      throw error;
    }
  }

  readonly #onExpired = (pending: PendingRequest): void =>
    this.#giveUp(pending, new TimedOutError("the answer did not come in time"));

  /** Takes a request out of the table; undefined when that was done before. */
  settle(pending: PendingRequest): PendingRequest | undefined {
    if (!this.#pending.delete(pending.id)) return undefined;
    this.#wheel.remove(pending);
    pending.release();
    return pending;
  }

  #giveUp(pending: PendingRequest, error: unknown): void {
    if (this.settle(pending) === undefined) return;
    const { outgoing } = pending;
    pending.outgoing = undefined;
    if (outgoing !== undefined) {
      outgoing.settle = undefined;
      this.#sender.withdraw(outgoing);
    }
    // Of what was never begun, the peer knows nothing.
    if (outgoing === undefined || outgoing.sequence > 0) {
      this.#sender.link?.cancel(pending.id);
      if (
        this.#sender.replay !== undefined &&
        this.#cancelled.size < cancelledMax
      )
        this.#cancelled.add(pending.id);
    } else this.#sender.dropped += 1;
    pending.reject(error);
    this.#changed();
  }

  /** An answer has come. */
  resolve(id: number, answer: IncomingMessage): void {
    const pending = this.#take(id);
    if (pending === undefined) return;
    pending.resolve(answer);
    this.#spare(pending);
  }

  /** An answer has come that is an error. */
  reject(id: number, error: unknown): void {
    const pending = this.#take(id);
    if (pending === undefined) return;
    pending.reject(error);
    this.#spare(pending);
  }

  /** Takes a request out of the table; undefined when it was given up before. */
  #take(id: number): PendingRequest | undefined {
    const pending = this.#pending.get(id);
    if (pending !== undefined) {
      this.#pending.delete(id);
      this.#wheel.remove(pending);
      return pending;
    }
    this.lateAnswers += 1;
    this.#cancelled.delete(id);
    return undefined;
  }

  /** Keeps an answered request's object for another one, unless something else may know it. */
  #spare(pending: PendingRequest): void {
    pending.release();
    if (
      pending.signal !== undefined ||
      pending.outgoing !== undefined ||
      pending.wasOffered ||
      this.#spares.length >= sparesMax
    )
      return;
    pending.resolve = unused;
    pending.reject = unused;
    this.#spares.push(pending);
  }

  #newRequest(
    id: number,
    resolve: (answer: IncomingMessage) => void,
    reject: (error: unknown) => void,
  ): PendingRequest {
    const spare = this.#spares.pop();
    if (spare === undefined)
      return new PendingRequest(id, resolve, reject, this.#onExpired);
    spare.id = id;
    spare.resolve = resolve;
    spare.reject = reject;
    return spare;
  }

  /** The session goes on: cancels may have been lost. */
  cancelAgain(link: LinkOutput): void {
    for (const id of this.#cancelled) link.cancel(id);
  }

  /** The other side knows nothing of this session: what may be sent once more waits for it, the rest fails. */
  beginAnew(error: Error): void {
    this.#cancelled.clear();
    for (const pending of [...this.#pending.values()]) {
      const { outgoing } = pending;
      if (outgoing !== undefined && outgoing.sequence === 0) continue;
      if (pending.isIdempotent && outgoing !== undefined) {
        outgoing.sequence = 0;
        outgoing.writer = undefined;
        this.#sender.outbox.add(outgoing);
      } else this.settle(pending)?.reject(error);
    }
  }

  /** The session is over. */
  failAll(error: Error): void {
    for (const pending of [...this.#pending.values()])
      this.settle(pending)?.reject(error);
  }
}
