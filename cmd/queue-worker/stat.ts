import type { QueueInfo, QueueStatus } from "../../src/queue/mod.ts";
import { defineVerb } from "../command_line/command_line.ts";
import { formatDuration } from "../command_line/duration.ts";
import { ExitCode } from "../command_line/exit_codes.ts";
import { valueOption } from "../command_line/options.ts";
import { printOut } from "../standard_streams/output.ts";
import { escapeControls } from "../records/records.ts";
import { oneOf } from "../command_line/scalars.ts";
import { formatSize, formatSizeShort } from "../command_line/size.ts";
import { formatTable } from "../standard_streams/table.ts";
import {
  openQueue,
  queueOption,
  requireQueueName,
} from "../queues/open_queue.ts";

/** `maxMessages` → `max_messages`, all the way down: one spelling for all of our JSON. */
function snakeCase(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(snakeCase);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      snakeCase(inner),
    ]),
  );
}

function describe(info: QueueInfo, status: QueueStatus): string {
  const age =
    status.oldestAgeMs === null
      ? ""
      : `, the oldest for ${formatDuration(Math.round(status.oldestAgeMs))}`;
  const due =
    status.nextDueMs === null
      ? ""
      : `, the next in ${formatDuration(Math.round(status.nextDueMs))}`;
  const { high, normal, low } = status.byPriority;
  const { sent, taken, acked, nacked, buried, requeued } = status.counters;
  const { oldest, expired, dead } = status.drops;
  const lines = [
    ["queue", `${info.name} (${info.path})`],
    ["state", status.paused ? `${status.lifecycle}, paused` : status.lifecycle],
    [
      "waiting",
      `${status.messageCount} (high ${high}, normal ${normal}, low ${low})${age}`,
    ],
    ["leased", `${status.leased}`],
    ["delayed", `${status.delayed}${due}`],
    ["dead letters", `${status.buried} of at most ${info.maxDead}`],
    [
      "usage",
      `${(status.usage * 100).toFixed(1)} % of ${info.maxMessages} messages of up to ${formatSize(info.maxMessageSize)}`,
    ],
    [
      "memory",
      `${formatSizeShort(status.memoryBytes)} of at most ${formatSizeShort(status.segmentBytes)}`,
    ],
    [
      "limits",
      `${info.maxDeliver} deliveries, lease ${formatDuration(info.leaseMs)}`,
    ],
    ["journal", info.journal === null ? "none" : info.journal.sync],
    [
      "totals",
      `sent ${sent}, taken ${taken}, acked ${acked}, nacked ${nacked}, requeued ${requeued}, buried ${buried}`,
    ],
    ["dropped", `oldest ${oldest}, expired ${expired}, dead letters ${dead}`],
  ];
  const text = lines
    .map(([key = "", value]) => `${`${key}:`.padEnd(14)}${value}\n`)
    .join("");
  if (status.participants.length === 0) return text;
  const rows = status.participants.map(
    ({ pid, name, consumer, leased, counters }) => [
      `${pid}`,
      escapeControls(name),
      takes[consumer],
      `${leased}`,
      `${counters.sent}`,
      `${counters.taken}`,
      `${counters.acked}`,
    ],
  );
  return `${text}\n${formatTable(["PID", "NAME", "TAKES", "LEASED", "SENT", "TAKEN", "ACKED"], rows)}`;
}

/** How a participant takes messages, in a word. */
const takes = { none: "no", shared: "yes", exclusive: "alone" } as const;

/** `stat NAME`: what a queue says about itself. */
export const stat = defineVerb({
  operands: ["[name]"],
  operandShapes: [{ kind: "queue" }],
  options: {
    queue: queueOption,
    output: valueOption(
      "-o, --output <format>",
      "text, json",
      oneOf("text", "json"),
      "text",
      "text",
    ),
  },
  examples: [
    "ringwire-queue-worker stat jobs",
    "ringwire-queue-worker stat jobs -o json | jq .status.message_count",
  ],
  run: async ({ options, operands }) => {
    using queue = await openQueue(
      requireQueueName(options.queue, operands[0]),
      { observe: true },
    );
    const { participant: _, ...info } = queue.info;
    const { replies: __, ...status } = queue.status();
    await printOut(
      options.output === "json"
        ? `${JSON.stringify(snakeCase({ queue: info, status }))}\n`
        : describe(queue.info, queue.status()),
    );
    return ExitCode.done;
  },
});
