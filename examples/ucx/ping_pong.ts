/**
 * UCX with `await`: questions and answers, one after the other, and how long they take. Runs in Bun and in Deno:
 *
 *     bun examples/ucx/ping_pong.ts
 *     deno run -A examples/ucx/ping_pong.ts
 */
import { type AsyncUcxClient, AsyncUcxManager } from "ringwire";
import { ChildProcesses } from "../running/child_processes.ts";
import { startInOtherRuntime } from "../running/other_runtime.ts";

const tag = 1;
const rounds = 300;

/** Sends PING and waits for PONG. Gives milliseconds. */
async function pingPong(client: AsyncUcxClient): Promise<number> {
  const startMs = performance.now();
  await client.sendMessage(tag, "PING");
  const answer = await client.receive({ tag });
  if (answer.text() !== "PONG")
    throw new Error(`the answer to PING was ${answer.text()}`);
  return performance.now() - startMs;
}

await using children = new ChildProcesses();
const server = startInOtherRuntime(
  children,
  new URL("async_server_program.ts", import.meta.url),
);
// Pumps while it waits: a processor of its own for the shortest way. The server's default lets it rest when nobody asks.
await using manager = new AsyncUcxManager({ progress: { mode: "busy" } });
const client = manager.createClient();
await client.connect(await server.line());

const took: number[] = [];
while (took.length < rounds) took.push(await pingPong(client));
took.sort((one, other) => one - other);
const [median = 0] = took.slice(rounds >> 1);
console.log(`${took.length} of ${rounds} pings were answered`);
console.log(`there and back: median ${(median * 1000).toFixed(0)} µs`);

// One call for both, with a time limit for both.
const bytes = await client.request(tag, "PING", { timeoutMs: 1000 });
console.log(`request: ${new TextDecoder().decode(bytes)}`);

// The other side's worker answers this by itself; its program does not notice.
const roundTripMs = await client.ping({ timeoutMs: 1000 });
console.log(`ping within a second: ${roundTripMs < 1000}`);
