/**
 * Takes numbered messages until the stream ends, acknowledging every batch, and prints what it saw as one line of JSON.
 * Runs in Bun and Deno: `consumer.ts QUEUE`.
 */
import process from "node:process";
import { CrossProcessQueue } from "ringwire";

const batchSize = 1024;

const [name = ""] = process.argv.slice(2);
using queue = CrossProcessQueue.connect(name, { participantName: "consumer" });

let received = 0;
let inOrder = true;
let beganMs = 0;
for (;;) {
  const jobs = await queue.reserveMany(batchSize);
  if (jobs.length === 0) break; // The stream has ended, and everything is settled.
  if (received === 0) beganMs = performance.now();
  for (const job of jobs) {
    const { data } = job;
    const number = new DataView(data.buffer, data.byteOffset).getUint32(
      0,
      true,
    );
    if (number !== received++) inOrder = false;
  }
  queue.ackMany(jobs);
}
console.log(
  JSON.stringify({ received, inOrder, elapsedMs: performance.now() - beganMs }),
);
