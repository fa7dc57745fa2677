import { callControl } from "../control/control_client.ts";
import { answeredError } from "../control/control_answers.ts";
import { defineVerb } from "../command_line/command_line.ts";
import { CommandFailure, ExitCode } from "../command_line/exit_codes.ts";
import { valueOption } from "../command_line/options.ts";
import { nonEmpty } from "../command_line/scalars.ts";
import { Refused } from "../command_line/refused.ts";
import { printOut, say } from "../standard_streams/output.ts";
import {
  describeServer,
  findServers,
  serverTargetOptions,
} from "./server_targets.ts";

const answerMsMax = 5000;
/** What fits into a close frame of WebSocket. */
const reasonBytesMax = 123;

function reasonText(text: string): string {
  if (Buffer.byteLength(nonEmpty(text)) > reasonBytesMax)
    throw new Refused(text, `1 to ${reasonBytesMax} bytes of UTF-8`);
  return text;
}

/** `kick ID`: ends a session. */
export const kick = defineVerb({
  operands: ["<id>"],
  options: {
    ...serverTargetOptions,
    reason: valueOption(
      "--reason <text>",
      "told to the client",
      reasonText,
      undefined,
      "ended by an operator",
    ),
  },
  notes: `ID is a session's, as conns shows it; the client is told not to come back (4008). Exit code 0: it is ended; 1: a server does not answer; 3: no such session.`,
  examples: [
    "ringwire-server kick 5f6c1b1e-9c1e-4a39-8a37-6a1a0a4f1c55 --reason 'too many requests'",
  ],
  run: async ({ options: given, operands: [session = ""] }) => {
    const { chosen } = await findServers([], given.control, answerMsMax);
    let silent = false;
    for (const server of chosen) {
      try {
        const reply = await callControl(
          server.path,
          "POST",
          "/kick",
          { session, reason: given.reason },
          { timeoutMs: answerMsMax },
        );
        if (answeredError(reply) !== undefined) continue;
        await printOut(
          given.output === "json"
            ? `${JSON.stringify({ server: server.name, pid: server.pid, session })}\n`
            : `${session}\n`,
        );
        return ExitCode.done;
      } catch (error) {
        silent = true;
        say(
          `${describeServer(server)}: ${error instanceof Error ? error.message : String(error)}`,
        );
      }
    }
    throw new CommandFailure(
      silent ? ExitCode.failed : ExitCode.nothingThere,
      `no server has a session ${JSON.stringify(session)}`,
    );
  },
});
