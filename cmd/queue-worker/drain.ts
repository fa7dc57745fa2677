import { answerMsMax, drainOne } from "../control/drain_control.ts";
import { findControls } from "../control/found_controls.ts";
import { defineVerb } from "../command_line/command_line.ts";
import {
  duration,
  formatDuration,
  timerMsMax,
} from "../command_line/duration.ts";
import { ExitCode, UsageError } from "../command_line/exit_codes.ts";
import { switchOption, valueOption } from "../command_line/options.ts";
import { printOut, say } from "../standard_streams/output.ts";
import { escapeControls } from "../records/records.ts";
import { formatTable } from "../standard_streams/table.ts";
import {
  chooseTargets,
  pidText,
  describeControl,
  queueOf,
  targetOptions,
  requireSome,
} from "./control_targets.ts";

/** `drain [NAME…]`: lets workers and daemons finish and leave. */
export const drain = defineVerb({
  operands: ["[name...]"],
  operandShapes: [{ kind: "worker" }],
  options: {
    ...targetOptions,
    timeout: valueOption(
      "--timeout <duration>",
      "how long to wait until they have left",
      duration({ maxMs: timerMsMax }),
      60_000,
      "1m",
    ),
    drainTimeout: valueOption(
      "--drain-timeout <duration>",
      "how long their handlers may go on",
      duration({ maxMs: timerMsMax }),
      undefined,
      "as they were started",
    ),
    noWait: switchOption("--no-wait", "ask, and do not wait until they left"),
  },
  notes: `NAME is a worker's or daemon's name or process number; with -q, the workers of that queue; with --all, everybody.
They take no more messages, and leave once their handlers are done or the drain time is over: as after SIGTERM.
Exit code 0: they have left; 124: not all of them within --timeout; 1: one has refused, or does not answer; 3: there is none; 7: a NAME is
missing, the others have left.`,
  examples: [
    "ringwire-queue-worker drain thumbnails",
    "ringwire-queue-worker drain -q jobs --drain-timeout 10m --timeout 11m",
    "ringwire-queue-worker drain --all && systemctl poweroff",
  ],
  run: async ({ options, operands }) => {
    requireSome(operands, options);
    if (options.all && (operands.length > 0 || options.queue !== undefined))
      throw new UsageError(
        "--all and a NAME or -q are given; allowed is one of them",
      );
    const found = await findControls({
      timeoutMs: answerMsMax,
      path: options.control,
      names: operands,
    });
    const { chosen, missing } = chooseTargets(found, {
      names: operands,
      queue: options.queue,
    });
    const deadline = options.noWait
      ? undefined
      : performance.now() + options.timeout;
    const results = await Promise.all(
      chosen.map((control) =>
        drainOne(control, options.drainTimeout, deadline),
      ),
    );
    for (const { control, outcome, reason } of results) {
      if (outcome === "failed") say(`${describeControl(control)}: ${reason}`);
      if (outcome === "draining" && !options.noWait)
        say(
          `${describeControl(control)} is still there after ${formatDuration(options.timeout)}`,
        );
    }
    await printOut(
      options.output === "json"
        ? `${JSON.stringify(
            results.map(({ control, outcome }) => ({
              name: control.name,
              pid: control.pid,
              queue: queueOf(control) ?? null,
              outcome,
            })),
          )}\n`
        : formatTable(
            ["NAME", "PID", "QUEUE", "OUTCOME"],
            results.map(({ control, outcome }) =>
              [
                control.name,
                pidText(control),
                queueOf(control) ?? "-",
                outcome,
              ].map(escapeControls),
            ),
          ),
    );
    const outcomes = results.map(({ outcome }) => outcome);
    if (outcomes.includes("failed")) return ExitCode.failed;
    if (!options.noWait && outcomes.includes("draining"))
      return ExitCode.timedOut;
    return missing.length > 0 ? ExitCode.someFailed : ExitCode.done;
  },
});
