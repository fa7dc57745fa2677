/**
 * UCX with `await`: nothing has to wait for ever. Runs in Bun and in Deno:
 *
 *     bun examples/ucx/timeouts.ts
 *     deno run -A examples/ucx/timeouts.ts
 */
import { AsyncUcxManager, UcxError, UcxTimeoutError } from "ringwire";
import { ChildProcesses } from "../running/child_processes.ts";
import { startInOtherRuntime } from "../running/other_runtime.ts";

/** What became of a call. */
async function outcome(call: () => Promise<unknown>): Promise<string> {
  try {
    await call();
    return "in time";
  } catch (error) {
    if (error instanceof UcxTimeoutError) return "out of time";
    if (error instanceof UcxError) return `failed: ${error.code}`;
    return `given up: ${error instanceof Error ? error.message : String(error)}`;
  }
}

await using children = new ChildProcesses();
const server = startInOtherRuntime(
  children,
  new URL("async_server_program.ts", import.meta.url),
);
await using manager = new AsyncUcxManager();
const client = manager.createClient();
const address = await server.line();
const connected = await outcome(() =>
  client.connect(address, { timeoutMs: 5000 }),
);
console.log(`connect: ${connected}`);

const request = await outcome(() =>
  client.request(1, "PING", { timeoutMs: 5000 }),
);
console.log(`request: ${request}`);

// Nobody sends anything under this tag.
const silence = await outcome(() =>
  client.receiveMessage(2, 1024, { timeoutMs: 50 }),
);
console.log(`receive: ${silence}`);

// 0 only looks.
const look = await outcome(() =>
  client.receiveMessage(2, 1024, { timeoutMs: 0 }),
);
console.log(`look: ${look}`);

// A signal ends as many calls as it was given to.
const user = new AbortController();
const waiting = Promise.all(
  [3, 4].map((tag) =>
    outcome(() => client.receive({ tag, signal: user.signal })),
  ),
);
user.abort(new Error("the user has left"));
for (const what of await waiting) console.log(`receive: ${what}`);

// The connection is as good as before.
console.log(`request: ${await outcome(() => client.request(5, "PING"))}`);

// Nobody listens on that port. That is known at once, and no matter of time.
const nobody = await outcome(() =>
  manager.createClient().connect("127.0.0.1:1", { timeoutMs: 5000 }),
);
console.log(`connect to nobody: ${nobody}`);
