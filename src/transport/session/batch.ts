/** Small messages that wait, as frames already. */
import { frameHeaderBytes, frameLengthBytes } from "../../wire/frame.ts";
import { writePlainFrame } from "../../wire/frame_encoder.ts";
import type { SendCredit } from "./credit.ts";
import {
  copyOfFrames,
  frameBlockBytes,
  giveFrameBlock,
  takeFrameBlock,
} from "./frame_blocks.ts";
import { FrameRun } from "./frame_run.ts";
import { Outgoing } from "./outgoing.ts";

/** Payloads up to this go into batches: no receiver has less for a frame. */
export const batchedPayloadBytesMax = 1024;

/** Small messages without headers that wait, as the frames that they become: thousands of them cost hardly more than their bytes. */
export class Batch extends Outgoing {
  readonly bytes: Uint8Array = takeFrameBlock();
  /** Where the next frame to be sent begins. */
  start = 0;
  end = 0;
  /** Frames that wait. */
  count = 0;
  /** Whether its memory belongs to somebody else. */
  #isHandedOver = false;

  override get sizeBytes(): number {
    return this.end - this.start;
  }

  /** Adds a frame. Returns whether there was room. */
  add(kind: number, id: number, payload: Uint8Array): boolean {
    const sizeBytes = frameHeaderBytes + payload.length;
    if (this.end + sizeBytes > frameBlockBytes) return false;
    writePlainFrame(
      this.bytes,
      this.end,
      kind,
      this.priority,
      id,
      0,
      0,
      payload,
    );
    this.end += sizeBytes;
    this.count += 1;
    return true;
  }

  /** Bytes of the frame that begins there. */
  frameBytes(at: number): number {
    const { bytes } = this;
    return (
      ((bytes[at + 2] ?? 0) << 8) + (bytes[at + 3] ?? 0) + frameLengthBytes
    );
  }

  /** Bytes and number of the frames, from the first on, for which there is credit. */
  within(credit: SendCredit): {
    readonly bytes: number;
    readonly count: number;
  } {
    const { start } = this;
    if (this.end - start <= credit.bytes && this.count <= credit.messages)
      return { bytes: this.end - start, count: this.count };
    let end = start;
    let count = 0;
    while (end < this.end && count < credit.messages) {
      const next = end + this.frameBytes(end);
      if (next - start > credit.bytes) break;
      end = next;
      count += 1;
    }
    return { bytes: end - start, count };
  }

  /** The first frames, as they are kept. A batch that is sent as a whole hands its memory over. */
  run(bytes: number, count: number, sequence: number, nowMs: number): FrameRun {
    const { start } = this;
    const end = start + bytes;
    if (start === 0 && count === this.count && !this.#isHandedOver) {
      this.#isHandedOver = true;
      return new FrameRun(this.bytes, 0, end, sequence, count, nowMs);
    }
    const copy = copyOfFrames(this.bytes, start, end);
    return new FrameRun(copy, 0, bytes, sequence, count, nowMs);
  }

  /** All of it was sent: its memory is free, unless it was handed over. */
  done(): void {
    if (!this.#isHandedOver) giveFrameBlock(this.bytes);
    this.#isHandedOver = true;
  }
}
