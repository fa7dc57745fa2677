import { CrossProcessQueue, listQueues } from "../../../src/queue/mod.ts";
import { listReplyQueues } from "../../../src/queue/place.ts";
import { peerFixture, type Runtime } from "../../support/peer_process.ts";
import { queueFixture, until } from "../../support/queue_fixture.ts";
import { afterEach, describe, expect, test } from "../../support/testing.ts";

const queues = queueFixture();
const peers = peerFixture();
const program = new URL("./peer_program.ts", import.meta.url);
const timeoutMs = 30_000;
const pairs: readonly (readonly [Runtime, Runtime])[] = [
  ["bun", "deno"],
  ["deno", "bun"],
  ["bun", "bun"],
  ["deno", "deno"],
];

afterEach(() => peers.stopAll());

for (const [one, other] of pairs) {
  describe(`${one} and ${other}`, () => {
    test(
      "every message arrives once and in order, through a queue smaller than their number",
      async () => {
        const queue = queues.create({ maxMessages: 64 });
        const count = 5000;
        const consumer = peers.start(other, program, "consume", queue.name);
        expect(await consumer.line()).toBe('"ready"');
        const producer = peers.start(
          one,
          program,
          "produce",
          queue.name,
          String(count),
        );
        expect(await producer.line()).toBe('"sent"');
        expect(JSON.parse(await consumer.line())).toEqual({
          count,
          sum: (count * (count - 1)) / 2,
          ordered: true,
        });
        expect((await producer.exited).code).toBe(0);
        expect((await consumer.exited).code).toBe(0);
        const { counters, usage } = queue.status();
        expect(counters.sent).toBe(count);
        expect(counters.acked).toBe(count);
        expect(usage).toBe(0);
      },
      { timeoutMs },
    );

    test(
      "a request is answered, and the requester leaves no reply queue behind",
      async () => {
        const queue = queues.create();
        const replier = peers.start(other, program, "reply", queue.name);
        expect(await replier.line()).toBe('"ready"');
        const before = listReplyQueues().length;
        const requester = peers.start(
          one,
          program,
          "request",
          queue.name,
          "ünicode?",
        );
        expect(await requester.line()).toBe('"re: ünicode?"');
        expect((await requester.exited).code).toBe(0);
        expect(listReplyQueues().length).toBe(before);
        queue.end();
        expect(await replier.line()).toBe('"done"');
      },
      { timeoutMs },
    );
  });
}

for (const runtime of ["bun", "deno"] as const) {
  describe(runtime, () => {
    test(
      "the job of a killed worker is delivered again at once when somebody watches",
      async () => {
        const queue = queues.create();
        queue.watch();
        queue.send("precious");
        const worker = peers.start(runtime, program, "hold", queue.name);
        expect(await worker.line()).toBe('"precious"');
        expect(queue.tryReserve()).toBeNull();
        const waiting = queue.reserve({ timeoutMs: 10_000 });
        // The watcher looks for newcomers a few times a second.
        const sinceMs = performance.now();
        await until(() => performance.now() - sinceMs > 500);
        const startMs = performance.now();
        worker.kill("SIGKILL");
        const job = await waiting;
        expect(performance.now() - startMs).toBeLessThan(900);
        expect(job?.text()).toBe("precious");
        expect(job?.attempts).toBe(2);
        expect(job?.redelivered).toBe(true);
        job?.ack();
        await until(() => queue.status().participants.length === 1);
      },
      { timeoutMs },
    );

    test(
      "a killed worker's job comes back without anybody watching",
      async () => {
        const queue = queues.create();
        queue.send("precious");
        const worker = peers.start(runtime, program, "hold", queue.name);
        await worker.line();
        const waiting = queue.reserve({ timeoutMs: 10_000 });
        const startMs = performance.now();
        worker.kill("SIGKILL");
        expect((await waiting)?.text()).toBe("precious");
        expect(performance.now() - startMs).toBeLessThan(3000);
      },
      { timeoutMs },
    );

    test(
      "waiting that is over keeps no process alive, and its jobs go back",
      async () => {
        const queue = queues.create();
        const peer = peers.start(runtime, program, "leave", queue.name);
        expect(await peer.line()).toBe('"waited"');
        queue.send("x", { delayMs: 50 });
        expect(await peer.line()).toBe('"leaving"');
        // It ends: nothing of the waiting keeps it alive.
        expect((await peer.exited).code).toBe(0);
        // At once and uncounted, since it went in good order.
        const job = queue.tryReserve();
        expect(job?.text()).toBe("x");
        expect(job?.attempts).toBe(1);
      },
      { timeoutMs },
    );
  });
}

test("a destroyed queue is gone from the list", () => {
  const queue = queues.create();
  const listed = () => listQueues().some(({ name }) => name === queue.name);
  expect(listed()).toBe(true);
  CrossProcessQueue.destroy(queue.name);
  expect(listed()).toBe(false);
});
