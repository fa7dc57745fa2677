/** Sessions whose connection is lost: kept for a time, a bounded number of them, and found by the token that they were given. */
import { clearTimeout, setTimeout } from "node:timers";
import { randomBytes } from "node:crypto";
import type { Session } from "../session.ts";

const tokenBytes = 24;

function keyOf(token: Uint8Array): string {
  let key = "";
  for (const byte of token) key += String.fromCharCode(byte);
  return key;
}

/** The sessions of one server that may come back. */
export class AwaySessions<Kept extends Session> {
  readonly #maxAwayMs: number;
  readonly #maxAwaySessions: number;
  readonly #giveUp: (session: Kept, reason: string) => void;
  readonly #byToken = new Map<string, Kept>();
  readonly #tokens = new Map<Kept, string>();
  /** When each one's time is over, on the clock of `performance.now()`; the oldest first. */
  readonly #dueMs = new Map<Kept, number>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param giveUp ends a session that is kept no longer */
  constructor(
    bounds: { readonly maxAwayMs: number; readonly maxAwaySessions: number },
    giveUp: (session: Kept, reason: string) => void,
  ) {
    this.#maxAwayMs = bounds.maxAwayMs;
    this.#maxAwaySessions = bounds.maxAwaySessions;
    this.#giveUp = giveUp;
  }

  /** Whether any session is kept. */
  get isOn(): boolean {
    return this.#maxAwayMs > 0 && this.#maxAwaySessions > 0;
  }

  /** Sessions that are away. */
  get count(): number {
    return this.#dueMs.size;
  }

  /** A token that nobody can guess; undefined when no session is kept. */
  newToken(): Uint8Array | undefined {
    return this.isOn ? new Uint8Array(randomBytes(tokenBytes)) : undefined;
  }

  /** Notes which session a token stands for. */
  know(token: Uint8Array, session: Kept): void {
    const key = keyOf(token);
    this.#byToken.set(key, session);
    this.#tokens.set(session, key);
  }

  /** The session of a token, whether it is away or still seems to be connected. */
  find(token: Uint8Array): Kept | undefined {
    return this.#byToken.get(keyOf(token));
  }

  /** A session has lost its connection. */
  add(session: Kept): void {
    if (this.#dueMs.has(session)) return;
    if (!this.isOn) {
      this.#giveUp(session, "sessions are not kept");
      return;
    }
    while (this.count >= this.#maxAwaySessions && this.makeRoom());
    this.#dueMs.set(session, performance.now() + this.#maxAwayMs);
    this.#watch();
  }

  /** A session has come back. @returns whether it was away */
  back(session: Kept): boolean {
    return this.#dueMs.delete(session);
  }

  /** A session is over. */
  forget(session: Kept): void {
    this.#dueMs.delete(session);
    const token = this.#tokens.get(session);
    this.#tokens.delete(session);
    if (token !== undefined) this.#byToken.delete(token);
  }

  /** Gives up the session that is away longest. @returns false when there is none */
  makeRoom(): boolean {
    const oldest = this.#dueMs.keys().next().value;
    if (oldest === undefined) return false;
    this.#drop(oldest, "others took its place while it was away");
    return true;
  }

  /** Gives up all. */
  clear(reason: string): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const session of [...this.#dueMs.keys()]) this.#drop(session, reason);
  }

  #drop(session: Kept, reason: string): void {
    this.forget(session);
    this.#giveUp(session, reason);
  }

  #watch(): void {
    if (this.#timer !== undefined) return;
    const next = this.#dueMs.values().next().value;
    if (next === undefined) return;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        const nowMs = performance.now();
        for (const [session, dueMs] of [...this.#dueMs]) {
          if (dueMs > nowMs) break;
          this.#drop(session, "away for too long");
        }
        this.#watch();
      },
      Math.max(1, next - performance.now()),
    );
  }
}
