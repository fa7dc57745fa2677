import { queueFixture } from "../../support/queue_fixture.ts";
import { afterEach, describe, expect, test } from "../../support/testing.ts";

const queues = queueFixture();
const program = new URL("./echo_worker_program.ts", import.meta.url);
const workers: Worker[] = [];

afterEach(() => {
  for (const worker of workers.splice(0)) worker.terminate();
});

/** Starts a Worker; what it says first. */
function start(assignment: unknown): {
  worker: Worker;
  said: Promise<unknown>;
} {
  const worker = new Worker(program, { type: "module" });
  workers.push(worker);
  const said = new Promise((resolve, reject) => {
    worker.addEventListener("message", (event) => resolve(event.data));
    worker.addEventListener("error", (event) => {
      event.preventDefault();
      reject(new Error(event.message));
    });
  });
  worker.postMessage(assignment);
  return { worker, said };
}

describe("Workers", () => {
  test(
    "each thread has handles of its own on the same queue",
    async () => {
      const requests = queues.create({ maxMessages: 8 });
      const replies = queues.create({ maxMessages: 8 });
      const { said } = start({
        from: requests.name,
        to: replies.name,
        hold: false,
      });
      const seen: string[] = [];
      const receiving = (async () => {
        for await (const job of replies.consume()) {
          seen.push(job.text());
          job.ack();
        }
      })();
      for (let index = 0; index < 500; index++) {
        await requests.sendWait(String(index), { timeoutMs: 10_000 });
      }
      requests.end();
      expect(await said).toBe("done");
      await receiving;
      expect(seen).toEqual(
        Array.from({ length: 500 }, (_, index) => `echo ${index}`),
      );
    },
    { timeoutMs: 20_000 },
  );

  test(
    "the job of a terminated Worker comes back when its lease runs out",
    async () => {
      const queue = queues.create();
      queue.send("held");
      const { worker, said } = start({ from: queue.name, to: "", hold: true });
      expect(await said).toBe("held");
      worker.terminate();
      const job = await queue.reserve({ timeoutMs: 10_000 });
      expect(job?.text()).toBe("held");
      job?.ack();
    },
    { timeoutMs: 20_000 },
  );
});
