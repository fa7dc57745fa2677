import { ConnectionMonitor, UcxTimeoutError } from "../../../src/ucx/mod.ts";
import {
  asyncUcxFixture,
  echo,
  untilTrue,
} from "../../support/async_ucx_fixture.ts";
import { afterEach, describe, expect, test } from "../../support/testing.ts";

const ucx = asyncUcxFixture();

afterEach(() => ucx.closeAll());

/** Time that moves when the test says so. */
class ManualClock {
  #nowMs = 0;
  readonly #timers = new Set<{ atMs: number; callback: () => void }>();

  after(delayMs: number, callback: () => void): () => void {
    const timer = { atMs: this.#nowMs + delayMs, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  get pending(): number {
    return this.#timers.size;
  }

  async advance(byMs: number): Promise<void> {
    this.#nowMs += byMs;
    for (const timer of [...this.#timers]) {
      if (timer.atMs > this.#nowMs) continue;
      this.#timers.delete(timer);
      timer.callback();
    }
    // Whatever waits for it goes on.
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  }
}

/** A client whose peer answers, or does not. */
class TestPeer {
  answers = true;
  pings = 0;

  ping(
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<number> {
    this.pings += 1;
    if (this.answers) return Promise.resolve(1.5);
    return new Promise((_resolve, reject) => {
      options.signal?.addEventListener("abort", () =>
        reject(options.signal?.reason),
      );
    });
  }
}

describe("a connection monitor", () => {
  test("sends a heartbeat at once and every 30 seconds", async () => {
    const clock = new ManualClock();
    const peer = new TestPeer();
    const monitor = new ConnectionMonitor(peer, { clock });
    const healthy: number[] = [];
    monitor.events.on("healthy", ({ roundTripMs }) =>
      healthy.push(roundTripMs),
    );
    expect(monitor.isHealthy).toBe(undefined);
    monitor.start();
    monitor.start();
    await clock.advance(0);
    expect(peer.pings).toBe(1);
    await clock.advance(29_999);
    expect(peer.pings).toBe(1);
    await clock.advance(1);
    expect(peer.pings).toBe(2);
    expect(healthy).toEqual([1.5, 1.5]);
    expect(monitor.isHealthy).toBe(true);
    monitor.stop();
    expect(clock.pending).toBe(0);
    await clock.advance(100_000);
    expect(peer.pings).toBe(2);
    expect(monitor.state).toBe("stopped");
  });

  test("without an answer within 5 seconds it has failed, and stops", async () => {
    const clock = new ManualClock();
    const peer = new TestPeer();
    const monitor = new ConnectionMonitor(peer, { clock });
    const failed: unknown[] = [];
    monitor.events.on("failed", ({ error }) => failed.push(error));
    monitor.start();
    await clock.advance(0);
    peer.answers = false;
    await clock.advance(30_000);
    await clock.advance(4999);
    expect(failed).toHaveLength(0);
    await clock.advance(1);
    expect(failed).toHaveLength(1);
    expect(failed[0]).toBeInstanceOf(UcxTimeoutError);
    expect(monitor.state).toBe("failed");
    expect(monitor.isHealthy).toBe(false);
    expect(clock.pending).toBe(0);
  });

  test("may be told to bear a few missed ones", async () => {
    const clock = new ManualClock();
    const peer = new TestPeer();
    const monitor = new ConnectionMonitor(peer, {
      clock,
      intervalMs: 100,
      timeoutMs: 10,
      maxMissed: 3,
    });
    const missed: number[] = [];
    monitor.events.on("missed", ({ inARow }) => missed.push(inARow));
    peer.answers = false;
    monitor.start();
    await clock.advance(10);
    await clock.advance(100);
    await clock.advance(10);
    peer.answers = true;
    await clock.advance(100);
    expect(missed).toEqual([1, 2]);
    expect(monitor.isHealthy).toBe(true);
    expect(monitor.state).toBe("running");
    monitor.stop();
  });

  test(
    "watches a connection: healthy while the peer progresses, failed when it is closed",
    async () => {
      const manager = ucx.manager();
      const server = await ucx.serve(manager, echo);
      const client = await ucx.connect(manager, server);
      using monitor = new ConnectionMonitor(client, { intervalMs: 5 });
      let healthy = 0;
      let failed = 0;
      monitor.events.on("healthy", () => {
        healthy += 1;
      });
      monitor.events.on("failed", () => {
        failed += 1;
      });
      monitor.start();
      await untilTrue(() => healthy >= 3, "three heartbeats");
      await server.close();
      await untilTrue(() => failed === 1, "it has failed");
      expect(monitor.state).toBe("failed");
    },
    { timeoutMs: 30_000 },
  );
});
