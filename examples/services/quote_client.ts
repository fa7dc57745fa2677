/** The asking side: a typed call for an untyped exchange. */
import {
  CrossProcessQueue,
  Message,
  type QueueTimeoutError,
  type RequestOptions,
} from "ringwire";
import {
  type QuoteQuestion,
  type QuoteReply,
  type QuoteRequest,
  replySchema,
  requestSchema,
} from "./quotes.ts";

/** The service has answered, with an error. */
export class QuoteError extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = "QuoteError";
    this.code = code;
  }
}

/** A successful reply. */
export type Quote = Extract<QuoteReply, { ok: true }>;

/** Asks whoever serves the queue. */
export class QuoteClient implements Disposable {
  readonly #queue: CrossProcessQueue<QuoteRequest>;

  constructor(queueName: string) {
    this.#queue = CrossProcessQueue.connect<QuoteRequest>(queueName, {
      participantName: "client",
      schema: requestSchema,
    });
  }

  /**
   * Asks, and waits for the one answer.
   *
   * @throws {QuoteError} when the service refuses
   * @throws {QueueTimeoutError} after `timeoutMs`, and the signal's reason; the service is told in both cases
   */
  async ask(request: QuoteQuestion, options: RequestOptions): Promise<Quote> {
    const message = await this.#queue.request(Message.json(request), options);
    const reply = message.json(replySchema);
    if (reply.ok) return reply;
    throw new QuoteError(reply.code, reply.message);
  }

  /** Replies that came after their asker had given up. */
  get lateReplies(): number {
    return this.#queue.status().replies.late;
  }

  [Symbol.dispose](): void {
    this.#queue.close();
  }
}

/** The error's class and code, as far as a report needs them. */
export function nameOf(error: unknown): string {
  if (error instanceof QuoteError) return `${error.name} ${error.code}`;
  return error instanceof Error
    ? ((error as QueueTimeoutError).code ?? error.message)
    : String(error);
}
