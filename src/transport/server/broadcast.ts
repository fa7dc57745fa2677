/** One message to many sessions: its body is encoded once, and nobody waits for the slow. */
import { CloseCode } from "../../wire/close_codes.ts";
import { encodeBody } from "../encoded_body.ts";
import type { MessageBody, MessageOptions } from "../message.ts";
import type { Session } from "../session.ts";
import type { SessionHub } from "./hub.ts";
import type { ServerSettings } from "./settings.ts";

/** Whom a broadcast is for. */
export interface BroadcastOptions extends MessageOptions {
  /** Only those in this room, or in one of these rooms. @default everybody */
  readonly room?: string | readonly string[] | undefined;
  /** Not to this session, or to these. @default nobody is left out */
  readonly except?: string | readonly string[] | undefined;
}

/** What became of a broadcast. */
export interface BroadcastResult {
  /** Sessions that it was sent to. */
  readonly sent: number;
  /** Sessions that had no room for it. */
  readonly dropped: number;
}

/** Broadcasts of one server. */
export class Broadcaster {
  readonly #hub: SessionHub;
  readonly #slow: ServerSettings["slowConsumers"];
  /** Messages in a row that there was no room for, by session. */
  readonly #dropsInRow = new WeakMap<Session, number>();
  readonly #closing = new WeakSet<Session>();
  broadcasts = 0;
  dropped = 0;

  constructor(hub: SessionHub, settings: ServerSettings) {
    this.#hub = hub;
    this.#slow = settings.slowConsumers;
  }

  /** Sends to everybody who is meant and has room. */
  send(body: MessageBody, options: BroadcastOptions = {}): BroadcastResult {
    const { room, except, ...message } = options;
    const { payload, options: encoded } = encodeBody(body, message);
    const leftOut = new Set(typeof except === "string" ? [except] : except);
    let sent = 0;
    let dropped = 0;
    this.broadcasts += 1;
    for (const session of this.#receivers(room)) {
      if (leftOut.has(session.id)) continue;
      if (session.state === "draining" || session.state === "closed") continue;
      if (this.#closing.has(session)) continue;
      if (session.trySend(payload, encoded)) {
        sent += 1;
        this.#dropsInRow.delete(session);
        continue;
      }
      dropped += 1;
      this.#tooSlow(session);
    }
    this.dropped += dropped;
    return { sent, dropped };
  }

  #receivers(room: BroadcastOptions["room"]): readonly Session[] {
    const { sessions, rooms } = this.#hub;
    // Copies: a listener of `drop` may end sessions meanwhile.
    if (room === undefined) return [...sessions.values()];
    const ids = new Set<string>();
    for (const name of typeof room === "string" ? [room] : room)
      for (const id of rooms.members(name)) ids.add(id);
    return [...ids].flatMap((id) => sessions.get(id) ?? []);
  }

  #tooSlow(session: Session): void {
    const { events } = this.#hub;
    const dropsInRow = (this.#dropsInRow.get(session) ?? 0) + 1;
    this.#dropsInRow.set(session, dropsInRow);
    events.emit("drop", { session, messages: 1, reason: "slow" });
    const closed =
      this.#slow.policy === "close" && dropsInRow >= this.#slow.afterDrops;
    // Told when it begins and when it ends the session, not for each message.
    if (dropsInRow === 1 || closed)
      events.emit("slowConsumer", {
        session,
        dropsInRow,
        queuedBytes: session.statistics.queuedBytes,
        closed,
      });
    if (!closed) return;
    // Its goodbye has to get out first.
    this.#closing.add(session);
    void session.close(CloseCode.TryAgainLater, "too slow for broadcasts");
  }
}
