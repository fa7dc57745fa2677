/**
 * The TLS handshakes of a listener that are under way: how many, and for how long. Deno 2.9.6 does not notice a client that
 * leaves in its handshake (where half-open connections are allowed), so there the time limit is what ends it.
 */
import type { Socket } from "node:net";

/** Sockets whose handshake has begun and not ended. */
export class Handshakes {
  readonly #timers = new Map<Socket, ReturnType<typeof setTimeout>>();
  readonly #timeoutMs: number;
  readonly #onFailed: () => void;

  /** @param onFailed called once for each that ends without success */
  constructor(timeoutMs: number, onFailed: () => void) {
    this.#timeoutMs = timeoutMs;
    this.#onFailed = onFailed;
  }

  /** How many are under way. */
  get count(): number {
    return this.#timers.size;
  }

  /** A socket was accepted. */
  begin(socket: Socket): void {
    this.#timers.set(
      socket,
      setTimeout(() => socket.destroy(), this.#timeoutMs),
    );
    socket.once("close", () => {
      if (this.#remove(socket)) this.#onFailed();
    });
  }

  /** A handshake has succeeded. In Bun the socket is the one that was accepted; in Deno it lies above that one. */
  succeeded(socket: Socket): void {
    const { _parent: below } = socket as Socket & { _parent?: Socket };
    if (!this.#remove(socket) && below !== undefined) this.#remove(below);
  }

  /** Ends all that are under way. */
  stop(): void {
    for (const socket of [...this.#timers.keys()]) socket.destroy();
  }

  #remove(socket: Socket): boolean {
    clearTimeout(this.#timers.get(socket));
    return this.#timers.delete(socket);
  }
}
