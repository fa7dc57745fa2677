/** One handle that takes messages alone, and the others. */
import process from "node:process";
import {
  ConsumerExcludedError,
  CrossProcessQueue,
  type CreateOptions,
} from "../../../src/queue/mod.ts";
import { errorOf, queueFixture } from "../../support/queue_fixture.ts";
import { describe, expect, test } from "../../support/testing.ts";

const queues = queueFixture();

describe("an exclusive consumer", () => {
  test("excludes every other way of taking, and nothing else", async () => {
    const queue = queues.create({ exclusive: true });
    const other = queues.connect(queue);
    const observer = queues.connect(queue, { observe: true });
    other.send("a");
    for (const take of [
      () => other.tryReceive(),
      () => other.tryReceiveMany(2),
      () => other.tryReserve(),
      () => other.tryReserveMany(2),
      () => other.reserveZeroCopy(),
      () => other.receiveSync(1000),
      () => other.receive(),
      () => other.reserveMany(2),
      () => other.consume().next(),
      () => other.readable().getReader().read(),
    ])
      expect(await errorOf(take)).toBeInstanceOf(ConsumerExcludedError);
    const error = (await errorOf(() =>
      other.tryReceive(),
    )) as ConsumerExcludedError;
    expect(error.code).toBe("ConsumerExcluded");
    expect(error.retryable).toBe(true);
    expect(error.queue).toBe(queue.name);
    expect(error.message).toContain(`process ${process.pid}`);

    queue.tryReserve()?.bury("why");
    expect([...other.deadLetters()].map((letter) => letter.retry())).toEqual([
      true,
    ]);
    other.sweep("full");
    expect([...observer.peek()].map((each) => each.text())).toEqual(["a"]);
    expect(queue.tryReceive()?.text()).toBe("a");
    expect(observer.status().participants.map((each) => each.consumer)).toEqual(
      ["exclusive", "none"],
    );
  });

  test("is refused while others take, in one process too", () => {
    const queue = queues.create();
    const other = queues.connect(queue);
    const exclusive = () => queues.connect(queue, { exclusive: true });
    queue.send("a");
    expect(other.tryReceive()?.text()).toBe("a");
    expect(exclusive).toThrow(ConsumerExcludedError);
    expect(queue.status().participants.length).toBe(2);
    other.close();
    const alone = exclusive();
    expect(exclusive).toThrow(ConsumerExcludedError);
    expect(() => queue.tryReceive()).toThrow(ConsumerExcludedError);
    expect(alone.tryReceive()).toBeNull();
  });

  test("lets the others in when it is closed, also after a zero-copy job", () => {
    const queue = queues.create();
    const alone = queues.connect(queue, { exclusive: true });
    queue.send("bytes");
    const job = alone.reserveZeroCopy();
    expect(job?.data.byteLength).toBe(5);
    alone.close();
    expect(queue.tryReceive()?.text()).toBe("bytes");
  });

  test("joins a queue that exists, if nobody takes from it", () => {
    const name = queues.name();
    const join = (options: CreateOptions): CrossProcessQueue =>
      CrossProcessQueue.create(name, { ifExists: "connect", ...options });
    using first = join({ exclusive: true });
    expect(() => join({ exclusive: true })).toThrow(ConsumerExcludedError);
    using second = join({});
    second.send("a");
    expect(first.tryReceive()?.text()).toBe("a");
  });

  test("may request and reply: a reply queue is one of its own", async () => {
    const queue = queues.create({ exclusive: true });
    const requester = queues.connect(queue);
    const reply = requester.request("ping", { timeoutMs: 10_000 });
    const job = await queue.reserve({ timeoutMs: 10_000 });
    expect(job?.reply("pong")).toBe(true);
    expect((await reply).text()).toBe("pong");
  });

  test("serves what was given back by age, then strictly by priority", () => {
    const queue = queues.create({ exclusive: true });
    for (let index = 0; index < 20; index++) {
      queue.send(`low ${index}`, { priority: "low" });
      queue.send(`high ${index}`, { priority: "high" });
    }
    const taken = queue.tryReserveMany(20);
    for (const job of taken.reverse()) job.nack({ uncounted: true });
    const all = queue.tryReceiveMany(40).map((each) => each.text());
    const numbered = (name: string) =>
      Array.from({ length: 20 }, (_, index) => `${name} ${index}`);
    expect(all).toEqual([...numbered("high"), ...numbered("low")]);
  });

  test("takes, and is no observer", () => {
    const queue = queues.create();
    expect(() =>
      queues.connect(queue, { observe: true, exclusive: true }),
    ).toThrow(TypeError);
    expect(() =>
      queues.connect(queue, { exclusive: "yes" as unknown as boolean }),
    ).toThrow(TypeError);
  });
});
