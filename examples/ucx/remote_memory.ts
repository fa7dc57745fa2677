/**
 * UCX, synchronous: reading and writing the memory of another process, whose program does nothing for it. Runs in Bun and
 * in Deno:
 *
 *     bun examples/ucx/remote_memory.ts
 *     deno run -A examples/ucx/remote_memory.ts
 */
import { UcxWorker } from "ringwire";
import { ChildProcesses } from "../running/child_processes.ts";
import { startInOtherRuntime } from "../running/other_runtime.ts";

const keyTag = 1;
const doneTag = 2;
const textOffset = 8;

await using children = new ChildProcesses();
const owner = startInOtherRuntime(
  children,
  new URL("remote_memory_program.ts", import.meta.url),
);

using worker = new UcxWorker({ enableRma: true });
const endpoint = worker.connect(await owner.line());
// Whoever has the key may use the memory. It is bytes, and comes as any message does.
const { data: key } = worker.receiveTagMessage(endpoint, keyTag);
using memory = worker.importMemory(endpoint, key);
console.log(`${memory.byteLength} bytes, may be written: ${memory.writable}`);

memory.put(new TextEncoder().encode("written there"), textOffset);
// Others may count at the same time: this happens in one piece.
for (let count = 0; count < 1000; count++) memory.atomics64.add(0, 1n);
const before = memory.atomics64.fetchAdd(0, 24n);
// The owner's memory has it all after this, and not before.
memory.flush();
console.log(`the counter was ${before}`);

const text = new Uint8Array(13);
memory.get(text, textOffset);
console.log(`read back: "${new TextDecoder().decode(text)}"`);

worker.sendTag(endpoint, doneTag, new Uint8Array(0));
console.log(`the owner: ${await owner.line()}`);
console.log(`the owner: ${await owner.line()}`);
