/** Targets that answer by themselves, to try things out. */
import type { IncomingMessage } from "../transport/message.ts";
import { Reply } from "../transport/message.ts";
import type { Session } from "../transport/session.ts";
import type { RouteTarget } from "./route_target.ts";

/** What the demo says to a text: `PING` is answered by `PONG`, `ECHO:x` by `REPLY:x`, anything else by `RECEIVED:` and itself. */
export function demoAnswer(text: string): string {
  if (text === "PING") return "PONG";
  if (text.startsWith("ECHO:")) return `REPLY:${text.slice("ECHO:".length)}`;
  return `RECEIVED:${text}`;
}

/** The text of a payload; bytes that are no UTF-8 are shown as replacement characters. */
function textOf({ payload }: IncomingMessage): string {
  return new TextDecoder().decode(payload);
}

/** A one-way message is answered by one, if the sender has room for it: whoever only sends may not read. */
function answerOneWay(
  message: IncomingMessage,
  session: Session,
  reply: Reply,
): void {
  if (session.state !== "open") return;
  session.trySend(reply.body, { tag: message.tag, ...reply.options });
}

/** Answers as {@linkcode demoAnswer} says, with the tag that the message has. */
export const demoTarget: RouteTarget = {
  message: (message, session) =>
    answerOneWay(message, session, new Reply(demoAnswer(textOf(message)))),
  request: (request) =>
    new Reply(demoAnswer(textOf(request)), { tag: request.tag }),
  close: () => undefined,
};

function echoOf(message: IncomingMessage): Reply {
  const { contentType, subject, user } = message.headers;
  return new Reply(message.payload, {
    tag: message.tag,
    contentType,
    subject,
    headers: user,
  });
}

/** Answers with the same bytes, content type, tag, subject and headers. */
export const echoTarget: RouteTarget = {
  message: (message, session) =>
    answerOneWay(message, session, echoOf(message)),
  request: echoOf,
  close: () => undefined,
};
