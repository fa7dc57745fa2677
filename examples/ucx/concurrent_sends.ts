/**
 * UCX with `await`: many calls at the same time on one connection. Runs in Bun and in Deno:
 *
 *     bun examples/ucx/concurrent_sends.ts
 *     deno run -A examples/ucx/concurrent_sends.ts
 */
import { AsyncUcxManager } from "ringwire";
import { ChildProcesses } from "../running/child_processes.ts";
import { startInOtherRuntime } from "../running/other_runtime.ts";

const count = 20;

await using children = new ChildProcesses();
const server = startInOtherRuntime(
  children,
  new URL("async_server_program.ts", import.meta.url),
);
await using manager = new AsyncUcxManager();
const client = manager.createClient();
await client.connect(await server.line());
const text = new TextDecoder();
const numbers = Array.from({ length: count }, (_, index) => index);

// Calls may overlap. Each waits for its own tag, so that no answer goes to the wrong one.
const answers = await Promise.all(
  numbers.map((index) => client.request(index, `ECHO:message ${index}`)),
);
const right = answers.filter(
  (answer, index) => text.decode(answer) === `REPLY:message ${index}`,
);
console.log(`${right.length} of ${count} questions at once were answered`);

// One call for all; what went wrong is told for each. A tag has 40 bits: the third is refused, the others are sent.
const results = await client.sendBurst([
  { tag: 100, data: "ECHO:first" },
  { tag: 101, data: "ECHO:second" },
  { tag: 2 ** 40, data: "ECHO:third" },
]);
for (const [index, error] of results.entries())
  console.log(`burst ${index}: ${error === undefined ? "sent" : error.name}`);

// Receives may be posted before anything is sent, in any order.
const later = [102, 101, 100].map((tag) => client.receive({ tag }));
await client.sendMessage(102, "PING");
for (const { tag, data } of await Promise.all(later))
  console.log(`tag ${tag}: ${text.decode(data)}`);
