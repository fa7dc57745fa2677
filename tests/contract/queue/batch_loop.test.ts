import { runBatchWorkLoop, type WorkOutcome } from "../../../src/queue/mod.ts";
import { queueFixture } from "../../support/queue_fixture.ts";
import { describe, expect, test } from "../../support/testing.ts";

const queues = queueFixture();
const ack: WorkOutcome = { kind: "ack" };
const soon = { minMs: 1, maxMs: 3 };

describe("the batch loop", () => {
  test("hands over up to batchMax messages, in their order, and settles them alike", async () => {
    const queue = queues.create();
    queue.sendMany(Array.from({ length: 10 }, (_, index) => `${index}`));
    const batches: string[][] = [];
    const summary = await runBatchWorkLoop(
      queue,
      async (jobs) => {
        batches.push(jobs.map((job) => job.text()));
        return ack;
      },
      { batchMax: 4, until: "empty" },
    );
    expect(batches).toEqual([
      ["0", "1", "2", "3"],
      ["4", "5", "6", "7"],
      ["8", "9"],
    ]);
    expect(summary.acked).toBe(10);
  });

  test("closes a batch before its bytes are too many; a larger message goes alone", async () => {
    const queue = queues.create();
    queue.sendMany(["aaaa", "bbbb", "cc", "dddddddddddd", "e"]);
    const sizes: number[][] = [];
    await runBatchWorkLoop(
      queue,
      async (jobs) => {
        sizes.push(jobs.map((job) => job.data.byteLength));
        return ack;
      },
      { batchMax: 10, batchBytesMax: 10, until: "empty" },
    );
    expect(sizes).toEqual([[4, 4, 2], [12], [1]]);
  });

  test("what failed together comes again alone, so one bad message costs only itself", async () => {
    const queue = queues.create({ maxDeliver: 3 });
    queue.sendMany(["a", "bad", "c"]);
    const batches: string[] = [];
    const summary = await runBatchWorkLoop(
      queue,
      async (jobs) => {
        const texts = jobs.map((job) => job.text());
        batches.push(texts.join("+"));
        return texts.includes("bad") ? { kind: "retry", note: "no" } : ack;
      },
      { batchMax: 10, until: "empty", backoff: soon },
    );
    expect(batches[0]).toBe("a+bad+c");
    expect(batches.slice(1).sort()).toEqual(["a", "bad", "bad", "c"]);
    expect([summary.acked, summary.buried]).toEqual([2, 1]);
  });

  test("waits for more, but not longer than it was told to, nor after its signal", async () => {
    const queue = queues.create();
    const stop = new AbortController();
    const batches: number[] = [];
    const loop = runBatchWorkLoop(
      queue,
      async (jobs) => {
        batches.push(jobs.length);
        return ack;
      },
      { batchMax: 3, batchWaitMs: 3_600_000, signal: stop.signal },
    );
    for (const text of ["a", "b", "c", "d"]) {
      queue.send(text);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    stop.abort();
    expect((await loop).acked).toBe(4);
    expect(batches).toEqual([3, 1]);
  });

  test("does not wait for more on a stream that has ended, or ends meanwhile", async () => {
    const queue = queues.create();
    const batches: number[] = [];
    for (const ended of [true, false]) {
      if (!ended) queue.reopen();
      queue.sendMany(["a", "b"]);
      if (ended) queue.end();
      else setTimeout(() => queue.end(), 20);
      await runBatchWorkLoop(
        queue,
        async (jobs) => {
          batches.push(jobs.length);
          return ack;
        },
        { batchMax: 3, batchWaitMs: 3_600_000, until: "end" },
      );
    }
    expect(batches).toEqual([2, 2]);
  });

  test("gives back what it took for the next batch when it is stopped", async () => {
    const queue = queues.create();
    queue.sendMany(["aaaa", "bbbb"]);
    const stop = new AbortController();
    const summary = await runBatchWorkLoop(
      queue,
      async () => {
        stop.abort();
        return ack;
      },
      { batchMax: 4, batchBytesMax: 4, signal: stop.signal },
    );
    expect(summary.acked).toBe(1);
    expect(queue.status().leased).toBe(0);
    expect(queue.tryReserve()?.attempts).toBe(1);
  });

  test("refuses a batch that makes no sense", () => {
    const queue = queues.create();
    for (const batchMax of [0, 1.5, 65_537])
      expect(() =>
        runBatchWorkLoop(queue, async () => ack, { batchMax }),
      ).toThrow("batchMax");
  });
});
