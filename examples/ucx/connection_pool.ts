/**
 * UCX with `await`: many tasks share a few connections. Runs in Bun and in Deno:
 *
 *     bun examples/ucx/connection_pool.ts
 *     deno run -A examples/ucx/connection_pool.ts
 */
import { UcxConnectionPool } from "ringwire";
import { ChildProcesses } from "../running/child_processes.ts";
import { startInOtherRuntime } from "../running/other_runtime.ts";

const maxConnections = 2;
const taskCount = 6;

await using children = new ChildProcesses();
const server = startInOtherRuntime(
  children,
  new URL("async_server_program.ts", import.meta.url),
);
const address = await server.line();
await using pool = new UcxConnectionPool(maxConnections, { address });

async function task(index: number): Promise<string> {
  // Waits until a client is free. It goes back to the pool at the end of the block.
  using lease = await pool.getClient({ timeoutMs: 10_000 });
  const answer = await lease.client.request(0, `ECHO:task ${index}`);
  return new TextDecoder().decode(answer);
}

const answers = await Promise.all(
  Array.from({ length: taskCount }, (_, index) => task(index)),
);
console.log(answers.join(", "));
const { created, reused, inUse, idle } = pool.stats();
console.log(`${created} connections were made, and used again ${reused} times`);
console.log(`now ${inUse} in use, ${idle} idle`);
