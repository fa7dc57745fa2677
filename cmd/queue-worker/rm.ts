import { CrossProcessQueue } from "../../src/queue/mod.ts";
import { defineVerb } from "../command_line/command_line.ts";
import { CommandFailure, ExitCode } from "../command_line/exit_codes.ts";
import {
  followName,
  queueOption,
  requireQueueName,
  unlinkName,
} from "../queues/open_queue.ts";

/** `rm NAME`: destroys a queue with everything in it. */
export const rm = defineVerb({
  operands: ["[name]"],
  operandShapes: [{ kind: "queue" }],
  options: { queue: queueOption },
  notes: "Whoever has it open is told that it is gone.",
  examples: ["ringwire-queue-worker rm jobs"],
  run: async ({ options, operands }) => {
    const name = requireQueueName(options.queue, operands[0]);
    const found = CrossProcessQueue.destroy(followName(name));
    unlinkName(name);
    if (!found)
      throw new CommandFailure(
        ExitCode.nothingThere,
        `there is no queue ${name}`,
      );
    return ExitCode.done;
  },
});
