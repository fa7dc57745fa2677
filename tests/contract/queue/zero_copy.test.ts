import {
  LeaseLostError,
  MessageTooLargeError,
  QueueEndedError,
  QueueFullError,
} from "../../../src/queue/mod.ts";
import { queueFixture } from "../../support/queue_fixture.ts";
import { describe, expect, test } from "../../support/testing.ts";

const queues = queueFixture();

describe("claims", () => {
  test("what is written into a claim is what arrives, with its options", () => {
    const queue = queues.create({ maxMessageSize: 1_000_000 });
    for (const length of [0, 1, 200, 5000, 1_000_000]) {
      const claim = queue.claim(length, {
        headers: { length: String(length) },
        priority: "high",
      });
      const { bytes } = claim;
      expect(bytes.byteLength).toBe(length);
      for (let index = 0; index < length; index++) bytes[index] = index * 7;
      expect(queue.tryReceive()).toBeNull();
      const id = claim.commit();
      expect(bytes.byteLength).toBe(0);
      const message = queue.tryReceive();
      expect(message?.id).toBe(id);
      expect(message?.byteLength).toBe(length);
      expect(
        message?.data.every((byte, index) => byte === ((index * 7) & 255)),
      ).toBe(true);
      expect(message?.headers.length).toBe(String(length));
      expect(message?.priority).toBe("high");
    }
  });

  test("a claim can be committed shorter, across the size classes", () => {
    const queue = queues.create();
    const claim = queue.claim(60_000);
    claim.bytes.set([1, 2, 3]);
    claim.commit(3);
    expect(queue.tryReceive()?.data).toEqual(new Uint8Array([1, 2, 3]));
  });

  test("a claim that is aborted, or leaves its block, is nothing", () => {
    const queue = queues.create({ maxMessages: 1 });
    const claim = queue.claim(10);
    expect(queue.status().inProgress).toBe(1);
    expect(() => queue.send("x")).toThrow(QueueFullError);
    claim.abort();
    claim.abort();
    expect(claim.bytes.byteLength).toBe(0);
    expect(() => claim.commit()).toThrow(LeaseLostError);
    {
      using other = queue.claim(10);
      expect(other.bytes.byteLength).toBe(10);
    }
    expect(queue.status().usage).toBe(0);
    queue.send("x");
  });

  test("a claim is bounded like a send", () => {
    const queue = queues.create({ maxMessageSize: 100 });
    expect(() => queue.claim(101)).toThrow(MessageTooLargeError);
    expect(() => queue.claim(-1)).toThrow(RangeError);
    expect(() => queue.claim(1.5)).toThrow(RangeError);
    expect(() => queue.claim("1" as unknown as number)).toThrow(TypeError);
    const claim = queue.claim(10);
    expect(() => claim.commit(11)).toThrow(RangeError);
    queue.end();
    expect(() => claim.commit()).toThrow(QueueEndedError);
    expect(queue.status().usage).toBe(0);
    expect(() => queue.claim(1)).toThrow(QueueEndedError);
  });

  test("closing the handle frees its claims", () => {
    const queue = queues.create();
    const other = queues.connect(queue);
    const claim = other.claim(10);
    other.close();
    claim.abort();
    expect(queue.status().usage).toBe(0);
  });
});

describe("jobs without a copy", () => {
  test("the data is shared memory until the job is settled", () => {
    const queue = queues.create({ maxMessageSize: 300_000 });
    for (const length of [0, 10, 300_000]) {
      queue.send(new Uint8Array(length).fill(5), { headers: { k: "v" } });
      const job = queue.reserveZeroCopy();
      const data = job?.data;
      expect(data?.byteLength).toBe(length);
      expect(data?.every((byte) => byte === 5)).toBe(true);
      job?.ack();
      expect(data?.byteLength).toBe(0);
      expect(job?.data.byteLength).toBe(0);
      expect(job?.headers.k).toBe("v");
    }
    expect(queue.reserveZeroCopy()).toBeNull();
    expect(queue.status().usage).toBe(0);
  });

  test("it is settled like any other job", () => {
    const queue = queues.create();
    queue.send("a");
    const first = queue.reserveZeroCopy();
    expect(first?.nack()).toBe("requeued");
    const again = queue.reserveZeroCopy();
    expect(again?.text()).toBe("a");
    expect(again?.attempts).toBe(2);
    again?.bury("note");
    expect([...queue.deadLetters()].map((letter) => letter.text())).toEqual([
      "a",
    ]);
    queue.sendMany(["b", "c"]);
    const rest = [queue.reserveZeroCopy(), queue.reserveZeroCopy()].flatMap(
      (job) => (job === null ? [] : [job]),
    );
    const views = rest.map((job) => job.data);
    expect(queue.ackMany(rest)).toBe(2);
    expect(views.map((view) => view.byteLength)).toEqual([0, 0]);
  });

  test("closing the handle takes its views away", () => {
    const queue = queues.create();
    const other = queues.connect(queue);
    queue.send("body", { headers: { k: "v" } });
    const job = other.reserveZeroCopy();
    const claim = other.claim(10);
    const data = job?.data;
    expect(data?.byteLength).toBe(4);
    other.close();
    expect(data?.byteLength).toBe(0);
    expect(claim.bytes.byteLength).toBe(0);
    expect(job?.data.byteLength).toBe(0);
    expect(job?.text()).toBe("");
    expect(queue.tryReceive()?.text()).toBe("body");
  });
});

