/** One connection of a session: hellos, frames in both directions, credit, heartbeats, and how it ends. */
// tidy: long because one connection is read, written and ended by the same state
import { CloseCode } from "../../wire/close_codes.ts";
import {
  creditBytes,
  decodeCredit,
  decodeFin,
  decodeGoodbye,
  encodeGoodbye,
  type Fin,
  type Goodbye,
  writeCredit,
} from "../../wire/control_bodies.ts";
import { WireError, WireMalformedError } from "../../wire/errors.ts";
import { type AssembledMessage, Reassembler } from "../../wire/fragments.ts";
import type { Frame } from "../../wire/frame.ts";
import { frameHeaderBytes } from "../../wire/frame.ts";
import { FrameDecoder } from "../../wire/frame_decoder.ts";
import {
  encodeFrame,
  frameSizeBytes,
  type OutgoingFrame,
  writeFrameHeader,
  writePlainFrame,
} from "../../wire/frame_encoder.ts";
import {
  decodeHello,
  encodeHello,
  type Hello,
  type HelloInit,
  negotiateVersion,
} from "../../wire/hello.ts";
import { FrameFlag, FrameKind, FramePriority } from "../../wire/kinds.ts";
import type { CloseReason, Connection, ConnectionHandler } from "../adapter.ts";
import { Coalescer } from "./coalescer.ts";
import { type ReceiveCredit, SendCredit } from "./credit.ts";
import { Heartbeat } from "./heartbeat.ts";
import type { SessionSettings } from "./settings.ts";

/** How a link ended. */
export interface LinkEnd {
  readonly code: number;
  readonly reason: string;
  readonly by: "us" | "peer" | "lost";
  readonly error: Error | undefined;
  /** What the peer said, when it said goodbye. */
  readonly goodbye: Goodbye | undefined;
}

/** A connection that went without a word; WebSocket's number for the same. */
export const lostCode = 1006;

/** A data frame that is whole, or a message whose fragments have all come. Valid during the call that hands it over. */
export interface WholeMessage {
  readonly kind: number;
  readonly flags: number;
  readonly priority: number;
  readonly id: number;
  readonly tagHigh: number;
  readonly tagLow: number;
  /** What the offsets are offsets in; stays valid. */
  readonly chunk: Uint8Array;
  readonly headersStart: number;
  readonly headersEnd: number;
  readonly payloadStart: number;
  readonly payloadEnd: number;
  readonly sequence: number;
}

