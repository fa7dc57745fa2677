/**
 * `queue:NAME`: messages go into a queue in shared memory; the answer to a request is what the worker replies.
 *
 * The worker commits its reply before it acknowledges, and a job whose worker has died is delivered again: so a request
 * is answered even when a worker dies with it. Of two replies to one request the first counts.
 */
import {
  type CrossProcessQueue,
  MessageTooLargeError,
  QueueTimeoutError,
  SharedMemoryError,
} from "../queue/mod.ts";
import {
  type IncomingMessage,
  type IncomingRequest,
  Reply,
} from "../transport/message.ts";
import { RemoteError } from "../transport/session_errors.ts";
import { remainingMs, type RouteTarget } from "./route_target.ts";

/** What the answer's content type is called among the headers of a queue. */
const contentTypeHeader = "content-type";

/**
 * Headers for the queue: those of the application in small letters, and the ones that the transport has names for.
 * Names of the queue itself (`reply-to`, …) cannot be set from outside.
 */
function headersOf(
  message: IncomingMessage,
): Record<string, string> | undefined {
  const { user, subject, contentType, traceparent, idempotencyKey } =
    message.headers;
  const headers: Record<string, string> = Object.create(null);
  for (const [name, value] of Object.entries(user ?? {}))
    headers[name.toLowerCase()] = value;
  for (const own of ["reply-to", "correlation-id", "deadline", ""])
    delete headers[own];
  if (subject !== undefined) headers.subject = subject;
  if (message.tag !== 0n) headers.tag = `${message.tag}`;
  if (contentType !== undefined) headers[contentTypeHeader] = contentType;
  if (traceparent !== undefined) headers.traceparent = traceparent;
  if (idempotencyKey !== undefined) headers["message-id"] = idempotencyKey;
  return Object.keys(headers).length === 0 ? undefined : headers;
}

/** What the requester is told. */
function failureOf(error: unknown): unknown {
  if (error instanceof MessageTooLargeError)
    return new RemoteError("TooLarge", error.message);
  if (error instanceof QueueTimeoutError)
    return new RemoteError("TimedOut", error.message, { retryable: true });
  return error instanceof SharedMemoryError
    ? new RemoteError(error.code, error.message, { retryable: error.retryable })
    : error;
}

/** Hands messages to the workers of a queue. */
export class QueueTarget implements RouteTarget {
  readonly #queue: CrossProcessQueue;
  readonly #closing = new AbortController();

  /** @param queue open; `close` closes it */
  constructor(queue: CrossProcessQueue) {
    this.#queue = queue;
  }

  /** Waits while the queue is full, which slows the sender down. */
  async message(message: IncomingMessage): Promise<void> {
    const options = {
      priority: message.priority,
      headers: headersOf(message),
    };
    if (this.#queue.trySend(message.payload, options)) return;
    await this.#queue.sendWait(message.payload, {
      ...options,
      signal: this.#closing.signal,
    });
  }

  /** The requester's deadline is the message's time to live; a requester who gives up takes the message out, or aborts the worker's job. */
  async request(request: IncomingRequest): Promise<Reply> {
    try {
      const reply = await this.#queue.request(request.payload, {
        timeoutMs: remainingMs(request),
        signal: AbortSignal.any([request.signal, this.#closing.signal]),
        priority: request.priority,
        headers: headersOf(request),
      });
      const {
        [contentTypeHeader]: contentType,
        "correlation-id": _,
        ...headers
      } = reply.headers;
      return new Reply(reply.data, {
        tag: request.tag,
        contentType,
        headers: Object.keys(headers).length === 0 ? undefined : headers,
      });
    } catch (error) {
      throw failureOf(error);
    }
  }

  /** Requests that wait are given up; messages in the queue stay there. */
  close(): void {
    this.#closing.abort(new RemoteError("Closing", "the server is closing"));
    this.#queue.close();
  }
}