describe("buffers that are reused", () => {
  const reuse = { reuse: true };

  test("bytes go through, of all lengths, with and without headers", () => {
    const queue = queues.create({ maxMessages: 4, maxMessageSize: 300_000 });
    for (let round = 0; round < 3; round++) {
      for (const length of [0, 10, 200, 300, 5000, 4999, 300_000, 1]) {
        for (const headers of [undefined, { k: `v${length}` }]) {
          const claim = queue.claim(length, { headers, ...reuse });
          expect(claim.bytes.byteLength).toBe(length);
          claim.bytes.fill(length & 255);
          claim.commit();
          expect(claim.bytes.byteLength).toBe(0);
          const job = queue.reserveZeroCopy(reuse);
          expect(job?.data.byteLength).toBe(length);
          expect(job?.data.every((byte) => byte === (length & 255))).toBe(true);
          expect(job?.headers).toEqual({ ...headers });
          job?.ack();
          expect(job?.data.byteLength).toBe(0);
          expect(job?.text()).toBe("");
          expect(job?.headers).toEqual({ ...headers });
        }
      }
    }
    expect(queue.status().usage).toBe(0);
  });

  test("jobs that are out at the same time show their own bytes", () => {
    const queue = queues.create({ maxMessages: 8, maxMessageSize: 10_000 });
    for (let round = 0; round < 5; round++) {
      for (let n = 0; n < 8; n++) {
        const claim = queue.claim(10_000, reuse);
        claim.bytes.fill(n + round);
        claim.commit();
      }
      const jobs = Array.from({ length: 8 }, () =>
        queue.reserveZeroCopy(reuse),
      ).flatMap((job) => (job === null ? [] : [job]));
      for (const [n, job] of jobs.entries())
        expect(job.data.every((byte) => byte === n + round)).toBe(true);
      expect(queue.ackMany(jobs.reverse())).toBe(8);
      for (const job of jobs) expect(job.data.byteLength).toBe(0);
    }
  });

  test("the buffer is the same one, and attached, until the handle is closed", () => {
    const queue = queues.create({ maxMessages: 1 });
    const other = queues.connect(queue);
    const taken: Uint8Array[] = [];
    for (let round = 0; round < 3; round++) {
      queue.send(new Uint8Array(20_000).fill(round));
      const job = other.reserveZeroCopy(reuse);
      if (job !== null) taken.push(job.data);
      job?.ack();
    }
    expect(new Set(taken.map((data) => data.buffer)).size).toBe(1);
    expect(taken[0]?.[0]).toBe(2);
    const claim = other.claim(10, reuse);
    const { bytes } = claim;
    other.close();
    expect(taken.map((data) => data.byteLength)).toEqual([0, 0, 0]);
    expect(bytes.byteLength).toBe(0);
    expect(claim.bytes.byteLength).toBe(0);
    claim.abort();
  });

  test("who takes the buffer away gets another one the next time", () => {
    const queue = queues.create({ maxMessages: 1 });
    for (let round = 0; round < 3; round++) {
      queue.send(new Uint8Array(20_000).fill(round));
      const job = queue.reserveZeroCopy(reuse);
      expect(job?.data[19_999]).toBe(round);
      const buffer = job?.data.buffer;
      if (buffer instanceof ArrayBuffer) buffer.transfer(0);
      expect(job?.data.byteLength).toBe(0);
      job?.ack();
    }
  });

  test("a job that is taken without it has a buffer of its own", () => {
    const queue = queues.create({ maxMessages: 1 });
    for (const options of [reuse, undefined, reuse]) {
      queue.send("body");
      const job = queue.reserveZeroCopy(options);
      const data = job?.data;
      expect(job?.text()).toBe("body");
      job?.ack();
      expect(data?.byteLength).toBe(options === undefined ? 0 : 4);
    }
  });

  test("more than is kept is shown all the same", () => {
    const mebibytes = 30;
    const queue = queues.create({ maxMessages: 4, maxMessageSize: 2 ** 25 });
    for (let n = 0; n < 4; n++) {
      const claim = queue.claim(mebibytes << 20);
      claim.bytes[0] = n;
      claim.commit();
    }
    const jobs = Array.from({ length: 4 }, () => queue.reserveZeroCopy(reuse));
    const views = jobs.map((job) => job?.data);
    expect(views.map((data) => data?.[0])).toEqual([0, 1, 2, 3]);
    for (const job of jobs) job?.ack();
    expect(views.map((data) => data?.byteLength)).toEqual([
      mebibytes << 20,
      mebibytes << 20,
      0,
      0,
    ]);
  });

  test("whoever settles the job late finds its lease lost, and its data gone", async () => {
    const queue = queues.create({ maxMessages: 1 });
    queue.send("body");
    const late = queue.reserveZeroCopy({ leaseMs: 30, ...reuse });
    const next = await queue.reserve({ timeoutMs: 5000 });
    next?.ack();
    expect(() => late?.ack()).toThrow(LeaseLostError);
    expect(late?.data.byteLength).toBe(0);
  });
});
