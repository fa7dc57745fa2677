/**
 * UCX, synchronous: bytes in order, without messages, from another process. Runs in Bun and in Deno:
 *
 *     bun examples/ucx/streams.ts
 *     deno run -A examples/ucx/streams.ts
 */
import { UcxWorker } from "ringwire";
import { ChildProcesses } from "../running/child_processes.ts";
import { startInOtherRuntime } from "../running/other_runtime.ts";

const lineCount = 100_000;
const newline = 10;

await using children = new ChildProcesses();
const sender = startInOtherRuntime(
  children,
  new URL("streams_program.ts", import.meta.url),
  String(lineCount),
);

// A small window: the sender is held back, however much it has.
using worker = new UcxWorker({ streamWindowBytes: 64 * 1024 });
const endpoint = worker.connect(await sender.line());
const start = new Uint8Array(7);
worker.receiveStream(endpoint, start, { waitAll: true });
console.log(`begins with "${new TextDecoder().decode(start).trimEnd()}"`);

let bytes = start.byteLength;
let lines = 1;
// Shows the bytes where UCX has them, as many as there are; 0 is the end.
for (let length = -1; length !== 0;) {
  length = worker.streams.read(endpoint, (piece) => {
    for (const byte of piece) if (byte === newline) lines++;
  });
  bytes += length;
}
console.log(`${lines} lines came, ${bytes} bytes`);
console.log(`the sender: ${await sender.line()}`);
console.log(`the sender ended with ${await sender.exited}`);
