/**
 * UCX, synchronous: messages that name the handler that is to run at the receiver. Runs in Bun and in Deno:
 *
 *     bun examples/ucx/active_messages.ts
 *     deno run -A examples/ucx/active_messages.ts
 */
import { UcxWorker } from "ringwire";
import { ChildProcesses } from "../running/child_processes.ts";
import { startInOtherRuntime } from "../running/other_runtime.ts";

const messages = { add: 1, total: 2 } as const;
const totalTag = 1;
const none = new Uint8Array(0);

await using children = new ChildProcesses();
const server = startInOtherRuntime(
  children,
  new URL("active_messages_program.ts", import.meta.url),
);

using worker = new UcxWorker({ enableActiveMessages: true });
const endpoint = worker.connect(await server.line());
for (const number of [2, 40])
  worker.sendActiveMessage(
    endpoint,
    messages.add,
    // A header beside the data: for handlers of long messages, which learn from it what the data is.
    none,
    new TextEncoder().encode(`${number}`),
  );
worker.sendActiveMessage(endpoint, messages.total, none, none);
const { data } = worker.receiveTagMessage(endpoint, totalTag);
console.log(`the server handled: ${await server.line()}`);
console.log(`the total is ${new TextDecoder().decode(data)}`);
