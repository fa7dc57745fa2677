/** Texts that wait until their client reads, bounded in bytes and in time. */
import { Buffer } from "node:buffer";
import type { Connection } from "../adapter.ts";

/** What a connection has not taken yet. */
export class TextOutbox {
  readonly #connection: Connection;
  readonly #limitBytes: number;
  readonly #stallTimeoutMs: number;
  readonly #onStalled: () => void;
  #texts: string[] = [];
  #stallTimer: ReturnType<typeof setTimeout> | undefined;
  queuedBytes = 0;

  /** @param onStalled called when it is full, and nothing went for so long */
  constructor(
    connection: Connection,
    limitBytes: number,
    stallTimeoutMs: number,
    onStalled: () => void,
  ) {
    this.#connection = connection;
    this.#limitBytes = limitBytes;
    this.#stallTimeoutMs = stallTimeoutMs;
    this.#onStalled = onStalled;
  }

  get isEmpty(): boolean {
    return this.#texts.length === 0;
  }

  /** Sends a text or lets it wait; one that is longer than the bound waits alone. @returns its bytes; 0 when there is no room */
  put(text: string): number {
    if (this.#connection.state !== "open") return 0;
    const sizeBytes = Buffer.byteLength(text);
    if (
      this.queuedBytes > 0 &&
      this.queuedBytes + sizeBytes > this.#limitBytes
    ) {
      this.#stallTimer ??= setTimeout(this.#onStalled, this.#stallTimeoutMs);
      return 0;
    }
    if (!this.isEmpty || this.#connection.writeText?.(text) !== true)
      this.#wait(text, sizeBytes);
    return sizeBytes;
  }

  /** Lets a last text wait, whatever waits already. */
  putLast(text: string): void {
    this.#wait(text, Buffer.byteLength(text));
  }

  #wait(text: string, sizeBytes: number): void {
    this.#texts.push(text);
    this.queuedBytes += sizeBytes;
  }

  /** The connection takes more. */
  flush(): void {
    for (;;) {
      const [text] = this.#texts;
      if (text === undefined || this.#connection.state !== "open") return;
      if (this.#connection.writeText?.(text) !== true) return;
      this.#texts.shift();
      this.queuedBytes -= Buffer.byteLength(text);
      this.stopWaiting();
    }
  }

  /** Forgets that it was full. */
  stopWaiting(): void {
    clearTimeout(this.#stallTimer);
    this.#stallTimer = undefined;
  }

  /** Nothing of it will be sent. */
  clear(): void {
    this.stopWaiting();
    this.#texts = [];
    this.queuedBytes = 0;
  }
}
