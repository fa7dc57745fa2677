/**
 * Large messages without a copy: the sender writes into shared memory, the receiver reads it where it lies.
 *
 *     bun examples/basics/zero_copy.ts
 *     deno run -A examples/basics/zero_copy.ts
 */
import process from "node:process";
import { CrossProcessQueue } from "ringwire";

const frameBytes = 1024 * 1024;
const frames = 8;

const queue = CrossProcessQueue.create(`example-frames-${process.pid}`, {
  maxMessages: frames,
  maxMessageSize: frameBytes,
});
using _cleanup = { [Symbol.dispose]: () => queue.destroy() };

for (let frame = 1; frame <= frames; frame++) {
  using claim = queue.claim(frameBytes); // Left without a commit, it is aborted.
  claim.bytes.fill(frame); // What is written here is already in its place.
  claim.commit();
}

let bytes = 0;
let sum = 0;
for (;;) {
  using job = queue.reserveZeroCopy();
  if (job === null) break;
  // Read-only shared memory, valid until the job is settled: copy what has to live longer.
  bytes += job.data.byteLength;
  sum += job.data[frameBytes - 1] ?? 0;
  job.ack();
}
console.log(`${frames} frames, ${bytes} bytes, sum of the last bytes ${sum}`);
