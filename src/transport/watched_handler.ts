/** The events of a connection, for a session and for somebody who wants to know of its end. */
import type { CloseReason, ConnectionHandler } from "./adapter.ts";

/** Hands events on. */
export class WatchedHandler implements ConnectionHandler {
  /** There only if the handler has it: without it, text closes the connection. */
  readonly text?: (text: string) => void;
  /** The same: without it, the end of the peer closes the connection. */
  readonly ended?: () => void;
  readonly #handler: ConnectionHandler;
  readonly #onClosed: (reason: CloseReason) => void;

  /** @param onClosed called after the handler has heard of it */
  constructor(
    handler: ConnectionHandler,
    onClosed: (reason: CloseReason) => void,
  ) {
    this.#handler = handler;
    if (handler.text !== undefined) this.text = (text) => handler.text?.(text);
    if (handler.ended !== undefined) this.ended = () => handler.ended?.();
    this.#onClosed = onClosed;
  }

  data(chunk: Uint8Array): void {
    this.#handler.data(chunk);
  }

  drain(): void {
    this.#handler.drain();
  }

  closed(reason: CloseReason): void {
    this.#handler.closed(reason);
    this.#onClosed(reason);
  }
}
