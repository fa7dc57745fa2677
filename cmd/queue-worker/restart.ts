import { callControl } from "../control/control_client.ts";
import { findControls } from "../control/found_controls.ts";
import { defineVerb } from "../command_line/command_line.ts";
import { duration, timerMsMax } from "../command_line/duration.ts";
import {
  CommandFailure,
  ExitCode,
  UsageError,
} from "../command_line/exit_codes.ts";
import { valueOption } from "../command_line/options.ts";
import { say } from "../standard_streams/output.ts";
import { answeredError } from "../control/control_answers.ts";
import {
  chooseTargets,
  describeControl,
  targetOptions,
} from "./control_targets.ts";

/** `restart DAEMON WORKER…`: processes of a daemon finish what they have, and are replaced. */
export const restart = defineVerb({
  operands: ["<daemon>", "<worker...>"],
  options: {
    timeout: valueOption(
      "--timeout <duration>",
      "how long to wait for the answer",
      duration({ minMs: 1, maxMs: timerMsMax }),
      30_000,
      "30s",
    ),
    control: targetOptions.control,
  },
  notes: `DAEMON is a daemon's name or process number; WORKER one of its workers, or one process of it, such as thumbnailer-2. What waits to be started
again, or has failed, is started at once. It is not waited for until handlers are done.
Exit code 0: done; 1: refused; 3: there is no such daemon.`,
  examples: [
    "ringwire-queue-worker restart media thumbnailer",
    "ringwire-queue-worker restart media mailer-1 mailer-2",
  ],
  run: async ({ options: { timeout: timeoutMs, control: path }, operands }) => {
    const [daemon = "", ...workers] = operands;
    if (workers.length === 0)
      throw new UsageError(
        "no worker is named; needed is restart DAEMON WORKER…",
      );
    const found = await findControls({ timeoutMs, path });
    const { chosen } = chooseTargets(found, {
      names: [daemon],
      queue: undefined,
    });
    const daemons = chosen.filter(({ answer }) => answer.kind === "daemon");
    if (daemons.length === 0)
      throw new CommandFailure(
        ExitCode.nothingThere,
        `${daemon} is no daemon; workers that nobody keeps running are not started again`,
      );
    let refused = false;
    for (const control of daemons)
      for (const worker of workers) {
        const reply = await callControl(
          control.path,
          "POST",
          "/restart",
          { worker },
          { timeoutMs },
        );
        const error = answeredError(reply);
        if (error === undefined) continue;
        refused = true;
        say(`${describeControl(control)}: ${error}`);
      }
    return refused ? ExitCode.failed : ExitCode.done;
  },
});
