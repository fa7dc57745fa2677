import {
  CrossProcessQueue,
  type Job,
  runWorkLoop,
  type WorkOutcome,
} from "../../../src/queue/mod.ts";
import { queueFixture } from "../../support/queue_fixture.ts";
import { describe, expect, test } from "../../support/testing.ts";

const queues = queueFixture();
const ack: WorkOutcome = { kind: "ack" };
const soon = { minMs: 1, maxMs: 3 };
/** `a1` has the key `a`; what begins with `-` has none. */
const orderBy = (job: Job): string | undefined =>
  job.text().startsWith("-") ? undefined : job.text()[0];

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

describe("the ordered loop", () => {
  test("keeps each key in its order and never works on two of a key, while other keys go on", async () => {
    const queue = queues.create({ exclusive: true });
    for (let round = 0; round < 5; round++)
      queue.sendMany([`a${round}`, `b${round}`, `-${round}`]);
    const running = new Set<string>();
    const seen: string[] = [];
    let widest = 0;
    await runWorkLoop(
      queue,
      async (job) => {
        const key = orderBy(job) ?? job.text();
        expect(running.has(key)).toBe(false);
        running.add(key);
        widest = Math.max(widest, running.size);
        await pause(2);
        running.delete(key);
        seen.push(job.text());
        return ack;
      },
      { until: "empty", concurrency: 8, orderBy },
    );
    for (const key of ["a", "b"])
      expect(seen.filter((text) => text.startsWith(key))).toEqual(
        [0, 1, 2, 3, 4].map((round) => `${key}${round}`),
      );
    expect(widest).toBeGreaterThan(2);
    expect(seen.length).toBe(15);
  });

  test("a failed message keeps its place and its count; a dead letter makes way", async () => {
    const queue = queues.create({ maxDeliver: 3, exclusive: true });
    queue.sendMany(["a0", "a1", "a2", "b0"]);
    const seen: string[] = [];
    const summary = await runWorkLoop(
      queue,
      async (job) => {
        seen.push(`${job.text()}:${job.attempts}`);
        return job.text() === "a1" ? { kind: "retry", note: "no" } : ack;
      },
      { until: "empty", concurrency: 4, orderBy, backoff: soon },
    );
    expect(seen.filter((text) => text.startsWith("a"))).toEqual([
      "a0:1",
      "a1:1",
      "a1:2",
      "a1:3",
      "a2:1",
    ]);
    expect([summary.acked, summary.retried, summary.buried]).toEqual([3, 2, 1]);
  });

  test("what waits for its turn has not been tried: a loop that ends gives it back as it was, in order", async () => {
    const queue = queues.create({ maxDeliver: 2, exclusive: true });
    queue.sendMany(["a0", "a1", "a2"]);
    for (let round = 0; round < 4; round++) {
      const stop = new AbortController();
      const summary = await runWorkLoop(
        queue,
        async () => {
          stop.abort();
          return { kind: "release" };
        },
        { concurrency: 4, orderBy, signal: stop.signal },
      );
      expect(summary.buried).toBe(0);
    }
    const seen: string[] = [];
    await runWorkLoop(
      queue,
      async (job) => {
        seen.push(`${job.text()}:${job.attempts}`);
        return ack;
      },
      { until: "empty", orderBy },
    );
    expect(seen).toEqual(["a0:1", "a1:1", "a2:1"]);
  });

  test("an attempt that has failed stays counted when the loop ends before the next one", async () => {
    const queue = queues.create({ maxDeliver: 3, exclusive: true });
    queue.sendMany(["a0", "a1"]);
    const seen: string[] = [];
    const backoff = { minMs: 3_600_000, maxMs: 3_600_000 };
    for (let round = 0; round < 3; round++) {
      const stop = new AbortController();
      await runWorkLoop(
        queue,
        async (job) => {
          seen.push(`${job.text()}:${job.attempts}`);
          return { kind: "retry" };
        },
        {
          orderBy,
          backoff,
          signal: stop.signal,
          onSettled: ({ retried, buried }) => {
            if (retried + buried > 0) setTimeout(() => stop.abort(), 1);
          },
        },
      );
    }
    expect(seen.slice(0, 3)).toEqual(["a0:1", "a0:2", "a0:3"]);
    expect(queue.status().buried).toBe(1);
  });

  test("what comes while the head of its row waits for its next attempt, waits too, and hurries nothing", async () => {
    const queue = queues.create({ exclusive: true });
    queue.send("a0");
    const seen: string[] = [];
    const stop = new AbortController();
    const summary = await runWorkLoop(
      queue,
      async (job) => {
        seen.push(`${job.text()}:${job.attempts}`);
        if (job.text() === "b0") setTimeout(() => stop.abort(), 20);
        return job.text() === "a0" ? { kind: "retry" } : ack;
      },
      {
        orderBy,
        concurrency: 4,
        backoff: { minMs: 3_600_000, maxMs: 3_600_000 },
        signal: stop.signal,
        onSettled: ({ retried, acked }) => {
          if (retried + acked === 1) queue.sendMany(["a1", "b0"]);
        },
      },
    );
    expect(seen).toEqual(["a0:1", "b0:1"]);
    expect([summary.retried, summary.acked, summary.released]).toEqual([
      1, 1, 2,
    ]);
  });

  test("a message without a key that fails comes again after its pause, and becomes a dead letter like any other", async () => {
    const queue = queues.create({ maxDeliver: 2, exclusive: true });
    queue.sendMany(["-0", "a0"]);
    const seen: string[] = [];
    const summary = await runWorkLoop(
      queue,
      async (job) => {
        seen.push(`${job.text()}:${job.attempts}`);
        return job.text() === "a0" ? ack : { kind: "retry", note: "no" };
      },
      { until: "empty", orderBy, backoff: soon },
    );
    expect(seen.filter((text) => text.startsWith("-"))).toEqual([
      "-0:1",
      "-0:2",
    ]);
    expect([summary.acked, summary.retried, summary.buried]).toEqual([1, 1, 1]);
    expect(queue.status().messageCount).toBe(0);
  });

  test("when a lease is lost, what follows it comes again after it", async () => {
    const queue = queues.create({ exclusive: true });
    queue.sendMany(["a0", "a1", "a2"]);
    const seen: string[] = [];
    const summary = await runWorkLoop(
      queue,
      async (job) => {
        seen.push(`${job.text()}:${job.attempts}`);
        if (seen.length > 1) return ack;
        // Renewal stops after maxProcessingMs; then the lease runs out.
        await new Promise<void>((resolve) =>
          job.signal.addEventListener("abort", () => resolve()),
        );
        while (queue.status().counters.requeued === 0) {
          queue.sweep();
          await pause(5);
        }
        return ack;
      },
      {
        until: "empty",
        concurrency: 4,
        orderBy,
        leaseMs: 60,
        maxProcessingMs: 20,
        backoff: soon,
      },
    );
    expect(seen[0]).toBe("a0:1");
    expect(seen.slice(1).map((text) => text.slice(0, 2))).toEqual([
      "a0",
      "a1",
      "a2",
    ]);
    expect(summary.lost).toBeGreaterThanOrEqual(1);
  });

  test("needs a queue that nobody else takes from", () => {
    const queue = queues.create();
    expect(() => runWorkLoop(queue, async () => ack, { orderBy })).toThrow(
      "exclusive",
    );
  });

  test("an uncounted job counts from countAttempt on, and goes back as it was before", () => {
    const queue = queues.create({ maxDeliver: 1 });
    queue.send("x");
    for (let round = 0; round < 3; round++) {
      const job = queue.tryReserve({ uncounted: true });
      expect(job?.attempts).toBe(0);
      job?.nack({ uncounted: round === 1 });
    }
    {
      using job = queue.tryReserve({ uncounted: true });
      expect(job?.attempts).toBe(0);
    }
    using again = CrossProcessQueue.connect(queue.name);
    const held = again.tryReserve({ uncounted: true });
    expect(held?.attempts).toBe(0);
    // As a death would.
    again.close();
    const job = queue.tryReserve({ uncounted: true });
    expect(job?.countAttempt()).toBe(1);
    expect(job?.countAttempt()).toBe(null);
    expect(job?.nack()).toBe("buried");
  });
});
