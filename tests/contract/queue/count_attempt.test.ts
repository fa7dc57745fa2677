/** Attempts that are counted while the message is kept. */
import { setWarningSink } from "../../../src/base/warnings.ts";
import { type Job, LeaseLostError } from "../../../src/queue/mod.ts";
import { queueFixture, until } from "../../support/queue_fixture.ts";
import { afterEach, describe, expect, test } from "../../support/testing.ts";
import { collectUntil, collector } from "./garbage.ts";

const queues = queueFixture();

let before: ReturnType<typeof setWarningSink> | undefined;
afterEach(() => {
  if (before !== undefined) setWarningSink(before);
  before = undefined;
});

function mustReserve<T>(job: Job<T> | null): Job<T> {
  if (job === null) throw new Error("there should have been a job");
  return job;
}

describe("countAttempt", () => {
  test("counts while the job stays reserved, and everything goes on with it", () => {
    const queue = queues.create({ maxDeliver: 5 });
    queue.send("x");
    const job = mustReserve(queue.tryReserve());
    expect(job.attempts).toBe(1);
    expect(job.countAttempt()).toBe(2);
    expect(job.countAttempt()).toBe(3);
    expect(job.attempts).toBe(3);
    expect(queue.status().leased).toBe(1);
    job.touch(1000);
    expect(job.nack({ uncounted: true })).toBe("requeued");
    const again = mustReserve(queue.tryReserve());
    expect(again.attempts).toBe(3);
    expect(again.countAttempt()).toBe(4);
    expect(again.nack()).toBe("requeued");
    const last = mustReserve(queue.tryReserve());
    expect(last.attempts).toBe(5);
    expect(queue.ackMany([last])).toBe(1);
    expect(() => last.countAttempt()).toThrow(LeaseLostError);
  });

  test("gives null at the maximum, and then the job can be buried", () => {
    const queue = queues.create({ maxDeliver: 2 });
    queue.send("x");
    const job = mustReserve(queue.tryReserve());
    expect(job.countAttempt()).toBe(2);
    expect(job.countAttempt()).toBeNull();
    expect(job.countAttempt()).toBeNull();
    expect(job.attempts).toBe(2);
    job.bury("twice");
    expect([...queue.deadLetters()].map((each) => each.attempts)).toEqual([2]);
  });

  test("renewal goes on, for longer than the lease", async () => {
    const queue = queues.create({ maxDeliver: 255 });
    const other = queues.connect(queue);
    queue.send("x");
    const job = mustReserve(queue.tryReserve({ leaseMs: 500 }));
    job.keepAlive();
    const { signal } = job;
    const startMs = performance.now();
    while (performance.now() - startMs < 1200) {
      job.countAttempt();
      expect(other.tryReserve()).toBeNull();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(signal.aborted).toBe(false);
    expect(job.attempts).toBeGreaterThan(2);
    job.ack();
  });

  test("throws when the lease is lost, and the count is the successor's", async () => {
    const queue = queues.create({ maxDeliver: 9 });
    queue.send("x");
    const late = mustReserve(queue.tryReserve({ leaseMs: 30 }));
    expect(late.countAttempt()).toBe(2);
    const job = mustReserve(await queue.reserve({ timeoutMs: 10_000 }));
    expect(job.attempts).toBe(3);
    expect(() => late.countAttempt()).toThrow(LeaseLostError);
    expect(job.countAttempt()).toBe(4);
    job.ack();
  });

  test("a zero-copy job keeps its view", () => {
    const queue = queues.create();
    queue.send("bytes");
    const job = mustReserve(queue.reserveZeroCopy());
    const { data } = job;
    expect(job.countAttempt()).toBe(2);
    expect(new TextDecoder().decode(data.slice())).toBe("bytes");
    job.ack();
  });

  // Without a collector there is nothing to be seen.
  if (collector() !== undefined)
    test("a job that is dropped afterwards is given back", async () => {
      before = setWarningSink(() => undefined);
      const queue = queues.create();
      const many = 50;
      const held: Job[] = [];
      for (let index = 0; index < many; index++) {
        queue.send("x");
        held.push(mustReserve(queue.tryReserve()));
      }
      // By then the finalizer knows of them, by their first tokens.
      await until(() => held.every((job) => job.registered));
      for (const job of held) job.countAttempt();
      held.length = 0;
      await collectUntil(() => queue.status().leased <= 10);
      expect(queue.status().leased).toBeLessThanOrEqual(10);
    });
});
