/** Data frames of one connection: counted, put together, and handed over. */
import { Reassembler } from "../../wire/fragments.ts";
import type { Frame } from "../../wire/frame.ts";
import { FrameFlag, FrameKind } from "../../wire/kinds.ts";
import type { WireLimits } from "../../wire/limits.ts";
import type { ChunkClock } from "./clock.ts";
import type { ReceiveCredit } from "./credit.ts";
import { assembled, type WholeMessage } from "./whole_message.ts";

/** Who takes whole messages. */
export interface MessageTaker {
  readonly receiveCredit: ReceiveCredit;
  /** A message begins; gives its sequence. */
  nextSequence(): number;
  /** @throws {WireError} for a message that is refused */
  deliver(message: WholeMessage, clock: ChunkClock): void;
}

const nothing: Uint8Array = new Uint8Array(0);

/** Takes the data frames of one connection. */
export class DataFrames {
  readonly #clock: ChunkClock;
  readonly #reassembler: Reassembler;
  /** Sequences of requests of which fragments are missing, by their id. */
  readonly #begunRequests = new Map<number, number>();
  /** Memory that stays valid: frames elsewhere are copied. */
  #chunk: Uint8Array | undefined;
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

  constructor(limits: WireLimits, clock: ChunkClock) {
    this.#reassembler = new Reassembler(limits);
    this.#clock = clock;
  }

  /** Whether a chunk is being handled. */
  get isInChunk(): boolean {
    return this.#chunk !== undefined;
  }

  /** What is handed over next lies in this chunk, which stays valid. */
  begin(chunk: Uint8Array): void {
    this.#chunk = chunk;
  }

  /** The chunk is handled. */
  end(): void {
    this.#chunk = undefined;
    this.#whole.chunk = nothing;
  }

  /** A data frame has come. @throws {WireError} when it is refused */
  frame(taker: MessageTaker, frame: Frame): void {
    const { flags } = frame;
    const isBegin = (flags & FrameFlag.Continued) === 0;
    taker.receiveCredit.take(frame.frameBytes, isBegin);
    const sequence = isBegin ? taker.nextSequence() : 0;
    if ((flags & (FrameFlag.More | FrameFlag.Continued)) !== 0) {
      this.#fragment(taker, frame, sequence);
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
    taker.deliver(whole, this.#clock);
  }

  /** A request is cancelled; gives its sequence when only fragments of it had come. */
  forgetRequest(id: number): number | undefined {
    const sequence = this.#begunRequests.get(id);
    if (sequence === undefined) return undefined;
    this.#begunRequests.delete(id);
    this.#reassembler.forget(FrameKind.Request, id);
    return sequence;
  }

  #fragment(taker: MessageTaker, frame: Frame, sequence: number): void {
    const whole = this.#reassembler.add(frame, sequence);
    if (frame.kind === FrameKind.Request && sequence > 0)
      this.#begunRequests.set(frame.id, sequence);
    if (whole === undefined) return;
    if (whole.kind === FrameKind.Request) this.#begunRequests.delete(whole.id);
    taker.deliver(assembled(whole), this.#clock);
  }
}
