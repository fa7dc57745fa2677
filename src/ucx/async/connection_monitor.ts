/** Heartbeats of a connection: whether the peer is alive and progresses, also while nothing else is said. */
import { clearTimeout, setTimeout } from "node:timers";
import { z } from "zod";
import { TypedEvents } from "../../base/events.ts";
import { checkOptions, integerWithin } from "../../base/option_check.ts";
import { UcxTimeoutError } from "../errors.ts";
import type { WaitOptions } from "./wait_limits.ts";

/** Time, for tests to replace. */
export interface MonitorClock {
  /** Calls back after so many milliseconds; gives a function that prevents it. Must not keep the process alive. */
  after(delayMs: number, callback: () => void): () => void;
}

/** What is watched: a client. */
export interface Pingable {
  ping(options?: WaitOptions): Promise<number>;
}

/** How a connection is watched. */
export interface ConnectionMonitorOptions {
  /** Milliseconds between two heartbeats. @default 30000 */
  readonly intervalMs?: number | undefined;
  /** Milliseconds until a heartbeat without an answer is missed. @default 5000 */
  readonly timeoutMs?: number | undefined;
  /** Heartbeats missed in a row after which the connection has failed. @default 1 */
  readonly maxMissed?: number | undefined;
  /** @default timers of the runtime */
  readonly clock?: MonitorClock | undefined;
}

/** What a monitor tells. */
export interface MonitorEvents {
  /** A heartbeat was answered. */
  readonly healthy: {
    /** Milliseconds there and back. */
    readonly roundTripMs: number;
  };
  /** A heartbeat was not answered. */
  readonly missed: { readonly error: unknown; readonly inARow: number };
  /** Too many were missed, or the connection is lost. The monitor has stopped. */
  readonly failed: { readonly error: unknown };
}

const schema = z.strictObject({
  intervalMs: integerWithin(1, 2 ** 31 - 1, "milliseconds").default(30_000),
  timeoutMs: integerWithin(1, 2 ** 31 - 1, "milliseconds").default(5000),
  maxMissed: integerWithin(1, 1_000_000, "heartbeats").default(1),
  clock: z.custom<MonitorClock>().optional(),
});

const runtimeClock: MonitorClock = {
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

/** Watches one client. The peer's side answers by itself; its program need not do anything but progress. */
export class ConnectionMonitor {
  readonly events = new TypedEvents<MonitorEvents>();
  readonly #client: Pingable;
  readonly #intervalMs: number;
  readonly #timeoutMs: number;
  readonly #maxMissed: number;
  readonly #clock: MonitorClock;
  #cancelTimer: (() => void) | undefined;
  #abort: AbortController | undefined;
  #missed = 0;
  #state: "stopped" | "running" | "failed" = "stopped";
  #roundTripMs: number | undefined;

  /** @throws {RangeError|TypeError} when an option is wrong */
  constructor(client: Pingable, options: ConnectionMonitorOptions = {}) {
    const checked = checkOptions(schema, options, "ConnectionMonitorOptions");
    this.#client = client;
    this.#intervalMs = checked.intervalMs;
    this.#timeoutMs = checked.timeoutMs;
    this.#maxMissed = checked.maxMissed;
    this.#clock = checked.clock ?? runtimeClock;
  }

  /** Whether the last heartbeat was answered; undefined before the first. */
  get isHealthy(): boolean | undefined {
    if (this.#state === "failed" || this.#missed > 0) return false;
    return this.#roundTripMs === undefined ? undefined : true;
  }

  get state(): "stopped" | "running" | "failed" {
    return this.#state;
  }

  /** Milliseconds that the last answer took. */
  get roundTripMs(): number | undefined {
    return this.#roundTripMs;
  }

  /** Sends the first heartbeat now. Idempotent; also after it has stopped or failed. */
  start(): void {
    if (this.#state === "running") return;
    this.#state = "running";
    this.#missed = 0;
    void this.#beat();
  }

  /** Idempotent. */
  stop(): void {
    if (this.#state === "running") this.#state = "stopped";
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#abort?.abort();
    this.#abort = undefined;
  }

  async #beat(): Promise<void> {
    const abort = new AbortController();
    this.#abort = abort;
    this.#cancelTimer = this.#clock.after(this.#timeoutMs, () => {
      abort.abort(
        new UcxTimeoutError(
          `no answer to a heartbeat within ${this.#timeoutMs} ms`,
        ),
      );
    });
    let outcome: { readonly roundTripMs: number } | { readonly error: unknown };
    try {
      outcome = {
        roundTripMs: await this.#client.ping({ signal: abort.signal }),
      };
    } catch (error) {
      outcome = { error };
    }
    // Stopped meanwhile, and perhaps started again.
    if (this.#abort !== abort) return;
    this.#cancelTimer();
    this.#abort = undefined;
    if ("roundTripMs" in outcome) this.#onAnswer(outcome.roundTripMs);
    else this.#onMissed(outcome.error);
    if (this.#state === "running" && this.#abort === undefined)
      this.#cancelTimer = this.#clock.after(this.#intervalMs, () => {
        void this.#beat();
      });
  }

  #onAnswer(roundTripMs: number): void {
    this.#missed = 0;
    this.#roundTripMs = roundTripMs;
    this.events.emit("healthy", { roundTripMs });
  }

  #onMissed(error: unknown): void {
    this.#missed += 1;
    this.events.emit("missed", { error, inARow: this.#missed });
    // Without a connection there is nothing to wait for.
    if (error instanceof UcxTimeoutError && this.#missed < this.#maxMissed)
      return;
    if (this.#state !== "running") return;
    this.#state = "failed";
    this.events.emit("failed", { error });
  }

  [Symbol.dispose](): void {
    this.stop();
  }
}
