/** The outgoing half of a session: what goes at once, what waits, in which order, and what is sent again. */
import type { Compression } from "../../wire/compression_names.ts";
import { compressPayload } from "../../wire/compression.ts";
import { WireTooLargeError } from "../../wire/errors.ts";
import { FragmentWriter } from "../../wire/fragments.ts";
import { frameHeaderBytes, twoTo32 } from "../../wire/frame.ts";
import { frameSizeBytes } from "../../wire/frame_encoder.ts";
import { FrameFlag, FrameKind } from "../../wire/kinds.ts";
import type { Link } from "./link.ts";
import { Outbox } from "./outbox.ts";
import { Batch, batchedPayloadBytesMax, Outgoing } from "./outgoing.ts";
import { ReplayBuffer } from "./replay_buffer.ts";
import type { SessionSettings } from "./settings.ts";
import type { TimerWheel } from "./timer_wheel.ts";

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
  link: Link | undefined;
  /** What payloads are compressed with. */
  compression: Compression | undefined;
  readonly #settings: SessionSettings;
  readonly #wheel: TimerWheel;
  readonly #events: SenderEvents;
  /** Messages of which fragments were sent, but not all. */
  readonly #inFragments = new Set<Outgoing>();
  #fragmentedBytes = 0;
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
  ): boolean {
    const link = this.link;
    if (
      link === undefined ||
      !link.isOpen ||
      this.outbox.size > 0 ||
      payload.length > link.plainBytes ||
      !link.takes(frameHeaderBytes + payload.length, true) ||
      (this.compression !== undefined &&
        payload.length >= this.#settings.compressionThresholdBytes) ||
      !link.writePlain(kind, priority, id, 0, 0, payload)
    )
      return false;
    this.lastSequence += 1;
    this.highestSequence = this.lastSequence;
    this.bytesSent += payload.length;
    if (kind === FrameKind.Message) this.messagesSent += 1;
    else if (kind === FrameKind.Request) this.requestsSent += 1;
    if (this.replay !== undefined) {
      const outgoing = new Outgoing();
      outgoing.kind = kind;
      outgoing.priority = priority;
      outgoing.id = id;
      outgoing.payload = payload;
      outgoing.sequence = this.lastSequence;
      this.#keep(this.replay, outgoing, link);
    }
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
    this.#checkSize(outgoing);
    if (link?.isOpen === true && this.compression !== undefined)
      this.#compress(outgoing, this.compression);
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
    this.#fragmentsDone(outgoing);
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

  #checkSize(outgoing: Outgoing): void {
    const limit = this.link?.hello?.limits.maxMessageBytes;
    if (limit !== undefined && outgoing.payload.length > limit)
      throw new WireTooLargeError(
        "payload bytes of a message",
        outgoing.payload.length,
        limit,
      );
    const headersLimit = this.link?.hello?.limits.maxHeadersBytes;
    const headersBytes = outgoing.headers?.length ?? 0;
    if (headersLimit !== undefined && headersBytes > headersLimit)
      throw new WireTooLargeError(
        "bytes of headers",
        headersBytes,
        headersLimit,
      );
  }

  #compress(outgoing: Outgoing, compression: Compression): void {
    if (outgoing.flags !== 0 || outgoing.kind === FrameKind.Error) return;
    const packed = compressPayload(compression, outgoing.payload, {
      thresholdBytes: this.#settings.compressionThresholdBytes,
    });
    if (packed === undefined) return;
    outgoing.payload = packed;
    outgoing.flags = FrameFlag.Compressed;
    outgoing.isOwn = true;
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
    const limits = link.hello?.limits;
    return (
      limits !== undefined &&
      this.#inFragments.size < limits.maxReassemblyMessages &&
      this.#fragmentedBytes + payloadBytes <= limits.maxReassemblyBytes &&
      link.takes(
        frameSizeBytes(link.fragmentBytes, headersBytes, FrameFlag.More),
        true,
      )
    );
  }

  /** Writes the next frame of a message. Returns whether there was room. */
  #write(outgoing: Outgoing, link: Link): boolean {
    if (outgoing instanceof Batch) return this.#writeBatch(outgoing, link);
    if (outgoing.sequence === 0) {
      try {
        // The peer's limits may have been unknown when it was taken.
        this.#checkSize(outgoing);
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
      this.#fragmentedBytes += outgoing.payload.length;
      this.#count(outgoing, link);
    }
    if (writer.done) {
      this.outbox.remove(outgoing);
      this.#fragmentsDone(outgoing);
      outgoing.writer = undefined;
      this.#settled(outgoing);
    }
    return true;
  }

  /** As many frames as there is credit for, in one piece. */
  #writeBatch(batch: Batch, link: Link): boolean {
    const credit = link.sendCredit;
    const { start } = batch;
    let end = batch.end;
    let { count } = batch;
    if (end - start > credit.bytes || count > credit.messages) {
      end = start;
      count = 0;
      while (end < batch.end && count < credit.messages) {
        const next = end + batch.frameBytes(end);
        if (next - start > credit.bytes) break;
        end = next;
        count += 1;
      }
    }
    const target = link.coalescer.reserve(end - start);
    if (target === undefined) return false;
    target.set(batch.bytes.subarray(start, end), link.coalescer.end);
    link.wroteMany(end - start, count);
    if (this.replay !== undefined)
      this.#keepBatch(this.replay, batch, start, end, link);
    this.lastSequence += count;
    this.highestSequence = this.lastSequence;
    this.bytesSent += end - start - frameHeaderBytes * count;
    this.messagesSent += count;
    this.outbox.sentOf(batch, count, end - start);
    return true;
  }

  #keepBatch(
    replay: ReplayBuffer,
    batch: Batch,
    start: number,
    end: number,
    link: Link,
  ): void {
    const { bytes } = batch;
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    let sequence = this.lastSequence;
    for (let at = start; at < end;) {
      const next = at + batch.frameBytes(at);
      const outgoing = new Outgoing();
      outgoing.kind = batch.kind;
      outgoing.priority = batch.priority;
      outgoing.id = view.getUint32(at + 8) * twoTo32 + view.getUint32(at + 12);
      outgoing.payload = bytes.slice(at + frameHeaderBytes, next);
      outgoing.isOwn = true;
      sequence += 1;
      outgoing.sequence = sequence;
      replay.add(outgoing, link.nowMs);
      at = next;
    }
  }

  #fragmentsDone(outgoing: Outgoing): void {
    if (this.#inFragments.delete(outgoing))
      this.#fragmentedBytes -= outgoing.payload.length;
  }

  #begun(outgoing: Outgoing, link: Link): void {
    this.#count(outgoing, link);
    this.#settled(outgoing);
  }

  #settled(outgoing: Outgoing): void {
    const { settle } = outgoing;
    if (settle === undefined) return;
    outgoing.settle = undefined;
    settle();
  }

  /** Its first frame was written. */
  #count(outgoing: Outgoing, link: Link): void {
    // From here on it cannot be taken back.
    if (outgoing.slot >= 0) this.#wheel.remove(outgoing);
    this.lastSequence += 1;
    if (outgoing.sequence > 0) return;
    outgoing.sequence = this.lastSequence;
    this.highestSequence = this.lastSequence;
    this.bytesSent += outgoing.payload.length;
    if (outgoing.kind === FrameKind.Message) this.messagesSent += 1;
    else if (outgoing.kind === FrameKind.Request) this.requestsSent += 1;
    if (this.replay !== undefined) this.#keep(this.replay, outgoing, link);
  }

  #keep(replay: ReplayBuffer, outgoing: Outgoing, link: Link): void {
    if (!outgoing.isOwn && outgoing.payload.length <= replay.maxBytes) {
      outgoing.payload = outgoing.payload.slice();
      outgoing.isOwn = true;
    }
    replay.add(outgoing, link.nowMs);
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
    this.#inFragments.clear();
    this.#fragmentedBytes = 0;
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
    const kept = this.replay?.from(0) ?? [];
    this.replay?.reset();
    this.lastSequence = 0;
    this.highestSequence = 0;
    this.peerAccepted = 0;
    return kept;
  }

  /** Makes room for a peer that may come back. */
  keepForReplay(): void {
    this.replay ??= new ReplayBuffer(this.#settings.replay);
  }
}
