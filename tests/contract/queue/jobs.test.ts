import { type Job, LeaseLostError } from "../../../src/queue/mod.ts";
import { queueFixture, until } from "../../support/queue_fixture.ts";
import { describe, expect, test } from "../../support/testing.ts";

const queues = queueFixture();

function mustReserve<T>(job: Job<T> | null): Job<T> {
  if (job === null) throw new Error("there should have been a job");
  return job;
}

describe("settling a job", () => {
  test("ack removes it for good, and only once", () => {
    const queue = queues.create();
    queue.send("x");
    const job = mustReserve(queue.tryReserve());
    expect(queue.status().leased).toBe(1);
    expect(queue.tryReserve()).toBeNull();
    job.ack();
    expect(job.settled).toBe(true);
    expect(queue.status().usage).toBe(0);
    for (const again of [
      () => job.ack(),
      () => job.nack(),
      () => job.bury(),
      () => job.touch(),
      () => job.keepAlive(),
    ])
      expect(again).toThrow(LeaseLostError);
  });

  test("ackMany refuses a job of another queue or handle, and acknowledges none then", () => {
    const queue = queues.create();
    const sameQueue = queues.connect(queue);
    const other = queues.create();
    for (const one of [queue, queue, other]) one.send("x");
    const own = mustReserve(queue.tryReserve());
    const foreign = [
      mustReserve(sameQueue.tryReserve()),
      mustReserve(other.tryReserve()),
    ];
    for (const job of foreign) {
      expect(() => queue.ackMany([own, job])).toThrow(TypeError);
      expect(job.settled).toBe(false);
    }
    expect(() => queue.ackMany([own, {} as Job])).toThrow(TypeError);
    expect(own.settled).toBe(false);
    expect(queue.status().leased).toBe(2);
    expect(other.status().leased).toBe(1);
    expect(queue.ackMany([own])).toBe(1);
    for (const job of foreign) job.ack();
  });

  test("nack gives it back with its attempts counted, uncounted without", () => {
    const queue = queues.create();
    queue.send("x");
    expect(mustReserve(queue.tryReserve()).nack()).toBe("requeued");
    const second = mustReserve(queue.tryReserve());
    expect(second.attempts).toBe(2);
    expect(second.redelivered).toBe(true);
    expect(second.nack({ uncounted: true })).toBe("requeued");
    expect(mustReserve(queue.tryReserve()).attempts).toBe(2);
  });

  test("nack with a delay keeps it back until then", async () => {
    const queue = queues.create();
    queue.send("x");
    const startMs = performance.now();
    mustReserve(queue.tryReserve()).nack({ delayMs: 50 });
    expect(queue.tryReserve()).toBeNull();
    expect(queue.status().delayed).toBe(1);
    const job = mustReserve(await queue.reserve({ timeoutMs: 2000 }));
    expect(performance.now() - startMs).toBeGreaterThan(40);
    expect(job.attempts).toBe(2);
  });

  test("given back messages go before new ones", () => {
    const queue = queues.create();
    let first = 0;
    for (let round = 0; round < 32; round++) {
      queue.send("old");
      mustReserve(queue.tryReserve()).nack();
      queue.send("new");
      if (queue.tryReceive()?.text() === "old") first++;
      queue.tryReceive();
    }
    // Every 16th take begins with the lowest priority, and with what was given back last.
    expect(first).toBeGreaterThanOrEqual(24);
  });

  test("the last attempt makes it a dead letter", () => {
    const queue = queues.create({ maxDeliver: 3 });
    queue.send("x", { headers: { k: "v" } });
    expect(mustReserve(queue.tryReserve()).nack()).toBe("requeued");
    expect(mustReserve(queue.tryReserve()).nack()).toBe("requeued");
    expect(mustReserve(queue.tryReserve()).nack()).toBe("buried");
    expect(queue.tryReserve()).toBeNull();
    const [letter] = [...queue.deadLetters()];
    expect(letter?.text()).toBe("x");
    expect(letter?.attempts).toBe(3);
    expect(letter?.headers.k).toBe("v");
    expect(letter?.note).toMatch(/given back/);
  });

  test("bury keeps a note, of a long one the end", () => {
    const queue = queues.create({ maxDead: 10 });
    for (const note of [
      "reason: exit 65 ü",
      `${"x".repeat(5000)}END`,
      undefined,
    ]) {
      queue.send("body");
      mustReserve(queue.tryReserve()).bury(note);
    }
    const notes = [...queue.deadLetters()].map((letter) => letter.note);
    expect(notes[0]).toBe("reason: exit 65 ü");
    expect(notes[1]).toHaveLength(4064);
    expect(notes[1]?.endsWith("xEND")).toBe(true);
    expect(notes[2]).toBe("");
    expect(queue.status().buried).toBe(3);
  });

  test("a job that leaves its block unsettled is given back", () => {
    const queue = queues.create();
    queue.send("x");
    {
      using job = mustReserve(queue.tryReserve());
      expect(job.attempts).toBe(1);
    }
    {
      using job = mustReserve(queue.tryReserve());
      expect(job.attempts).toBe(2);
      job.ack();
    }
    expect(queue.status().usage).toBe(0);
  });

  test("closing the handle gives its jobs back uncounted", () => {
    const queue = queues.create();
    const other = queues.connect(queue);
    queue.send("x");
    const job = mustReserve(other.tryReserve());
    other.close();
    expect(job.settled).toBe(false);
    const again = mustReserve(queue.tryReserve());
    expect(again.attempts).toBe(1);
    expect(() => job.ack()).toThrow(/closed/);
  });
});

