/**
 * Request and reply: the main thread asks, a Worker answers; both could as well be processes of their own.
 *
 *     bun examples/basics/request_reply.ts
 *     deno run -A examples/basics/request_reply.ts
 */
import process from "node:process";
import { CrossProcessQueue, QueueTimeoutError } from "ringwire";

const queue = CrossProcessQueue.create(`example-questions-${process.pid}`, {
  participantName: "asks",
});
using _cleanup = { [Symbol.dispose]: () => queue.destroy() };

const worker = new Worker(
  new URL("./request_reply_worker.ts", import.meta.url),
  { type: "module" },
);
const finished = new Promise<void>((resolve, reject) => {
  worker.onmessage = () => resolve();
  worker.onerror = (event) => reject(new Error(event.message));
});
worker.postMessage(queue.name);

const questions = [[1, 2, 3], [40, 2], []];
const replies = await Promise.all(
  questions.map((add) =>
    queue.request(JSON.stringify({ add }), { timeoutMs: 10_000 }),
  ),
);
for (const [index, reply] of replies.entries())
  console.log(`${JSON.stringify(questions[index])} -> ${reply.text()}`);

queue.end(); // The worker's loop ends.
await finished;
worker.terminate();

// A request that nobody takes expires in the queue too: it is never worked on after the asker has given up.
queue.reopen();
try {
  await queue.request("is anybody there?", { timeoutMs: 50 });
} catch (error) {
  if (!(error instanceof QueueTimeoutError)) throw error;
  console.log(`${error.code}: nobody took the request in time`);
}
console.log(`left in the queue: ${queue.tryReceive()?.text() ?? "nothing"}`);
