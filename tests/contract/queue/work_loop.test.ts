import {
  type Job,
  retryDelayMs,
  runWorkLoop,
  type WorkOutcome,
} from "../../../src/queue/mod.ts";
import { queueFixture } from "../../support/queue_fixture.ts";
import { describe, expect, test } from "../../support/testing.ts";

const queues = queueFixture();
const ack: WorkOutcome = { kind: "ack" };
const soon = { minMs: 1, maxMs: 3 };

describe("the worker loop", () => {
  test("works on everything and leaves when the queue is empty", async () => {
    const queue = queues.create();
    queue.sendMany(["a", "b", "c"]);
    const seen: string[] = [];
    const summary = await runWorkLoop(
      queue,
      async (job) => {
        seen.push(job.text());
        return ack;
      },
      { until: "empty" },
    );
    expect(seen).toEqual(["a", "b", "c"]);
    expect(summary).toEqual({
      acked: 3,
      retried: 0,
      buried: 0,
      released: 0,
      lost: 0,
      reason: "empty",
    });
    expect(queue.status().counters.acked).toBe(3);
  });

  test("keeps to its concurrency", async () => {
    const queue = queues.create();
    queue.sendMany(Array.from({ length: 20 }, (_, index) => `${index}`));
    let running = 0;
    let most = 0;
    await runWorkLoop(
      queue,
      async () => {
        most = Math.max(most, ++running);
        await new Promise((resolve) => setTimeout(resolve, 5));
        running--;
        return ack;
      },
      { until: "empty", concurrency: 3 },
    );
    expect(most).toBe(3);
  });

  test("tries again after a back-off, then makes a dead letter with the last note", async () => {
    const queue = queues.create({ maxDeliver: 5 });
    queue.send("x");
    const attempts: number[] = [];
    const summary = await runWorkLoop(
      queue,
      async (job) => {
        attempts.push(job.attempts);
        return { kind: "retry", note: `attempt ${job.attempts}` };
      },
      { until: "empty", backoff: soon, maxDeliver: 3 },
    );
    expect(attempts).toEqual([1, 2, 3]);
    expect([summary.retried, summary.buried]).toEqual([2, 1]);
    const [letter] = queue.deadLetters();
    expect(letter?.note).toBe("attempt 3");
  });

  test("a handler that throws is a failed attempt, with the error as the note", async () => {
    const queue = queues.create();
    queue.send("x");
    await runWorkLoop(
      queue,
      () => Promise.reject(new Error("broken handler")),
      { until: "empty", backoff: soon, maxDeliver: 1 },
    );
    const [letter] = queue.deadLetters();
    expect(letter?.note).toContain("broken handler");
  });

  test("buries at once, and releases without counting", async () => {
    const queue = queues.create();
    queue.sendMany(["bury", "release"]);
    const stop = new AbortController();
    const summary = await runWorkLoop(
      queue,
      async (job): Promise<WorkOutcome> => {
        if (job.text() === "bury") return { kind: "bury", note: "hopeless" };
        stop.abort();
        return { kind: "release" };
      },
      { signal: stop.signal },
    );
    expect([summary.buried, summary.released, summary.reason]).toEqual([
      1,
      1,
      "stopped",
    ]);
    const [left] = queue.peek(1);
    expect([left?.text(), left?.attempts]).toEqual(["release", 0]);
  });

  test("waits for what comes, stops taking at its signal, and finishes what has begun", async () => {
    const queue = queues.create();
    const stop = new AbortController();
    const begun = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    const ended = runWorkLoop(
      queue,
      async () => {
        begun.resolve();
        await go.promise;
        return ack;
      },
      { signal: stop.signal, concurrency: 2 },
    );
    queue.send("a");
    await begun.promise;
    stop.abort();
    queue.send("b");
    go.resolve();
    expect((await ended).acked).toBe(1);
    expect(queue.status().messageCount).toBe(1);
  });

  test("takes no more than count, and gives up waiting after waitMs", async () => {
    const queue = queues.create();
    queue.sendMany(["a", "b", "c"]);
    expect(
      (await runWorkLoop(queue, async () => ack, { count: 2 })).reason,
    ).toBe("count");
    const summary = await runWorkLoop(queue, async () => ack, { waitMs: 30 });
    expect([summary.acked, summary.reason]).toEqual([1, "timeout"]);
  });

  test("until end outlasts an empty moment and leaves when the stream has ended", async () => {
    const queue = queues.create();
    const producer = queues.connect(queue);
    const ended = runWorkLoop(queue, async () => ack, {
      until: "end",
      concurrency: 2,
    });
    producer.send("a");
    await new Promise((resolve) => setTimeout(resolve, 30));
    producer.send("b");
    producer.end();
    const summary = await ended;
    expect([summary.acked, summary.reason]).toEqual([2, "ended"]);
  });

  test("rests on a stream that has ended, unless it is to leave there", async () => {
    const queue = queues.create();
    queue.end();
    const startMs = performance.now();
    const summary = await runWorkLoop(queue, async () => ack, { waitMs: 100 });
    expect(summary.reason).toBe("timeout");
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(90);
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 20);
    expect(
      (await runWorkLoop(queue, async () => ack, { signal: stop.signal }))
        .reason,
    ).toBe("stopped");
    for (const until of ["empty", "end"] as const) {
      expect((await runWorkLoop(queue, async () => ack, { until })).acked).toBe(
        0,
      );
    }
  });

  test("a reply that cannot be sent is a dead letter with the reason", async () => {
    const queue = queues.create();
    queue.send("x", { headers: { "reply-to": "nobody#0" } });
    const summary = await runWorkLoop(
      queue,
      async () => ({ kind: "reply", body: "y" }),
      { until: "empty", backoff: soon },
    );
    expect([summary.acked, summary.buried]).toEqual([0, 1]);
    const [letter] = queue.deadLetters();
    expect(letter?.note).toContain("the reply could not be sent: ");
  });

  test("until empty waits for the retries of its own", async () => {
    const queue = queues.create();
    queue.send("x");
    const outcomes = (job: Job): WorkOutcome =>
      job.attempts < 3 ? { kind: "retry" } : ack;
    const summary = await runWorkLoop(queue, async (job) => outcomes(job), {
      until: "empty",
      backoff: { minMs: 20, maxMs: 40 },
    });
    expect([summary.acked, summary.retried]).toEqual([1, 2]);
  });

  test("refuses a concurrency that makes no sense", () => {
    const queue = queues.create();
    for (const concurrency of [0, 1.5, 5000]) {
      expect(() =>
        runWorkLoop(queue, async () => ack, { concurrency }),
      ).toThrow(RangeError);
    }
  });

  test("retryDelayMs doubles its limit up to the maximum, with full jitter", () => {
    const backoff = { minMs: 100, maxMs: 1000 };
    expect(
      [1, 2, 3, 4, 5, 200].map((attempts) =>
        retryDelayMs(attempts, backoff, () => 1),
      ),
    ).toEqual([100, 200, 400, 800, 1000, 1000]);
    expect(retryDelayMs(3, backoff, () => 0)).toBe(0);
    expect(retryDelayMs(3, backoff, () => 0.5)).toBe(200);
  });
});
