/**
 * Progress in the background: UCX moves nothing by itself, somebody must call `ucp_worker_progress`. This calls it as
 * often as something happens, and sleeps on UCX's event descriptor when nothing does.
 */
import {
  clearImmediate,
  clearInterval,
  clearTimeout,
  setImmediate,
  setInterval,
  setTimeout,
} from "node:timers";
import { type EventSource, openEventSource } from "../../ffi/event_source.ts";
import {
  type ProgressOptions,
  type ResolvedProgressOptions,
  resolveProgressOptions,
} from "./progress_options.ts";

/** What is driven: a worker. Its methods are never called within one another. */
export interface ProgressSource {
  /** Lets UCX work until nothing moves, and settles what is done. Gives how much happened; 0 for nothing. */
  progress(): number;
  /** The same within some turns of UCX, which need not all be looked at. @default progress */
  spin?(): number;
  /** `ucp_worker_arm`: makes the descriptor tell of the next event. False when there is something to progress first. */
  arm(): boolean;
  /** `ucp_worker_get_efd`; the source is driven as long as it is open. */
  readonly eventDescriptor: number;
  /** Whether something is under way that this side must push on: a send, a flush, a closing. A receive that waits is not. */
  readonly hasWork: boolean;
  /** When it wants to be progressed at the latest, on the clock of `performance.now()`. @default never */
  readonly deadlineMs?: number;
}

/** Counts since the driver was made. */
export interface ProgressStatistics {
  /** Turns of the event loop that were asked for in order to progress. */
  readonly pumpTurns: number;
  /** Times that it lay down to sleep on the descriptor. */
  readonly sleeps: number;
  /** Times that the descriptor woke it. */
  readonly wakes: number;
  /** Times that the backstop found something to do, of which no event had told. */
  readonly backstopHits: number;
  /** Waits that began with spinning, and those that ended with it. */
  readonly spins: number;
  readonly spinHits: number;
}

/** Looks between two at the clock; a look at an idle worker takes some 100 ns over shared memory and 8 µs over TCP. */
const looksPerClock = 2;
/** After so many waits in a row that spinning did not end, only every 16th spins. */
const spinMissesMax = 4;
const spinRetryMask = 15;
/** UCX says that it is busy as long as it must be asked, for instance while a peer's memory is full: soon, for so long, … */
const eagerMs = 10;
/** … and from then on at this pace. */
const patientMs = 1;
/** Turns in a row that throw, before it goes on at that pace too. */
const failuresMax = 8;
/** Attempts to arm before the event loop gets its turn. */
const armAttempts = 4;

const delayMsMax = 2 ** 31 - 1;

/** Something of `node:timers` that may keep the process alive. */
interface HeldTimer {
  ref(): unknown;
  unref(): unknown;
}

/**
 * Drives one source. It keeps the process alive while somebody holds it ({@linkcode hold}); otherwise the process may
 * exit, except for the short time of pumping. Belongs to the thread that made it.
 */
