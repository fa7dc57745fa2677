import { callControl } from "../control/control_client.ts";
import { findControls } from "../control/found_controls.ts";
import { defineVerb } from "../command_line/command_line.ts";
import { duration, timerMsMax } from "../command_line/duration.ts";
import { CommandFailure, ExitCode } from "../command_line/exit_codes.ts";
import { valueOption } from "../command_line/options.ts";
import { printOut, say } from "../standard_streams/output.ts";
import { escapeControls } from "../records/records.ts";
import { formatTable } from "../standard_streams/table.ts";
import { answeredError } from "../control/control_answers.ts";
import {
  chooseTargets,
  pidText,
  describeControl,
  targetOptions,
  requireSome,
} from "./control_targets.ts";

const { queue: _, ...options } = targetOptions;

/** `reload NAME…`: daemons read their configuration again. */
export const reload = defineVerb({
  operands: ["[name...]"],
  operandShapes: [{ kind: "worker" }],
  options: {
    ...options,
    timeout: valueOption(
      "--timeout <duration>",
      "how long to wait for the answer",
      duration({ minMs: 1, maxMs: timerMsMax }),
      30_000,
      "30s",
    ),
  },
  notes: `NAME is a daemon's name or process number. A configuration that is wrong changes nothing, and is an error.
Exit code 0: done; 1: one has refused; 3: there is no such daemon.`,
  examples: [
    "ringwire-queue-worker reload media",
    "ringwire-queue-worker reload --all",
  ],
  run: async ({ options: given, operands }) => {
    requireSome(operands, given);
    const { timeout: timeoutMs } = given;
    const found = await findControls({
      timeoutMs,
      path: given.control,
      names: operands,
    });
    const { chosen, missing } = chooseTargets(found, {
      names: operands,
      queue: undefined,
    });
    const daemons = chosen.filter(({ answer }) => answer.kind !== "work");
    if (daemons.length === 0)
      throw new CommandFailure(
        ExitCode.nothingThere,
        "there is no such daemon; workers have nothing to reload",
      );
    const results = await Promise.all(
      daemons.map(async (control) => {
        const reply = await callControl(
          control.path,
          "POST",
          "/reload",
          undefined,
          { timeoutMs },
        );
        return { control, answer: reply.body, error: answeredError(reply) };
      }),
    );
    for (const { control, error } of results)
      if (error !== undefined) say(`${describeControl(control)}: ${error}`);
    await printOut(
      given.output === "json"
        ? `${JSON.stringify(
            results.map(({ control, answer, error }) => ({
              name: control.name,
              pid: control.pid,
              reloaded: error === undefined,
              answer,
            })),
          )}\n`
        : formatTable(
            ["NAME", "PID", "OUTCOME"],
            results.map(({ control, error }) => [
              escapeControls(control.name),
              pidText(control),
              error === undefined ? "reloaded" : "refused",
            ]),
          ),
    );
    if (results.some(({ error }) => error !== undefined))
      return ExitCode.failed;
    return missing.length > 0 ? ExitCode.someFailed : ExitCode.done;
  },
});
