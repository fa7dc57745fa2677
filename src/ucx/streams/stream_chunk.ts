/** Bytes of a stream that were received without a copy. */
import type { NativeBytes } from "../core/native_bytes.ts";
import { UcxClosedError } from "../errors.ts";

/**
 * Bytes of a stream, received without a copy: they lie in UCX's memory and count against the sender's window until they
 * are released. Use it with `using`.
 */
export class StreamChunk {
  readonly #source: NativeBytes;
  readonly #onRelease: () => void;
  /** How many bytes. */
  readonly byteLength: number;
  #released = false;

  /** Comes from `streams.take`. */
  constructor(source: NativeBytes, onRelease: () => void) {
    this.#source = source;
    this.#onRelease = onRelease;
    this.byteLength = source.byteLength;
  }

  /**
   * The bytes. When the connection ends they move, and views that were taken before become empty: ask again.
   *
   * @throws {UcxClosedError} after `release`
   */
  get bytes(): Uint8Array<ArrayBuffer> {
    if (this.#released)
      throw new UcxClosedError("the chunk of the stream was released");
    return this.#source.view;
  }

  /** Gives the memory back, and lets the sender send as much again. Views of it become empty. Idempotent. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#source.release();
    this.#onRelease();
  }

  [Symbol.dispose](): void {
    this.release();
  }
}
