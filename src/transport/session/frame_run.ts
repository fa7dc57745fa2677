/** Frames in a row, as they were written, kept until the peer has accepted their messages. */
import {
  frameHeaderBytes,
  frameLengthBytes,
  twoTo32,
} from "../../wire/frame.ts";
import { FrameFlag } from "../../wire/kinds.ts";
import { giveFrameBlock } from "./frame_blocks.ts";
import { Outgoing, outgoingOverheadBytes } from "./outgoing.ts";

/** Messages of one frame each, of sequences without gaps: thousands of them are one object and one copy. */
export class FrameRun {
  readonly keptAtMs: number;
  readonly #bytes: Uint8Array;
  #start: number;
  readonly #end: number;
  #sequence: number;
  #count: number;

  /**
   * @param bytes of whole frames from `start` up to `end`; of the run alone from now on
   * @param sequence of the first one
   */
  constructor(
    bytes: Uint8Array,
    start: number,
    end: number,
    sequence: number,
    count: number,
    keptAtMs: number,
  ) {
    this.#bytes = bytes;
    this.#start = start;
    this.#end = end;
    this.#sequence = sequence;
    this.#count = count;
    this.keptAtMs = keptAtMs;
  }

  /** Messages that are kept. */
  get count(): number {
    return this.#count;
  }

  /** Sequence of the last one. */
  get lastSequence(): number {
    return this.#sequence + this.#count - 1;
  }

  /** What they count for in the bounds of the replay buffer. */
  get sizeBytes(): number {
    return (
      this.#end -
      this.#start +
      this.#count * (outgoingOverheadBytes - frameHeaderBytes)
    );
  }

  /** It is not needed any more: its memory is used again. */
  release(): void {
    giveFrameBlock(this.#bytes);
  }

  /** Keeps all but the first. Returns its sequence. */
  dropFirst(): number {
    this.#start += this.#frameBytes(this.#start);
    this.#count -= 1;
    this.#sequence += 1;
    return this.#sequence - 1;
  }

  /** The messages from a sequence on, each with memory of its own. */
  *from(sequence: number): Generator<Outgoing> {
    let at = this.#start;
    for (let next = this.#sequence; at < this.#end; next++) {
      const end = at + this.#frameBytes(at);
      if (next >= sequence) yield this.#message(at, end, next);
      at = end;
    }
  }

  #frameBytes(at: number): number {
    return this.#uint32(at) + frameLengthBytes;
  }

  #message(at: number, end: number, sequence: number): Outgoing {
    const bytes = this.#bytes;
    const outgoing = new Outgoing();
    outgoing.kind = bytes[at + 5] ?? 0;
    outgoing.priority = bytes[at + 7] ?? 0;
    outgoing.id = this.#uint32(at + 8) * twoTo32 + this.#uint32(at + 12);
    let start = at + frameHeaderBytes;
    if (((bytes[at + 6] ?? 0) & FrameFlag.Headers) !== 0) {
      const headersStart = start + 4;
      start = headersStart + this.#uint32(headersStart - 4);
      outgoing.headers = bytes.slice(headersStart, start);
    }
    outgoing.payload = bytes.slice(start, end);
    outgoing.isOwn = true;
    outgoing.keptAtMs = this.keptAtMs;
    outgoing.sequence = sequence;
    return outgoing;
  }

  #uint32(at: number): number {
    const bytes = this.#bytes;
    return (
      (((bytes[at] ?? 0) << 24) |
        ((bytes[at + 1] ?? 0) << 16) |
        ((bytes[at + 2] ?? 0) << 8) |
        (bytes[at + 3] ?? 0)) >>>
      0
    );
  }
}
