import {
  Job,
  QueueClosedError,
  QueueTimeoutError,
} from "../../../src/queue/mod.ts";
import { errorOf, queueFixture, until } from "../../support/queue_fixture.ts";
import { describe, expect, test } from "../../support/testing.ts";

const queues = queueFixture();

describe("waiting for a message", () => {
  test("a wait that is aborted when a message is found gives it, or leaves it", async () => {
    const queue = queues.create();
    const other = queues.connect(queue);
    let given = 0;
    for (let round = 0; round < 120; round++) {
      const text = String(round);
      const stop = new AbortController();
      const { signal } = stop;
      const there = round % 3 === 0;
      if (there) other.send(text);
      const waiting =
        round % 2 === 0 ? queue.receive({ signal }) : queue.reserve({ signal });
      if (!there) other.send(text);
      for (let turn = 0; turn < Math.floor(round / 6) % 6; turn++)
        await new Promise((resolve) => setTimeout(resolve, 0));
      stop.abort();
      const found = await waiting.catch(() => null);
      if (found !== null) given++;
      const message = found ?? queue.tryReserve();
      expect(message?.text()).toBe(text);
      expect(message?.attempts).toBe(1);
      if (message instanceof Job) message.ack();
      expect(queue.status().usage).toBe(0);
    }
    expect(given).toBeGreaterThanOrEqual(40);
  });

  test("receive gives what is there, else null when its time is up", async () => {
    const queue = queues.create();
    queue.send("x");
    expect((await queue.receive())?.text()).toBe("x");
    expect(await queue.receive({ timeoutMs: 0 })).toBeNull();
    const startMs = performance.now();
    expect(await queue.receiveAsyncWithTimeout(50)).toBeNull();
    expect(performance.now() - startMs).toBeGreaterThan(45);
  });

  test("a send through another handle wakes a waiting one at once", async () => {
    const queue = queues.create();
    const other = queues.connect(queue);
    const startMs = performance.now();
    for (let round = 0; round < 50; round++) {
      const waiting = queue.receive({ timeoutMs: 5000 });
      other.send(String(round));
      expect((await waiting)?.text()).toBe(String(round));
    }
    // Without being woken it would look once a second.
    expect(performance.now() - startMs).toBeLessThan(4500);
  });

  test("two handles play ping-pong", async () => {
    const ping = queues.create();
    const pong = queues.create();
    const pingOther = queues.connect(ping);
    const pongOther = queues.connect(pong);
    const echo = (async () => {
      for (let round = 0; round < 200; round++) {
        const message = await pingOther.receive({ timeoutMs: 5000 });
        if (message === null) throw new Error("no ping");
        pongOther.send(message);
      }
    })();
    for (let round = 0; round < 200; round++) {
      ping.send(String(round));
      expect((await pong.receive({ timeoutMs: 5000 }))?.text()).toBe(
        String(round),
      );
    }
    await echo;
  });

  test("concurrent receivers of one handle are served in turn, each message once", async () => {
    const queue = queues.create();
    const order: number[] = [];
    const waiting = Array.from({ length: 20 }, (_, index) =>
      queue.receive({ timeoutMs: 5000 }).then((message) => {
        order.push(index);
        return message?.text();
      }),
    );
    const other = queues.connect(queue);
    for (let index = 0; index < 10; index++) other.send(String(index));
    await until(() => order.length === 10);
    other.sendMany(
      Array.from({ length: 10 }, (_, index) => String(index + 10)),
    );
    const texts = await Promise.all(waiting);
    expect(order).toEqual(Array.from({ length: 20 }, (_, index) => index));
    expect(texts).toEqual(
      Array.from({ length: 20 }, (_, index) => String(index)),
    );
  });

  test("many handles share the messages, none is lost or given twice", async () => {
    const queue = queues.create({ maxMessages: 2000 });
    const seen: string[] = [];
    const consumers = Array.from({ length: 4 }, async () => {
      const handle = queues.connect(queue);
      for (;;) {
        const message = await handle.receive({ timeoutMs: 5000 });
        if (message === null) return;
        seen.push(message.text());
      }
    });
    for (let index = 0; index < 1000; index++) {
      queue.send(String(index));
      if (index % 50 === 0)
        await new Promise((resolve) => setTimeout(resolve, 1));
    }
    queue.end();
    await Promise.all(consumers);
    expect(new Set(seen).size).toBe(1000);
    expect(seen).toHaveLength(1000);
  });

  test("receiveMany waits for one and takes what is there", async () => {
    const queue = queues.create();
    const waiting = queue.receiveMany(10, { timeoutMs: 5000 });
    queue.sendMany(["a", "b", "c"]);
    expect((await waiting).map((message) => message.text())).toEqual([
      "a",
      "b",
      "c",
    ]);
    expect(await queue.receiveMany(10, { timeoutMs: 10 })).toEqual([]);
    queue.sendMany(["a", "b", "c"]);
    const jobs = await queue.reserveMany(2);
    expect(queue.ackMany(jobs)).toBe(2);
  });

  test("reserve waits for a job with its own lease", async () => {
    const queue = queues.create();
    const waiting = queue.reserve({ timeoutMs: 5000, leaseMs: 20 });
    queue.send("x");
    const job = await waiting;
    expect(job?.attempts).toBe(1);
    expect((await queue.reserve({ timeoutMs: 3000 }))?.attempts).toBe(2);
  });

  test("a signal ends the wait with its reason and takes no message", async () => {
    const queue = queues.create();
    const reason = new Error("enough");
    const stop = new AbortController();
    const aborted = errorOf(() => queue.receive({ signal: stop.signal }));
    const served = queue.receive({ timeoutMs: 5000 });
    stop.abort(reason);
    expect(await aborted).toBe(reason);
    queue.send("x");
    expect((await served)?.text()).toBe("x");
    expect(await errorOf(() => queue.receive({ signal: stop.signal }))).toBe(
      reason,
    );
    queue.send("y");
    expect(await errorOf(() => queue.receive({ signal: stop.signal }))).toBe(
      reason,
    );
    expect(queue.status().messageCount).toBe(1);
  });

  test("closing ends all waits", async () => {
    const queue = queues.create();
    const waits = [
      errorOf(() => queue.receive()),
      errorOf(() => queue.reserve({ timeoutMs: 10_000 })),
    ];
    queue.close();
    for (const wait of waits)
      expect(await wait).toBeInstanceOf(QueueClosedError);
    expect(await errorOf(() => queue.receive())).toBeInstanceOf(
      QueueClosedError,
    );
  });

  test("destroying ends the waits of other handles", async () => {
    const queue = queues.create();
    const other = queues.connect(queue);
    const wait = errorOf(() => other.receive());
    queue.destroy();
    expect(await wait).toBeInstanceOf(QueueClosedError);
    expect(other.closed).toBe(false);
    expect(await errorOf(() => other.send("x"))).toBeInstanceOf(
      QueueClosedError,
    );
  });

  test("a paused queue gives nothing until it is resumed", async () => {
    const queue = queues.create();
    const other = queues.connect(queue);
    queue.pause();
    expect(other.paused).toBe(true);
    queue.send("x");
    expect(other.tryReceive()).toBeNull();
    expect(other.emptyReason).toBe("paused");
    const wait = other.receive({ timeoutMs: 5000 });
    expect(await queue.receive({ timeoutMs: 30 })).toBeNull();
    queue.resume();
    expect((await wait)?.text()).toBe("x");
    expect(other.paused).toBe(false);
  });
});

