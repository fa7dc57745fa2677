/**
 * Takes every message out of UCX in the order of arrival and hands it to whoever waits for it, by connection and tag.
 *
 * The other way, a receive of UCX for each waiting call, must be asked about one by one after each progress: a server
 * with thousands of quiet connections would spend its time on that. Here one look tells whether anything came, a buffer
 * has the length of its message, and a receive that is given up loses nothing. What nobody wants yet stays in UCX's
 * memory, bounded by the credit of its sender.
 */
import { type Endpoint, type TagMatch, tagMatch } from "../core/endpoint.ts";
import type { Operation } from "../core/operation.ts";
import type {
  ProbedMessage,
  TagDispatcher,
  TagMessages,
} from "../core/tag_messages.ts";
import type { WorkerCore } from "../core/worker_core.ts";
import { UcxConnectionResetError } from "../errors.ts";
import { statusError } from "../status_errors.ts";
import { messageKind, wireIdOf, wireMask } from "../tags.ts";
import { type FetchedMessage, Inbox, type KeptMessage } from "./inbox.ts";
import type { Receive } from "./receive.ts";

/** Each kept message costs some memory beside its bytes. */
const overheadBytes = 128;
/** Messages in one turn, so that their receivers get theirs. */
const messagesPerTurn = 1024;
/** A message may have come by a progress that told of nothing. */
const idleTurnsPerLook = 16;

/** The inboxes of one worker. */
export class Inboxes implements TagDispatcher {
  readonly #core: WorkerCore;
  readonly #messages: TagMessages;
  readonly #byWireId = new Map<number, Inbox>();
  /** In raw mode a message does not tell whose it is. */
  readonly #rawInbox: Inbox | undefined;
  readonly #every: TagMatch;
  #idleTurns = 0;
  /** Receives that wait for a message. */
  #waiting = 0;
  /** Receives that were settled so far. */
  settled = 0;

  constructor(core: WorkerCore) {
    this.#core = core;
    this.#messages = core.messages;
    this.#rawInbox = core.config.raw ? new Inbox(undefined) : undefined;
    this.#every = tagMatch(
      messageKind,
      core.config.raw ? 0n : wireMask(false, 0n),
      undefined,
    );
    core.messages.dispatcher = this;
    core.addStep((happened) => this.#step(happened));
  }

