import { defineVerb } from "../command_line/command_line.ts";
import {
  duration,
  formatDuration,
  timerMsMax,
} from "../command_line/duration.ts";
import { ExitCode, UsageError } from "../command_line/exit_codes.ts";
import { switchOption, valueOption } from "../command_line/options.ts";
import { answerMsMax, drainOne } from "../control/drain_control.ts";
import { escapeControls } from "../records/records.ts";
import { printOut, say } from "../standard_streams/output.ts";
import { formatTable } from "../standard_streams/table.ts";
import {
  describeServer,
  findServers,
  pidText,
  serverTargetOptions,
} from "./server_targets.ts";

/** `drain [NAME…]`: lets servers finish what they accepted, and end. */
export const drain = defineVerb({
  operands: ["[name...]"],
  operandShapes: [{ kind: "server" }],
  options: {
    ...serverTargetOptions,
    all: switchOption("--all", "all of this user's"),
    timeout: valueOption(
      "--timeout <duration>",
      "how long to wait until they have left",
      duration({ maxMs: timerMsMax }),
      60_000,
      "1m",
    ),
    drainTimeout: valueOption(
      "--drain-timeout <duration>",
      "how long what was accepted may take",
      duration({ maxMs: timerMsMax }),
      undefined,
      "as they were started",
    ),
    noWait: switchOption("--no-wait", "ask, and do not wait until they left"),
  },
  notes: `NAME is a server's name or process number. Nobody is let in any more, clients are told goodbye, what was accepted is answered: as after SIGTERM.
Exit code 0: they have left; 124: not all of them within --timeout; 1: one does not answer; 3: there is none; 7: a NAME is missing, the others have left.`,
  examples: [
    "ringwire-server drain edge --drain-timeout 2m --timeout 3m",
    "ringwire-server drain --all",
  ],
  run: async ({ options, operands }) => {
    if (operands.length === 0 && options.control === undefined && !options.all)
      throw new UsageError(
        "nobody is named; needed is a NAME, --control PATH or --all",
      );
    if (options.all && operands.length > 0)
      throw new UsageError(
        "--all and a NAME are given; allowed is one of them",
      );
    const { chosen, missing } = await findServers(
      operands,
      options.control,
      answerMsMax,
    );
    const deadline = options.noWait
      ? undefined
      : performance.now() + options.timeout;
    const results = await Promise.all(
      chosen.map((server) => drainOne(server, options.drainTimeout, deadline)),
    );
    for (const { control, outcome, reason } of results) {
      if (outcome === "failed") say(`${describeServer(control)}: ${reason}`);
      if (outcome === "draining" && !options.noWait)
        say(
          `${describeServer(control)} is still there after ${formatDuration(options.timeout)}`,
        );
    }
    await printOut(
      options.output === "json"
        ? `${JSON.stringify(
            results.map(({ control: { name, pid }, outcome }) => ({
              name,
              pid,
              outcome,
            })),
          )}\n`
        : formatTable(
            ["NAME", "PID", "OUTCOME"],
            results.map(({ control, outcome }) =>
              [control.name, pidText(control), outcome].map(escapeControls),
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