describe("waiting for room", () => {
  test("sendWait sends once there is room, in turn", async () => {
    const queue = queues.create({ maxMessages: 2 });
    const other = queues.connect(queue);
    queue.sendMany(["a", "b"]);
    const sends = ["c", "d", "e"].map((text) =>
      queue.sendWait(text, { timeoutMs: 5000 }),
    );
    const texts: (string | undefined)[] = [];
    for (let index = 0; index < 5; index++)
      texts.push((await other.receive({ timeoutMs: 5000 }))?.text());
    expect(texts).toEqual(["a", "b", "c", "d", "e"]);
    const ids = await Promise.all(sends);
    expect(ids[2]).toBeGreaterThan(ids[0] ?? 0n);
  });

  test("sendWait gives up when its time is up or its signal fires", async () => {
    const queue = queues.create({ maxMessages: 1 });
    queue.send("a");
    expect(
      await errorOf(() => queue.sendWait("b", { timeoutMs: 20 })),
    ).toBeInstanceOf(QueueTimeoutError);
    expect(
      await errorOf(() => queue.sendWait("b", { timeoutMs: 0 })),
    ).toBeInstanceOf(QueueTimeoutError);
    const reason = new Error("enough");
    expect(
      await errorOf(() =>
        queue.sendWait("b", { signal: AbortSignal.abort(reason) }),
      ),
    ).toBe(reason);
    expect(queue.status().messageCount).toBe(1);
  });

  test("one handle waits for room and for a message at the same time", async () => {
    const queue = queues.create({ maxMessages: 1 });
    const other = queues.connect(queue);
    queue.send("a", { delayMs: 30 });
    const sent = queue.sendWait("b", { timeoutMs: 5000 });
    const received = queue.receive({ timeoutMs: 5000 });
    expect((await received)?.text()).toBe("a");
    await sent;
    expect((await other.receive({ timeoutMs: 5000 }))?.text()).toBe("b");
  });
});

describe("blocking waits", () => {
  test("receiveSync, reserveSync and sendSync block at most their time", () => {
    const queue = queues.create({ maxMessages: 1 });
    const startMs = performance.now();
    expect(queue.receiveSync(30)).toBeNull();
    expect(queue.reserveSync(30)).toBeNull();
    expect(performance.now() - startMs).toBeGreaterThan(55);
    queue.sendSync("x", 10);
    expect(() => queue.sendSync("y", 20)).toThrow(QueueTimeoutError);
    expect(queue.receiveSync(1000)?.text()).toBe("x");
    queue.send("z", { delayMs: 30 });
    const job = queue.reserveSync(2000);
    expect(job?.text()).toBe("z");
    job?.ack();
    queue.end();
    expect(queue.receiveSync(60_000)).toBeNull();
    expect(queue.emptyReason).toBe("ended");
  });
});
