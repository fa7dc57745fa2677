/**
 * Takes the frames of WebSocket apart. The contents of binary messages go on as they come and are never gathered, whatever a
 * frame or message declares; only texts and control frames are, and both are bounded.
 */
import {
  applyMask,
  controlBytesMax,
  headerBytesMax,
  isSendableCloseCode,
  Opcode,
} from "./frame_bytes.ts";

/** What the peer has sent is not WebSocket, or not what is taken here. */
export class FrameViolation extends Error {
  /** The code that the connection is closed with. */
  readonly closeCode: number;

  constructor(closeCode: number, message: string) {
    super(message);
    this.closeCode = closeCode;
  }
}

/** Where the contents of frames go. */
export interface FrameSink {
  /** Whether it wants more of what has come. */
  readonly isListening: boolean;
  /** A part of a binary message; valid during the call. */
  binary(chunk: Uint8Array): void;
  /** A whole text message. */
  text(text: string, sizeBytes: number): void;
  /** The payload is its own. */
  ping(payload: Uint8Array): void;
  /** The peer's close; nothing follows it. The code is undefined when there was none. */
  closed(code: number | undefined, reason: string): void;
}

const nothing = new Uint8Array(0);
const gatheredBytesMin = 1024;

/** A decoder for what comes on one connection. */
export class WebSocketFrameDecoder {
  readonly #masked: boolean;
  readonly #maxTextBytes: number;
  readonly #sink: FrameSink;
  readonly #header = new Uint8Array(headerBytesMax);
  #headerBytes = 0;
  #headerNeeded = 2;
  readonly #mask = new Uint8Array(4);
  #isFinal = false;
  #opcode = 0;
  /** Of the message that the data frames belong to; 0 between messages. */
  #message = 0;
  #inPayload = false;
  #payloadBytes = 0;
  #receivedBytes = 0;
  /** Of a text: grows as bytes come, so that many small fragments cost no more than one. */
  #gathered = nothing;
  #gatheredBytes = 0;
  readonly #control = new Uint8Array(controlBytesMax);

  /**
   * @param masked whether the frames must be masked (those of clients), or must not be
   * @param maxTextBytes of a whole text message
   */
  constructor(masked: boolean, maxTextBytes: number, sink: FrameSink) {
    this.#masked = masked;
    this.#maxTextBytes = maxTextBytes;
    this.#sink = sink;
  }

