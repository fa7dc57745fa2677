/**
 * UCX with `await`: a batch of messages, without waiting for each. Runs in Bun and in Deno:
 *
 *     bun examples/ucx/batch.ts
 *     deno run -A examples/ucx/batch.ts
 */
import { AsyncUcxManager, type OutgoingMessage } from "ringwire";
import { ChildProcesses } from "../running/child_processes.ts";
import { startInOtherRuntime } from "../running/other_runtime.ts";

const batchSize = 100;

/** Made one by one as there is room for them: a batch of a million needs no memory for a million. */
function* messages(): Generator<OutgoingMessage> {
  for (let index = 0; index < batchSize; index++)
    yield { tag: index, data: `Batch message ${index}` };
}

await using children = new ChildProcesses();
const server = startInOtherRuntime(
  children,
  new URL("async_server_program.ts", import.meta.url),
);
await using manager = new AsyncUcxManager();
const client = manager.createClient();
await client.connect(await server.line());

const sent = await client.sendBatch(messages(), { maxInFlight: 16 });
console.log(`${sent} messages were sent`);

// Any tag, in the order of arrival.
let received = 0;
for await (const answer of client.messages()) {
  if (answer.text() !== `RECEIVED:Batch message ${answer.tag}`)
    throw new Error(`tag ${answer.tag}: ${answer.text()}`);
  received++;
  if (received === sent) break;
}
console.log(`${received} answers came`);
const { messagesSent, messagesReceived } = client.stats();
console.log(`counted: ${messagesSent} sent, ${messagesReceived} received`);
