/** How a program times what it does: rounds of equal time after one that is not counted, while the just-in-time compilers are at work. */

import { setTimeout as sleep } from "node:timers/promises";

/** Rounds that count. */
export const roundsCounted = 5;
const warmUpMs = 800;
const roundMs = 250;
/** Longer, because peers are slow and come in batches. */
const countedRoundMs = 400;
/** A loop without messages spins so often before it blocks. */
const spinsMax = 2000;

/** Prints one sample. */
export function report(name: string, value: number, unit: string): void {
  console.log(JSON.stringify({ name, value, unit }));
}

/** Says how many messages there were so far, at the end of the round that is not counted and of each that is. */
export function reportTotal(messages: number): void {
  console.log(JSON.stringify({ total: messages }));
}

/** The clock costs as much as a small message, so it is not looked at after each. */
const turnsPerLookDefault = 64;

/**
 * Calls `step`, which says how many things it did, over and over and reports things per second. `wait` is called when it
 * did nothing many times in a row, and says so too.
 */
export function reportRate(
  name: string,
  unit: string,
  step: () => number,
  wait: () => number,
  turnsPerLook: number = turnsPerLookDefault,
): void {
  let total = 0;
  for (let round = -1; round < roundsCounted; round++) {
    const startMs = performance.now();
    const endMs = startMs + (round < 0 ? warmUpMs : roundMs);
    let done = 0;
    let spins = 0;
    let nowMs = startMs;
    for (let turn = 1; nowMs < endMs; turn++) {
      const count = step();
      done += count;
      if (count > 0) spins = 0;
      else if (++spins > spinsMax) {
        done += wait();
        spins = 0;
      }
      if (turn % turnsPerLook === 0) nowMs = performance.now();
    }
    if (round >= 0) report(name, done / ((nowMs - startMs) / 1000), unit);
    total += done;
    reportTotal(total);
  }
}

/** The same for a program whose messages are counted elsewhere, while its event loop takes them. */
export async function reportCountedRate(
  name: string,
  count: () => number,
): Promise<void> {
  for (let round = -1; round < roundsCounted; round++) {
    const startMs = performance.now();
    const before = count();
    await sleep(round < 0 ? warmUpMs : countedRoundMs);
    const total = count();
    const tookS = (performance.now() - startMs) / 1000;
    if (round >= 0) report(name, (total - before) / tookS, "msg/s");
    reportTotal(total);
  }
}

const cell = new Int32Array(new SharedArrayBuffer(4));

/** Gives the processor to others for a moment. */
export function yieldProcessor(): number {
  Atomics.wait(cell, 0, 0, 0.01);
  return 0;
}

/** Calls `step` until it throws, and says what it threw. */
export function repeatUntilThrown(
  step: () => number,
  wait: () => unknown,
): unknown {
  try {
    for (let spins = 0; ;) {
      if (step() > 0) spins = 0;
      else if (++spins > spinsMax) {
        wait();
        spins = 0;
      }
    }
  } catch (error) {
    return error;
  }
}

/** The time that `step` takes, in nanoseconds for each of the things it says it did. */
export function reportCost(name: string, step: () => number): void {
  for (let round = -1; round < roundsCounted; round++) {
    const startMs = performance.now();
    const endMs = startMs + (round < 0 ? warmUpMs : roundMs);
    let done = 0;
    let nowMs = startMs;
    for (let turn = 1; nowMs < endMs; turn++) {
      done += step();
      if (turn % turnsPerLookDefault === 0) nowMs = performance.now();
    }
    if (round >= 0) report(name, ((nowMs - startMs) * 1e6) / done, "ns");
  }
}
