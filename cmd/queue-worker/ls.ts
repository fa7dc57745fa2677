import { listQueues, type QueueStatus } from "../../src/queue/mod.ts";
import { defineVerb } from "../command_line/command_line.ts";
import { ExitCode } from "../command_line/exit_codes.ts";
import { valueOption } from "../command_line/options.ts";
import { printOut } from "../standard_streams/output.ts";
import { oneOf } from "../command_line/scalars.ts";
import { formatSizeShort } from "../command_line/size.ts";
import { formatTable } from "../standard_streams/table.ts";
import { openQueue } from "../queues/open_queue.ts";

async function lookAt(name: string): Promise<QueueStatus | string> {
  try {
    using queue = await openQueue(name, { observe: true });
    return queue.status();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** `ls`: the queues of this user in shared memory. */
export const ls = defineVerb({
  options: {
    output: valueOption(
      "-o, --output <format>",
      "text, json, jsonl",
      oneOf("text", "json", "jsonl"),
      "text",
      "text",
    ),
  },
  notes: "Queues file:PATH are not listed: they may lie anywhere.",
  examples: [
    "ringwire-queue-worker ls",
    "ringwire-queue-worker ls -o jsonl | jq -r 'select(.dead > 0).name'",
  ],
  run: async ({ options }) => {
    const entries = await Promise.all(
      listQueues().map(async (listing) => ({
        listing,
        status: await lookAt(listing.name),
      })),
    );
    if (options.output === "text") {
      const rows = entries.map(({ listing: { name, memoryBytes }, status }) =>
        typeof status === "string"
          ? [name, "-", "-", "-", "-", formatSizeShort(memoryBytes), status]
          : [
              name,
              `${status.messageCount}`,
              `${status.leased}`,
              `${status.delayed}`,
              `${status.buried}`,
              formatSizeShort(memoryBytes),
              status.paused ? "paused" : status.lifecycle,
            ],
      );
      if (rows.length > 0)
        await printOut(
          formatTable(
            ["NAME", "WAITING", "LEASED", "DELAYED", "DEAD", "MEMORY", "STATE"],
            rows,
          ),
        );
      return ExitCode.done;
    }
    const objects = entries.map(
      ({ listing: { name, path, memoryBytes }, status }) => ({
        name,
        path,
        memory_bytes: memoryBytes,
        ...(typeof status === "string"
          ? { error: status }
          : {
              waiting: status.messageCount,
              leased: status.leased,
              delayed: status.delayed,
              dead: status.buried,
              lifecycle: status.lifecycle,
              paused: status.paused,
            }),
      }),
    );
    const text =
      options.output === "json"
        ? `${JSON.stringify(objects)}\n`
        : objects.map((object) => `${JSON.stringify(object)}\n`).join("");
    await printOut(text);
    return ExitCode.done;
  },
});
