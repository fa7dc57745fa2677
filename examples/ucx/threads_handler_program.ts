/** What each thread of threads_program.ts does with a connection: says which thread it is. */
import type { AsyncUcxClient } from "ringwire";

/** Made once in each thread. */
const thread = crypto.randomUUID();

export default async function handle(client: AsyncUcxClient): Promise<void> {
  for await (const { tag } of client) await client.sendMessage(tag, thread);
}
