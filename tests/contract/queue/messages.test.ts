import {
  Message,
  MessageTooLargeError,
  QueueFullError,
} from "../../../src/queue/mod.ts";
import { queueFixture, until } from "../../support/queue_fixture.ts";
import { describe, expect, test } from "../../support/testing.ts";

const queues = queueFixture();
const bytes = (length: number, seed = 1): Uint8Array =>
  Uint8Array.from({ length }, (_, index) => (index * 31 + seed) & 255);

describe("sending and receiving", () => {
  test("bytes, texts and messages arrive as they were sent", () => {
    const queue = queues.create();
    for (const body of [
      bytes(0),
      bytes(1),
      bytes(63),
      bytes(64),
      bytes(5000),
      bytes(65_536),
    ]) {
      queue.send(body);
      expect(queue.tryReceive()?.data).toEqual(body);
    }
    for (const text of [
      "",
      "plain",
      "grüße 🚀 \u0000 end",
      "x".repeat(60_000),
    ]) {
      queue.send(text);
      expect(queue.tryReceive()?.text()).toBe(text);
    }
    queue.send(Message.json({ a: [1, null, "ü"] }));
    expect(queue.tryReceive()?.json()).toEqual({ a: [1, null, "ü"] });
    queue.send(new Message(new Uint8Array([1, 2]).buffer));
    expect(queue.tryReceive()?.data).toEqual(new Uint8Array([1, 2]));
    expect(queue.tryReceive()).toBeNull();
    expect(queue.emptyReason).toBe("now");
  });

  test("texts that fill the staging area, or do not quite fit it, arrive as they were sent", () => {
    const stagingBytes = 16_384;
    const queue = queues.create();
    const sender = queues.connect(queue, { stagingBytes });
    for (const unit of ["x", "ü", "€", "🚀", "x🚀", "ü\ud800", "\ud800x"]) {
      for (const shift of ["", "x", "xx", "xxx"]) {
        for (const factor of [1, 2, 3, 4]) {
          const most = Math.ceil(stagingBytes / factor / unit.length);
          for (const times of [most - 1, most, most + 1]) {
            const text = shift + unit.repeat(times);
            if (text.length * 3 > 65_536) continue;
            sender.send(text);
            const got = queue.tryReceive()?.text();
            // Not expect(): it would print both of them.
            if (got !== text.toWellFormed())
              throw new Error(`${shift}${unit} ${times} times`);
          }
        }
      }
    }
  });

  test("a received message is a copy that later messages do not change", () => {
    const queue = queues.create();
    const body = bytes(100);
    queue.send(body, { headers: { k: "first" } });
    const first = queue.tryReceive();
    body.fill(0);
    queue.send(bytes(100, 9), { headers: { k: "other" } });
    queue.tryReceive();
    expect(first?.data).toEqual(bytes(100));
    expect(first?.headers).toEqual(Object.freeze({ k: "first" }));
  });

  test("ids grow, the time is the sender's wall clock, attempts start at one", () => {
    const queue = queues.create();
    const beforeMs = Date.now();
    const ids = [queue.send("a"), queue.send("b"), queue.send("c")];
    expect(ids[1]).toBeGreaterThan(ids[0] ?? 0n);
    expect(ids[2]).toBeGreaterThan(ids[1] ?? 0n);
    const message = queue.tryReceive();
    expect(message?.id).toBe(ids[0]);
    expect(Math.abs((message?.timestamp ?? 0) - beforeMs)).toBeLessThan(1000);
    expect(message?.attempts).toBe(1);
    expect(message?.redelivered).toBe(false);
    expect(message?.priority).toBe("normal");
  });

  test("messages of one priority come in the order they were sent", () => {
    const queue = queues.create({ maxMessages: 1000 });
    for (let index = 0; index < 1000; index++) queue.send(String(index));
    for (let index = 0; index < 1000; index++)
      expect(queue.tryReceive()?.text()).toBe(String(index));
  });

  test("the ring is used over and over", () => {
    const queue = queues.create({ maxMessages: 7 });
    for (let round = 0; round < 500; round++) {
      for (let index = 0; index < 5; index++) queue.send(`${round}.${index}`);
      for (let index = 0; index < 5; index++)
        expect(queue.tryReceive()?.text()).toBe(`${round}.${index}`);
    }
  });

  test("high goes before normal before low, and low is not starved", () => {
    const queue = queues.create();
    const seen: string[] = [];
    for (let index = 0; index < 40; index++) {
      queue.send(`l${index}`, { priority: "low" });
      queue.send(`n${index}`);
      queue.send(new Message(`h${index}`, { priority: "high" }));
    }
    for (let index = 0; index < 32; index++)
      seen.push(queue.tryReceive()?.text().charAt(0) ?? "");
    // Every 16th take begins with the lowest.
    expect(seen.filter((kind) => kind === "l")).toHaveLength(2);
    expect(seen.filter((kind) => kind === "h")).toHaveLength(30);
    const message = queue.tryReceive();
    expect(["high", "low"]).toContain(message?.priority);
  });

  test("headers travel with the body", () => {
    const queue = queues.create();
    const headers = {
      traceparent: "00-ab-cd-01",
      "order-key": "ü".repeat(20),
      __proto__x: "y",
    };
    queue.send("body", { headers });
    const message = queue.tryReceive();
    expect(message?.text()).toBe("body");
    expect({ ...message?.headers }).toEqual(headers);
    queue.send(new Message("again", { headers: { own: "1" } }));
    expect(queue.tryReceive()?.headers.own).toBe("1");
    queue.send(new Message("again", { headers: { own: "1" } }), {
      headers: { own: "2" },
    });
    expect(queue.tryReceive()?.headers.own).toBe("2");
    queue.send("without");
    expect(Object.keys(queue.tryReceive()?.headers ?? { x: 1 })).toHaveLength(
      0,
    );
  });

  test("a received message can be sent on with its headers", () => {
    const queue = queues.create();
    queue.send("body", { headers: { k: "v" }, priority: "high" });
    const message = queue.tryReceive();
    if (message !== null) queue.send(message);
    const again = queue.tryReceive();
    expect(again?.headers.k).toBe("v");
    expect(again?.priority).toBe("high");
  });

  test("a message beyond the staging area arrives whole, with its headers", () => {
    const queue = queues.create({
      maxMessages: 8,
      maxMessageSize: 3_000_000,
      stagingBytes: 16_384,
    });
    const large = bytes(2_500_001);
    queue.send(large, { headers: { size: "large" } });
    queue.send("small");
    queue.send("ü".repeat(1_000_000));
    const message = queue.tryReceive();
    expect(message?.byteLength).toBe(large.byteLength);
    expect(message?.data.every((byte, index) => byte === large[index])).toBe(
      true,
    );
    expect(message?.headers.size).toBe("large");
    expect(queue.tryReceive()?.text()).toBe("small");
    expect(queue.tryReceive()?.text().length).toBe(1_000_000);
    expect(queue.status().counters.acked).toBe(3);
    queue.send(large);
    const job = queue.tryReserve();
    expect(job?.data.byteLength).toBe(large.byteLength);
    job?.ack();
  });
});

