/** The outgoing half of a session: what goes at once, what waits, in which order, and what is sent again. */
import type { Compression } from "../../wire/compression_names.ts";
import { FragmentWriter } from "../../wire/fragments.ts";
import { frameHeaderBytes } from "../../wire/frame.ts";
import { frameSizeBytes } from "../../wire/frame_encoder.ts";
import { FrameFlag, FrameKind } from "../../wire/kinds.ts";
import { Batch, batchedPayloadBytesMax } from "./batch.ts";
import { FragmentsBegun } from "./fragments_begun.ts";
import { type LinkOutput, plainFrameBytes } from "./link_output.ts";
import { Outbox } from "./outbox.ts";
import type { Outgoing } from "./outgoing.ts";
import { checkSizes, packPayload } from "./outgoing_sizes.ts";
import { ReplayBuffer } from "./replay_buffer.ts";
import type { SessionSettings } from "./settings.ts";
import type { TimerWheel } from "./timer_wheel.ts";
import { WrittenRun } from "./written_run.ts";

/** Messages that wait for room, those of `send` and `request` included, are at most so many. */
const waitingMax = 131_072;

/** What a sender tells its session. */
export interface SenderEvents {
  /** There is room after `fits` has said that there is none. */
  roomAgain(): void;
  /** Nothing waits any more. */
  emptied(): void;
}

/** Sends the messages of one session, over one link at a time. */
export class Sender {
  readonly outbox = new Outbox();
  /** Of the last message that was begun on this link. */
  lastSequence = 0;
  /** The highest one that was ever begun in this session. */
  highestSequence = 0;
  /** What the peer says to have accepted. */
  peerAccepted = 0;
  messagesSent = 0;
  requestsSent = 0;
  bytesSent = 0;
  dropped = 0;
  /** Set when the peer may come back. */
  replay: ReplayBuffer | undefined;
  /** Over which messages go; undefined while there is no connection. */
  link: LinkOutput | undefined;
  #run: WrittenRun | undefined;
  /** What payloads are compressed with. */
  compression: Compression | undefined;
  readonly #settings: SessionSettings;
  readonly #wheel: TimerWheel;
  readonly #events: SenderEvents;
  readonly #inFragments = new FragmentsBegun();
  #wasRefused = false;
  readonly #mayGo = (outgoing: Outgoing): boolean => this.#isAllowed(outgoing);

  constructor(
    settings: SessionSettings,
    wheel: TimerWheel,
    events: SenderEvents,
  ) {
    this.#settings = settings;
    this.#wheel = wheel;
    this.#events = events;
  }

  /** Sent, and not said to have been accepted. */
  get unconfirmed(): number {
    return this.highestSequence - this.peerAccepted;
  }

