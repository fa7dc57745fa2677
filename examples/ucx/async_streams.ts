/**
 * UCX with `await`: a WHATWG pipeline from one process to another. Runs in Bun and in Deno:
 *
 *     bun examples/ucx/async_streams.ts
 *     deno run -A examples/ucx/async_streams.ts
 */
import { AsyncUcxManager } from "ringwire";
import { ChildProcesses } from "../running/child_processes.ts";
import { startInOtherRuntime } from "../running/other_runtime.ts";

const lineCount = 2000;

await using children = new ChildProcesses();
const sender = startInOtherRuntime(
  children,
  new URL("async_streams_program.ts", import.meta.url),
  String(lineCount),
);
// A small window: the sender's pipeline stands still while nobody reads here.
await using manager = new AsyncUcxManager({ streamWindowBytes: 16 * 1024 });
const client = manager.createClient();
await client.connect(await sender.line());

let lines = 0;
let last = "";
let rest = "";
for await (const text of client
  .readable()
  .pipeThrough(new TextDecoderStream())) {
  const pieces = (rest + text).split("\n");
  rest = pieces.pop() ?? "";
  lines += pieces.length;
  last = pieces.at(-1) ?? last;
}
console.log(`${lines} lines came, the last is "${last}"`);

const reason = await client.closed;
console.log(`closed by ${reason?.by}, in order: ${reason?.orderly}`);
sender.kill("SIGTERM");
console.log(`the sender ended with ${await sender.exited}`);