describe("limits of a send", () => {
  test("a full queue refuses, and takes again once there is room", async () => {
    const queue = queues.create({ maxMessages: 3 });
    for (let index = 0; index < 3; index++)
      expect(queue.trySend("x")).toBe(true);
    expect(queue.trySend("x")).toBe(false);
    expect(() => queue.send("x")).toThrow(QueueFullError);
    queue.tryReceive();
    expect(queue.trySend("x")).toBe(true);
  });

  test("drop-oldest makes room and is counted", () => {
    const queue = queues.create({ maxMessages: 3 });
    for (let index = 0; index < 5; index++)
      queue.send(String(index), { onFull: "drop-oldest" });
    expect(queue.status().drops.oldest).toBe(2);
    expect([
      queue.tryReceive()?.text(),
      queue.tryReceive()?.text(),
      queue.tryReceive()?.text(),
    ]).toEqual(["2", "3", "4"]);
  });

  test("a body or headers beyond the queue's size are refused", () => {
    const queue = queues.create({ maxMessageSize: 100, maxHeadersSize: 32 });
    queue.send(bytes(100));
    expect(() => queue.send(bytes(101))).toThrow(MessageTooLargeError);
    expect(() => queue.send("x".repeat(101))).toThrow(MessageTooLargeError);
    expect(() => queue.send("x", { headers: { k: "v".repeat(40) } })).toThrow(
      MessageTooLargeError,
    );
    expect(() => queue.send("x", { headers: { k: "v".repeat(4000) } })).toThrow(
      MessageTooLargeError,
    );
    expect(queue.status().counters.sent).toBe(1);
  });

  test("a delayed message comes when it is due, not before", async () => {
    const queue = queues.create();
    const startMs = performance.now();
    queue.send("later", { delayMs: 60 });
    queue.send("now");
    expect(queue.tryReceive()?.text()).toBe("now");
    expect(queue.tryReceive()).toBeNull();
    expect(queue.status().delayed).toBe(1);
    expect(queue.status().nextDueMs).toBeGreaterThan(0);
    expect((await queue.receive({ timeoutMs: 2000 }))?.text()).toBe("later");
    expect(performance.now() - startMs).toBeGreaterThan(50);
  });

  test("a message whose time to live has passed is dropped and counted", async () => {
    const queue = queues.create();
    queue.send("brief", { ttlMs: 5 });
    queue.send("lasting", { ttlMs: 60_000 });
    const startMs = performance.now();
    await until(() => performance.now() - startMs > 30);
    expect(queue.tryReceive()?.text()).toBe("lasting");
    expect(queue.status().drops.expired).toBe(1);
  });
});

