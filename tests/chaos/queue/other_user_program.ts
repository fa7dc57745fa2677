/** A process of another user: says what it may, takes a job when it may, and keeps it. */
import process from "node:process";
import { CrossProcessQueue } from "../../../src/queue/mod.ts";

const [role = "", name = ""] = process.argv.slice(2);
const nobody = 65_534;

function say(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

/** The code of what a call throws, null when it does not. */
function codeOf(body: () => { close(): void }): string | null {
  try {
    body().close();
    return null;
  } catch (error) {
    return (error as { code: string }).code;
  }
}

const connect = (shared: boolean) =>
  CrossProcessQueue.connect(name, { shared });

// Has the library loaded: the other user need not be able to read this tree.
CrossProcessQueue.destroy(`${name}-none`);
process.setgroups?.([]);
process.setgid?.(nobody);
process.setuid?.(nobody);

if (role === "connect") {
  say([codeOf(() => connect(false)), codeOf(() => connect(true))]);
} else {
  using queue = connect(true);
  queue.send("from another user");
  say("ready");
  // Or it would take its own message.
  while (queue.status().counters.acked === 0)
    await new Promise((resolve) => setTimeout(resolve, 10));
  const job = await queue.reserve({ timeoutMs: 20_000 });
  job?.keepAlive();
  say(job?.text());
  await new Promise((resolve) => setTimeout(resolve, 60_000));
}
