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
