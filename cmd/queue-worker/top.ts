import { defineVerb } from "../command_line/command_line.ts";
import {
  duration,
  formatDuration,
  timerMsMax,
} from "../command_line/duration.ts";
import { CommandFailure, ExitCode } from "../command_line/exit_codes.ts";
import { listOption, valueOption } from "../command_line/options.ts";
import { stdoutIsTerminal } from "../standard_streams/output.ts";
import { integer, oneOf } from "../command_line/scalars.ts";
import { shaped } from "../command_line/value_shape.ts";
import { parseQueueName, requireQueueName } from "../queues/open_queue.ts";
import { LiveTop } from "./top/live.ts";
import { runPlain } from "./top/plain.ts";
import { Sampler } from "./top/sampler.ts";

const countMax = 2 ** 48;
const patienceMs = 2000;

/** `top [NAME…]`: queues and workers as they are, again and again. */
export const top = defineVerb({
  operands: ["[name...]"],
  options: {
    queue: listOption(
      "-q, --queue <name>",
      "only this queue; may be repeated (default: all of this user's)",
      shaped(parseQueueName, { kind: "queue" }),
    ),
    interval: valueOption(
      "--interval <duration>",
      "time between samples",
      duration({ minMs: 50, maxMs: timerMsMax }),
      1000,
      "1s",
    ),
    count: valueOption(
      "-n, --count <count>",
      "print that many samples, and no live view (default: no end)",
      integer(1, countMax),
    ),
    output: valueOption(
      "-o, --output <format>",
      "text, json, jsonl: JSON is one object a sample, one a line",
      oneOf("text", "json", "jsonl"),
      "text",
      "text",
    ),
  },
  notes: `On a terminal it is a live view: q quits, j and k or arrows select a queue, Enter shows all
about it, p pauses or resumes it, s sorts, ? explains.
Otherwise, and with -n or -o json, each sample is printed. It only looks: it takes no place among a queue's participants.
! marks an alarm: nobody takes what waits, nearly full, stuck, unreadable, no answer; ? a warning.
Queues file:PATH are shown when they are named. NO_COLOR and TERM=dumb are honoured.`,
  examples: [
    "ringwire-queue-worker top",
    "ringwire-queue-worker top jobs mail --interval 5s",
    "ringwire-queue-worker top -n 1 -o json | jq '.queues[] | select(.problems != [])'",
  ],
  run: async ({ options, operands, environment }) => {
    const names = [
      ...options.queue,
      ...operands.map((name) => requireQueueName(undefined, name)),
    ];
    using sampler = new Sampler(names);
    const { interval: intervalMs, count } = options;
    if (names.length > 0) {
      const { queues } = await sampler.sample(patienceMs);
      if (queues.every(({ state }) => state === "missing"))
        throw new CommandFailure(
          ExitCode.nothingThere,
          `there is no queue ${names.join(", ")}`,
        );
    }
    const live =
      stdoutIsTerminal() &&
      (environment.TERM ?? "dumb") !== "dumb" &&
      count === undefined &&
      options.output === "text";
    if (!live)
      return runPlain(sampler, {
        intervalMs,
        count,
        format: options.output === "text" ? "text" : "json",
      });
    const colour = !environment.NO_COLOR;
    const intervalText = formatDuration(intervalMs);
    return new LiveTop(sampler, { intervalMs, intervalText, colour }).run();
  },
});