export class ProgressDriver {
  readonly options: ResolvedProgressOptions;
  readonly #source: ProgressSource;
  readonly #onError: (error: unknown) => void;
  readonly #pumpMs: number;
  #events: EventSource | undefined;
  #backstop: ReturnType<typeof setInterval> | undefined;
  #immediate: ReturnType<typeof setImmediate> | undefined;
  /** A turn that is due when nothing brings it about earlier. */
  #timer: (ReturnType<typeof setTimeout> & HeldTimer) | undefined;
  #holds = 0;
  #sleeping = false;
  /** Within a call of the source, whose callbacks may call this object. */
  #progressing = false;
  /** The user did something since the last turn. */
  #posted = false;
  #activeMs = 0;
  #spinMisses = 0;
  /** Calls of the source in a row that threw. */
  #failures = 0;
  /** Made once: the pump turns a million times a second. */
  readonly #onImmediate = (): void => {
    this.#immediate = undefined;
    this.#counts.pumpTurns += 1;
    this.#turn();
  };
  readonly #counts = {
    pumpTurns: 0,
    sleeps: 0,
    wakes: 0,
    backstopHits: 0,
    spins: 0,
    spinHits: 0,
  };

  /**
   * @param onError is told what the source throws, callbacks of the user included; the driver goes on
   * @throws {RangeError} when a number is out of bounds
   * @throws {TypeError} for another wrong option
   */
  constructor(
    source: ProgressSource,
    onError: (error: unknown) => void,
    options: ProgressOptions = {},
  ) {
    this.options = resolveProgressOptions(options);
    this.#pumpMs = this.options.pumpUs / 1000;
    this.#source = source;
    this.#onError = onError;
  }

  get isRunning(): boolean {
    return this.#events !== undefined;
  }

  get statistics(): ProgressStatistics {
    return { ...this.#counts };
  }

  /** Begins with a turn of its own. Idempotent; also after `stop`. */
  start(): void {
    if (this.#events !== undefined) return;
    this.#events = openEventSource({
      descriptor: this.#source.eventDescriptor,
      onReady: () => this.#wake(),
    });
    if (this.#holds === 0) this.#events.unref();
    const { backstopMs } = this.options;
    if (backstopMs > 0) {
      this.#backstop = setInterval(() => this.#lookAsleep(), backstopMs);
      // Whoever waits is kept alive by the event source.
      this.#backstop.unref();
    }
    this.#posted = true;
    this.#pump();
  }

  /** Leaves nothing running; to be called before the source's descriptor is closed. Idempotent, also from a callback. */
  stop(): void {
    this.#events?.close();
    this.#events = undefined;
    this.#sleeping = false;
    clearInterval(this.#backstop);
    clearImmediate(this.#immediate);
    clearTimeout(this.#timer);
    this.#backstop = this.#immediate = this.#timer = undefined;
  }

  /** To be called whenever something was posted, or progressed by another: starts the pump, and arms again after it. */
  notify(): void {
    if (this.#events === undefined) return;
    this.#posted = true;
    // Within a turn, its end sees to it.
    if (!this.#progressing) this.#pump();
  }

  /**
   * Progresses until `done`, for at most `spinUs`. To be tried before a promise is made: over a fast transport the result
   * is often there at once. Gives up early when that has not paid off lately.
   *
   * @returns whether it is done; else call {@linkcode notify}, and {@linkcode hold} while waiting
   */
  spin(done: () => boolean): boolean {
    if (done()) return true;
    const { spinUs, mode } = this.options;
    if (this.#events === undefined || this.#progressing || spinUs === 0)
      return false;
    if (
      mode !== "busy" &&
      this.#spinMisses >= spinMissesMax &&
      (++this.#spinMisses & spinRetryMask) !== 0
    )
      return false;
    this.#counts.spins += 1;
    const hit = this.#spinUntil(done, performance.now() + spinUs / 1000);
    if (hit) {
      this.#counts.spinHits += 1;
      this.#spinMisses = 0;
    } else this.#spinMisses += 1;
    // Progress has used up what `arm` had asked UCX for.
    if (this.#sleeping) this.notify();
    return hit;
  }

  /**
   * Progresses once, on the spot, as the event loop would do a little later; does nothing within progress. Who calls the
   * source without this goes past the driver's guard against progress within progress.
   *
   * @returns how much happened
   */
  look(): number {
    if (this.#events === undefined) return 0;
    const moved = this.#progress();
    // As after spinning.
    if (moved > 0 || this.#sleeping) this.notify();
    return moved;
  }

  /** Somebody waits, and the process must not exit; counted. */
  hold(): void {
    this.#holds += 1;
    if (this.#holds > 1) return;
    this.#events?.ref();
    this.#timer?.ref();
    if (this.options.mode === "busy") this.notify();
  }

  /** Takes one {@linkcode hold} back. @throws {RangeError} when there is none */
  release(): void {
    if (this.#holds === 0)
      throw new RangeError("release() was called more often than hold()");
    this.#holds -= 1;
    if (this.#holds > 0) return;
    this.#events?.unref();
    this.#timer?.unref();
  }

  #spinUntil(done: () => boolean, endMs: number): boolean {
    do {
      for (let look = 0; look < looksPerClock; look++) {
        this.#progress(true);
        if (done()) return true;
        if (this.#events === undefined) return false;
      }
    } while (performance.now() < endMs);
    return false;
  }

  /** A turn of the event loop from now on. */
  #pump(): void {
    this.#awake();
    this.#immediate ??= setImmediate(this.#onImmediate);
  }

  #awake(): void {
    this.#sleeping = false;
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #turn(): void {
    const moved = this.#progress();
    if (this.#events === undefined) return;
    const nowMs = performance.now();
    if (moved > 0 || this.#posted) this.#activeMs = nowMs;
    this.#posted = false;
    const idleMs = nowMs - this.#activeMs;
    if (this.#failures > failuresMax) this.#turnAfter(patientMs);
    else if (this.#isWorthPumping(idleMs)) this.#pump();
    else this.#sleep(idleMs);
  }

  #isWorthPumping(idleMs: number): boolean {
    const { mode } = this.options;
    if (mode === "sleep") return false;
    // While nobody waits, a pump without end would keep the process alive.
    if (mode === "busy" && this.#holds > 0) return true;
    if (idleMs < this.#pumpMs) return true;
    return idleMs < eagerMs && this.#source.hasWork;
  }

  #sleep(idleMs: number): void {
    for (let attempt = 0; attempt < armAttempts; attempt++) {
      if (this.#arm()) {
        this.#counts.sleeps += 1;
        this.#sleeping = true;
        this.#events?.arm();
        const { deadlineMs = Number.POSITIVE_INFINITY } = this.#source;
        if (deadlineMs !== Number.POSITIVE_INFINITY)
          this.#turnAfter(deadlineMs - performance.now());
        return;
      }
      const moved = this.#progress();
      if (this.#events === undefined) return;
      if (moved > 0 || this.#posted) {
        this.#posted = true;
        this.#pump();
        return;
      }
    }
    // Busy, without anything happening, and the descriptor will not tell.
    if (idleMs < eagerMs) this.#pump();
    else this.#turnAfter(patientMs);
  }

  #turnAfter(delayMs: number): void {
    this.#timer = setTimeout(
      () => {
        this.#awake();
        this.#turn();
      },
      // A longer delay would be taken for none.
      Math.min(Math.max(Math.ceil(delayMs), 1), delayMsMax),
    ) as ReturnType<typeof setTimeout> & HeldTimer;
    if (this.#holds === 0) this.#timer.unref();
  }

  /** The descriptor is readable. A source that fires while the pump runs has nothing to tell. */
  #wake(): void {
    if (!this.#sleeping) return;
    this.#awake();
    this.#counts.wakes += 1;
    // Events do come: to look without one can wait, and would cost as much as this.
    this.#backstop?.refresh();
    this.#turn();
  }

  /** The backstop. */
  #lookAsleep(): void {
    if (!this.#sleeping) return;
    const moved = this.#progress();
    if (this.#events === undefined) return;
    if (moved > 0) {
      this.#counts.backstopHits += 1;
      this.#posted = true;
    }
    if (this.#posted || !this.#arm()) this.#pump();
  }

  #progress(spinning = false): number {
    if (this.#progressing) return 0;
    this.#progressing = true;
    const source = this.#source;
    try {
      const moved =
        spinning && source.spin !== undefined
          ? source.spin()
          : source.progress();
      this.#failures = 0;
      return moved;
    } catch (error) {
      this.#report(error);
      return 0;
    } finally {
      this.#progressing = false;
    }
  }

  #arm(): boolean {
    try {
      return this.#source.arm();
    } catch (error) {
      this.#report(error);
      return false;
    }
  }

  #report(error: unknown): void {
    this.#failures += 1;
    try {
      this.#onError(error);
    } catch (second) {
      // As any exception that nobody catches, but outside of this turn.
      queueMicrotask(() => {
        throw second;
      });
    }
  }
}
