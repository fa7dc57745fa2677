/** Waiting on an event loop: many callers of one handle share one armed wake-up and are served in turn. */
import { IO, WAIT_FOR } from "../../ffi/shm/layout.ts";
import { openWakeSource, type WakeSource } from "../../ffi/wake.ts";
import { throwIfAborted } from "../base/deadline.ts";
import type { QueueHandle } from "./handle.ts";

/** What is waited for. */
export type WaitFor = "message" | "space";

/** The longest wait before looking again: a wake-up may be lost when the process that was woken is killed. */
const sliceMsMax = 1000;
/** Looks in a row before the event loop gets a turn. */
const looksMax = 64;

interface Waiter {
  readonly deadlineMs: number;
  /** Tries once; true when it needs to wait no longer. */
  look(): boolean;
  /** Its time is up. */
  expire(): void;
  fail(error: unknown): void;
}

/** One line per thing that can be waited for. */
interface Line {
  readonly what: number;
  readonly waiters: Waiter[];
}

/** The waiting callers of one handle. */
export class Waits {
  readonly #handle: QueueHandle;
  readonly #message: Line = { what: WAIT_FOR.message, waiters: [] };
  readonly #space: Line = { what: WAIT_FOR.space, waiters: [] };
  #source: WakeSource | undefined;
  #armed = false;
  #pumping = false;

  constructor(handle: QueueHandle) {
    this.#handle = handle;
    handle.beforeClose(() => this.#close());
  }

  /** Whether somebody waits: then a newcomer has to queue up. */
  busy(what: WaitFor): boolean {
    return this.#lineOf(what).waiters.length > 0;
  }

  /**
   * Waits until `attempt` gives something.
   *
   * @param attempt looks once; undefined means "not yet"
   * @param whenLate what the wait gives, or throws, when its time is up
   * @param deadlineMs on the clock of `performance.now()`
   * @throws the signal's reason; {QueueClosedError} when the handle is closed meanwhile; whatever `attempt` throws
   */
  enter<R>(
    what: WaitFor,
    attempt: () => R | undefined,
    whenLate: () => R,
    deadlineMs: number,
    signal: AbortSignal | undefined,
  ): Promise<R> {
    return new Promise<R>((resolve, reject) => {
      throwIfAborted(signal);
      void this.#handle.address;
      const line = this.#lineOf(what);
      const onAbort = (): void => {
        const index = line.waiters.indexOf(waiter);
        if (index >= 0) line.waiters.splice(index, 1);
        reject(signal?.reason);
        this.#settle();
      };
      const leave = (): void => signal?.removeEventListener("abort", onAbort);
      const waiter: Waiter = {
        deadlineMs,
        look(): boolean {
          try {
            const found = attempt();
            if (found === undefined) return false;
            resolve(found);
          } catch (error) {
            reject(error);
          }
          leave();
          return true;
        },
        expire(): void {
          leave();
          try {
            resolve(whenLate());
          } catch (error) {
            reject(error);
          }
        },
        fail(error: unknown): void {
          leave();
          reject(error);
        },
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      line.waiters.push(waiter);
      this.#arm();
    });
  }

  #lineOf(what: WaitFor): Line {
    return what === "message" ? this.#message : this.#space;
  }

  /** The wake source has called: somebody may be served, or be late. */
  #onWake(): void {
    if (this.#handle.closed) return;
    this.#serve(this.#message);
    this.#serve(this.#space);
    this.#arm();
  }

  /** Serves the line in turn, and sends those away whose time is up. */
  #serve(line: Line): void {
    const { waiters } = line;
    if (waiters.length === 0) return;
    let served = 0;
    while (served < waiters.length && waiters[served]?.look() === true)
      served++;
    waiters.splice(0, served);
    if (waiters.length === 0) return;
    const nowMs = performance.now();
    for (let index = 0; index < waiters.length;) {
      const waiter = waiters[index];
      if (waiter === undefined || waiter.deadlineMs > nowMs) {
        index++;
        continue;
      }
      waiters.splice(index, 1);
      waiter.expire();
    }
  }

  /** Has this process woken for whoever still waits; or, when nobody does, for nothing. */
  #arm(): void {
    // A waiter's promise may be awaited by code that waits again at once: the outer round sees to it.
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      for (let looks = 0; looks < looksMax; looks++) {
        const sliceMs = this.#armOnce();
        if (sliceMs >= 0) return;
        this.#serve(this.#message);
        this.#serve(this.#space);
      }
      this.#sourceOf().watch(0);
    } catch (error) {
      this.#failAll(error);
    } finally {
      this.#pumping = false;
    }
  }

  /** -1: look again now. Otherwise all is set for a wait of at most so many milliseconds. */
  #armOnce(): number {
    const { shim, address, f64 } = this.#handle;
    if (
      this.#message.waiters.length === 0 &&
      this.#space.waiters.length === 0
    ) {
      this.#settle();
      return 0;
    }
    const source = this.#sourceOf();
    let sliceMs = sliceMsMax;
    const nowMs = performance.now();
    for (const line of [this.#message, this.#space]) {
      if (line.waiters.length === 0) continue;
      this.#armed = true;
      if (this.#handle.checked(shim.rwq_arm(address, line.what), "wait") === 1)
        return -1;
      const dueMs = f64[IO.outNextDueMsF64] as number;
      if (line === this.#message && dueMs >= 0)
        sliceMs = Math.min(sliceMs, dueMs + 1);
      for (const { deadlineMs } of line.waiters)
        sliceMs = Math.min(sliceMs, deadlineMs - nowMs);
    }
    sliceMs = Math.max(0, sliceMs);
    source.watch(sliceMs);
    return sliceMs;
  }

  /** Lets go of the wake-up when nobody waits any more. */
  #settle(): void {
    if (
      this.#message.waiters.length > 0 ||
      this.#space.waiters.length > 0 ||
      this.#handle.closed
    )
      return;
    this.#source?.rest();
    if (!this.#armed) return;
    this.#armed = false;
    this.#handle.shim.rwq_disarm(this.#handle.address);
  }

  #sourceOf(): WakeSource {
    if (this.#source !== undefined) return this.#source;
    const { shim, address } = this.#handle;
    const descriptor = this.#handle.checked(shim.rwq_wake_fd(address), "wait");
    this.#source = openWakeSource({
      descriptor,
      onWake: () => this.#onWake(),
      drain: () => {
        if (!this.#handle.closed) shim.rwq_drain_wake_fd(this.#handle.address);
      },
      release: () => {
        shim.rwq_close_fd(descriptor);
      },
    });
    return this.#source;
  }

  #failAll(error: unknown): void {
    const waiters = [
      ...this.#message.waiters.splice(0),
      ...this.#space.waiters.splice(0),
    ];
    for (const waiter of waiters) waiter.fail(error);
    this.#settle();
  }

  #close(): void {
    const error = this.#handle.closedError();
    this.#failAll(error);
    this.#source?.close();
    this.#source = undefined;
  }
}
