/**
 * UCX with `await`: a server that uses several processors. Runs in Bun and in Deno:
 *
 *     bun examples/ucx/threads.ts
 *     deno run -A examples/ucx/threads.ts
 */
import { AsyncUcxManager } from "ringwire";
import { ChildProcesses } from "../running/child_processes.ts";
import { startInOtherRuntime } from "../running/other_runtime.ts";

const clientCount = 8;

await using children = new ChildProcesses();
const server = startInOtherRuntime(
  children,
  new URL("threads_program.ts", import.meta.url),
);
const address = await server.line();
await using manager = new AsyncUcxManager();

// Each is sent to the thread with the fewest connections, before its `connect` returns.
const clients = await Promise.all(
  Array.from({ length: clientCount }, async () => {
    const client = manager.createClient();
    await client.connect(address);
    return client;
  }),
);
const connections = new Map<string, number>();
for (const client of clients) {
  const thread = new TextDecoder().decode(await client.request(0, "who?"));
  connections.set(thread, (connections.get(thread) ?? 0) + 1);
}
console.log(
  `${clientCount} clients were served by ${connections.size} threads`,
);
const counts = [...connections.values()];
console.log(`threads have ${counts.join(" and ")} connections`);
server.kill("SIGTERM");
console.log(`the server ended with ${await server.exited}`);
