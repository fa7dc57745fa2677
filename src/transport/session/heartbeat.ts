/** Says something when nothing else does, and notices when the peer has fallen silent. */
import type { SessionClock } from "./clock.ts";

/** The peer is dead when nothing came for so many times what it has promised. */
const silenceFactor = 3;

/** Heartbeats of one connection, with one timer. */
export class Heartbeat {
  readonly #clock: SessionClock;
  readonly #oursMs: number;
  readonly #ping: () => void;
  readonly #dead: () => void;
  #theirsMs = 0;
  #timer: unknown;
  #isRunning = false;
  #hasHeard = false;
  #hasSent = false;
  #heardAtMs = 0;
  #sentAtMs = 0;
  #pingedAtMs = -1;
  /** Of the last heartbeat that was answered. */
  roundTripMs: number | undefined;

  /**
   * @param oursMs what this side has promised; 0 nothing
   * @param ping sends a ping with id 0
   */
  constructor(
    clock: SessionClock,
    oursMs: number,
    ping: () => void,
    dead: () => void,
  ) {
    this.#clock = clock;
    this.#oursMs = oursMs;
    this.#ping = ping;
    this.#dead = dead;
  }

  /** @param theirsMs what the peer has promised; 0 nothing */
  start(theirsMs: number): void {
    this.#theirsMs = theirsMs;
    this.#isRunning = true;
    this.#heardAtMs = this.#clock.nowMs();
    this.#sentAtMs = this.#heardAtMs;
    this.#wait();
  }

  stop(): void {
    this.#isRunning = false;
    this.#clock.clearTimer(this.#timer);
  }

  /** Something has come. No clock is asked: this is called for every chunk. */
  heard(): void {
    this.#hasHeard = true;
  }

  /** Something was sent. */
  sent(): void {
    this.#hasSent = true;
  }

  /** A pong has come. */
  ponged(id: number): void {
    if (id !== 0 || this.#pingedAtMs < 0) return;
    this.roundTripMs = this.#clock.nowMs() - this.#pingedAtMs;
    this.#pingedAtMs = -1;
  }

  #wait(): void {
    // Twice within what was promised, since what was sent is looked at only then.
    const everyMs = Math.min(
      this.#oursMs > 0 ? this.#oursMs / 2 : Number.POSITIVE_INFINITY,
      this.#theirsMs > 0 ? this.#theirsMs / 2 : Number.POSITIVE_INFINITY,
    );
    if (everyMs === Number.POSITIVE_INFINITY) return;
    this.#timer = this.#clock.setTimer(
      () => this.#look(),
      Math.max(1, everyMs),
    );
  }

  #look(): void {
    if (!this.#isRunning) return;
    const nowMs = this.#clock.nowMs();
    if (this.#hasHeard) this.#heardAtMs = nowMs;
    if (this.#hasSent) this.#sentAtMs = nowMs;
    this.#hasHeard = false;
    this.#hasSent = false;
    if (
      this.#theirsMs > 0 &&
      nowMs - this.#heardAtMs >= silenceFactor * this.#theirsMs
    ) {
      this.#dead();
      return;
    }
    // What was sent in the last half may have been sent at its beginning.
    if (this.#oursMs > 0 && nowMs - this.#sentAtMs >= this.#oursMs / 4) {
      this.#pingedAtMs = nowMs;
      this.#ping();
    }
    if (this.#isRunning) this.#wait();
  }
}
