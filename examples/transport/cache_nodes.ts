/**
 * A cache of two nodes, one in each runtime: any of them takes a value, and tells the other one before it answers; either
 * gives it back. Then one is killed, and clients go on with the other. Runs in Bun and in Deno:
 *
 *     bun examples/transport/cache_nodes.ts
 *     deno run -A examples/transport/cache_nodes.ts
 */
import { fileURLToPath } from "node:url";
import { RemoteError, TransportClient } from "ringwire";
import { check } from "../running/check.ts";
import { ChildProcesses } from "../running/child_processes.ts";
import { findRuntimes } from "../running/runtimes.ts";

const keyCount = 2000;
/** Requests under way at a time. */
const underWay = 64;
const timeoutMs = 10_000;

async function connect(...urls: readonly string[]): Promise<TransportClient> {
  return await TransportClient.builder()
    .withProtocol(...urls)
    .withReconnect({ baseDelayMs: 10, maxDelayMs: 100 })
    .build();
}

function set(client: TransportClient, key: string, value: string) {
  const options = { subject: "set", headers: { key }, timeoutMs };
  // To set it twice does no harm: it may be sent again after a lost connection.
  return client.request(value, { ...options, idempotencyKey: `set ${key}` });
}

/** Undefined when there is no such key. */
async function get(
  client: TransportClient,
  key: string,
): Promise<string | undefined> {
  try {
    const options = { subject: "get", headers: { key }, timeoutMs };
    const idempotencyKey = crypto.randomUUID();
    return (await client.request("", { ...options, idempotencyKey })).text();
  } catch (error) {
    if (error instanceof RemoteError && error.code === "NotFound")
      return undefined;
    throw error;
  }
}

/** Does something for every key, some at a time, and counts for how many it was true. */
async function countKeys(
  check: (key: string, index: number) => Promise<boolean>,
): Promise<number> {
  let next = 0;
  let held = 0;
  const lane = async (): Promise<void> => {
    while (next < keyCount) {
      const index = next++;
      if (await check(`key ${index}`, index)) held++;
    }
  };
  await Promise.all(Array.from({ length: underWay }, lane));
  return held;
}

await using children = new ChildProcesses();
const program = fileURLToPath(
  new URL("cache_nodes_program.ts", import.meta.url),
);
const runtimes = findRuntimes();
const [one, two] = [runtimes[0], runtimes.at(-1)].map((runtime) =>
  children.start([...(runtime?.command ?? []), program]),
);
if (one === undefined || two === undefined) throw new Error("no runtime");
const [first, second] = [await one.line(), await two.line()];
{
  await using writer = await connect(first);
  await using reader = await connect(second);
  await writer.request(second, { subject: "replicate to", timeoutMs });
  await reader.request(first, { subject: "replicate to", timeoutMs });

  const beganMs = performance.now();
  await countKeys(async (key, index) => {
    await set(index % 2 === 0 ? writer : reader, key, `value ${index}`);
    return true;
  });
  const found = await countKeys(
    async (key, index) => (await get(reader, key)) === `value ${index}`,
  );
  const seconds = (performance.now() - beganMs) / 1000;
  check("every key is on the second node", found === keyCount);
  console.log(`${found} of ${keyCount} keys are on the second node`);
  console.log(`${((2 * keyCount) / seconds).toFixed(0)} operations/s`);
  await reader.request("", {
    subject: "delete",
    headers: { key: "key 5" },
    timeoutMs,
  });
  const deleted = await get(writer, "key 5");
  check("it is deleted on the first node too", deleted === undefined);
  console.log(`a deleted key on the first node: ${deleted}`);
}
await using client = await connect(first, second);
console.log(`before: ${await get(client, "key 1")}`);
one.kill("SIGKILL");
await one.exited;
// The client finds the second address by itself, and asks again there.
const left = await get(client, "key 1");
check("the second node has it", left === "value 1");
console.log(`after the first node was killed: ${left}`);
await client.close();
two.kill("SIGTERM");
console.log(`the second node ended with ${await two.exited}`);
