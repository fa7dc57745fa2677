import { AcceptedSequences } from "../../../src/transport/session/accepted_sequences.ts";
import { Coalescer } from "../../../src/transport/session/coalescer.ts";
import { ReceiveCredit } from "../../../src/transport/session/credit.ts";
import { sessionSettings } from "../../../src/transport/session/settings.ts";
import {
  TimerWheel,
  WheelEntry,
} from "../../../src/transport/session/timer_wheel.ts";
import { memoryConnections } from "../../support/memory_connections.ts";
import { sessionPair } from "../../support/session_pairs.ts";
import { SeededRandom } from "../../support/seeded_random.ts";
import { describe, expect, test } from "../../support/testing.ts";

describe("accepted sequences", () => {
  test("are as a set would have them, in any order", () => {
    const random = new SeededRandom(7);
    const accepted = new AcceptedSequences();
    const plain = new Set<number>();
    for (let turn = 0; turn < 3000; turn++) {
      const sequence = accepted.contiguous + 1 + random.below(12);
      expect(accepted.has(sequence)).toBe(plain.has(sequence));
      accepted.accept(sequence);
      plain.add(sequence);
      let contiguous = 0;
      while (plain.has(contiguous + 1)) contiguous += 1;
      expect(accepted.contiguous).toBe(contiguous);
      expect(accepted.has(contiguous + 1)).toBe(false);
    }
    expect(accepted.contiguous).toBeGreaterThan(100);
    expect(accepted.has(accepted.contiguous)).toBe(true);
  });

  test("a gap that will never be filled is passed over", () => {
    const accepted = new AcceptedSequences();
    for (const sequence of [1, 4, 5, 9]) accepted.accept(sequence);
    accepted.skipTo(3);
    expect(accepted.contiguous).toBe(2);
    accepted.skipTo(4);
    expect(accepted.contiguous).toBe(5);
    accepted.skipTo(8);
    expect([accepted.contiguous, accepted.has(8), accepted.has(9)]).toEqual([
      7,
      false,
      true,
    ]);
  });
});

/** A clock that stands still until it is told. */
class HandClock {
  now = 1000;
  timers: { readonly at: number; readonly call: () => void }[] = [];

  nowMs(): number {
    return this.now;
  }

  setTimer(call: () => void, delayMs: number): unknown {
    const timer = { at: this.now + delayMs, call };
    this.timers.push(timer);
    return timer;
  }

  clearTimer(timer: unknown): void {
    this.timers = this.timers.filter((each) => each !== timer);
  }

  advance(byMs: number): void {
    const until = this.now + byMs;
    for (;;) {
      const next = this.timers
        .filter(({ at }) => at <= until)
        .sort((one, other) => one.at - other.at)[0];
      if (next === undefined) break;
      this.clearTimer(next);
      this.now = Math.max(this.now, next.at);
      next.call();
    }
    this.now = until;
  }
}

class Due extends WheelEntry {
  firedAtMs = -1;
  readonly #clock: HandClock;

  constructor(clock: HandClock) {
    super();
    this.#clock = clock;
  }

  override expired(): void {
    this.firedAtMs = this.#clock.now;
  }
}

describe("timer wheel", () => {
  test("fires each deadline once, at most a slot late and never early", () => {
    const clock = new HandClock();
    const wheel = new TimerWheel(clock);
    const random = new SeededRandom(3);
    const entries = Array.from({ length: 500 }, () => {
      const entry = new Due(clock);
      // Up to three turns of the wheel.
      wheel.add(entry, clock.now + random.below(25_000));
      return entry;
    });
    const removed = entries.filter((_, at) => at % 3 === 0);
    for (const entry of removed) wheel.remove(entry);
    expect(clock.timers.length).toBe(1);
    clock.advance(30_000);
    expect(wheel.size).toBe(0);
    expect(clock.timers.length).toBe(0);
    for (const [at, entry] of entries.entries()) {
      if (at % 3 === 0) {
        expect(entry.firedAtMs).toBe(-1);
        continue;
      }
      expect(entry.firedAtMs).toBeGreaterThanOrEqual(entry.dueMs);
      expect(entry.firedAtMs - entry.dueMs).toBeLessThan(17);
    }
  });
});

describe("receive credit", () => {
  test("is withheld for what is being handled, and given back", () => {
    const credit = new ReceiveCredit(1000, 4);
    expect(credit.restart()).toEqual({ bytes: 1000, messages: 4 });
    for (let at = 0; at < 4; at++) {
      credit.take(10, true);
      credit.hold(10);
    }
    expect(credit.isDue).toBe(false);
    expect(() => credit.take(10, true)).toThrow(/granted/);
    credit.release(10);
    // The one too many counts as received.
    credit.release(10);
    expect(credit.isDue).toBe(true);
    expect(credit.grant().messages).toBe(7);
    // Another connection does not give room to what is still at work.
    expect(credit.restart()).toEqual({ bytes: 980, messages: 2 });
  });

  test("must be enough for two frames of the greatest length", () => {
    expect(() =>
      sessionSettings({ role: "client", creditBytes: 80_000 }),
    ).toThrow(/creditBytes: given 80000/);
  });
});

describe("coalescer", () => {
  test("writes what one turn has gathered at once, and gives its memory back", async () => {
    const [end] = memoryConnections();
    const coalescer = new Coalescer(end);
    for (let at = 0; at < 100; at++) {
      const target = coalescer.reserve(10);
      target?.fill(at, coalescer.end, coalescer.end + 10);
      coalescer.commit(10);
      if (at % 10 === 0) await Promise.resolve();
    }
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
    expect([end.writes, end.bytesSent]).toEqual([1, 1000]);
    expect(coalescer.waitingBytes).toBe(0);
  });
});

describe("send", () => {
  test("resolves for what overtakes a large message that waits", async () => {
    const { client, server } = await sessionPair();
    const large = client.session.send(new Uint8Array(2_000_000), {
      priority: "low",
    });
    await client.session.send("small", { priority: "high", timeoutMs: 1000 });
    await large;
    expect(server.texts[0]).toBe("small");
    await client.session.close();
  });
});
