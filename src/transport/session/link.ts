/** One connection of a session: hellos, frames in both directions, credit, heartbeats, and how it ends. */
import { CloseCode } from "../../wire/close_codes.ts";
import {
  decodeCredit,
  decodeFin,
  decodeGoodbye,
  type Fin,
  type Goodbye,
} from "../../wire/control_bodies.ts";
import { WireError, WireMalformedError } from "../../wire/errors.ts";
import type { Frame } from "../../wire/frame.ts";
import { FrameDecoder } from "../../wire/frame_decoder.ts";
import {
  decodeHello,
  encodeHello,
  type Hello,
  type HelloInit,
  negotiateVersion,
} from "../../wire/hello.ts";
import { FrameKind } from "../../wire/kinds.ts";
import type { CloseReason, Connection, ConnectionHandler } from "../adapter.ts";
import { ChunkClock } from "./clock.ts";
import { DataFrames, type MessageTaker } from "./data_frames.ts";
import { Heartbeat } from "./heartbeat.ts";
import { type LinkEnd, lostCode, shortReason } from "./link_end.ts";
import { LinkOutput } from "./link_output.ts";
import type { SessionSettings } from "./settings.ts";

/** What a link wants from its session. Nothing of this may throw, but for what says so. */
export interface LinkOwner {
  readonly messages: MessageTaker;
  readonly acceptedSequence: number;
  /** The hello; a server has the client's by then. */
  greeting(theirs: Hello | undefined): HelloInit;
  /** Both hellos are there. @throws {WireError} when they do not fit */
  opened(link: Link, theirs: Hello): void;
  /** The peer wants no answer; `sequence` when only fragments of the request had come. */
  cancelled(id: number, sequence: number | undefined): void;
  peerAccepted(sequence: number): void;
  /** The answer to a ping that is no heartbeat. */
  ponged(id: number): void;
  goodbye(link: Link, goodbye: Goodbye): void;
  fin(link: Link, fin: Fin): void;
  /** There may be room: credit has come, or the connection takes bytes again. */
  writable(link: Link): void;
  ended(link: Link, end: LinkEnd): void;
}

/** Who decides what becomes of a client's hello. */
export type HelloJudge = (
  hello: Hello,
  link: Link,
) => LinkOwner | undefined | Promise<LinkOwner | undefined>;

/** A connection, as its session uses it. */
export class Link implements ConnectionHandler {
  readonly connection: Connection;
  readonly output: LinkOutput;
  readonly settings: SessionSettings;
  /** The peer's hello, once it is there. */
  hello: Hello | undefined;
  framesReceived = 0;
  finReceived = false;
  readonly #decoder: FrameDecoder;
  readonly #judge: HelloJudge | undefined;
  readonly heartbeat: Heartbeat;
  readonly #clock: ChunkClock;
  readonly #dataFrames: DataFrames;
  #owner: LinkOwner | undefined;
  #helloTimer: unknown;
  #closeTimer: unknown;
  #end: LinkEnd | undefined;
  #isClosing = false;
  #isGreeting = false;

  /** @param judge of a server that does not know yet whose connection it is */
  constructor(
    connection: Connection,
    settings: SessionSettings,
    owner: LinkOwner | undefined,
    judge?: HelloJudge,
  ) {
    this.connection = connection;
    this.settings = settings;
    this.#owner = owner;
    this.#judge = judge;
    this.#decoder = new FrameDecoder(this, settings.limits);
    this.#clock = new ChunkClock(settings.clock);
    this.#dataFrames = new DataFrames(settings.limits, this.#clock);
    this.heartbeat = new Heartbeat(
      settings.clock,
      settings.heartbeatMs,
      () => this.output.ping(0),
      () =>
        this.finish(
          CloseCode.HeartbeatTimeout,
          "nothing was heard for too long",
          { by: "lost" },
        ),
    );
    this.output = new LinkOutput(connection, this.#clock, this.heartbeat);
    this.#helloTimer = settings.clock.setTimer(
      () => this.finish(CloseCode.HelloTimeout, "no hello in time"),
      settings.helloTimeoutMs,
    );
  }

  /** How it ends, or has ended; undefined while it goes on. */
  get end(): LinkEnd | undefined {
    return this.#end;
  }

