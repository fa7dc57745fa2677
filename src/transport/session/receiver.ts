/** The incoming half of a session: counts the messages of the peer, and says whose each one is. */
import type { PayloadCodecs } from "../../wire/codecs.ts";
import { decompressPayload } from "../../wire/compression.ts";
import { FrameFlag, FrameKind } from "../../wire/kinds.ts";
import { TimedOutError } from "../errors.ts";
import type { Session } from "../session.ts";
import { AcceptedSequences } from "./accepted_sequences.ts";
import type { ChunkClock } from "./clock.ts";
import type { ReceiveCredit } from "./credit.ts";
import type { MessageTaker } from "./data_frames.ts";
import {
  type IncomingContext,
  ReceivedMessage,
  ReceivedRequest,
  readHeaders,
} from "./incoming.ts";
import { receivedError } from "./received_error.ts";
import type { RequestTable } from "./request_table.ts";
import type { Responder } from "./responder.ts";
import type { SequenceRange, SessionSettings } from "./settings.ts";
import { type TimerWheel, WheelEntry } from "./timer_wheel.ts";
import type { WholeMessage } from "./whole_message.ts";

/** Takes the messages of one session, over whatever link they come. */
export class Receiver implements MessageTaker, IncomingContext {
  readonly receiveCredit: ReceiveCredit;
  /** Messages that came a second time. */
  duplicates = 0;
  readonly #session: Session;
  readonly #settings: SessionSettings;
  readonly #wheel: TimerWheel;
  readonly #requests: RequestTable;
  readonly #responder: Responder;
  readonly #accepted = new AcceptedSequences();
  /** Sequence of the last message that began to come. */
  #received = 0;

  constructor(
    session: Session,
    settings: SessionSettings,
    receiveCredit: ReceiveCredit,
    wheel: TimerWheel,
    requests: RequestTable,
    responder: Responder,
  ) {
    this.#session = session;
    this.#settings = settings;
    this.receiveCredit = receiveCredit;
    this.#wheel = wheel;
    this.#requests = requests;
    this.#responder = responder;
  }

  /** Of the session, for its messages. */
  get id(): string {
    return this.#session.id;
  }

  /** Codecs of payloads, for the messages of this session. */
  get codecs(): PayloadCodecs {
    return this.#settings.codecs;
  }

  /** All up to this sequence was accepted. */
  get acceptedSequence(): number {
    return this.#accepted.contiguous;
  }

  nextSequence(): number {
    this.#received += 1;
    return this.#received;
  }

  deliver(message: WholeMessage, clock: ChunkClock): void {
    const { sequence, kind, id } = message;
    if (this.#accepted.has(sequence)) {
      this.duplicates += 1;
      return;
    }
    const { limits } = this.#settings;
    const headers = readHeaders(
      message.chunk,
      message.headersStart,
      message.headersEnd,
      limits,
    );
    let { chunk, payloadStart: start, payloadEnd: end } = message;
    if ((message.flags & FrameFlag.Compressed) !== 0) {
      chunk = decompressPayload(chunk.subarray(start, end), limits);
      start = 0;
      end = chunk.length;
    }
    this.#accepted.accept(sequence);
    if (kind === FrameKind.Message || kind === FrameKind.Response) {
      const received = new ReceivedMessage(
        this,
        chunk,
        start,
        end,
        message.priority,
        message.tagHigh,
        message.tagLow,
        headers,
      );
      if (kind === FrameKind.Message) this.#responder.message(received);
      else this.#requests.resolve(id, received);
    } else if (kind === FrameKind.Request) {
      const request = new ReceivedRequest(
        this,
        chunk,
        start,
        end,
        message.priority,
        message.tagHigh,
        message.tagLow,
        headers,
      );
      if (headers.deadlineMs !== undefined)
        request.deadlineMs = clock.nowMs + headers.deadlineMs;
      request.onSignal = this.#onSignal;
      this.#responder.request(id, request);
    } else {
      const error = receivedError(chunk.subarray(start, end));
      this.#requests.reject(id, error);
    }
  }

  /** The peer does not want this answer; `sequence` when only fragments of the request had come. */
  cancelled(id: number, sequence: number | undefined): void {
    if (sequence !== undefined) this.#accepted.accept(sequence);
    else
      this.#responder.cancel(
        id,
        new DOMException("the requester has given up", "AbortError"),
      );
  }

  /**
   * The session goes on over another link.
   *
   * @param first sequence of what the peer sends next
   * @returns the sequences that will not come any more, if there are any
   */
  resume(first: number): SequenceRange | undefined {
    const accepted = this.acceptedSequence;
    this.#received = first - 1;
    if (first <= accepted + 1) return undefined;
    this.#accepted.skipTo(first);
    return { first: accepted + 1, last: first - 1 };
  }

  /** A session begins that knows nothing of the one before. */
  reset(): void {
    this.#accepted.reset();
    this.#received = 0;
  }

  readonly #onSignal = (request: ReceivedRequest): void => {
    if (request.deadlineMs === Number.POSITIVE_INFINITY) return;
    this.#wheel.add(new RequestDeadline(request), request.deadlineMs);
  };
}

/** The deadline of a request whose handler looks at the signal. */
class RequestDeadline extends WheelEntry {
  readonly #request: ReceivedRequest;

  constructor(request: ReceivedRequest) {
    super();
    this.#request = request;
  }

  override expired(): void {
    this.#request.giveUp(
      new TimedOutError("the deadline of the request has passed"),
    );
  }
}
