/** A session over connections that carry frames: the one implementation for both sides and every protocol. */
import { CloseCode } from "../../wire/close_codes.ts";
import type { Hello } from "../../wire/hello.ts";
import { FrameKind, FramePriority } from "../../wire/kinds.ts";
import type { Connection, ConnectionHandler } from "../adapter.ts";
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
import { SendQueueFullError } from "../session_errors.ts";
import { whenTaken } from "./awaited_send.ts";
import type { Link, LinkOwner } from "./link.ts";
import { Outgoing, ownPayload } from "./outgoing.ts";
import { fillOutgoing } from "./outgoing_body.ts";
import type { Sender } from "./sender.ts";
import { SessionCore } from "./session_core.ts";
import type { SessionLife } from "./session_life.ts";
import {
  type SessionOptions,
  type SessionSettings,
  sessionSettings,
} from "./settings.ts";

const noOptions: MessageOptions = {};

/**
 * A session. Make it, then give it a connection with `attach`: `adapter.connect(address, options, (c) => session.attach(c))`.
 * It is `away` when the connection is lost and it may come back: then attach another one, or end it with `abort`.
 */
export class FramedSession implements Session {
  readonly metadata: Map<string, unknown> = new Map<string, unknown>();
  readonly settings: SessionSettings;
  readonly #core: SessionCore;
  readonly #life: SessionLife;
  readonly #sender: Sender;

  /** @throws {RangeError} when an option is out of bounds */
  constructor(options: SessionOptions) {
    this.settings = sessionSettings(options);
    this.#core = new SessionCore(this, this.settings);
    this.#life = this.#core.life;
    this.#sender = this.#core.sender;
  }

  get id(): string {
    return this.#core.resumption.id;
  }

  get state(): SessionState {
    return this.#life.state;
  }

  get connection(): Connection | undefined {
    return this.#life.link?.connection;
  }

  get peerName(): string | undefined {
    return this.#core.resumption.peerName;
  }

  /** The peer's hello, once it has come. */
  get peerHello(): Hello | undefined {
    return this.#life.link?.hello;
  }

  /** What the peer shows, or this side, to come back. */
  get resumeToken(): Uint8Array | undefined {
    return this.#core.resumption.token;
  }

  get acceptedSequence(): number {
    return this.#core.acceptedSequence;
  }

  get statistics(): SessionStatistics {
    return this.#core.statistics;
  }

  /** Who is told what a connection of this session tells. */
  get linkOwner(): LinkOwner {
    return this.#core;
  }

  /**
   * Goes on over this connection; gives what its events go to. A connection that the session still has is closed with
   * `SessionReplaced`.
   *
   * @param link of a server that has read the client's hello already
   * @throws {SessionClosedError} when the session is over
   */
  attach(connection: Connection, link?: Link): ConnectionHandler {
    return this.#core.attach(connection, link);
  }

  /** Resolves when the hellos are through. @throws {SessionClosedError} when the session ends before */
  whenOpen(): Promise<void> {
    return this.#life.whenOpen();
  }

  /** Resolves when the session is over. */
  whenEnded(): Promise<SessionEnd> {
    return this.#life.whenEnded();
  }

  trySend(body: MessageBody, options?: MessageOptions): boolean {
    if (this.#life.isLeavingOrOver) throw this.#life.closedError();
    if (options === undefined && body instanceof Uint8Array) {
      const { Message } = FrameKind;
      const { Normal } = FramePriority;
      const id = this.#core.nextId;
      let isTaken: boolean | undefined = this.#sender.tryPlain(
        Message,
        Normal,
        id,
        body,
      );
      if (!isTaken) isTaken = this.#sender.tryWait(Message, Normal, id, body);
      if (isTaken === true) this.#core.nextId += 1;
      if (isTaken !== undefined) return isTaken;
    }
    const outgoing = new Outgoing();
    outgoing.kind = FrameKind.Message;
    fillOutgoing(
      outgoing,
      body,
      options ?? noOptions,
      undefined,
      this.#sender.link?.limits,
    );
    if (!this.#sender.fits(outgoing.sizeBytes)) return false;
    outgoing.id = this.#core.nextId++;
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
    fillOutgoing(outgoing, body, options, undefined, this.#sender.link?.limits);
    outgoing.id = this.#core.nextId++;
    if (this.#sender.offer(outgoing)) return;
    await whenTaken(
      outgoing,
      this.#sender,
      this.#core.wheel,
      this.settings.clock,
      options.timeoutMs ?? this.settings.sendTimeoutMs,
      signal,
      () => this.#core.departure.leaveIfDone(),
    );
  }

  request(
    body: MessageBody,
    options: RequestOptions = {},
  ): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      options.signal?.throwIfAborted();
      this.#checkOpen();
      this.#core.requests.begin(body, options, resolve, reject);
    });
  }

  async ping(
    options: {
      readonly timeoutMs?: number;
      readonly signal?: AbortSignal;
    } = {},
  ): Promise<number> {
    options.signal?.throwIfAborted();
    const { link, end } = this.#life;
    if (end !== undefined || link?.isOpen !== true)
      throw this.#life.closedError();
    return await this.#core.pings.send(
      link.output,
      this.#core.nextId++,
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
    return this.#core.departure.leave(
      CloseCode.GoingAway,
      options.reason ?? "",
      options.timeoutMs ?? this.settings.drainTimeoutMs,
      options.redirect,
    );
  }

  close(code: number = CloseCode.Normal, reason = ""): Promise<SessionEnd> {
    return this.#core.departure.leave(
      code,
      reason,
      this.settings.closeTimeoutMs,
      undefined,
    );
  }

  abort(reason = "aborted"): void {
    this.#core.abort(reason);
  }

  #checkOpen(): void {
    if (this.#life.isLeavingOrOver) throw this.#life.closedError();
    if (this.#sender.isCrowded)
      throw new SendQueueFullError(
        `${this.#sender.outbox.size} messages wait to be sent`,
      );
  }
}
