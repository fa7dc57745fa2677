/** One producer in Bun, one consumer in Deno, one queue. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { CrossProcessQueue } from "ringwire";
import type { DemoSetting } from "./hash_with_a_kill.ts";

const messageCount = 500_000;

/** What the consumer says. */
export interface ThroughputResult {
  readonly received: number;
  readonly inOrder: boolean;
  readonly elapsedMs: number;
}

function findDeno(root: string): string {
  const own = join(root, ".tools/node_modules/.bin/deno");
  const deno = existsSync(own) ? own : Bun.which("deno");
  if (deno === null)
    throw new Error("there is no deno: 'make setup' brings one");
  return deno;
}

/** @throws when a message is missing, or not in order */
export async function measureThroughput(
  setting: DemoSetting,
): Promise<ThroughputResult> {
  const { root, queueName, children } = setting;
  const here = join(root, "examples/demo");
  using queue = CrossProcessQueue.create(queueName, {
    maxMessages: 65_536,
    maxMessageSize: 64,
    maxHeadersSize: 0,
    participantName: "demo",
  });
  try {
    const [, output] = await Promise.all([
      children.run(
        [
          process.execPath,
          join(here, "producer.ts"),
          queueName,
          `${messageCount}`,
        ],
        { cwd: root },
      ),
      children.run(
        [
          findDeno(root),
          "run",
          "--quiet",
          "--allow-all",
          join(here, "consumer.ts"),
          queueName,
        ],
        { cwd: root },
      ),
    ]);
    const result = JSON.parse(output) as ThroughputResult;
    if (result.received !== messageCount || !result.inOrder)
      throw new Error(
        `${messageCount} messages were sent, the consumer saw ${output}`,
      );
    return result;
  } finally {
    queue.destroy();
  }
}