  /**
   * The hot path: sends bytes at once, if nothing stands against it.
   *
   * @returns whether they were taken
   */
  tryPlain(
    kind: number,
    priority: number,
    id: number,
    payload: Uint8Array,
    deadlineMs?: number,
  ): boolean {
    const { link } = this;
    if (
      link === undefined ||
      !link.isOpen ||
      this.outbox.size > 0 ||
      payload.length > link.plainBytes ||
      (this.compression !== undefined &&
        payload.length >= this.#settings.compressionThresholdBytes) ||
      !link.takes(plainFrameBytes(deadlineMs, payload), true)
    )
      return false;
    const sizeBytes = link.writePlain(kind, priority, id, deadlineMs, payload);
    if (sizeBytes === 0) return false;
    this.lastSequence += 1;
    this.highestSequence = this.lastSequence;
    this.bytesSent += payload.length;
    if (kind === FrameKind.Message) this.messagesSent += 1;
    else if (kind === FrameKind.Request) this.requestsSent += 1;
    this.#run?.wrote(link, sizeBytes, this.lastSequence);
    return true;
  }

  /**
   * Lets a message wait whose bytes are few and that has nothing else.
   *
   * @returns undefined when it is no such message, else whether there was room for it
   */
  tryWait(
    kind: number,
    priority: number,
    id: number,
    payload: Uint8Array,
  ): boolean | undefined {
    if (
      payload.length > batchedPayloadBytesMax ||
      (this.compression !== undefined &&
        payload.length >= this.#settings.compressionThresholdBytes)
    )
      return undefined;
    if (!this.fits(frameHeaderBytes + payload.length)) return false;
    // Behind a batch that waits there is nothing to try.
    if (this.outbox.addPlain(kind, priority, id, payload)) this.pump();
    return true;
  }

  /** Whether so many bytes may wait too. */
  fits(sizeBytes: number): boolean {
    const { outbox } = this;
    const { queueBytes, queueMessages } = this.#settings;
    if (
      outbox.size === 0 ||
      (outbox.messages < queueMessages &&
        outbox.bytes + sizeBytes <= queueBytes)
    )
      return true;
    this.#wasRefused = true;
    return false;
  }

  /** Whether nothing at all may wait any more, not even for a promise. */
  get isCrowded(): boolean {
    return this.outbox.messages >= waitingMax;
  }

  /**
   * Sends a message now, or lets it wait.
   *
   * @returns whether all of it was taken
   * @throws {WireTooLargeError} when the peer takes no message of that size
   */
  offer(outgoing: Outgoing): boolean {
    const { link } = this;
    checkSizes(outgoing, this.link?.limits);
    if (link?.isOpen === true && this.compression !== undefined)
      packPayload(
        outgoing,
        this.compression,
        this.#settings.compressionThresholdBytes,
      );
    if (
      this.outbox.size === 0 &&
      link?.isOpen === true &&
      outgoing.payload.length <= link.fragmentBytes &&
      this.#isAllowed(outgoing) &&
      link.writeFrame(outgoing)
    ) {
      this.#begun(outgoing, link);
      return true;
    }
    this.outbox.add(outgoing);
    this.pump();
    return outgoing.sequence > 0 && outgoing.writer === undefined;
  }

  /** Sends what may be sent now. */
  pump(): void {
    const { link, outbox } = this;
    if (link?.isOpen !== true || outbox.size === 0) return;
    while (outbox.size > 0 && !link.coalescer.blocked) {
      const next = outbox.next(this.#mayGo);
      if (next === undefined || !this.#write(next, link)) break;
    }
    if (this.#wasRefused && this.#hasRoom()) {
      this.#wasRefused = false;
      this.#events.roomAgain();
    }
    if (outbox.size === 0) this.#events.emptied();
  }

  /** Gives up what was not begun. */
  drop(outgoing: Outgoing, error: unknown): void {
    this.dropped += outgoing instanceof Batch ? outgoing.count : 1;
    this.withdraw(outgoing);
    outgoing.settle?.(error);
  }

  /** Sends it no more. Returns whether it waited. */
  withdraw(outgoing: Outgoing): boolean {
    this.#wheel.remove(outgoing);
    this.#inFragments.delete(outgoing);
    return this.outbox.remove(outgoing);
  }

  /** Half of the bounds: not at every message that goes. */
  #hasRoom(): boolean {
    const { queueBytes, queueMessages } = this.#settings;
    return (
      this.outbox.messages <= queueMessages / 2 &&
      this.outbox.bytes <= queueBytes / 2
    );
  }

  #isAllowed(outgoing: Outgoing): boolean {
    const { link } = this;
    if (link === undefined) return false;
    const { writer } = outgoing;
    if (outgoing instanceof Batch)
      return link.takes(outgoing.frameBytes(outgoing.start), true);
    if (writer !== undefined) return link.takes(writer.nextBytes, false);
    const payloadBytes = outgoing.payload.length;
    const headersBytes = outgoing.headers?.length ?? 0;
    if (payloadBytes <= link.fragmentBytes)
      return link.takes(frameSizeBytes(payloadBytes, headersBytes), true);
    const { limits } = link;
    return (
      limits !== undefined &&
      this.#inFragments.allow(payloadBytes, limits) &&
      link.takes(
        frameSizeBytes(link.fragmentBytes, headersBytes, FrameFlag.More),
        true,
      )
    );
  }

  /** Writes the next frame of a message. Returns whether there was room. */
  #write(outgoing: Outgoing, link: LinkOutput): boolean {
    if (outgoing instanceof Batch) return this.#writeBatch(outgoing, link);
    if (outgoing.sequence === 0) {
      try {
        // The peer's limits may have been unknown when it was taken.
        checkSizes(outgoing, this.link?.limits);
      } catch (error) {
        this.drop(outgoing, error);
        return true;
      }
    }
    if (outgoing.payload.length <= link.fragmentBytes) {
      if (!link.writeFrame(outgoing)) return false;
      this.outbox.remove(outgoing);
      this.#begun(outgoing, link);
      return true;
    }
    const writer =
      outgoing.writer ?? new FragmentWriter(outgoing, link.fragmentBytes);
    const sizeBytes = writer.nextBytes;
    const target = link.coalescer.reserve(sizeBytes);
    if (target === undefined) return false;
    const isBegin = !writer.begun;
    writer.write(target, link.coalescer.end);
    link.wrote(sizeBytes, isBegin);
    if (isBegin) {
      outgoing.writer = writer;
      this.#inFragments.add(outgoing);
      this.#count(outgoing, link);
    }
    if (writer.done) {
      this.outbox.remove(outgoing);
      this.#inFragments.delete(outgoing);
      outgoing.writer = undefined;
      this.#settled(outgoing);
    }
    return true;
  }

  /** As many frames as there is credit for, in one piece. */
  #writeBatch(batch: Batch, link: LinkOutput): boolean {
    const { bytes, count } = batch.within(link.sendCredit);
    const { start } = batch;
    const target = link.coalescer.reserve(bytes);
    if (target === undefined) return false;
    target.set(batch.bytes.subarray(start, start + bytes), link.coalescer.end);
    link.wroteMany(bytes, count);
    this.#run?.keep();
    const first = this.lastSequence + 1;
    this.replay?.addRun(batch.run(bytes, count, first, link.clock.nowMs));
    this.lastSequence += count;
    this.highestSequence = this.lastSequence;
    this.bytesSent += bytes - frameHeaderBytes * count;
    this.messagesSent += count;
    this.outbox.sentOf(batch, count, bytes);
    return true;
  }

