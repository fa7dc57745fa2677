/** Many frames in one write: what is written in one turn of the event loop goes out together. */
import type { Connection } from "../adapter.ts";
import type { ChunkClock } from "./clock.ts";
import { copyOfFrames } from "./frame_blocks.ts";

/** So many bytes go out without waiting for the end of the turn. */
export const flushBytes = 131_072;

/** Room for what comes when the buffer is nearly full: one frame of the greatest length, and control frames meanwhile. */
const bufferBytes = 262_144;

/** Buffers that no connection uses at the moment: idle connections have none. */
const spareBuffers: Uint8Array[] = [];
const spareBuffersMax = 16;

const nothing: Uint8Array = new Uint8Array(0);

/** The output of one connection. */
export class Coalescer {
  readonly #connection: Connection;
  readonly #clock: ChunkClock | undefined;
  #buffer = nothing;
  #start = 0;
  /** Where the next frame is written. */
  end = 0;
  /** The connection took less than it was given, and has not said since that it takes more. */
  blocked = false;
  /** Called before bytes that were written go out, or are moved or forgotten. */
  beforeOut: (() => void) | undefined;
  /** The end as the tick saw it last. */
  #seenEnd = 0;
  #held = false;
  #scheduled = false;
  readonly #tick: () => void;

  /** @param clock whose time is asked again when a turn is over */
  constructor(connection: Connection, clock?: ChunkClock) {
    this.#connection = connection;
    this.#clock = clock;
    // More than one write a turn is made in a row of microtasks: wait until one adds nothing.
    this.#tick = () => {
      if (this.end !== this.#seenEnd) {
        this.#seenEnd = this.end;
        queueMicrotask(this.#tick);
        return;
      }
      this.#scheduled = false;
      this.flush();
    };
  }

  /** Bytes that wait for the connection. */
  get waitingBytes(): number {
    return this.end - this.#start;
  }

  /**
   * Memory with room for so many bytes from `end` on; undefined when there is no room until the connection takes more.
   * Call `commit` when they are written.
   */
  reserve(bytes: number): Uint8Array | undefined {
    if (this.end + bytes > flushBytes && this.end > 0) this.flush();
    if (this.#buffer.length === 0)
      this.#buffer = spareBuffers.pop() ?? new Uint8Array(bufferBytes);
    if (this.end + bytes <= this.#buffer.length) return this.#buffer;
    // Rare: the connection is stuck in the middle.
    this.#buffer.copyWithin(0, this.#start, this.end);
    this.end -= this.#start;
    this.#start = 0;
    return this.end + bytes <= this.#buffer.length ? this.#buffer : undefined;
  }

  /** A copy of frames that wait, at the beginning of what it returns. */
  written(start: number, end: number): Uint8Array {
    return copyOfFrames(this.#buffer, start, end);
  }

  /** So many bytes were written at `end`. They go out at the end of the turn. */
  commit(bytes: number): void {
    this.end += bytes;
    if (this.#held || this.#scheduled) return;
    this.#scheduled = true;
    this.#seenEnd = 0;
    queueMicrotask(this.#tick);
  }

  /** Until `release`, whoever called this knows when the turn ends. */
  hold(): void {
    this.#held = true;
  }

  /** The turn is over. */
  release(): void {
    this.#held = false;
    this.flush();
  }

  /** The connection takes bytes again. */
  drained(): void {
    this.blocked = false;
    this.flush();
  }

  /** Writes what there is, unless the connection is stuck. */
  flush(): void {
    this.beforeOut?.();
    this.#clock?.forget();
    if (this.blocked || this.#start === this.end) return;
    if (this.#connection.state === "open") {
      this.#start += this.#connection.write(
        this.#buffer,
        this.#start,
        this.end,
      );
      if (this.#start < this.end) {
        this.blocked = true;
        return;
      }
    }
    this.discard();
  }

  /** Forgets what there is, and gives the memory back. */
  discard(): void {
    this.beforeOut?.();
    this.#start = 0;
    this.end = 0;
    if (this.#buffer.length > 0 && spareBuffers.length < spareBuffersMax)
      spareBuffers.push(this.#buffer);
    this.#buffer = nothing;
  }
}
