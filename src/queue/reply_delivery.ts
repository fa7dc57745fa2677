/** The worker's side of replies: from a job's headers to the requester's private queue. */
import { QueueClosedError, QueueNotFoundError } from "./errors.ts";
import { QueueHandle } from "./handle.ts";
import { HEADER } from "./headers.ts";
import { readInfo } from "./inspection.ts";
import { parsePlace, replyQueuePrefix } from "./place.ts";
import { plainRules } from "./record.ts";
import { type Sendable, Sender } from "./sender.ts";
import { Message } from "./message.ts";

/** Requesters that a worker keeps a handle to; the one that was used longest ago is closed for a new one. */
const requestersMax = 64;

interface Requester {
  readonly handle: QueueHandle;
  readonly sender: Sender;
}

/** By `reply-to`, in the order of use. Per thread, as handles are. */
const requesters = new Map<string, Requester>();

function forget(replyTo: string): void {
  requesters.get(replyTo)?.handle.close();
  requesters.delete(replyTo);
}

function connectRequester(replyTo: string, shared: boolean): Requester {
  const known = requesters.get(replyTo);
  if (known !== undefined && !known.handle.closed) {
    requesters.delete(replyTo);
    requesters.set(replyTo, known);
    return known;
  }
  const [name = "", uuid] = replyTo.split("#");
  // A message may come from anybody who may send; it must not make us write to a queue of its choice.
  if (!name.startsWith(replyQueuePrefix) || uuid === undefined)
    throw new QueueNotFoundError(`${replyTo}: not the name of a reply queue`);
  const handle = QueueHandle.open({
    place: parsePlace(name),
    participantName: "replier",
    stagingBytes: 0,
    observe: false,
    shared,
    rules: plainRules,
  });
  if (readInfo(handle).uuid !== uuid) {
    handle.close();
    throw new QueueNotFoundError(`${replyTo}: the reply queue was made anew`);
  }
  if (requesters.size >= requestersMax)
    forget(requesters.keys().next().value ?? "");
  const requester = { handle, sender: new Sender(handle) };
  requesters.set(replyTo, requester);
  return requester;
}

/**
 * Puts a reply into the requester's queue.
 *
 * @returns false when the requester is gone
 * @throws {TypeError} when the headers are not those of a request
 * @throws {MessageTooLargeError} {NoSpaceError} and what sending may throw
 */
export function deliverReply(
  headers: Readonly<Record<string, string>>,
  body: Sendable,
  from: QueueHandle,
): boolean {
  const replyTo = headers[HEADER.replyTo];
  const correlationId = headers[HEADER.correlationId];
  if (replyTo === undefined || correlationId === undefined)
    throw new TypeError(
      `${from.place.name}: the message is no request: it has no ${HEADER.replyTo} header`,
    );
  const own = body instanceof Message ? body.headers : {};
  let requester: Requester;
  try {
    requester = connectRequester(replyTo, from.shared);
  } catch (error) {
    if (
      error instanceof QueueNotFoundError ||
      error instanceof QueueClosedError
    )
      return false;
    throw error;
  }
  const { handle, sender } = requester;
  // Of so many unread replies the oldest is the least likely to be still awaited; the worker must not wait for it.
  const result = sender.put(body, {
    headers: { ...own, [HEADER.correlationId]: correlationId },
    onFull: "drop-oldest",
  });
  if (result >= 0) return true;
  const error = handle.failure(result, "send");
  if (!(error instanceof QueueClosedError)) throw error;
  forget(replyTo);
  return false;
}
