/** Pings that the application has asked for. */
import { TimedOutError } from "../errors.ts";
import type { SessionClock } from "./clock.ts";
import type { LinkOutput } from "./link_output.ts";
import { type TimerWheel, WheelEntry } from "./timer_wheel.ts";

/** A ping that was not answered yet. */
class PendingPing extends WheelEntry {
  readonly answered: () => void;
  readonly failed: (error: Error) => void;

  constructor(answered: () => void, failed: (error: Error) => void) {
    super();
    this.answered = answered;
    this.failed = failed;
  }

  override expired(): void {
    this.failed(new TimedOutError("the peer did not answer the ping in time"));
  }
}

/** Those of one session that are under way. */
export class PingTable {
  readonly #clock: SessionClock;
  readonly #wheel: TimerWheel;
  readonly #pings = new Map<number, PendingPing>();

  constructor(clock: SessionClock, wheel: TimerWheel) {
    this.#clock = clock;
    this.#wheel = wheel;
  }

  /** Resolves with the milliseconds until the answer. @throws {TimedOutError} @throws the signal's reason */
  send(
    link: LinkOutput,
    id: number,
    timeoutMs: number,
    signal: AbortSignal | undefined,
  ): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const startMs = this.#clock.nowMs();
    const settle = (act: () => void) => {
      this.#pings.delete(id);
      this.#wheel.remove(ping);
      signal?.removeEventListener("abort", onAbort);
      act();
    };
    const onAbort = () => settle(() => reject(signal?.reason));
    const ping = new PendingPing(
      () => settle(() => resolve(this.#clock.nowMs() - startMs)),
      (error) => settle(() => reject(error)),
    );
    signal?.addEventListener("abort", onAbort);
    this.#pings.set(id, ping);
    this.#wheel.add(ping, startMs + timeoutMs);
    link.ping(id);
    return promise;
  }

  /** A pong has come. */
  answered(id: number): void {
    this.#pings.get(id)?.answered();
  }

  /** The connection is gone. */
  failAll(error: Error): void {
    for (const ping of [...this.#pings.values()]) ping.failed(error);
  }
}
