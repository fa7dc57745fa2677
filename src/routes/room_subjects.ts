/**
 * Rooms for clients: subjects that the server itself understands, before any route. The payload of `join` and `leave` is
 * the name of a room; `broadcast` sends its payload on to everybody, or to the room that its header `room` names, but
 * not to its sender.
 */
import {
  type IncomingMessage,
  type IncomingRequest,
  type MessageBody,
  type MessageOptions,
  Reply,
} from "../transport/message.ts";
import type { Session } from "../transport/session.ts";
import { RemoteError } from "../transport/session_errors.ts";

/** Subjects that no route gets. */
export const roomSubjects = {
  join: "$rooms.join",
  leave: "$rooms.leave",
  broadcast: "$rooms.broadcast",
} as const;

/** The header of a broadcast that names its room. */
export const roomHeader = "room";

/** What is needed of a server. */
export interface RoomKeeper {
  join(sessionId: string, room: string): unknown;
  leave(sessionId: string, room: string): unknown;
  broadcast(
    body: MessageBody,
    options: MessageOptions & {
      readonly room?: string | undefined;
      readonly except?: string | undefined;
    },
  ): { readonly sent: number; readonly dropped: number };
}

/** Whether a message is for {@linkcode answerRoomSubject}. */
export function isRoomSubject({
  headers: { subject },
}: Pick<IncomingMessage, "headers">): boolean {
  return subject?.startsWith("$rooms.") === true;
}

function roomOf(message: IncomingMessage): string {
  try {
    return message.text();
  } catch (error) {
    throw new RemoteError("BadRoom", "the name of a room is text", {
      cause: error,
    });
  }
}

/**
 * Does what the subject says.
 *
 * @returns JSON: `{"room":…}`, or `{"sent":…,"dropped":…}` (sessions) for a broadcast
 * @throws {RemoteError} for another subject, and for a name that is no room's
 */
export function answerRoomSubject(
  keeper: RoomKeeper,
  message: IncomingMessage | IncomingRequest,
  session: Session,
): Reply {
  const { subject, contentType, user } = message.headers;
  try {
    switch (subject) {
      case roomSubjects.join:
      case roomSubjects.leave: {
        const room = roomOf(message);
        if (subject === roomSubjects.join) keeper.join(session.id, room);
        else keeper.leave(session.id, room);
        return new Reply({ room });
      }
      case roomSubjects.broadcast: {
        const { [roomHeader]: room, ...headers } = user ?? {};
        const { sent, dropped } = keeper.broadcast(message.payload, {
          room,
          except: session.id,
          tag: message.tag,
          priority: message.priority,
          contentType,
          headers: Object.keys(headers).length === 0 ? undefined : headers,
        });
        return new Reply({ sent, dropped });
      }
    }
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError)
      throw new RemoteError("BadRoom", error.message, { cause: error });
    throw error;
  }
  throw new RemoteError(
    "UnknownSubject",
    `the server has ${Object.values(roomSubjects).join(", ")}`,
  );
}
