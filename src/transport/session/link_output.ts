/** What one connection of a session sends: frames of data under the peer's credit, and frames that need none. */
import {
  creditBytes,
  encodeGoodbye,
  type Goodbye,
  writeCredit,
} from "../../wire/control_bodies.ts";
import { frameHeaderBytes } from "../../wire/frame.ts";
import {
  encodeFrame,
  frameSizeBytes,
  type OutgoingFrame,
  deadlineHeadersBytes,
  writeDeadlineFrame,
  writeFrameHeader,
  writePlainFrame,
} from "../../wire/frame_encoder.ts";
import type { Hello } from "../../wire/hello.ts";
import { FrameKind, FramePriority } from "../../wire/kinds.ts";
import type { WireLimits } from "../../wire/limits.ts";
import type { Connection } from "../adapter.ts";
import type { ChunkClock } from "./clock.ts";
import { Coalescer } from "./coalescer.ts";
import { type ReceiveCredit, SendCredit } from "./credit.ts";
import type { Heartbeat } from "./heartbeat.ts";

/** Control frames beyond are not written while the connection is stuck: pongs and credits can be done without. */
const controlBytesMax = 196_608;

/** Fragments of ours are at most so long, whatever the peer would take. */
const fragmentBytesMax = 32_768;

/** The outgoing half of a link. */
export class LinkOutput {
  readonly coalescer: Coalescer;
  readonly sendCredit = new SendCredit();
  readonly clock: ChunkClock;
  /** Both hellos are there, and it is not over. */
  isOpen = false;
  /** Nothing is sent any more. */
  isOver = false;
  /** What the peer takes, once its hello is there. */
  limits: WireLimits | undefined;
  /** Payload bytes of our frames to the peer. */
  fragmentBytes = fragmentBytesMax;
  /** Payload bytes that may go as they are, in one frame. */
  plainBytes = 0;
  framesSent = 0;
  finSent = false;
  readonly #heartbeat: Heartbeat;

  constructor(connection: Connection, clock: ChunkClock, heartbeat: Heartbeat) {
    this.coalescer = new Coalescer(connection, clock);
    this.clock = clock;
    this.#heartbeat = heartbeat;
  }

  /** Both hellos are there. @throws {WireError} when the peer's grants nonsense */
  open(theirs: Hello): void {
    const { limits } = theirs;
    this.limits = limits;
    this.fragmentBytes = Math.min(fragmentBytesMax, limits.maxFragmentBytes);
    this.plainBytes = Math.min(this.fragmentBytes, limits.maxMessageBytes);
    this.sendCredit.grant(theirs.creditBytes, theirs.creditMessages);
    this.isOpen = true;
  }

  /** Whether a data frame may be written now. */
  takes(frameBytes: number, isBegin: boolean): boolean {
    return (
      !this.coalescer.blocked && this.sendCredit.allows(frameBytes, isBegin)
    );
  }

  /**
   * Writes a data frame without tag and fragments, with no header but a deadline, for which `takes` holds.
   *
   * @returns its bytes; 0 when there was no room
   */
  writePlain(
    kind: number,
    priority: number,
    id: number,
    deadlineMs: number | undefined,
    payload: Uint8Array,
  ): number {
    const { coalescer } = this;
    const sizeBytes = plainFrameBytes(deadlineMs, payload);
    const target = coalescer.reserve(sizeBytes);
    if (target === undefined) return 0;
    const at = coalescer.end;
    if (deadlineMs === undefined)
      writePlainFrame(target, at, kind, priority, id, 0, 0, payload);
    else
      writeDeadlineFrame(target, at, kind, priority, id, deadlineMs, payload);
    this.wrote(sizeBytes, true);
    return sizeBytes;
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
    this.#heartbeat.sent();
  }

  /** Data frames were written at the coalescer's end, each of which is a message. */
  wroteMany(sizeBytes: number, messages: number): void {
    this.coalescer.commit(sizeBytes);
    this.sendCredit.bytes -= sizeBytes;
    this.sendCredit.messages -= messages;
    this.framesSent += messages;
    this.#heartbeat.sent();
  }

  /** Says that the answer to a request is not wanted. */
  cancel(id: number): void {
    this.control(FrameKind.Cancel, id, undefined);
  }

  /** Sends a ping with this id; those with 0 are heartbeats. */
  ping(id: number): void {
    this.control(FrameKind.Ping, id, undefined);
  }

  /** Says that no data frame comes any more. */
  fin(body: Uint8Array): void {
    this.finSent = true;
    this.control(FrameKind.Fin, 0, body, 0, 0, true);
  }

  /** Says that this side wants to end, and why. */
  goodbye(goodbye: Goodbye): void {
    this.control(FrameKind.Goodbye, 0, encodeGoodbye(goodbye), 0, 0, true);
  }

  /** Tells the peer how much it may send, and what was accepted. */
  credit(receiveCredit: ReceiveCredit, acceptedSequence: number): void {
    if (!this.isOpen) return;
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
      ...receiveCredit.grant(),
      acceptedSequence,
    });
    this.coalescer.commit(sizeBytes);
    this.framesSent += 1;
    this.#heartbeat.sent();
  }

  /** A frame that needs no credit. @param isNeeded even when the connection is stuck */
  control(
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
    this.#heartbeat.sent();
  }
}

/** Bytes of a frame as `writePlain` writes it. */
export function plainFrameBytes(
  deadlineMs: number | undefined,
  payload: Uint8Array,
): number {
  return (
    frameHeaderBytes +
    (deadlineMs === undefined ? 0 : deadlineHeadersBytes) +
    payload.length
  );
}
