/**
 * Jobs: priorities, delays, leases, retries and dead letters. Runs in Bun and in Deno:
 *
 *     bun examples/basics/jobs.ts
 *     deno run -A examples/basics/jobs.ts
 */
import process from "node:process";
import { CrossProcessQueue, type Job, Message } from "ringwire";

interface Task {
  readonly name: string;
  /** The deliveries that fail. */
  readonly fails?: number;
}

const queue = CrossProcessQueue.create<Task>(`example-jobs-${process.pid}`, {
  maxDeliver: 3,
  leaseMs: 5000,
});
// The owner of a queue decides how long it lives: without this it would stay until the next reboot.
using _cleanup = { [Symbol.dispose]: () => queue.destroy() };

queue.send(Message.json<Task>({ name: "usual" }));
// High goes first; one take in sixteen begins at the other end, so that nothing starves.
queue.send(Message.json<Task>({ name: "urgent" }), { priority: "high" });
queue.send(Message.json<Task>({ name: "later" }), { delayMs: 50 });
queue.send(Message.json<Task>({ name: "flaky", fails: 1 }));
queue.send(Message.json<Task>({ name: "hopeless", fails: 99 }));
queue.end(); // No more sends: the loop below leaves when all of these are settled.

function work(job: Job<Task>): void {
  const { name, fails = 0 } = job.json();
  if (job.attempts <= fails) throw new Error(`${name} failed`);
  console.log(`${name}: done at delivery ${job.attempts}`);
}

for await (const job of queue.consume()) {
  try {
    work(job);
    job.ack();
  } catch (error) {
    const note = error instanceof Error ? error.message : String(error);
    // The last allowed delivery: keep the reason with the message instead of only counting it.
    if (job.attempts >= queue.info.maxDeliver) job.bury(note);
    else job.nack({ delayMs: 10 * 2 ** job.attempts });
  }
}

for (const letter of queue.deadLetters()) {
  console.log(
    `dead letter: ${letter.json().name} after ${letter.attempts} deliveries: ${letter.note}`,
  );
}
const { sent, acked, nacked, buried } = queue.status().counters;
console.log(`sent ${sent}, acked ${acked}, nacked ${nacked}, buried ${buried}`);
