/**
 * UCX with `await`: the server is killed and comes back on its port; the message arrives all the same. Runs in Bun and in
 * Deno:
 *
 *     bun examples/ucx/retry.ts
 *     deno run -A examples/ucx/retry.ts
 */
import { AsyncUcxManager, sendWithRetry } from "ringwire";
import {
  ChildProcesses,
  type RunningProcess,
} from "../running/child_processes.ts";
import { startInOtherRuntime } from "../running/other_runtime.ts";

const tag = 0;

await using children = new ChildProcesses();
const startServer = (...address: readonly string[]): RunningProcess =>
  startInOtherRuntime(
    children,
    new URL("async_server_program.ts", import.meta.url),
    ...address,
  );
const first = startServer();
const address = await first.line();
await using manager = new AsyncUcxManager();
const client = manager.createClient();
await client.connect(address);
console.log(`first server: ${await ask("ECHO:one")}`);

first.kill("SIGKILL");
const reason = await client.closed;
console.log(`the server was killed: ${reason?.error?.code}`);

// Nobody is there while this begins to try.
const asking = ask("ECHO:two");
const second = startServer(address);
await second.line();
console.log(`second server: ${await asking}`);

/** Sends as often as it takes, and waits for the answer. */
async function ask(text: string): Promise<string> {
  const retries = await sendWithRetry(client, tag, text, {
    maxRetries: 100,
    maxDelayMs: 250,
    timeoutMs: 30_000,
    // A lost connection does not come back by itself. A failure of this counts as a failed try.
    beforeRetry: async () => {
      if (!client.isConnected) await client.connect(address);
    },
  });
  const answer = await client.receive({ tag, timeoutMs: 10_000 });
  return `${answer.text()} ${retries > 0 ? "after retries" : "at once"}`;
}
