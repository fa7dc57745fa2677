import { z } from "zod";
import { callControl } from "../control/control_client.ts";
import { defineVerb } from "../command_line/command_line.ts";
import { duration, timerMsMax } from "../command_line/duration.ts";
import { ExitCode } from "../command_line/exit_codes.ts";
import { switchOption, valueOption } from "../command_line/options.ts";
import { escapeControls } from "../records/records.ts";
import { printOut } from "../standard_streams/output.ts";
import { formatTable } from "../standard_streams/table.ts";
import {
  findServers,
  type FoundServer,
  pidText,
  serverTargetOptions,
} from "./server_targets.ts";

const healthAnswer = z.object({
  healthy: z.boolean(),
  ready: z.boolean(),
  reasons: z.array(z.string()),
});

type HealthAnswer = z.output<typeof healthAnswer>;

function unwell(reason: string): HealthAnswer {
  return { healthy: false, ready: false, reasons: [reason] };
}

async function askHealth(
  server: FoundServer,
  timeoutMs: number,
): Promise<HealthAnswer> {
  if (server.answer.kind === "none") return unwell(server.answer.reason);
  try {
    const { body } = await callControl(
      server.path,
      "GET",
      "/health",
      undefined,
      { timeoutMs },
    );
    const answer = healthAnswer.safeParse(body);
    return answer.success
      ? answer.data
      : unwell("answers /health with nothing that is understood here");
  } catch (error) {
    return unwell(error instanceof Error ? error.message : String(error));
  }
}

/** `health [NAME…]`: whether servers answer, and with --ready whether they let anybody in. */
export const health = defineVerb({
  operands: ["[name...]"],
  operandShapes: [{ kind: "server" }],
  options: {
    ...serverTargetOptions,
    ready: switchOption(
      "--ready",
      "it must also let clients in: not while it drains",
    ),
    timeout: valueOption(
      "--timeout <duration>",
      "who has not answered by then is not healthy",
      duration({ minMs: 1, maxMs: timerMsMax }),
      5000,
      "5s",
    ),
  },
  notes: `NAME is a server's name or process number; without one, all of this user's are asked.
Exit code 0: all are healthy (and ready); 1: one is not; 3: there is none, or none of that name.`,
  examples: [
    "ringwire-server health --ready",
    "ringwire-server health -o json | jq -r '.[] | select(.ready | not).name'",
  ],
  run: async ({ options: given, operands }) => {
    const { chosen, missing } = await findServers(
      operands,
      given.control,
      given.timeout,
    );
    const entries = await Promise.all(
      chosen.map(async (server) => ({
        server,
        ...(await askHealth(server, given.timeout)),
      })),
    );
    await printOut(
      given.output === "json"
        ? `${JSON.stringify(
            entries.map(({ server, healthy, ready, reasons }) => ({
              name: server.name,
              pid: server.pid,
              healthy,
              ready,
              reasons,
            })),
          )}\n`
        : formatTable(
            ["NAME", "PID", "HEALTH"],
            entries.map(({ server, healthy, ready, reasons }) =>
              [
                server.name,
                pidText(server),
                healthy && ready
                  ? "healthy, ready"
                  : reasons.join("; ") || "not healthy",
              ].map(escapeControls),
            ),
          ),
    );
    if (missing.length > 0) return ExitCode.nothingThere;
    return entries.every(
      ({ healthy, ready }) => healthy && (ready || !given.ready),
    )
      ? ExitCode.done
      : ExitCode.failed;
  },
});
