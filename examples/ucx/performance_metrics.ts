/**
 * UCX with `await`: counts and latencies. Runs in Bun and in Deno:
 *
 *     bun examples/ucx/performance_metrics.ts
 *     deno run -A examples/ucx/performance_metrics.ts
 */
import { AsyncUcxManager, PerformanceMetrics } from "ringwire";
import { ChildProcesses } from "../running/child_processes.ts";
import { startInOtherRuntime } from "../running/other_runtime.ts";

const requestCount = 250;
const tag = 0;

await using children = new ChildProcesses();
const server = startInOtherRuntime(
  children,
  new URL("async_server_program.ts", import.meta.url),
);
await using manager = new AsyncUcxManager();
const client = manager.createClient();
await client.connect(await server.line());

// Counts what it is told: the application decides what is a message, and what is an error.
const metrics = new PerformanceMetrics();
for (let index = 0; index < requestCount; index++) {
  await metrics.measure(async () => {
    metrics.recordSend(4);
    const answer = await client.request(tag, "PING");
    metrics.recordReceive(answer.byteLength);
  });
}
try {
  // Nobody sends under this tag. What fails is counted, and thrown on.
  await metrics.measure(() =>
    client.receiveMessage(1, 1024, { timeoutMs: 10 }),
  );
} catch {
  console.log("one receive was out of time");
}
metrics.printStats();
console.log(`p99 below a second: ${metrics.latencyPercentileMs(99) < 1000}`);

// What UCX's side has counted by itself.
const { messagesSent, messagesReceived, connections } = manager.stats();
console.log(
  `manager: ${messagesSent} sent, ${messagesReceived} received, ${connections} connection`,
);
