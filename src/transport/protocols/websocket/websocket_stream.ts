/**
 * A WebSocket over any other stream: the bytes of a connection in binary messages, text messages beside them. It reads no
 * faster than it is told to, since what is below it does not.
 */
import type { CloseReason, Connection, UpgradeInfo } from "../../adapter.ts";
import { ConnectionResetError, ProtocolViolationError } from "../../errors.ts";
import { StreamConnection, type StreamStart } from "../stream_connection.ts";
import {
  applyMask,
  closePayload,
  frameOf,
  freshMask,
  headerSizeBytes,
  isSendableCloseCode,
  Opcode,
  writeHeader,
} from "./frame_bytes.ts";
import {
  FrameViolation,
  type FrameSink,
  WebSocketFrameDecoder,
} from "./frame_decoder.ts";

/** What a WebSocket is made with. */
export interface WebSocketStart extends StreamStart {
  /** Client frames are masked, server frames are not. */
  readonly role: "client" | "server";
  readonly upgrade: UpgradeInfo;
  /** Of a whole text message. */
  readonly maxTextBytes: number;
}

/** Payload of one frame: its length takes two bytes. */
const framePayloadBytesMax = 65_528;
const payloadAt = 16;
/** Frames are made here; what is below copies or writes them before it returns. The payload is aligned. */
const scratch = new Uint8Array(payloadAt + framePayloadBytesMax);
const scratchWords = new Uint32Array(scratch.buffer);
const scratchMask = scratch.subarray(payloadAt - 4, payloadAt);
const nothing = new Uint8Array(0);
/** In memory only: no close frame says it. */
const noStatus = 1005;

/** A connection over WebSocket. */
export class WebSocketStream extends StreamConnection implements FrameSink {
  readonly upgrade: UpgradeInfo;
  override readonly canPause: boolean;
  readonly #below: Connection;
  readonly #isClient: boolean;
  readonly #decoder: WebSocketFrameDecoder;
  /** The rest of a frame that has begun to go out. */
  #rest: Uint8Array = nothing;
  #pong: Uint8Array | undefined;
  #close: Uint8Array | undefined;
  #closeSent = false;
  #peerSaidClose = false;

