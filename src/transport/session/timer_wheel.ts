/** Many deadlines with one timer: most of them are taken back before they are due, which must cost next to nothing. */
import type { SessionClock } from "./clock.ts";

/** Something with a deadline. It is in one wheel at most. */
export interface Timed {
  dueMs: number;
  /** Neighbours in its slot; for the wheel only. */
  before: Timed | undefined;
  after: Timed | undefined;
  /** -1 outside of a wheel. */
  slot: number;
  /** Called by the wheel when it is due. */
  expired(): void;
}

/** What has a deadline only sometimes, or is not made often. */
export class WheelEntry implements Timed {
  dueMs: number = Number.POSITIVE_INFINITY;
  before: Timed | undefined = undefined;
  after: Timed | undefined = undefined;
  slot = -1;

  expired(): void {}
}

/** How late a deadline may be. */
const slotMs = 16;
const slotCount = 512;

/** Deadlines of one session. */
export class TimerWheel {
  readonly #clock: SessionClock;
  /** First entry of each slot. */
  readonly #slots: (Timed | undefined)[] = [];
  #size = 0;
  #timer: unknown;
  /** The tick that the timer waits for. */
  #timerTick = Number.POSITIVE_INFINITY;
  /** Ticks up to this one were looked at. */
  #doneTick = 0;

  constructor(clock: SessionClock) {
    this.#clock = clock;
  }

  /** Deadlines that wait. */
  get size(): number {
    return this.#size;
  }

  /** Waits for an instant of the clock; Infinity waits for nothing. */
  add(entry: Timed, dueMs: number): void {
    entry.dueMs = dueMs;
    if (dueMs === Number.POSITIVE_INFINITY) return;
    if (this.#slots.length === 0) this.#slots.length = slotCount;
    if (this.#size === 0)
      this.#doneTick = Math.floor(this.#clock.nowMs() / slotMs);
    const tick = Math.max(Math.ceil(dueMs / slotMs), this.#doneTick + 1);
    const slot = tick % slotCount;
    const first = this.#slots[slot];
    entry.slot = slot;
    entry.before = undefined;
    entry.after = first;
    if (first !== undefined) first.before = entry;
    this.#slots[slot] = entry;
    this.#size += 1;
    if (tick < this.#timerTick) this.#schedule(tick);
  }

  /** Waits no more. Nothing happens when it is not waiting. */
  remove(entry: Timed): void {
    const { slot, before, after } = entry;
    if (slot < 0) return;
    if (before === undefined) this.#slots[slot] = after;
    else before.after = after;
    if (after !== undefined) after.before = before;
    entry.slot = -1;
    entry.before = undefined;
    entry.after = undefined;
    this.#size -= 1;
  }

  /** Forgets all deadlines. */
  clear(): void {
    this.#slots.length = 0;
    this.#size = 0;
    this.#clock.clearTimer(this.#timer);
    this.#timerTick = Number.POSITIVE_INFINITY;
  }

  #schedule(tick: number): void {
    if (this.#timerTick !== Number.POSITIVE_INFINITY)
      this.#clock.clearTimer(this.#timer);
    this.#timerTick = tick;
    const delayMs = Math.max(0, tick * slotMs - this.#clock.nowMs());
    this.#timer = this.#clock.setTimer(() => this.#fire(), delayMs);
  }

  #fire(): void {
    this.#timerTick = Number.POSITIVE_INFINITY;
    const nowMs = this.#clock.nowMs();
    const nowTick = Math.floor(nowMs / slotMs);
    const from = Math.max(this.#doneTick + 1, nowTick - slotCount + 1);
    const due: Timed[] = [];
    for (let tick = from; tick <= nowTick; tick++) {
      let entry = this.#slots[tick % slotCount];
      while (entry !== undefined) {
        const next = entry.after;
        if (entry.dueMs <= nowMs) {
          this.remove(entry);
          due.push(entry);
        }
        entry = next;
      }
    }
    this.#doneTick = Math.max(this.#doneTick, nowTick);
    for (const entry of due) entry.expired();
    this.#scheduleNext();
  }

  /** The next slot in which something waits, be it for a later turn of the wheel. */
  #scheduleNext(): void {
    if (this.#size === 0) return;
    for (
      let tick = this.#doneTick + 1;
      tick <= this.#doneTick + slotCount;
      tick++
    ) {
      if (this.#slots[tick % slotCount] === undefined) continue;
      if (tick < this.#timerTick) this.#schedule(tick);
      return;
    }
  }
}
