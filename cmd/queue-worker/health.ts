import { z } from "zod";
import { callControl } from "../control/control_client.ts";
import { findControls, type FoundControl } from "../control/found_controls.ts";
import { defineVerb } from "../command_line/command_line.ts";
import { duration, timerMsMax } from "../command_line/duration.ts";
import { ExitCode } from "../command_line/exit_codes.ts";
import { valueOption } from "../command_line/options.ts";
import { printOut } from "../standard_streams/output.ts";
import { escapeControls } from "../records/records.ts";
import { formatTable } from "../standard_streams/table.ts";
import {
  chooseTargets,
  pidText,
  queueOf,
  targetOptions,
} from "./control_targets.ts";

const healthAnswer = z.object({
  healthy: z.boolean(),
  reasons: z.array(z.string()),
});

type HealthAnswer = z.output<typeof healthAnswer>;

async function askHealth(
  control: FoundControl,
  timeoutMs: number,
): Promise<HealthAnswer> {
  if (control.answer.kind === "none")
    return { healthy: false, reasons: [control.answer.reason] };
  try {
    const { body } = await callControl(
      control.path,
      "GET",
      "/health",
      undefined,
      { timeoutMs },
    );
    const answer = healthAnswer.safeParse(body);
    if (answer.success) return answer.data;
    return {
      healthy: false,
      reasons: ["answers /health with nothing that is understood here"],
    };
  } catch (error) {
    // Also when it has left since: whoever asks wants it there.
    const reason = error instanceof Error ? error.message : String(error);
    return { healthy: false, reasons: [reason] };
  }
}

const { all: _, ...options } = targetOptions;

/** `health [NAME…]`: whether workers and daemons do what they are there for. */
export const health = defineVerb({
  operands: ["[name...]"],
  operandShapes: [{ kind: "worker" }],
  options: {
    ...options,
    timeout: valueOption(
      "--timeout <duration>",
      "who has not answered by then is not healthy",
      duration({ minMs: 1, maxMs: timerMsMax }),
      5000,
      "5s",
    ),
  },
  notes: `NAME is a worker's or daemon's name or process number; without one, all of this user's are asked.
Exit code 0: all are healthy; 1: one is not; 3: there is none, or none of that name.`,
  examples: [
    "ringwire-queue-worker health",
    "ringwire-queue-worker health thumbnails || systemctl restart thumbnails",
    "ringwire-queue-worker health -o json | jq -r '.[] | select(.healthy | not).name'",
  ],
  run: async ({ options: given, operands }) => {
    const { timeout: timeoutMs } = given;
    const found = await findControls({
      timeoutMs,
      path: given.control,
      names: operands,
    });
    const { chosen, missing } = chooseTargets(found, {
      names: operands,
      queue: given.queue,
    });
    const entries = await Promise.all(
      chosen.map(async (control) => ({
        control,
        ...(await askHealth(control, timeoutMs)),
      })),
    );
    await printOut(
      given.output === "json"
        ? `${JSON.stringify(
            entries.map(({ control, healthy, reasons }) => ({
              name: control.name,
              pid: control.pid,
              kind: control.answer.kind === "none" ? null : control.answer.kind,
              queue: queueOf(control) ?? null,
              healthy,
              reasons,
            })),
          )}\n`
        : formatTable(
            ["NAME", "PID", "QUEUE", "HEALTH"],
            entries.map(({ control, healthy, reasons }) =>
              [
                control.name,
                pidText(control),
                queueOf(control) ?? "-",
                healthy ? "healthy" : reasons.join("; ") || "not healthy",
              ].map(escapeControls),
            ),
          ),
    );
    if (missing.length > 0) return ExitCode.nothingThere;
    return entries.every(({ healthy }) => healthy)
      ? ExitCode.done
      : ExitCode.failed;
  },
});
