/**
 * UCX with `await`: urgent messages overtake others that wait. Runs in Bun and in Deno:
 *
 *     bun examples/ucx/priorities.ts
 *     deno run -A examples/ucx/priorities.ts
 */
import { AsyncUcxManager, MessagePriority, PrioritySender } from "ringwire";
import { ChildProcesses } from "../running/child_processes.ts";
import { startInOtherRuntime } from "../running/other_runtime.ts";

const tag = 0;

await using children = new ChildProcesses();
const server = startInOtherRuntime(
  children,
  new URL("async_server_program.ts", import.meta.url),
);
await using manager = new AsyncUcxManager();
const client = manager.createClient();
await client.connect(await server.line());

// What the client has is on its way: only what waits in the sender can be overtaken.
using sender = new PrioritySender(client, {
  maxInFlight: 1,
  // While all three wait: three urgent ones, then two, then one, so that nothing waits for ever.
  weights: { high: 3, normal: 2, low: 1 },
});
const { High, Normal, Low } = MessagePriority;
const sending: Promise<void>[] = [];
for (const priority of [Low, Normal, High])
  for (let index = 1; index <= 4; index++)
    sending.push(sender.send(priority, tag, `${priority} ${index}`));
await Promise.all(sending);

// The server answers in the order in which they came. The first was alone when it was given.
for (let index = 0; index < sending.length; index++)
  console.log((await client.receive({ tag })).text());
const { high, normal, low } = sender.stats();
console.log(`sent: high ${high.sent}, normal ${normal.sent}, low ${low.sent}`);
