import { defineVerb, type Verb } from "../command_line/command_line.ts";
import { ExitCode } from "../command_line/exit_codes.ts";
import {
  openQueue,
  queueOption,
  requireQueueName,
} from "../queues/open_queue.ts";

function switchVerb(action: "pause" | "resume", notes: string): Verb {
  return defineVerb({
    operands: ["[name]"],
    operandShapes: [{ kind: "queue" }],
    options: { queue: queueOption },
    notes,
    examples: [`ringwire-queue-worker ${action} jobs`],
    run: async ({ options, operands }) => {
      using queue = await openQueue(
        requireQueueName(options.queue, operands[0]),
        { participantName: action },
      );
      queue[action]();
      return ExitCode.done;
    },
  });
}

/** `pause NAME`: nothing can be taken until `resume`. */
export const pause = switchVerb(
  "pause",
  "Pushing goes on. What is being worked on is finished.",
);

/** `resume NAME`. */
export const resume = switchVerb("resume", "Workers that wait go on at once.");