describe("leases", () => {
  test("an expired lease is delivered again, and settling the old one fails", async () => {
    const queue = queues.create();
    queue.send("x");
    const first = mustReserve(queue.tryReserve({ leaseMs: 30 }));
    const second = mustReserve(await queue.reserve({ timeoutMs: 3000 }));
    expect(second.attempts).toBe(2);
    expect(second.redelivered).toBe(true);
    for (const late of [() => first.touch(1000), () => first.ack()])
      expect(late).toThrow(LeaseLostError);
    expect(first.settled).toBe(true);
    second.ack();
    expect(queue.status().counters.requeued).toBe(1);
    expect(queue.status().counters.leasesLost).toBe(2);
  });

  test("touch extends the lease", async () => {
    const queue = queues.create();
    queue.send("x");
    const job = mustReserve(queue.tryReserve({ leaseMs: 200 }));
    const startMs = performance.now();
    while (performance.now() - startMs < 600) {
      job.touch(300);
      expect(await queue.reserve({ timeoutMs: 20 })).toBeNull();
    }
    job.ack();
  });

  test("keepAlive renews while the event loop is busy", () => {
    const queue = queues.create();
    const other = queues.connect(queue);
    queue.send("x");
    const job = mustReserve(queue.tryReserve({ leaseMs: 300 }));
    using _kept = job.keepAlive();
    const startMs = performance.now();
    while (performance.now() - startMs < 1000) {
      other.sweep("full");
      expect(other.tryReserve()).toBeNull();
    }
    job.ack();
    expect(queue.status().usage).toBe(0);
  });

  test("renewal stops after maxProcessingMs, and the job's signal says so", async () => {
    const queue = queues.create();
    queue.send("x");
    const job = mustReserve(queue.tryReserve({ leaseMs: 60 }));
    job.keepAlive({ maxProcessingMs: 100 });
    const { signal } = job;
    const again = mustReserve(await queue.reserve({ timeoutMs: 3000 }));
    expect(again.attempts).toBe(2);
    await until(() => signal.aborted);
    expect(signal.reason).toBeInstanceOf(LeaseLostError);
    again.ack();
  });

  test("renewal stops when it is disposed", async () => {
    const queue = queues.create();
    queue.send("x");
    const job = mustReserve(queue.tryReserve({ leaseMs: 60 }));
    job.keepAlive()[Symbol.dispose]();
    const again = mustReserve(await queue.reserve({ timeoutMs: 3000 }));
    expect(again.attempts).toBe(2);
  });

  test("the signal of a job that is not renewed fires when its lease is lost", async () => {
    const queue = queues.create();
    queue.send("x");
    const job = mustReserve(queue.tryReserve({ leaseMs: 40 }));
    const { signal } = job;
    expect(signal.aborted).toBe(false);
    const again = mustReserve(await queue.reserve({ timeoutMs: 3000 }));
    await until(() => signal.aborted);
    again.ack();
  });

  test("the signal of a job that is acknowledged never fires", async () => {
    const queue = queues.create();
    queue.send("x");
    const job = mustReserve(queue.tryReserve());
    const { signal } = job;
    job.ack();
    const startMs = performance.now();
    await until(() => performance.now() - startMs > 120);
    expect(signal.aborted).toBe(false);
  });
});

describe("dead letters", () => {
  test("retry puts one back as new, drop removes it, and either works once", () => {
    const queue = queues.create();
    const other = queues.connect(queue);
    queue.sendMany(["a", "b"]);
    for (const job of queue.tryReserveMany(2))
      job.bury(`note of ${job.text()}`);
    const [a, b] = [...queue.deadLetters()];
    const [sameA, sameB] = [...other.deadLetters()];
    expect(a?.note).toBe("note of a");
    expect(a?.retry()).toBe(true);
    expect(sameA?.retry()).toBe(false);
    expect(b?.drop()).toBe(true);
    expect(sameB?.drop()).toBe(false);
    const job = mustReserve(queue.tryReserve());
    expect(job.text()).toBe("a");
    expect(job.attempts).toBe(1);
    job.ack();
    expect(queue.status().buried).toBe(0);
    expect(queue.status().drops.dead).toBe(1);
  });

  test("beyond maxDead the oldest is dropped", () => {
    const queue = queues.create({ maxDead: 2 });
    queue.sendMany(["a", "b", "c"]);
    for (const job of queue.tryReserveMany(3)) job.bury();
    expect(
      [...queue.deadLetters()].map((letter) => letter.text()).sort(),
    ).toEqual(["b", "c"]);
    expect(queue.status().drops.dead).toBe(1);
  });

  test("listing goes on while others settle and send", () => {
    const queue = queues.create({ maxDead: 100 });
    queue.sendMany(Array.from({ length: 20 }, (_, index) => String(index)));
    for (const job of queue.tryReserveMany(20)) job.bury();
    const seen: string[] = [];
    for (const letter of queue.deadLetters()) {
      seen.push(letter.text());
      letter.drop();
      queue.send("meanwhile");
      queue.tryReceive();
      for (const message of queue.peek(1))
        expect(message.text()).toBe("meanwhile");
    }
    expect(seen).toHaveLength(20);
  });

  test("one beyond the staging area is listed whole", () => {
    const queue = queues.create({
      maxMessageSize: 200_000,
      stagingBytes: 16_384,
    });
    queue.send("x".repeat(150_000), { headers: { k: "v" } });
    queue.tryReserve()?.bury("large");
    const [letter] = [...queue.deadLetters()];
    expect(letter?.text()).toHaveLength(150_000);
    expect(letter?.note).toBe("large");
    expect(letter?.headers.k).toBe("v");
    expect(letter?.drop()).toBe(true);
  });
});
