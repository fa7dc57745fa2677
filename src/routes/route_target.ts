/** What a route does with the messages that match it. */
import type {
  IncomingMessage,
  IncomingRequest,
  MessageBody,
  Reply,
} from "../transport/message.ts";
import type { Session } from "../transport/session.ts";

/** Takes messages and answers requests. Functions that throw fail that message only. */
export interface RouteTarget {
  /** For a message that nobody answers. While its promise is open, the sender's credit is used. */
  message(message: IncomingMessage, session: Session): void | Promise<void>;
  /** For one that wants an answer. */
  request(
    request: IncomingRequest,
    session: Session,
  ): MessageBody | Reply | Promise<MessageBody | Reply>;
  /** Gives back what it holds. Nothing comes after it. Idempotent. */
  close(): void | Promise<void>;
}

/** Milliseconds until a request is of no use any more; at least 1, Infinity when its sender did not say. */
export function remainingMs({
  deadlineMs,
}: Pick<IncomingRequest, "deadlineMs">): number {
  return Math.max(1, deadlineMs - performance.now());
}