  /** The client's side begins. */
  begin(): void {
    if (this.settings.role === "client") this.#sendHello(undefined);
  }

  /** Whether both hellos are there, and it is not over. */
  get isOpen(): boolean {
    return this.output.isOpen;
  }

  data(chunk: Uint8Array): void {
    if (this.output.isOver) return;
    this.heartbeat.heard();
    // One copy for all messages in it, whose views stay valid then.
    const own = new Uint8Array(chunk);
    const { coalescer } = this.output;
    this.#dataFrames.begin(own);
    this.#clock.forget();
    coalescer.hold();
    try {
      this.#decoder.push(own);
    } catch (error) {
      this.fail(error);
    }
    this.#dataFrames.end();
    this.#clock.forget();
    this.creditIfDue();
    coalescer.release();
    if (this.output.isOver) this.#closeWhenFlushed();
  }

  drain(): void {
    this.output.coalescer.drained();
    if (this.output.isOver) {
      this.#closeWhenFlushed();
      return;
    }
    this.creditIfDue();
    this.#owner?.writable(this);
  }

  closed(reason: CloseReason): void {
    const { clock } = this.settings;
    clock.clearTimer(this.#helloTimer);
    clock.clearTimer(this.#closeTimer);
    this.heartbeat.stop();
    this.output.isOver = true;
    this.output.isOpen = false;
    this.#decoder.stop();
    this.output.coalescer.blocked = false;
    this.output.coalescer.discard();
    this.#end ??= {
      code: reason.code ?? lostCode,
      reason: reason.reason,
      by: "lost",
      error: reason.error,
      goodbye: undefined,
    };
    this.#owner?.ended(this, this.#end);
  }

  frame(frame: Frame): void {
    this.framesReceived += 1;
    const { kind } = frame;
    if (!this.isOpen) {
      this.#beforeOpen(frame);
      return;
    }
    const owner = this.#owner;
    if (owner === undefined) return;
    if (kind <= FrameKind.Error) {
      if (this.finReceived)
        throw new WireMalformedError("a data frame after the fin");
      this.#dataFrames.frame(owner.messages, frame);
      return;
    }
    switch (kind) {
      case FrameKind.Cancel:
        owner.cancelled(frame.id, this.#dataFrames.forgetRequest(frame.id));
        return;
      case FrameKind.Ping:
        this.output.control(
          FrameKind.Pong,
          frame.id,
          frame.payload(),
          frame.tagHigh,
          frame.tagLow,
        );
        return;
      case FrameKind.Pong:
        this.heartbeat.ponged(frame.id);
        if (frame.id > 0) owner.ponged(frame.id);
        return;
      case FrameKind.Credit: {
        const credit = decodeCredit(frame.payload());
        this.output.sendCredit.grant(credit.bytes, credit.messages);
        owner.peerAccepted(credit.acceptedSequence);
        owner.writable(this);
        return;
      }
      case FrameKind.Goodbye: {
        const goodbye = decodeGoodbye(frame.payload().slice());
        owner.peerAccepted(goodbye.acceptedSequence);
        owner.goodbye(this, goodbye);
        return;
      }
      case FrameKind.Fin: {
        if (this.finReceived) throw new WireMalformedError("a second fin");
        const fin = decodeFin(frame.payload());
        this.finReceived = true;
        owner.peerAccepted(fin.acceptedSequence);
        owner.fin(this, fin);
        return;
      }
      default:
        throw new WireMalformedError("a second hello");
    }
  }

  /** Hello and goodbye, and nothing else. */
  #beforeOpen(frame: Frame): void {
    const isClient = this.settings.role === "client";
    if (frame.kind === FrameKind.Goodbye && isClient) {
      const goodbye = decodeGoodbye(frame.payload().slice());
      this.endedByPeer(goodbye);
      return;
    }
    if (frame.kind !== FrameKind.Hello || this.hello !== undefined)
      throw new WireMalformedError(
        `a frame of kind ${frame.kind} before the hellos are through`,
      );
    const hello = decodeHello(frame.payload().slice());
    negotiateVersion(hello.version);
    this.hello = hello;
    if (isClient) this.#open(hello);
    else if (this.#owner !== undefined) this.#answer(this.#owner, hello);
    else this.#judgeHello(hello);
  }

  #judgeHello(hello: Hello): void {
    const verdict = this.#judge?.(hello, this);
    if (!(verdict instanceof Promise)) {
      if (verdict === undefined) this.#refuse();
      else this.#answer(verdict, hello);
      return;
    }
    verdict.then(
      (owner) => {
        if (this.output.isOver) {
          // The owner is told that its connection has gone before it began.
          if (owner !== undefined && this.#end !== undefined)
            owner.ended(this, this.#end);
          return;
        }
        if (owner === undefined) this.#refuse();
        else {
          try {
            this.#answer(owner, hello);
          } catch (error) {
            this.fail(error);
          }
        }
      },
      (error: unknown) => this.fail(error),
    );
  }

  #refuse(): void {
    if (!this.output.isOver)
      this.finish(CloseCode.PolicyViolation, "the session was refused");
  }

  #answer(owner: LinkOwner, hello: Hello): void {
    this.#owner = owner;
    this.#sendHello(hello);
    this.#open(hello);
  }

  #open(hello: Hello): void {
    const { clock } = this.settings;
    clock.clearTimer(this.#helloTimer);
    this.output.open(hello);
    this.heartbeat.start(hello.heartbeatMs);
    this.#owner?.opened(this, hello);
  }

  #sendHello(theirs: Hello | undefined): void {
    const owner = this.#owner;
    if (owner === undefined || this.#isGreeting) return;
    this.#isGreeting = true;
    const credit = owner.messages.receiveCredit.restart();
    this.output.control(
      FrameKind.Hello,
      0,
      encodeHello({
        ...owner.greeting(theirs),
        creditBytes: credit.bytes,
        creditMessages: credit.messages,
      }),
    );
  }

  /** Tells the peer how much more it may send, when that is worth a frame. */
  creditIfDue(): void {
    if (this.#owner?.messages.receiveCredit.isDue === true) this.credit();
  }

  /** Tells the peer how much it may send, and what was accepted. */
  credit(): void {
    const owner = this.#owner;
    if (owner !== undefined)
      this.output.credit(owner.messages.receiveCredit, owner.acceptedSequence);
  }

  /** The bytes of the peer, or something on this side, cannot be gone on with. */
  fail(error: unknown): void {
    const isWire = error instanceof WireError;
    this.finish(
      isWire ? error.closeCode : CloseCode.InternalError,
      isWire ? error.message : "a fault on this side",
      {
        by: "us",
        error: error instanceof Error ? error : new Error(String(error)),
      },
    );
  }

  /**
   * Says goodbye, unless that was done or would be of no use, and closes when all is out.
   *
   * @param end what the session is told
   */
  finish(
    code: number,
    reason: string,
    end: {
      readonly by?: LinkEnd["by"];
      readonly error?: Error | undefined;
      readonly goodbye?: Goodbye | undefined;
      readonly isSaid?: boolean;
    } = {},
  ): void {
    if (this.output.isOver) return;
    if (end.isSaid !== true)
      this.output.goodbye({
        code,
        reason,
        acceptedSequence: this.#owner?.acceptedSequence ?? 0,
      });
    this.#end = {
      code,
      reason,
      by: end.by ?? "us",
      error: end.error,
      goodbye: end.goodbye,
    };
    this.output.isOver = true;
    this.output.isOpen = false;
    this.heartbeat.stop();
    this.#decoder.stop();
    const { clock, closeTimeoutMs } = this.settings;
    clock.clearTimer(this.#helloTimer);
    this.#closeTimer = clock.setTimer(
      () => this.connection.abort("it could not be closed in time"),
      closeTimeoutMs,
    );
    // Within a chunk, its end sees to the rest.
    if (!this.#dataFrames.isInChunk) {
      this.output.coalescer.flush();
      this.#closeWhenFlushed();
    }
  }

  /** The peer said goodbye, and there is nothing to wait for. */
  endedByPeer(goodbye: Goodbye): void {
    this.finish(goodbye.code, goodbye.reason ?? "", {
      by: "peer",
      goodbye,
      isSaid: true,
    });
  }

  #closeWhenFlushed(): void {
    if (this.#isClosing || this.output.coalescer.waitingBytes > 0) return;
    this.#isClosing = true;
    const end = this.#end;
    void this.connection.close(
      end?.code,
      end === undefined ? undefined : shortReason(end.reason),
    );
  }
}
