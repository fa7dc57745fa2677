import { defineVerb } from "../command_line/command_line.ts";
import { ExitCode } from "../command_line/exit_codes.ts";
import { valueOption } from "../command_line/options.ts";
import { integer } from "../command_line/scalars.ts";
import {
  openQueue,
  queueOption,
  requireQueueName,
} from "../queues/open_queue.ts";
import { writeRecords } from "./record_output.ts";
import { recordOptions, recordStyle } from "../records/record_options.ts";

/** `peek -q NAME`: shows the next messages without taking them. */
export const peek = defineVerb({
  operands: ["[name]"],
  operandShapes: [{ kind: "queue" }],
  options: {
    queue: queueOption,
    count: valueOption(
      "-n, --count <count>",
      "how many",
      integer(1, 1_048_576),
      10,
      "10",
    ),
    ...recordOptions,
  },
  notes: "Exit code 3 when nothing is waiting.",
  examples: ["ringwire-queue-worker peek -q jobs -o jsonl"],
  run: async ({ options, operands }) => {
    using queue = await openQueue(
      requireQueueName(options.queue, operands[0]),
      { observe: true },
    );
    const style = recordStyle(options);
    const shown = await writeRecords(queue.peek(options.count), style);
    return shown === 0 ? ExitCode.nothingThere : ExitCode.done;
  },
});
