/** The events of a connection, for a session and for somebody who wants to know of its end. */
import type { CloseReason, ConnectionHandler } from "./adapter.ts";

/** Hands events on. Only for handlers that have neither `text` nor `ended`, as those of sessions. */
export class WatchedHandler implements ConnectionHandler {
  readonly #handler: ConnectionHandler;
  readonly #onClosed: (reason: CloseReason) => void;

  /** @param onClosed called after the handler has heard of it */
  constructor(
    handler: ConnectionHandler,
    onClosed: (reason: CloseReason) => void,
  ) {
    this.#handler = handler;
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