describe("batches", () => {
  test("sendMany keeps the order of bytes, texts and messages", () => {
    const queue = queues.create({ maxMessages: 1000 });
    const batch = Array.from({ length: 600 }, (_, index) =>
      index % 3 === 0
        ? bytes(index, index)
        : index % 3 === 1
          ? `text ${index} ü`
          : new Message(`message ${index}`),
    );
    expect(queue.sendMany(batch)).toBe(600);
    const received: Message[] = [];
    for (;;) {
      const some = queue.tryReceiveMany(100);
      if (some.length === 0) break;
      received.push(...some);
    }
    expect(received).toHaveLength(600);
    for (const [index, message] of received.entries()) {
      if (index % 3 === 0) expect(message.data).toEqual(bytes(index, index));
      else
        expect(message.text()).toBe(
          index % 3 === 1 ? `text ${index} ü` : `message ${index}`,
        );
    }
  });

  test("sendMany sends what needs a call of its own in its place", () => {
    const queue = queues.create({
      maxMessageSize: 100_000,
      stagingBytes: 16_384,
    });
    const batch = [
      "a",
      new Message("b", { headers: { k: "v" } }),
      bytes(90_000),
      "ü".repeat(30_000),
      "",
      "c",
    ];
    expect(queue.sendMany(batch, { ttlMs: 60_000 })).toBe(6);
    expect(queue.tryReceive()?.text()).toBe("a");
    const second = queue.tryReceive();
    expect(second?.text()).toBe("b");
    expect(second?.headers.k).toBe("v");
    expect(queue.tryReceive()?.data.byteLength).toBe(90_000);
    expect(queue.tryReceive()?.text().length).toBe(30_000);
    expect(queue.tryReceive()?.text()).toBe("");
    expect(queue.tryReceive()?.text()).toBe("c");
  });

  test("sendMany says how many found room", () => {
    const queue = queues.create({ maxMessages: 10 });
    const batch = Array.from({ length: 25 }, (_, index) => String(index));
    expect(queue.sendMany(batch)).toBe(10);
    expect(queue.sendMany(batch)).toBe(0);
    expect(queue.sendMany([])).toBe(0);
    expect(queue.sendMany(["x", "y"], { onFull: "drop-oldest" })).toBe(2);
    expect(queue.tryReceiveMany(100).map((message) => message.text())).toEqual([
      "2",
      "3",
      "4",
      "5",
      "6",
      "7",
      "8",
      "9",
      "x",
      "y",
    ]);
  });

  test("options of sendMany hold for each message", () => {
    const queue = queues.create();
    queue.sendMany(["a", "b"], { headers: { k: "v" }, priority: "low" });
    for (const message of queue.tryReceiveMany(2)) {
      expect(message.headers.k).toBe("v");
      expect(message.priority).toBe("low");
    }
  });

  test("tryReceiveMany takes what fits the staging area, and a larger one alone", () => {
    const queue = queues.create({
      maxMessageSize: 50_000,
      stagingBytes: 16_384,
    });
    queue.sendMany([
      bytes(6000),
      bytes(6000, 2),
      bytes(6000, 3),
      bytes(40_000, 4),
      "end",
    ]);
    const sizes: number[][] = [];
    for (;;) {
      const some = queue.tryReceiveMany(100);
      if (some.length === 0) break;
      sizes.push(some.map((message) => message.byteLength));
    }
    expect(sizes).toEqual([[6000, 6000], [6000], [40_000], [3]]);
    expect(queue.status().counters.acked).toBe(5);
  });

  test("jobs are taken and acknowledged in batches", () => {
    const queue = queues.create();
    queue.sendMany(["a", "b", "c", "d"]);
    const jobs = queue.tryReserveMany(3);
    expect(jobs.map((job) => job.text())).toEqual(["a", "b", "c"]);
    jobs[1]?.nack();
    expect(queue.ackMany(jobs)).toBe(2);
    expect(jobs.every((job) => job.settled)).toBe(true);
    expect(queue.ackMany(jobs)).toBe(0);
    expect(queue.status().messageCount).toBe(2);
  });
});
