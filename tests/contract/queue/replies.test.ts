import {
  type CrossProcessQueue,
  HEADER,
  type Job,
  QueueClosedError,
  QueueFullError,
  QueueTimeoutError,
} from "../../../src/queue/mod.ts";
import { parsePlace } from "../../../src/queue/place.ts";
import { existsSync } from "node:fs";
import { errorOf, queueFixture, until } from "../../support/queue_fixture.ts";
import { describe, expect, test } from "../../support/testing.ts";

const queues = queueFixture();

async function next(queue: CrossProcessQueue): Promise<Job> {
  const job = await queue.reserve({ timeoutMs: 5000 });
  if (job === null) throw new Error("there should have been a request");
  return job;
}

describe("requests and replies", () => {
  test("a request without a limit has no deadline and waits for its reply", async () => {
    const queue = queues.create();
    const worker = queues.connect(queue);
    const waiting = queue.request("question", {
      headers: { [HEADER.deadline]: "1" },
      timeoutMs: Infinity,
    });
    const job = await next(worker);
    expect(job.headers[HEADER.deadline]).toBe(undefined);
    job.reply("answer");
    expect((await waiting).text()).toBe("answer");
    for (const timeoutMs of [Number.NaN, -1])
      expect(
        String(await errorOf(() => queue.request("x", { timeoutMs }))),
      ).toMatch(/RangeError: timeoutMs: given/);
  });

  test("a worker's reply reaches the requester, and the job is acknowledged", async () => {
    const queue = queues.create();
    const worker = queues.connect(queue);
    const waiting = queue.request("question", {
      headers: { k: "v" },
      timeoutMs: 5000,
    });
    const job = await next(worker);
    expect(job.text()).toBe("question");
    expect(job.headers.k).toBe("v");
    expect(job.replyTo).toMatch(/^reply-[0-9a-f]+#[0-9a-f]{32}$/);
    expect(Number(job.headers[HEADER.deadline])).toBeGreaterThan(Date.now());
    expect(job.reply("answer")).toBe(true);
    expect(job.settled).toBe(true);
    expect((await waiting).text()).toBe("answer");
    const status = queue.status();
    expect(status.usage).toBe(0);
    expect(status.replies).toEqual({
      outstanding: 0,
      received: 1,
      late: 0,
      duplicate: 0,
    });
  });

  test("many requests are answered in any order, each by its own reply", async () => {
    const queue = queues.create();
    const worker = queues.connect(queue);
    const waiting = Array.from({ length: 100 }, (_, index) =>
      queue.request(String(index), { timeoutMs: 5000 }),
    );
    await until(() => worker.status().messageCount === 100);
    const jobs = worker.tryReserveMany(100).reverse();
    for (const job of jobs) job.reply(`reply to ${job.text()}`);
    const replies = await Promise.all(waiting);
    for (const [index, reply] of replies.entries())
      expect(reply.text()).toBe(`reply to ${index}`);
  });

  test("a reply may be large, and the next request uses the same reply queue", async () => {
    const queue = queues.create({ maxMessageSize: 500_000 });
    const worker = queues.connect(queue);
    const addresses = new Set<string | undefined>();
    for (let round = 0; round < 3; round++) {
      const waiting = queue.request("x", { timeoutMs: 5000 });
      const job = await next(worker);
      addresses.add(job.replyTo);
      job.reply(new Uint8Array(400_000).fill(round));
      const { data } = await waiting;
      expect(data.byteLength).toBe(400_000);
      expect(data[399_999]).toBe(round);
    }
    expect(addresses.size).toBe(1);
  });

  test("a request times out, its worker is told, and its late reply is counted", async () => {
    const queue = queues.create();
    const worker = queues.connect(queue);
    const failing = errorOf(() => queue.request("slow", { timeoutMs: 79.3 }));
    const job = await next(worker);
    const { signal } = job;
    expect(signal.aborted).toBe(false);
    expect(await failing).toBeInstanceOf(QueueTimeoutError);
    expect(String(await failing)).toContain(" no reply within 80 ms");
    await until(() => signal.aborted);
    expect(String(signal.reason)).toContain("given up");
    expect(job.reply("too late")).toBe(true);
    await until(() => queue.status().replies.late === 1);
    expect(queue.status().replies.received).toBe(0);
  });

  test("a request that is aborted before anybody took it is never handed out", async () => {
    const queue = queues.create();
    const worker = queues.connect(queue);
    const stop = new AbortController();
    const reason = new Error("changed my mind");
    const failing = errorOf(() =>
      queue.request("first", { signal: stop.signal, timeoutMs: 5000 }),
    );
    await until(() => worker.status().messageCount === 1);
    stop.abort(reason);
    expect(await failing).toBe(reason);
    const second = queue.request("second", { timeoutMs: 5000 });
    const job = await next(worker);
    expect(job.text()).toBe("second");
    job.reply("ok");
    expect((await second).text()).toBe("ok");
    expect(queue.status().usage).toBe(0);
  });

  test("a request that nobody takes expires in the queue too", async () => {
    const queue = queues.create();
    expect(
      await errorOf(() => queue.request("x", { timeoutMs: 30 })),
    ).toBeInstanceOf(QueueTimeoutError);
    expect(queue.tryReceive()).toBeNull();
    expect(
      await errorOf(() =>
        queue.request("x", { signal: AbortSignal.abort(new Error("no")) }),
      ),
    ).toBeInstanceOf(Error);
  });

  test("the second reply to one request is a counted duplicate", async () => {
    const queue = queues.create({ leaseMs: 40 });
    const worker = queues.connect(queue);
    const other = queues.connect(queue);
    const waiting = queue.request("x", { timeoutMs: 5000 });
    const slow = await next(worker);
    const fast = await next(other);
    fast.reply("first");
    expect(await errorOf(() => slow.reply("second"))).toBeDefined();
    expect((await waiting).text()).toBe("first");
    await until(() => queue.status().replies.duplicate === 1);
    expect(queue.status().replies.received).toBe(1);
  });

  test("a job whose requester is gone is acknowledged without a reply", async () => {
    const queue = queues.create();
    const requester = queues.connect(queue);
    const failing = errorOf(() => requester.request("x", { timeoutMs: 5000 }));
    const job = await next(queue);
    const path = parsePlace(job.replyTo?.split("#")[0] ?? "").path;
    expect(existsSync(path)).toBe(true);
    requester.close();
    expect(await failing).toBeInstanceOf(QueueClosedError);
    expect(existsSync(path)).toBe(false);
    expect(job.reply("to nobody")).toBe(false);
    expect(queue.status().usage).toBe(0);
  });

  test("a reply-to that names no reply queue is not followed", async () => {
    const queue = queues.create();
    const victim = queues.create();
    queue.send("x", {
      headers: {
        [HEADER.replyTo]: `${victim.name}#${victim.info.uuid}`,
        [HEADER.correlationId]: "1",
      },
    });
    expect((await next(queue)).reply("x")).toBe(false);
    expect(victim.status().messageCount).toBe(0);
  });

  test("a full queue is waited for within the request's time", async () => {
    const queue = queues.create({ maxMessages: 1 });
    const worker = queues.connect(queue);
    queue.send("first");
    expect(() => queue.send("x")).toThrow(QueueFullError);
    expect(
      await errorOf(() => queue.request("x", { timeoutMs: 30 })),
    ).toBeInstanceOf(QueueTimeoutError);
    const waiting = queue.request("second", { timeoutMs: 5000 });
    (await next(worker)).ack();
    (await next(worker)).reply("ok");
    expect((await waiting).text()).toBe("ok");
  });
});