  /**
   * Takes bytes; the memory is written to, where masks are taken off.
   *
   * @throws {FrameViolation} and nothing may be pushed any more then
   */
  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length && this.#sink.isListening) {
      at = this.#inPayload
        ? this.#readPayload(chunk, at)
        : this.#readHeader(chunk, at);
    }
  }

  #readHeader(chunk: Uint8Array, from: number): number {
    let at = from;
    while (at < chunk.length) {
      this.#header[this.#headerBytes] = chunk[at] ?? 0;
      this.#headerBytes += 1;
      at += 1;
      if (this.#headerBytes === 2) this.#readStart();
      if (this.#headerBytes === this.#headerNeeded) {
        this.#begin();
        break;
      }
    }
    return at;
  }

  /** The first two bytes. */
  #readStart(): void {
    const [first = 0, second = 0] = this.#header;
    if ((first & 0x70) !== 0)
      throw new FrameViolation(1002, "a reserved bit is set");
    if (((second & 0x80) !== 0) !== this.#masked)
      throw new FrameViolation(
        1002,
        this.#masked ? "a frame is not masked" : "a frame is masked",
      );
    this.#isFinal = (first & 0x80) !== 0;
    this.#opcode = first & 0x0f;
    const length = second & 0x7f;
    this.#checkOrder(length);
    const lengthBytes = length === 126 ? 2 : length === 127 ? 8 : 0;
    this.#headerNeeded = 2 + lengthBytes + (this.#masked ? 4 : 0);
  }

  #checkOrder(length: number): void {
    switch (this.#opcode) {
      case Opcode.Continuation:
        if (this.#message === 0)
          throw new FrameViolation(1002, "a continuation of nothing");
        return;
      case Opcode.Text:
      case Opcode.Binary:
        if (this.#message !== 0)
          throw new FrameViolation(1002, "a message within another one");
        this.#message = this.#opcode;
        return;
      case Opcode.Close:
      case Opcode.Ping:
      case Opcode.Pong:
        if (!this.#isFinal)
          throw new FrameViolation(1002, "a control frame is fragmented");
        if (length > controlBytesMax)
          throw new FrameViolation(1002, "a control frame is too long");
        return;
      default:
        throw new FrameViolation(1002, `the opcode ${this.#opcode} is unknown`);
    }
  }

  /** The header is whole. */
  #begin(): void {
    const length = (this.#header[1] ?? 0) & 0x7f;
    const view = new DataView(this.#header.buffer);
    this.#payloadBytes = length;
    if (length === 126) this.#payloadBytes = view.getUint16(2);
    if (length === 127) {
      const high = view.getUint32(2);
      if (high >= 2 ** 21)
        throw new FrameViolation(1009, "a frame is longer than 2^53 bytes");
      this.#payloadBytes = high * 2 ** 32 + view.getUint32(6);
    }
    if (
      (length === 126 && this.#payloadBytes < 126) ||
      (length === 127 && this.#payloadBytes < 65_536)
    )
      throw new FrameViolation(1002, "a length in more bytes than it needs");
    if (this.#masked)
      this.#mask.set(
        this.#header.subarray(this.#headerNeeded - 4, this.#headerNeeded),
      );
    this.#headerBytes = 0;
    this.#headerNeeded = 2;
    this.#receivedBytes = 0;
    if (
      this.#isOfText &&
      this.#gatheredBytes + this.#payloadBytes > this.#maxTextBytes
    )
      throw new FrameViolation(
        1009,
        `a text is longer than ${this.#maxTextBytes} bytes`,
      );
    this.#inPayload = this.#payloadBytes > 0;
    if (!this.#inPayload) this.#end();
  }

  get #isControl(): boolean {
    return this.#opcode >= Opcode.Close;
  }

  get #isOfText(): boolean {
    return !this.#isControl && this.#message === Opcode.Text;
  }

  #readPayload(chunk: Uint8Array, from: number): number {
    const left = this.#payloadBytes - this.#receivedBytes;
    const to = Math.min(chunk.length, from + left);
    if (this.#masked)
      applyMask(chunk, from, to, this.#mask, this.#receivedBytes & 3);
    const part =
      from === 0 && to === chunk.length ? chunk : chunk.subarray(from, to);
    if (this.#isControl) this.#control.set(part, this.#receivedBytes);
    else if (this.#isOfText) this.#gather(part);
    this.#receivedBytes += part.length;
    const isWhole = this.#receivedBytes === this.#payloadBytes;
    if (isWhole) this.#inPayload = false;
    if (!this.#isControl && !this.#isOfText) this.#sink.binary(part);
    if (isWhole && this.#sink.isListening) this.#end();
    return to;
  }

  /** The frame is whole. */
  #end(): void {
    if (this.#isControl) {
      this.#endControl();
      return;
    }
    if (!this.#isFinal) return;
    const wasText = this.#message === Opcode.Text;
    this.#message = 0;
    if (!wasText) return;
    const bytes = this.#gathered.subarray(0, this.#gatheredBytes);
    this.#gathered = nothing;
    this.#gatheredBytes = 0;
    this.#sink.text(textOf(bytes), bytes.length);
  }

  #gather(part: Uint8Array): void {
    const needed = this.#gatheredBytes + part.length;
    if (needed > this.#gathered.length) {
      const capacity = Math.max(
        needed,
        gatheredBytesMin,
        Math.min(2 * this.#gathered.length, this.#maxTextBytes),
      );
      const grown = new Uint8Array(capacity);
      grown.set(this.#gathered.subarray(0, this.#gatheredBytes));
      this.#gathered = grown;
    }
    this.#gathered.set(part, this.#gatheredBytes);
    this.#gatheredBytes = needed;
  }

  #endControl(): void {
    const payload = this.#control.slice(0, this.#payloadBytes);
    if (this.#opcode === Opcode.Ping) this.#sink.ping(payload);
    if (this.#opcode !== Opcode.Close) return;
    if (payload.length === 0) {
      this.#sink.closed(undefined, "");
      return;
    }
    if (payload.length === 1)
      throw new FrameViolation(1002, "a close with half a code");
    const code = ((payload[0] ?? 0) << 8) | (payload[1] ?? 0);
    if (!isSendableCloseCode(code))
      throw new FrameViolation(1002, `a close with the code ${code}`);
    this.#sink.closed(code, textOf(payload.subarray(2)));
  }
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function textOf(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new FrameViolation(1007, "a text is no UTF-8");
  }
}