  /** The inbox of a connection. */
  of(endpoint: Endpoint): Inbox {
    if (this.#rawInbox !== undefined) return this.#rawInbox;
    let inbox = this.#byWireId.get(endpoint.wireId);
    if (inbox === undefined) {
      inbox = new Inbox(endpoint);
      // One that is gone already leaves its id to another.
      if (this.#core.connections.table.byWireId(endpoint.wireId) === endpoint)
        this.#byWireId.set(endpoint.wireId, inbox);
    }
    return inbox;
  }

  /** Messages that were taken from UCX's matching and not received. */
  get keptMessages(): number {
    let count = this.#rawInbox?.kept.length ?? 0;
    for (const inbox of this.#byWireId.values()) count += inbox.kept.length;
    return count;
  }

  get keptBytes(): number {
    let bytes = this.#rawInbox?.keptBytes ?? 0;
    for (const inbox of this.#byWireId.values()) bytes += inbox.keptBytes;
    return bytes;
  }

  #step(happened: number): number {
    if (this.#waiting === 0) return 0;
    if (happened === 0) {
      this.#idleTurns += 1;
      if (this.#idleTurns % idleTurnsPerLook !== 0) return 0;
    }
    return this.drain();
  }

  /** Takes what has come. Returns how many messages that were. */
  drain(): number {
    const messages = this.#messages;
    if (!this.#core.config.enableTag) return 0;
    for (let count = 0; count < messagesPerTurn; count++) {
      const message = messages.probe(this.#every);
      if (message === undefined) return count;
      this.#route(message);
    }
    return messagesPerTurn;
  }

  #route(message: ProbedMessage): void {
    const inbox = this.#inboxOf(message);
    if (inbox === undefined) {
      this.#messages.discard(message);
      return;
    }
    for (;;) {
      const receive = inbox.takeWaiting(message);
      if (receive === undefined) break;
      this.#waiting -= 1;
      if (message.bytes <= receive.maxBytes) {
        this.#fetch(inbox, message, receive);
        return;
      }
      this.settled += 1;
      receive.failTruncated(message.bytes);
    }
    inbox.add({
      tagUpper: message.tagUpper,
      tagLower: message.tagLower,
      sizeBytes: message.bytes,
      probed: message,
      fetched: undefined,
    });
  }

  #inboxOf(message: ProbedMessage): Inbox | undefined {
    if (this.#rawInbox !== undefined) return this.#rawInbox;
    const wireId = wireIdOf(message.tagUpper);
    const inbox = this.#byWireId.get(wireId);
    if (inbox !== undefined) return inbox;
    const endpoint = this.#core.connections.table.byWireId(wireId);
    return endpoint === undefined ? undefined : this.of(endpoint);
  }

  /** Begins a receive, which may be settled at once. */
  post(inbox: Inbox, receive: Receive): void {
    const index = inbox.findKept(receive);
    if (index >= 0) {
      this.#give(inbox, index, receive);
      return;
    }
    inbox.waiting.push(receive);
    this.#waiting += 1;
    this.drain();
    // What it waits for may lie behind messages that nobody wants.
    if (!receive.isSettled && inbox.endpoint?.peerStarved === true)
      this.onStarved(inbox.endpoint);
  }

  #give(inbox: Inbox, index: number, receive: Receive): void {
    const message = inbox.kept[index] as KeptMessage;
    if (message.sizeBytes > receive.maxBytes) {
      this.settled += 1;
      receive.failTruncated(message.sizeBytes);
      return;
    }
    inbox.takeKept(index);
    if (message.probed !== undefined) {
      this.#fetch(inbox, message.probed, receive);
      return;
    }
    const { fetched } = message;
    if (fetched.isComplete) {
      this.settled += 1;
      receive.fulfill(fetched.data, fetched);
      this.#tookLast(inbox.endpoint);
      return;
    }
    fetched.receive = receive;
    inbox.fetching.add(fetched);
  }

  #fetch(inbox: Inbox, message: ProbedMessage, receive: Receive): void {
    const data = new Uint8Array(new ArrayBuffer(message.bytes));
    if (this.#messages.takeProbedAtOnce(message, data)) {
      this.settled += 1;
      receive.fulfill(data, message);
      return;
    }
    const operation = this.#messages.takeProbed(message, data);
    if (operation.isDone && operation.status === 0) {
      this.settled += 1;
      receive.fulfill(data, message);
      return;
    }
    const fetched: FetchedMessage = {
      tagUpper: message.tagUpper,
      tagLower: message.tagLower,
      data,
      isComplete: false,
      receive,
    };
    if (operation.isDone) {
      this.#fetchFailed(inbox, fetched, operation);
      return;
    }
    inbox.fetching.add(fetched);
    operation.onDone = () => {
      inbox.fetching.delete(fetched);
      if (operation.status !== 0) {
        this.#fetchFailed(inbox, fetched, operation);
        return;
      }
      fetched.isComplete = true;
      if (fetched.receive === undefined) return;
      this.settled += 1;
      fetched.receive.fulfill(data, fetched);
      this.#tookLast(inbox.endpoint);
    };
  }

  /** It was announced, and its sender went away before the bytes came. */
  #fetchFailed(
    inbox: Inbox,
    fetched: FetchedMessage,
    operation: Operation,
  ): void {
    const { endpoint } = inbox;
    const index = inbox.kept.findIndex((kept) => kept.fetched === fetched);
    if (index >= 0) inbox.takeKept(index);
    this.#tookLast(endpoint);
    if (fetched.receive === undefined) {
      this.#messages.dropped += 1;
      return;
    }
    this.settled += 1;
    fetched.receive.fail(
      endpoint?.failure ??
        (operation.status === -16
          ? new UcxConnectionResetError(
              "the sender went away while its message was fetched",
              { endpointId: endpoint?.id, status: operation.status },
            )
          : statusError("receiveMessage", operation.status, endpoint?.id)),
    );
  }

  /** Takes a receive back. A message that is being fetched for it is kept for the next. */
  giveUp(inbox: Inbox, receive: Receive): void {
    const index = inbox.waiting.indexOf(receive);
    if (index >= 0) {
      inbox.waiting.splice(index, 1);
      this.#waiting -= 1;
      return;
    }
    for (const fetched of inbox.fetching) {
      if (fetched.receive !== receive) continue;
      fetched.receive = undefined;
      inbox.fetching.delete(fetched);
      inbox.addFirst({
        tagUpper: fetched.tagUpper,
        tagLower: fetched.tagLower,
        sizeBytes: fetched.data.byteLength,
        probed: undefined,
        fetched,
      });
      const next = inbox.takeWaiting(fetched);
      if (next === undefined) return;
      this.#waiting -= 1;
      this.#give(inbox, 0, next);
      return;
    }
  }

  /** Rejects what waits for one owner, or for all. */
  fail(inbox: Inbox, owner: unknown, error: unknown): void {
    for (const receive of [...inbox.waiting]) {
      if (owner !== undefined && receive.owner !== owner) continue;
      this.giveUp(inbox, receive);
      this.settled += 1;
      receive.fail(error);
    }
    for (const fetched of [...inbox.fetching]) {
      const { receive } = fetched;
      if (receive === undefined) continue;
      if (owner !== undefined && receive.owner !== owner) continue;
      this.giveUp(inbox, receive);
      this.settled += 1;
      receive.fail(error);
    }
  }

  onStarved(endpoint: Endpoint): void {
    const inbox = this.of(endpoint);
    if (inbox.waiting.length === 0) return;
    this.drain();
    if (inbox.waiting.length === 0 || !endpoint.peerStarved) return;
    endpoint.keptMessages = inbox.kept.length;
    let bytes = 0;
    for (const each of this.#byWireId.values())
      if ((each.endpoint?.keptMessages ?? 0) > 0)
        bytes += each.keptBytes + each.kept.length * overheadBytes;
    if (bytes > this.#core.config.spillBytes)
      this.#core.connections.closing.overflow(endpoint);
    else this.#messages.grant(endpoint);
  }

  hasUnread(endpoint: Endpoint): boolean {
    const inbox = this.#byWireId.get(endpoint.wireId);
    return inbox !== undefined && inbox.kept.length + inbox.fetching.size > 0;
  }

  /** The last message of a connection may be gone by now. */
  #tookLast(endpoint: Endpoint | undefined): void {
    if (endpoint?.state === "closed")
      this.#core.connections.closing.forgetIfEmpty(endpoint);
  }

  forget(endpoint: Endpoint): void {
    const inbox = this.#byWireId.get(endpoint.wireId);
    if (inbox === undefined) return;
    this.#byWireId.delete(endpoint.wireId);
    this.#discardKept(inbox);
  }

  #discardKept(inbox: Inbox): void {
    for (;;) {
      const message = inbox.takeKept(0);
      if (message === undefined) return;
      if (message.probed !== undefined) this.#messages.discard(message.probed);
      else this.#messages.dropped += 1;
    }
  }

  /** Rejects everything that waits and throws away what nobody received. */
  close(error: unknown): void {
    for (const inbox of this.#byWireId.values())
      this.fail(inbox, undefined, error);
    const inbox = this.#rawInbox;
    if (inbox === undefined) return;
    this.fail(inbox, undefined, error);
    this.#discardKept(inbox);
  }
}
