/** Messages as they were received. */
import { jsonCodec, type PayloadCodecs, textCodec } from "../../wire/codecs.ts";
import { readDeadlineBlock } from "../../wire/deadline_header.ts";
import { twoTo32 } from "../../wire/frame.ts";
import { decodeHeaders, type MessageHeaders } from "../../wire/headers.ts";
import type { WireLimits } from "../../wire/limits.ts";
import type { IncomingMessage, IncomingRequest, Priority } from "../message.ts";

const priorityNames: readonly Priority[] = ["low", "normal", "high"];
const noHeaders: MessageHeaders = {};

/** What messages of one session have in common. */
export interface IncomingContext {
  readonly id: string;
  readonly codecs: PayloadCodecs;
}

/** A message. Views of its memory are made when they are asked for: most handlers look at the payload only. */
export class ReceivedMessage implements IncomingMessage {
  readonly #context: IncomingContext;
  readonly #chunk: Uint8Array;
  readonly #start: number;
  readonly #end: number;
  readonly #priority: number;
  readonly #tagHigh: number;
  readonly #tagLow: number;
  readonly headers: MessageHeaders;

  constructor(
    context: IncomingContext,
    chunk: Uint8Array,
    start: number,
    end: number,
    priority: number,
    tagHigh: number,
    tagLow: number,
    headers: MessageHeaders,
  ) {
    this.#context = context;
    this.#chunk = chunk;
    this.#start = start;
    this.#end = end;
    this.#priority = priority;
    this.#tagHigh = tagHigh;
    this.#tagLow = tagLow;
    this.headers = headers;
  }

  get payload(): Uint8Array {
    return this.#chunk.subarray(this.#start, this.#end);
  }

  get sizeBytes(): number {
    return this.#end - this.#start;
  }

  get tag(): bigint {
    return (BigInt(this.#tagHigh) << 32n) | BigInt(this.#tagLow);
  }

  /** The tag as a number, for those up to 2^53 - 1; greater ones are not exact. */
  get tagNumber(): number {
    return this.#tagHigh * twoTo32 + this.#tagLow;
  }

  get priority(): Priority {
    return priorityNames[this.#priority] ?? "normal";
  }

  get sessionId(): string {
    return this.#context.id;
  }

  text(): string {
    return textCodec.decode(this.payload) as string;
  }

  json(): unknown {
    return jsonCodec.decode(this.payload);
  }

  value(): unknown {
    return this.#context.codecs
      .of(this.headers.contentType)
      .decode(this.payload);
  }
}

/** A request, while it is being handled. */
export class ReceivedRequest
  extends ReceivedMessage
  implements IncomingRequest
{
  deadlineMs: number = Number.POSITIVE_INFINITY;
  #abort: AbortController | undefined;
  #reason: unknown;
  /** Called when the signal is asked for: only then the deadline needs a timer. */
  onSignal: ((request: ReceivedRequest) => void) | undefined = undefined;

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#reason !== undefined) this.#abort.abort(this.#reason);
      else this.onSignal?.(this);
    }
    return this.#abort.signal;
  }

  /** Whether the answer is of no use any more. */
  get isGivenUp(): boolean {
    return this.#reason !== undefined;
  }

  /** The answer is of no use any more. */
  giveUp(reason: unknown): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.#abort?.abort(reason);
  }
}

/**
 * The headers of a frame. Two forms that nearly every frame has cost no more than an object.
 *
 * @throws {WireError} for a block that is refused
 */
export function readHeaders(
  chunk: Uint8Array,
  start: number,
  end: number,
  limits: WireLimits,
): MessageHeaders {
  if (start === end) return noHeaders;
  const deadlineMs = readDeadlineBlock(chunk, start, end);
  if (deadlineMs !== undefined) return { deadlineMs };
  return decodeHeaders(chunk.subarray(start, end), limits);
}