/** What a link wants from its session. Nothing of this may throw, but for what says so. */
export interface LinkOwner {
  readonly receiveCredit: ReceiveCredit;
  readonly acceptedSequence: number;
  /** The hello; a server has the client's by then. */
  greeting(theirs: Hello | undefined): HelloInit;
  /** Both hellos are there. @throws {WireError} when they do not fit */
  opened(link: Link, theirs: Hello): void;
  /** A message begins; gives its sequence. */
  nextSequence(): number;
  /** @throws {WireError} for a message that is refused */
  deliver(link: Link, message: WholeMessage): void;
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

/** Control frames beyond are not written while the connection is stuck: pongs and credits can be done without. */
const controlBytesMax = 196_608;

/** Fragments of ours are at most so long, whatever the peer would take. */
const fragmentBytesMax = 32_768;

const nothing: Uint8Array = new Uint8Array(0);

/** A connection, as its session uses it. */
export class Link implements ConnectionHandler {
  readonly connection: Connection;
  readonly coalescer: Coalescer;
  readonly sendCredit = new SendCredit();
  readonly settings: SessionSettings;
  /** The peer's hello, once it is there. */
  hello: Hello | undefined;
  /** Payload bytes of our frames to the peer. */
  fragmentBytes = fragmentBytesMax;
  /** Payload bytes that may go as they are, in one frame. */
  plainBytes = 0;
  /** Whether both hellos are there, and it is not over. */
  isOpen = false;
  /** It is ending, or has ended: nothing is sent or received. */
  isOver = false;
  framesSent = 0;
  framesReceived = 0;
  finSent = false;
  finReceived = false;
  readonly #decoder: FrameDecoder;
  readonly #reassembler: Reassembler;
  readonly #judge: HelloJudge | undefined;
  readonly heartbeat: Heartbeat;
  /** Sequences of requests of which fragments are missing, by their id. */
  readonly #begunRequests = new Map<number, number>();
  #owner: LinkOwner | undefined;
  #chunk: Uint8Array | undefined;
  #nowMs = -1;
  /** The one object that whole frames are handed over in. */
  readonly #whole: {
    -readonly [Name in keyof WholeMessage]: WholeMessage[Name];
  } = {
    kind: 0,
    flags: 0,
    priority: 0,
    id: 0,
    tagHigh: 0,
    tagLow: 0,
    chunk: nothing,
    headersStart: 0,
    headersEnd: 0,
    payloadStart: 0,
    payloadEnd: 0,
    sequence: 0,
  };
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
    this.coalescer = new Coalescer(connection);
    this.#decoder = new FrameDecoder(this, settings.limits);
    this.#reassembler = new Reassembler(settings.limits);
    this.heartbeat = new Heartbeat(
      settings.clock,
      settings.heartbeatMs,
      () => this.ping(0),
      () =>
        this.finish(
          CloseCode.HeartbeatTimeout,
          "nothing was heard for too long",
        ),
    );
    this.#helloTimer = settings.clock.setTimer(
      () => this.finish(CloseCode.HelloTimeout, "no hello in time"),
      settings.helloTimeoutMs,
    );
  }

  /** The client's side begins. */
  begin(): void {
    if (this.settings.role === "client") this.#sendHello(undefined);
  }

  /** When the chunk that is being handled has come, on the session's clock. */
  get nowMs(): number {
    if (this.#nowMs < 0) this.#nowMs = this.settings.clock.nowMs();
    return this.#nowMs;
  }

  data(chunk: Uint8Array): void {
    if (this.isOver) return;
    this.heartbeat.heard();
    // One copy for all messages in it, whose views stay valid then.
    const own = new Uint8Array(chunk);
    this.#chunk = own;
    this.#nowMs = -1;
    this.coalescer.hold();
    try {
      this.#decoder.push(own);
    } catch (error) {
      this.fail(error);
    }
    this.#chunk = undefined;
    this.#whole.chunk = nothing;
    this.#nowMs = -1;
    this.creditIfDue();
    this.coalescer.release();
    if (this.isOver) this.#closeWhenFlushed();
  }

  drain(): void {
    this.coalescer.drained();
    if (this.isOver) {
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
    this.isOver = true;
    this.isOpen = false;
    this.#decoder.stop();
    this.coalescer.blocked = false;
    this.coalescer.discard();
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
      this.#dataFrame(owner, frame);
      return;
    }
    switch (kind) {
      case FrameKind.Cancel: {
        const sequence = this.#begunRequests.get(frame.id);
        if (sequence !== undefined) {
          this.#begunRequests.delete(frame.id);
          this.#reassembler.forget(FrameKind.Request, frame.id);
        }
        owner.cancelled(frame.id, sequence);
        return;
      }
      case FrameKind.Ping:
        this.#control(
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
        this.sendCredit.grant(credit.bytes, credit.messages);
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

  #dataFrame(owner: LinkOwner, frame: Frame): void {
    if (this.finReceived)
      throw new WireMalformedError("a data frame after the fin");
    const { flags } = frame;
    const isBegin = (flags & FrameFlag.Continued) === 0;
    owner.receiveCredit.take(frame.frameBytes, isBegin);
    const sequence = isBegin ? owner.nextSequence() : 0;
    if ((flags & (FrameFlag.More | FrameFlag.Continued)) !== 0) {
      this.#fragment(owner, frame, sequence);
      return;
    }
    const whole = this.#whole;
    whole.kind = frame.kind;
    whole.flags = flags;
    whole.priority = frame.priority;
    whole.id = frame.id;
    whole.tagHigh = frame.tagHigh;
    whole.tagLow = frame.tagLow;
    // A frame that came in two chunks lies in memory that the decoder uses again.
    whole.chunk =
      frame.chunk === this.#chunk
        ? frame.chunk
        : frame.chunk.slice(0, frame.payloadEnd);
    whole.headersStart = frame.headersStart;
    whole.headersEnd = frame.headersEnd;
    whole.payloadStart = frame.payloadStart;
    whole.payloadEnd = frame.payloadEnd;
    whole.sequence = sequence;
    owner.deliver(this, whole);
  }

  #fragment(owner: LinkOwner, frame: Frame, sequence: number): void {
    const whole = this.#reassembler.add(frame, sequence);
    if (frame.kind === FrameKind.Request && sequence > 0)
      this.#begunRequests.set(frame.id, sequence);
    if (whole === undefined) return;
    if (whole.kind === FrameKind.Request) this.#begunRequests.delete(whole.id);
    owner.deliver(this, assembled(whole));
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
        if (this.isOver) {
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
    if (!this.isOver)
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
    this.fragmentBytes = Math.min(
      fragmentBytesMax,
      hello.limits.maxFragmentBytes,
    );
    this.plainBytes = Math.min(
      this.fragmentBytes,
      hello.limits.maxMessageBytes,
    );
    this.sendCredit.grant(hello.creditBytes, hello.creditMessages);
    this.isOpen = true;
    this.heartbeat.start(hello.heartbeatMs);
    this.#owner?.opened(this, hello);
  }

  #sendHello(theirs: Hello | undefined): void {
    const owner = this.#owner;
    if (owner === undefined || this.#isGreeting) return;
    this.#isGreeting = true;
    const credit = owner.receiveCredit.restart();
    this.#control(
      FrameKind.Hello,
      0,
      encodeHello({
        ...owner.greeting(theirs),
        creditBytes: credit.bytes,
        creditMessages: credit.messages,
      }),
    );
  }

  /** Whether a data frame may be written now. */
  takes(frameBytes: number, isBegin: boolean): boolean {
    return (
      !this.coalescer.blocked && this.sendCredit.allows(frameBytes, isBegin)
    );
  }

  /** Writes a data frame without headers and fragments, for which `takes` holds. Returns whether there was room. */
  writePlain(
    kind: number,
    priority: number,
    id: number,
    tagHigh: number,
    tagLow: number,
    payload: Uint8Array,
  ): boolean {
    const sizeBytes = frameHeaderBytes + payload.length;
    const target = this.coalescer.reserve(sizeBytes);
    if (target === undefined) return false;
    writePlainFrame(
      target,
      this.coalescer.end,
      kind,
      priority,
      id,
      tagHigh,
      tagLow,
      payload,
    );
    this.coalescer.commit(sizeBytes);
    this.sendCredit.take(sizeBytes, true);
    this.framesSent += 1;
    this.heartbeat.sent();
    return true;
  }

  /** The same for any data frame that is whole. */
  writeFrame(frame: OutgoingFrame): boolean {
    const sizeBytes = frameSizeBytes(
      frame.payload?.length ?? 0,
      frame.headers?.length ?? 0,
    );
    const target = this.coalescer.reserve(sizeBytes);
    if (target === undefined) return false;
    encodeFrame(target, this.coalescer.end, frame);
    this.wrote(sizeBytes, true);
    return true;
  }

  /** A data frame was written at the coalescer's end. */
  wrote(sizeBytes: number, isBegin: boolean): void {
    this.coalescer.commit(sizeBytes);
    this.sendCredit.take(sizeBytes, isBegin);
    this.framesSent += 1;
    this.heartbeat.sent();
  }

  /** Data frames were written at the coalescer's end, each of which is a message. */
  wroteMany(sizeBytes: number, messages: number): void {
    this.coalescer.commit(sizeBytes);
    this.sendCredit.bytes -= sizeBytes;
    this.sendCredit.messages -= messages;
    this.framesSent += messages;
    this.heartbeat.sent();
  }

  /** Says that the answer to a request is not wanted. */
  cancel(id: number): void {
    this.#control(FrameKind.Cancel, id, undefined);
  }

  /** Sends a ping with this id; those with 0 are heartbeats. */
  ping(id: number): void {
    this.#control(FrameKind.Ping, id, undefined);
  }

  /** Says that no data frame comes any more. */
  fin(body: Uint8Array): void {
    this.finSent = true;
    this.#control(FrameKind.Fin, 0, body, 0, 0, true);
  }

  /** Says that this side wants to end, and why. */
  goodbye(goodbye: Goodbye): void {
    this.#control(FrameKind.Goodbye, 0, encodeGoodbye(goodbye), 0, 0, true);
  }

  /** Tells the peer how much more it may send, when that is worth a frame. */
  creditIfDue(): void {
    if (this.#owner?.receiveCredit.isDue === true) this.credit();
  }

  /** Tells the peer how much it may send, and what was accepted. */
  credit(): void {
    const owner = this.#owner;
    if (owner === undefined || !this.isOpen) return;
    const sizeBytes = frameHeaderBytes + creditBytes;
    if (this.coalescer.waitingBytes > controlBytesMax) return;
    const target = this.coalescer.reserve(sizeBytes);
    if (target === undefined) return;
    const at = this.coalescer.end;
    writeFrameHeader(
      target,
      at,
      sizeBytes,
      FrameKind.Credit,
      0,
      FramePriority.High,
      0,
      0,
      0,
    );
    writeCredit(target, at + frameHeaderBytes, {
      ...owner.receiveCredit.grant(),
      acceptedSequence: owner.acceptedSequence,
    });
    this.coalescer.commit(sizeBytes);
    this.framesSent += 1;
    this.heartbeat.sent();
  }

  #control(
    kind: number,
    id: number,
    payload: Uint8Array | undefined,
    tagHigh = 0,
    tagLow = 0,
    isNeeded = false,
  ): void {
    if (this.isOver) return;
    const sizeBytes = frameHeaderBytes + (payload?.length ?? 0);
    if (!isNeeded && this.coalescer.waitingBytes > controlBytesMax) return;
    const target = this.coalescer.reserve(sizeBytes);
    if (target === undefined) return;
    encodeFrame(target, this.coalescer.end, {
      kind,
      id,
      payload,
      tagHigh,
      tagLow,
    });
    this.coalescer.commit(sizeBytes);
    this.framesSent += 1;
    this.heartbeat.sent();
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
      readonly by?: "us" | "peer";
      readonly error?: Error | undefined;
      readonly goodbye?: Goodbye | undefined;
      readonly isSaid?: boolean;
    } = {},
  ): void {
    if (this.isOver) return;
    if (end.isSaid !== true)
      this.goodbye({
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
    this.isOver = true;
    this.isOpen = false;
    this.heartbeat.stop();
    this.#decoder.stop();
    const { clock, closeTimeoutMs } = this.settings;
    clock.clearTimer(this.#helloTimer);
    this.#closeTimer = clock.setTimer(
      () => this.connection.abort("it could not be closed in time"),
      closeTimeoutMs,
    );
    // Within a chunk, its end sees to the rest.
    if (this.#chunk === undefined) {
      this.coalescer.flush();
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
    if (this.#isClosing || this.coalescer.waitingBytes > 0) return;
    this.#isClosing = true;
    const end = this.#end;
    void this.connection.close(
      end?.code,
      end === undefined ? undefined : shortReason(end.reason),
    );
  }
}

/** WebSocket's reasons are at most 123 bytes long. */
function shortReason(reason: string): string {
  return reason.replace(/[^\x20-\x7e]/g, "?").slice(0, 123);
}

function assembled(whole: AssembledMessage): WholeMessage {
  const { headers, payload } = whole;
  const separate = headers.length > 0;
  // Headers and payload of a message in fragments lie in different memory.
  const chunk = separate ? joined(headers, payload) : payload;
  return {
    kind: whole.kind,
    flags: whole.flags,
    priority: whole.priority,
    id: whole.id,
    tagHigh: whole.tagHigh,
    tagLow: whole.tagLow,
    chunk,
    headersStart: 0,
    headersEnd: headers.length,
    payloadStart: headers.length,
    payloadEnd: chunk.length,
    sequence: whole.sequence,
  };
}

function joined(headers: Uint8Array, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(headers.length + payload.length);
  bytes.set(headers);
  bytes.set(payload, headers.length);
  return bytes;
}