  #begun(outgoing: Outgoing, link: LinkOutput): void {
    this.#count(outgoing, link);
    this.#settled(outgoing);
  }

  #settled(outgoing: Outgoing): void {
    const { settle } = outgoing;
    outgoing.settle = undefined;
    settle?.();
  }

  /** Its first frame was written. */
  #count(outgoing: Outgoing, link: LinkOutput): void {
    // From here on it cannot be taken back.
    if (outgoing.slot >= 0) this.#wheel.remove(outgoing);
    this.lastSequence += 1;
    if (outgoing.sequence > 0) return;
    outgoing.sequence = this.lastSequence;
    this.highestSequence = this.lastSequence;
    this.bytesSent += outgoing.payload.length + outgoing.savedBytes;
    if (outgoing.kind === FrameKind.Message) this.messagesSent += 1;
    else if (outgoing.kind === FrameKind.Request) this.requestsSent += 1;
    if (this.replay !== undefined) this.#keep(this.replay, outgoing, link);
  }

  #keep(replay: ReplayBuffer, outgoing: Outgoing, link: LinkOutput): void {
    if (!outgoing.isOwn && outgoing.payload.length <= replay.maxBytes) {
      outgoing.payload = outgoing.payload.slice();
      outgoing.isOwn = true;
    }
    this.#run?.keep();
    replay.add(outgoing, link.clock.nowMs);
  }

  /** The peer has accepted all up to this sequence. */
  accepted(sequence: number): void {
    if (sequence <= this.peerAccepted) return;
    this.peerAccepted = sequence;
    this.replay?.accepted(sequence);
  }

  /**
   * The link is gone. What had begun waits no more: it is sent again from the replay buffer, or not at all.
   *
   * @returns what has begun and is not kept
   */
  lost(): Outgoing[] {
    this.link = undefined;
    this.#run?.keep();
    this.#inFragments.clear();
    const oldest = this.replay?.oldest ?? Number.POSITIVE_INFINITY;
    const gone: Outgoing[] = [];
    for (const outgoing of this.outbox.all()) {
      if (outgoing.sequence === 0) continue;
      this.outbox.remove(outgoing);
      outgoing.writer = undefined;
      if (outgoing.sequence < oldest) gone.push(outgoing);
    }
    return gone;
  }

  /** The session goes on: everything from this sequence on is sent again. */
  resume(firstSequence: number): void {
    this.lastSequence = firstSequence - 1;
    for (const outgoing of this.replay?.from(firstSequence) ?? []) {
      outgoing.writer = undefined;
      this.outbox.addAgain(outgoing);
    }
  }

  /**
   * A session begins that knows nothing of the one before.
   *
   * @returns what was kept of that one
   */
  reset(): Outgoing[] {
    this.#run?.keep();
    const kept = this.replay?.from(0) ?? [];
    this.replay?.reset();
    this.lastSequence = 0;
    this.highestSequence = 0;
    this.peerAccepted = 0;
    return kept;
  }

  /** The session is over: `closed` is for what was not begun, `unknown` for what may have arrived. */
  giveUpAll(closed: unknown, unknown: unknown): void {
    for (const outgoing of this.outbox.all()) {
      if (outgoing.sequence === 0) this.drop(outgoing, closed);
      else {
        this.withdraw(outgoing);
        outgoing.settle?.(unknown);
      }
    }
    for (const outgoing of this.reset()) outgoing.settle?.(unknown);
  }

  /** Makes room for a peer that may come back. */
  keepForReplay(): void {
    if (this.replay !== undefined) return;
    this.replay = new ReplayBuffer(this.#settings.replay);
    this.#run = new WrittenRun(this.replay);
  }
}
