import { ProgressDriver } from "../../../src/ucx/progress.ts";
import {
  type ProgressOptions,
  resolveProgressOptions,
} from "../../../src/ucx/progress_options.ts";
import { FakeProgressSource } from "../../support/fake_progress_source.ts";
import { countDescriptors } from "../../support/level_descriptor.ts";
import { afterEach, describe, expect, test } from "../../support/testing.ts";
import { pause, until } from "../../support/waiting.ts";

/** A driven source, and what it told. */
class Driven {
  readonly source = new FakeProgressSource();
  readonly errors: unknown[] = [];
  readonly driver: ProgressDriver;
  arrivals = 0;

  constructor(options: ProgressOptions = {}) {
    this.source.onArrival = () => {
      this.arrivals += 1;
    };
    this.driver = new ProgressDriver(
      this.source,
      (error) => this.errors.push(error),
      options,
    );
  }

  /** Until it lies down once more. */
  async asleep(): Promise<void> {
    const { sleeps } = this.driver.statistics;
    this.driver.notify();
    await until("asleep", () => this.driver.statistics.sleeps > sleeps);
  }
}

describe("progress driver", () => {
  const opened: Driven[] = [];
  /** Without the backstop, so that it hides nothing. */
  const open = (options: ProgressOptions = {}): Driven => {
    const driven = new Driven({ backstopMs: 0, ...options });
    opened.push(driven);
    driven.driver.start();
    return driven;
  };
  afterEach(() => {
    for (const { driver, source } of opened.splice(0)) {
      driver.stop();
      source.close();
    }
  });

  for (const mode of ["adaptive", "sleep"] as const) {
    test(`wakes for each arrival when it sleeps (${mode})`, async () => {
      const driven = open({ mode });
      for (let round = 1; round <= 200; round++) {
        await driven.asleep();
        driven.source.arrive();
        await until("arrival", () => driven.arrivals === round);
      }
      const { wakes, backstopHits } = driven.driver.statistics;
      expect(wakes).toBe(200);
      expect(backstopHits).toBe(0);
    });
  }

  test("loses no arrival, whenever it comes", async () => {
    const driven = open({ pumpUs: 50 });
    for (let round = 1; round <= 3000; round++) {
      driven.source.arrive();
      const startMs = performance.now();
      while (performance.now() - startMs < (round % 100) / 500);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until("all arrivals", () => driven.arrivals === 3000);
    await driven.asleep();
    expect(driven.source.waiting).toBe(0);
  });

  test("rests when nothing happens: no turn, no look", async () => {
    const driven = open();
    await driven.asleep();
    const before = driven.source.progressCalls;
    await pause(200);
    expect(driven.source.progressCalls).toBe(before);
    expect(driven.driver.statistics.wakes).toBe(0);
  });

  test("pumps for the time that it is told, after the last activity", async () => {
    const driven = open({ pumpUs: 50_000 });
    await driven.asleep();
    const before = driven.driver.statistics;
    const startMs = performance.now();
    await driven.asleep();
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(50);
    const after = driven.driver.statistics;
    expect(after.pumpTurns - before.pumpTurns).toBeGreaterThan(20);
  });

  test("pumps while there is work of its own, but not for ever", async () => {
    const driven = open({ pumpUs: 0 });
    driven.source.hasWork = true;
    const startMs = performance.now();
    await driven.asleep();
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(10);
    expect(driven.driver.statistics.pumpTurns).toBeGreaterThan(20);
  });

  test("takes one turn for a notice when it does not pump", async () => {
    const driven = open({ mode: "sleep" });
    await driven.asleep();
    const before = driven.driver.statistics.pumpTurns;
    for (let count = 0; count < 10; count++) driven.driver.notify();
    await until("asleep", () => driven.driver.statistics.pumpTurns > before);
    await pause(50);
    expect(driven.driver.statistics.pumpTurns).toBe(before + 1);
    expect(driven.driver.statistics.wakes).toBe(0);
  });

  test("is busy as long as somebody waits, and then sleeps", async () => {
    const driven = open({ mode: "busy" });
    driven.driver.hold();
    await pause(100);
    const { sleeps, pumpTurns } = driven.driver.statistics;
    expect(sleeps).toBe(0);
    expect(pumpTurns).toBeGreaterThan(100);
    driven.driver.release();
    await until("asleep", () => driven.driver.statistics.sleeps === 1);
    driven.driver.hold();
    const before = driven.driver.statistics.pumpTurns;
    await until(
      "pumps again",
      () => driven.driver.statistics.pumpTurns > before + 100,
    );
    driven.driver.release();
  });

  test("finds by the backstop what no event told", async () => {
    const driven = open({ backstopMs: 20 });
    await driven.asleep();
    driven.source.arrive(true);
    // The loop is kept alive by these looks.
    await until("arrival", () => driven.arrivals === 1);
    expect(driven.driver.statistics.wakes).toBe(0);
    expect(driven.driver.statistics.backstopHits).toBe(1);
    await driven.asleep();
    driven.source.arrive();
    await until("next arrival", () => driven.arrivals === 2);
  });

  test("looks by the backstop without ceasing to listen", async () => {
    const driven = open({ backstopMs: 10 });
    await driven.asleep();
    const { progressCalls } = driven.source;
    await until("looks", () => driven.source.progressCalls > progressCalls + 5);
    driven.source.arrive();
    await until("arrival", () => driven.arrivals === 1);
    expect(driven.driver.statistics.wakes).toBe(1);
  });

  test("does not look by the backstop as long as events come", async () => {
    const backstopMs = 200;
    const driven = open({ backstopMs });
    await driven.asleep();
    let looks = 0;
    for (let event = 1; event <= 40; event++) {
      const startMs = performance.now();
      driven.source.arrive();
      await until("arrival", () => driven.arrivals === event);
      await driven.asleep();
      const { progressCalls } = driven.source;
      await pause(15);
      // On a machine that stood still meanwhile, a look was due.
      if (performance.now() - startMs < backstopMs)
        looks += driven.source.progressCalls - progressCalls;
    }
    expect(looks).toBe(0);
  });

  test("progresses when the source's deadline has come, and sleeps on", async () => {
    const driven = open();
    const dueMs = performance.now() + 60;
    driven.source.deadlineMs = dueMs;
    await driven.asleep();
    const { progressCalls } = driven.source;
    let progressedMs = 0;
    await until("deadline", () => {
      if (driven.source.progressCalls === progressCalls) return false;
      progressedMs = performance.now();
      driven.source.deadlineMs = Number.POSITIVE_INFINITY;
      return true;
    });
    expect(progressedMs).toBeGreaterThanOrEqual(dueMs);
    await driven.asleep();
    const before = driven.source.progressCalls;
    await pause(60);
    expect(driven.source.progressCalls).toBe(before);
  });

  test("hears before the source's deadline, which is then forgotten", async () => {
    const driven = open();
    driven.source.deadlineMs = performance.now() + 100;
    await driven.asleep();
    driven.source.deadlineMs = Number.POSITIVE_INFINITY;
    driven.source.arrive();
    await until("arrival", () => driven.arrivals === 1);
    expect(driven.driver.statistics.wakes).toBe(1);
    await driven.asleep();
    const { progressCalls } = driven.source;
    await pause(150);
    expect(driven.source.progressCalls).toBe(progressCalls);
  });

  test("goes on slowly while the source stays busy, and sleeps when it is free", async () => {
    const driven = open({ pumpUs: 0 });
    driven.source.busy = true;
    driven.driver.notify();
    await pause(100);
    const before = driven.source.progressCalls;
    await pause(200);
    const calls = driven.source.progressCalls - before;
    // One turn in a millisecond, of a few attempts.
    expect(calls).toBeGreaterThan(10);
    expect(calls).toBeLessThan(2000);
    expect(driven.driver.statistics.sleeps).toBe(0);
    driven.source.busy = false;
    await until("asleep", () => driven.driver.statistics.sleeps === 1);
  });

  test("spins until it is done", async () => {
    const driven = open({ spinUs: 1_000_000 });
    await driven.asleep();
    let looks = 0;
    expect(driven.driver.spin(() => ++looks > 10)).toBe(true);
    expect(driven.source.progressCalls).toBeGreaterThanOrEqual(10);
    expect(driven.driver.statistics.spinHits).toBe(1);
    // What it had armed is used up: it must lie down anew, and hear.
    const { sleeps } = driven.driver.statistics;
    await until("asleep", () => driven.driver.statistics.sleeps > sleeps);
    driven.source.arrive();
    await until("arrival", () => driven.arrivals === 1);
  });

  test("spins for its time at most", async () => {
    const driven = open({ spinUs: 20_000 });
    const startMs = performance.now();
    expect(driven.driver.spin(() => false)).toBe(false);
    const tookMs = performance.now() - startMs;
    expect(tookMs).toBeGreaterThanOrEqual(20);
    expect(tookMs).toBeLessThan(5000);
  });

  test("spins rarely when that has not paid off, and again when it does", () => {
    const { driver } = open({ spinUs: 10 });
    for (let count = 0; count < 100; count++) driver.spin(() => false);
    const { spins } = driver.statistics;
    expect(spins).toBeGreaterThan(4);
    expect(spins).toBeLessThan(20);
    let hit = false;
    for (let count = 0; count < 40 && !hit; count++) {
      let looks = 0;
      hit = driver.spin(() => ++looks > 2);
    }
    expect(hit).toBe(true);
    let looks = 0;
    expect(driver.spin(() => ++looks > 2)).toBe(true);
  });

  test("looks on the spot, and hears afterwards; within progress it does not", async () => {
    const driven = open();
    await driven.asleep();
    const { sleeps } = driven.driver.statistics;
    expect(driven.driver.look()).toBe(0);
    await until("asleep", () => driven.driver.statistics.sleeps > sleeps);
    driven.source.arrive();
    await until("arrival", () => driven.arrivals === 1);
    let within: number | undefined;
    driven.source.onArrival = () => {
      driven.source.arrive();
      driven.source.onArrival = () => {};
      within = driven.driver.look();
    };
    driven.source.arrive();
    expect(driven.driver.look()).toBe(1);
    expect(within).toBe(0);
    expect(driven.errors).toEqual([]);
    await until("the rest", () => driven.source.waiting === 0);
    driven.driver.stop();
    expect(driven.driver.look()).toBe(0);
  });

  test("does not spin within progress", async () => {
    const driven = open();
    let spun: boolean | undefined;
    driven.source.onArrival = () => {
      spun = driven.driver.spin(() => false);
    };
    driven.source.arrive();
    driven.driver.notify();
    await until("arrival", () => spun !== undefined);
    expect(spun).toBe(false);
    expect(driven.driver.statistics.spins).toBe(0);
    expect(driven.errors).toEqual([]);
  });

  test("tells of what progress throws, and goes on", async () => {
    const driven = open();
    await driven.asleep();
    driven.source.failures = 1;
    driven.source.arrive();
    await until("arrival", () => driven.arrivals === 1);
    expect(driven.errors).toHaveLength(1);
    await driven.asleep();
    driven.source.onArrival = () => {
      throw new Error("of the user");
    };
    driven.source.arrive();
    await until("error", () => driven.errors.length === 2);
    expect(String(driven.errors[1])).toContain("of the user");
    await driven.asleep();
  });

  test("does not spin on a source that always throws", async () => {
    const driven = open();
    driven.source.failures = Number.POSITIVE_INFINITY;
    driven.source.arrive();
    driven.driver.notify();
    await pause(300);
    expect(driven.errors.length).toBeGreaterThan(10);
    expect(driven.errors.length).toBeLessThan(1000);
    driven.source.failures = 0;
    await until("arrival", () => driven.arrivals === 1);
  });

  test("may be stopped by a callback, and be started again", async () => {
    const driven = open({ backstopMs: 5 });
    driven.source.onArrival = () => {
      driven.arrivals += 1;
      driven.driver.stop();
    };
    await driven.asleep();
    driven.source.arrive();
    await until("arrival", () => driven.arrivals === 1);
    expect(driven.driver.isRunning).toBe(false);
    driven.driver.stop();
    driven.driver.notify();
    expect(driven.driver.spin(() => false)).toBe(false);
    const { progressCalls } = driven.source;
    driven.source.arrive();
    await pause(60);
    expect(driven.source.progressCalls).toBe(progressCalls);
    driven.driver.start();
    driven.driver.start();
    await until("arrival", () => driven.arrivals === 2);
  });

  test("leaves no turn and no look behind when it is stopped", async () => {
    const driven = open({ backstopMs: 20 });
    driven.driver.stop();
    await pause(50);
    expect(driven.source.progressCalls).toBe(0);
    driven.source.busy = true;
    driven.driver.start();
    await pause(50);
    driven.driver.stop();
    const { progressCalls } = driven.source;
    await pause(50);
    expect(driven.source.progressCalls).toBe(progressCalls);
    driven.source.busy = false;
    for (let round = 0; round < 30; round++) {
      driven.driver.stop();
      driven.driver.start();
    }
    await driven.asleep();
    const before = driven.source.progressCalls;
    const startMs = performance.now();
    await pause(200);
    const looksMax = (performance.now() - startMs) / 20 + 2;
    expect(driven.source.progressCalls - before).toBeLessThan(looksMax);
  });

  test("leaves no descriptor open", async () => {
    open().driver.stop();
    await pause(50);
    const before = countDescriptors();
    for (let round = 0; round < 50; round++) {
      const { driver, source } = new Driven();
      driver.start();
      if (round % 2 === 0) await pause(1);
      driver.stop();
      source.close();
    }
    await until("descriptors are closed", () => countDescriptors() <= before);
  });

  test("refuses to release what nobody holds, and options out of bounds", () => {
    const { driver } = open();
    driver.hold();
    driver.release();
    expect(() => driver.release()).toThrow(RangeError);
    expect(() => resolveProgressOptions({ spinUs: -1 })).toThrow(RangeError);
    expect(() => resolveProgressOptions({ pumpUs: 0.5 })).toThrow(RangeError);
    const unknown = { pumpMs: 1 } as ProgressOptions;
    expect(() => resolveProgressOptions(unknown)).toThrow(TypeError);
    expect(resolveProgressOptions({})).toEqual({
      mode: "adaptive",
      spinUs: 20,
      pumpUs: 200,
      backstopMs: 2000,
    });
  });
});
