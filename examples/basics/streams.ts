/**
 * A queue between two WHATWG stream pipelines: a small queue holds the writer back, and the reader ends with the stream.
 *
 *     bun examples/basics/streams.ts
 *     deno run -A examples/basics/streams.ts
 */
import process from "node:process";
import { CrossProcessQueue, type Message } from "ringwire";

const lines = 1000;
const queue = CrossProcessQueue.create(`example-lines-${process.pid}`, {
  maxMessages: 16, // Far fewer than there are lines: the writable waits for room.
});
using _cleanup = { [Symbol.dispose]: () => queue.destroy() };

async function write(): Promise<void> {
  const writer = queue.writable().getWriter();
  for (let line = 1; line <= lines; line++) await writer.write(`line ${line}`);
  await writer.close();
  queue.end(); // Closing the writable does not end the queue's stream: others may still write.
}

async function read(): Promise<void> {
  const lengths = new TransformStream<Message, number>({
    transform: (message, controller) =>
      controller.enqueue(message.data.byteLength),
  });
  let count = 0;
  let bytes = 0;
  for await (const length of queue.readable().pipeThrough(lengths)) {
    count++;
    bytes += length;
  }
  console.log(`${count} messages, ${bytes} bytes`);
}

await Promise.all([write(), read()]);
const { acked } = queue.status().counters;
console.log(`acknowledged: ${acked}`);
