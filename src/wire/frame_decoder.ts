/** Bytes into frames: whatever comes in whatever pieces, in bounded memory, and without a copy of what is not cut. */
import { WireMalformedError } from "./errors.ts";
import { type Frame, frameHeaderBytes, FrameSlot } from "./frame.ts";
import {
  checkFrameHeader,
  checkFrameLength,
  type FrameBounds,
  frameBounds,
  readFrame,
  readPlainFrame,
} from "./frame_reader.ts";
import { type WireLimits, wireLimitsDefault } from "./limits.ts";

/** Who takes the frames. */
export interface FrameHandler {
  /** Called for each frame, in order, while the bytes are fed. What it throws comes out of `push`. */
  frame(frame: Frame): void;
}

/** Memory of a frame that was gathered is kept for the next one up to this length. */
const keptBytesMax = 4096;

const nothing = new Uint8Array(0);

/** Takes one direction of a connection apart. */
export class FrameDecoder {
  readonly #handler: FrameHandler;
  readonly #bounds: FrameBounds;
  readonly #slot = new FrameSlot();
  /** The beginning of a frame whose rest has not come. */
  #gathered = nothing;
  #gatheredBytes = 0;
  /** Bytes of the gathered frame, or 0 until its header is there. */
  #wantedBytes = 0;
  #running = false;
  #stopped = false;
  #failure: unknown;

  /** @param limits what this side has announced, as `wireLimits` makes them */
  constructor(handler: FrameHandler, limits: WireLimits = wireLimitsDefault) {
    this.#handler = handler;
    this.#bounds = frameBounds(limits);
  }

  /** Bytes that have come of a frame that is not there as a whole. */
  get pendingBytes(): number {
    return this.#gatheredBytes;
  }

  /** Bytes of memory that are held, at most those of one frame of the greatest length. */
  get heldBytes(): number {
    return this.#gathered.length;
  }

  /** Whether `stop` or `end` was called, or something was refused. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** No frame is handed over after this, not even of the bytes that are being fed. */
  stop(): void {
    this.#stopped = true;
    this.#gathered = nothing;
    this.#gatheredBytes = 0;
    this.#wantedBytes = 0;
  }

  /**
   * Feeds bytes. All frames that end in them are handed over before this returns. A decoder that was stopped takes no
   * notice of bytes.
   *
   * @throws {WireError} for bytes that are refused, and again with each later call; and what the handler throws. The
   *   decoder has stopped then.
   * @throws {TypeError} when the handler of a frame calls this
   */
  push(chunk: Uint8Array): void {
    if (this.#running)
      throw new TypeError("push: called by the handler of a frame");
    if (this.#stopped) {
      if (this.#failure !== undefined) throw this.#failure;
      return;
    }
    this.#running = true;
    try {
      this.#take(chunk);
    } catch (error) {
      this.stop();
      this.#failure = error;
      throw error;
    } finally {
      this.#running = false;
      this.#slot.release();
    }
  }

  /** The stream has ended. @throws {WireMalformedError} when that was within a frame */
  end(): void {
    if (this.#stopped) return;
    const pendingBytes = this.#gatheredBytes;
    this.stop();
    if (pendingBytes > 0)
      throw new WireMalformedError(
        `the stream ended ${pendingBytes} bytes into a frame`,
      );
  }

  #take(chunk: Uint8Array): void {
    let offset = this.#gatheredBytes > 0 ? this.#gather(chunk, 0) : 0;
    const end = chunk.length;
    if (this.#stopped || offset >= end) return;
    const view = new DataView(chunk.buffer, chunk.byteOffset, end);
    const slot = this.#slot;
    const bounds = this.#bounds;
    slot.chunk = chunk;
    while (end - offset >= frameHeaderBytes) {
      let sizeBytes = readPlainFrame(slot, view, offset, end, bounds);
      if (sizeBytes === 0) {
        sizeBytes = checkFrameHeader(view, offset, bounds);
        if (end - offset < sizeBytes) break;
        readFrame(slot, chunk, view, offset, sizeBytes, bounds);
      }
      this.#handler.frame(slot);
      if (this.#stopped) return;
      offset += sizeBytes;
    }
    if (offset < end) this.#gather(chunk, offset);
  }

  /** Copies what the gathered frame needs, and hands it over when it is whole. Returns where the rest of the chunk begins. */
  #gather(chunk: Uint8Array, start: number): number {
    let offset = start;
    if (this.#wantedBytes === 0) {
      offset = this.#copy(chunk, offset, frameHeaderBytes);
      const view = this.#gatheredView();
      if (this.#gatheredBytes < frameHeaderBytes) {
        if (this.#gatheredBytes >= 4) checkFrameLength(view, 0, this.#bounds);
        return offset;
      }
      this.#wantedBytes = checkFrameHeader(view, 0, this.#bounds);
    }
    const wantedBytes = this.#wantedBytes;
    offset = this.#copy(chunk, offset, wantedBytes);
    if (this.#gatheredBytes < wantedBytes) return offset;
    const bytes = this.#gathered;
    this.#gatheredBytes = 0;
    this.#wantedBytes = 0;
    if (bytes.length > keptBytesMax) this.#gathered = nothing;
    const view = new DataView(bytes.buffer);
    readFrame(this.#slot, bytes, view, 0, wantedBytes, this.#bounds);
    this.#handler.frame(this.#slot);
    return offset;
  }

  /** Copies until so many bytes are gathered, or the chunk ends. */
  #copy(chunk: Uint8Array, start: number, untilBytes: number): number {
    if (this.#gathered.length < untilBytes) {
      const larger = new Uint8Array(untilBytes);
      larger.set(this.#gathered.subarray(0, this.#gatheredBytes));
      this.#gathered = larger;
    }
    const countBytes = Math.min(
      untilBytes - this.#gatheredBytes,
      chunk.length - start,
    );
    this.#gathered.set(
      chunk.subarray(start, start + countBytes),
      this.#gatheredBytes,
    );
    this.#gatheredBytes += countBytes;
    return start + countBytes;
  }

  #gatheredView(): DataView {
    return new DataView(this.#gathered.buffer);
  }
}
