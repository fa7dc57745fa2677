/** Sends numbered messages as fast as the queue takes them. Runs in Bun and Deno: `producer.ts QUEUE COUNT`. */
import process from "node:process";
import { CrossProcessQueue } from "ringwire";

const batchSize = 1024;
const messageBytes = 64;

const [name = "", countText = ""] = process.argv.slice(2);
const count = Number(countText);
using queue = CrossProcessQueue.connect(name, { participantName: "producer" });

const bodies = Array.from(
  { length: batchSize },
  () => new Uint8Array(messageBytes),
);
const numbers = bodies.map((body) => new Uint32Array(body.buffer));
for (let sent = 0; sent < count;) {
  const batch = bodies.slice(0, Math.min(batchSize, count - sent));
  for (const [index] of batch.entries())
    numbers[index]?.fill(sent + index, 0, 1);
  const accepted = queue.sendMany(batch);
  sent += accepted;
  const refused = batch[accepted];
  // Full: wait until there is room for one, then go on in batches.
  if (refused !== undefined) {
    await queue.sendWait(refused);
    sent++;
  }
}
queue.end();
