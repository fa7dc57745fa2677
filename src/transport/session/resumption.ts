/** How a session begins, and goes on over another connection: what hellos say, and what follows from them. */
import { availableCompressions } from "../../wire/compression.ts";
import { WireMalformedError } from "../../wire/errors.ts";
import {
  firstSequence,
  type Hello,
  type HelloInit,
  negotiateCompression,
} from "../../wire/hello.ts";
import { CloseCode } from "../../wire/close_codes.ts";
import { FateUnknownError } from "../session_errors.ts";
import { lostCode } from "./link_end.ts";
import type { LinkOutput } from "./link_output.ts";
import type { Receiver } from "./receiver.ts";
import type { RequestTable } from "./request_table.ts";
import type { Responder } from "./responder.ts";
import type { Sender } from "./sender.ts";
import type { SessionLife } from "./session_life.ts";

/** The halves of a session, and what they keep. */
export interface SessionParts {
  readonly sender: Sender;
  readonly receiver: Receiver;
  readonly requests: RequestTable;
  readonly responder: Responder;
}

/** What a session knows of itself over all of its connections. */
export class Resumption {
  /** What the peer shows, or this side, to come back. */
  token: Uint8Array | undefined;
  /** That the server has said; a server's own. */
  id: string;
  peerName: string | undefined;
  /** How often it went on over another connection, with its state or without. */
  resumptions = 0;
  readonly #life: SessionLife;
  readonly #parts: SessionParts;
  #wasOpened = false;

  constructor(life: SessionLife, parts: SessionParts) {
    this.#life = life;
    this.#parts = parts;
    this.token = life.settings.resumeToken;
    this.id = life.settings.id ?? crypto.randomUUID();
  }

  /** Whether another connection may follow one that ended with this code. */
  mayComeBack(code: number): boolean {
    return (
      this.token !== undefined &&
      this.#wasOpened &&
      (code === lostCode ||
        // Silence is a lost connection too, whichever side has noticed it.
        code === CloseCode.HeartbeatTimeout ||
        this.#life.settings.goesOnAfter?.(code) === true)
    );
  }

  /** Our hello; a server has the client's by then. */
  greeting(theirs: Hello | undefined): HelloInit {
    const { settings } = this.#life;
    const { sender, receiver } = this.#parts;
    const isServer = settings.role === "server";
    const isComingBack = isServer
      ? this.#wasOpened && theirs?.resumeToken !== undefined
      : this.#wasOpened && this.token !== undefined;
    return {
      limits: settings.limits,
      compressions: availableCompressions(),
      contentTypes: settings.codecs.contentTypes,
      resumeToken: isServer || isComingBack ? this.token : undefined,
      acceptedSequence: isComingBack ? receiver.acceptedSequence : 0,
      oldestSequence: isComingBack ? (sender.replay?.oldest ?? 1) : 1,
      resumed: isServer ? isComingBack : false,
      sessionId: isServer ? this.id : undefined,
      nodeName: settings.nodeName,
      software: settings.software,
      auth: isServer ? undefined : settings.auth,
      heartbeatMs: settings.heartbeatMs,
    };
  }

  /** Both hellos are there. @returns whether the session goes on @throws {WireError} when they do not fit */
  opened(output: LinkOutput, theirs: Hello): boolean {
    const { settings } = this.#life;
    const { sender } = this.#parts;
    const isServer = settings.role === "server";
    const isResumed = isServer
      ? this.#wasOpened && theirs.resumeToken !== undefined
      : theirs.resumed;
    if (isResumed && !this.#wasOpened)
      throw new WireMalformedError("a session is resumed that never began");
    this.peerName = theirs.nodeName ?? theirs.software ?? this.peerName;
    sender.compression = negotiateCompression(settings.compressions, theirs);
    if (this.#wasOpened) this.resumptions += 1;
    if (isResumed) this.#resume(output, theirs);
    else if (this.#wasOpened) this.#beginAnew();
    if (!isServer) {
      this.id = theirs.sessionId ?? this.id;
      this.token = settings.resumes ? theirs.resumeToken : undefined;
    }
    if (this.token !== undefined) sender.keepForReplay();
    this.#wasOpened = true;
    sender.link = output;
    return isResumed;
  }

  /** Both sides know each other still. */
  #resume(output: LinkOutput, theirs: Hello): void {
    const life = this.#life;
    const { sender, receiver } = this.#parts;
    if (theirs.acceptedSequence > sender.highestSequence)
      throw new WireMalformedError(
        `hello: accepted ${theirs.acceptedSequence}, sent ${sender.highestSequence}`,
      );
    sender.accepted(theirs.acceptedSequence);
    const oldestSequence = sender.replay?.oldest ?? sender.highestSequence + 1;
    const first = firstSequence({ oldestSequence }, theirs);
    if (first > theirs.acceptedSequence + 1)
      life.tellUnconfirmed({
        first: theirs.acceptedSequence + 1,
        last: first - 1,
      });
    sender.link = output;
    sender.resume(first);
    const { acceptedSequence } = receiver;
    const gap = receiver.resume(firstSequence(theirs, { acceptedSequence }));
    if (gap !== undefined)
      life.tell((listeners) => listeners.onGap?.(gap, life.session));
  }

  /** The server does not know the session any more: what was under way may have arrived, or not. */
  #beginAnew(): void {
    const { sender, receiver, requests, responder } = this.#parts;
    if (sender.unconfirmed > 0)
      this.#life.tellUnconfirmed({
        first: sender.peerAccepted + 1,
        last: sender.highestSequence,
      });
    const error = new FateUnknownError(
      "the other side does not know the session any more",
      CloseCode.ResumeRefused,
    );
    for (const outgoing of sender.reset()) outgoing.settle?.(error);
    receiver.reset();
    responder.giveUpAll(error);
    requests.beginAnew(error);
  }
}