  constructor(below: Connection, start: WebSocketStart) {
    super(start);
    this.upgrade = start.upgrade;
    this.canPause = below.canPause;
    this.#below = below;
    this.#isClient = start.role === "client";
    this.#decoder = new WebSocketFrameDecoder(
      !this.#isClient,
      start.maxTextBytes,
      this,
    );
  }

  get queuedBytes(): number {
    return this.#rest.length + this.#below.queuedBytes;
  }

  /**
   * Sends a text message, whole. At most one is held back here, beyond `writeBufferBytes`.
   *
   * @returns false when it was not taken; `drain` follows
   * @throws {ConnectionClosedError} when the state is not `open`
   */
  writeText(text: string): boolean {
    // For the check of the state only.
    this.write(nothing);
    if (this.#rest.length > 0) {
      this.took(0, true);
      return false;
    }
    const payload = new TextEncoder().encode(text);
    this.#sendFrame(frameOf(Opcode.Text, payload, this.#isClient));
    this.took(payload.length, false);
    return true;
  }

  /** Bytes have come from below. */
  receive(chunk: Uint8Array): void {
    try {
      this.#decoder.push(chunk);
    } catch (error) {
      if (!(error instanceof FrameViolation)) throw error;
      // What has come cannot be read any more, so the peer's close will not be seen.
      this.#peerSaidClose = true;
      const what = `${this.peerAddress}: ${error.message}`;
      this.violated(
        new ProtocolViolationError(what, { address: this.peerAddress }),
        error.closeCode,
      );
      this.peerClosed(undefined, "");
    }
  }

  /** What is below takes bytes again. */
  flush(): void {
    if (this.#rest.length > 0) {
      const { length } = this.#rest;
      const taken = this.#writeBelow(this.#rest, 0, length);
      this.#rest = taken === length ? nothing : this.#rest.subarray(taken);
      if (taken < length) return;
    }
    if (!this.#closeSent) this.#flushPong();
    if (this.#rest.length > 0) return;
    if (this.#close !== undefined && !this.#closeSent) {
      this.#closeSent = true;
      this.#sendFrame(this.#close);
    }
    if (this.#rest.length > 0) return;
    if (this.#closeSent) this.writesFinished();
    else this.writable();
  }

  #flushPong(): void {
    if (this.#pong === undefined) return;
    const pong = this.#pong;
    this.#pong = undefined;
    this.#sendFrame(pong);
  }

  /** The peer has ended the stream below. */
  endedBelow(): void {
    if (this.#peerSaidClose || this.state !== "open") {
      this.peerClosed(undefined, "");
      return;
    }
    this.#below.abort();
    this.gone(
      new ConnectionResetError(
        `the connection to ${this.peerAddress} ended without a close`,
        { address: this.peerAddress },
      ),
    );
  }

  /** The connection below is closed. */
  closedBelow(reason: CloseReason): void {
    this.gone(reason.error);
  }

  // What the decoder finds.

  get isListening(): boolean {
    return !this.#peerSaidClose && this.state !== "closed";
  }

  binary(chunk: Uint8Array): void {
    this.received(chunk);
  }

  text(text: string, sizeBytes: number): void {
    if (!this.takesText) throw new FrameViolation(1003, "texts are not taken");
    this.receivedText(text, sizeBytes);
  }

  ping(payload: Uint8Array): void {
    // The latest one is answered, when several have come before there is room.
    this.#pong = frameOf(Opcode.Pong, payload, this.#isClient);
    if (this.#rest.length === 0 && !this.#closeSent) this.#flushPong();
  }

  closed(code: number | undefined, reason: string): void {
    this.#peerSaidClose = true;
    this.peerClosed(code ?? noStatus, reason);
  }

  // What the runtime is told.

  protected take(chunk: Uint8Array, from: number, to: number): number {
    let at = from;
    while (at < to && this.#rest.length === 0) {
      const size = Math.min(to - at, framePayloadBytesMax);
      this.#sendPart(chunk, at, size);
      at += size;
    }
    return at - from;
  }

  /** One frame with a part of a chunk. */
  #sendPart(chunk: Uint8Array, from: number, size: number): void {
    scratch.set(
      from === 0 && size === chunk.length
        ? chunk
        : chunk.subarray(from, from + size),
      payloadAt,
    );
    const frameAt = payloadAt - headerSizeBytes(size, this.#isClient);
    writeHeader(scratch, frameAt, Opcode.Binary, size, this.#isClient);
    if (this.#isClient) {
      scratchWords[payloadAt / 4 - 1] = freshMask();
      applyMask(scratch, payloadAt, payloadAt + size, scratchMask, 0);
    }
    const end = payloadAt + size;
    const taken = this.#writeBelow(scratch, frameAt, end);
    if (frameAt + taken < end) this.#rest = scratch.slice(frameAt + taken, end);
  }

  /** A frame in memory of its own, when nothing else is on its way. */
  #sendFrame(frame: Uint8Array): void {
    const taken = this.#writeBelow(frame, 0, frame.length);
    if (taken < frame.length) this.#rest = frame.subarray(taken);
  }

  /** Bytes that go before the first frame. */
  sendFirst(bytes: Uint8Array): void {
    this.#sendFrame(bytes);
  }

  #writeBelow(bytes: Uint8Array, from: number, to: number): number {
    // It may have closed with an event that has not come here yet: what is written is lost then, as on any stream.
    if (this.#below.state !== "open") return to - from;
    return this.#below.write(bytes, from, to);
  }

  protected setReading(isReading: boolean): void {
    if (isReading) this.#below.resume();
    else this.#below.pause();
  }

  protected finishWrites(code: number | undefined, reason: string): void {
    const said = code ?? 1000;
    this.#close = frameOf(
      Opcode.Close,
      closePayload(
        said === noStatus ? undefined : isSendableCloseCode(said) ? said : 1000,
        reason,
      ),
      this.#isClient,
    );
    this.flush();
  }

  protected release(): void {
    void this.#below.close();
  }

  protected destroy(): void {
    this.#below.abort();
  }
}
