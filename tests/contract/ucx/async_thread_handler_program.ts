/** The handler of a server's threads in the test beside it. */
import type { AsyncUcxClient } from "../../../src/ucx/mod.ts";

/** Tells threads apart. */
const thread = crypto.randomUUID();

export default async function handle(client: AsyncUcxClient): Promise<void> {
  for await (const message of client) {
    if (message.text() === "throw") throw new Error("a handler in a thread");
    await client.sendMessage(message.tag, `${thread} ${message.text()}`);
  }
}
