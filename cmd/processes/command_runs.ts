/** Commands of routes: a shell for each message, which dies with this process. */
import { say } from "../standard_streams/output.ts";
import type { CommandRunner } from "../../src/routes/command_runner.ts";
import { runChild } from "./child.ts";
import { shellHandler } from "./handler_command.ts";
import { chooseLauncher } from "./launcher.ts";

/** From TERM to KILL, in milliseconds. */
const killAfterMs = 5000;

/** What commands inherit: nothing about a message that this process may itself have been started for. */
function inherited(
  environment: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries(
    Object.entries(environment).filter(
      ([name]) => !name.startsWith("RINGWIRE_MSG_") && name !== "TRACEPARENT",
    ),
  );
}

/**
 * Makes the means for `exec` routes.
 *
 * @param shimPath the native library, which can start processes that die with this one
 * @param kill aborted: what runs is killed at once
 * @throws {CommandFailure} when no process can be made at all
 */
export async function makeCommandRunner(
  shimPath: string,
  environment: Readonly<Record<string, string | undefined>>,
  kill: AbortSignal,
): Promise<CommandRunner> {
  const launcher = await chooseLauncher(shimPath);
  if (launcher.method === "none")
    say(
      "commands will not die with this server if it is killed: neither the shim nor setpriv can start them",
    );
  const base = inherited(environment);
  return async ({ line, body, variables, timeoutMs, signal }) => {
    const result = await runChild({
      command: shellHandler(line),
      launcher,
      environment: { ...base, ...variables },
      body,
      timeoutMs,
      killAfterMs,
      terminate: [signal],
      isUrgent: () => false,
      kill,
    });
    const { streams } = result;
    try {
      const output = await streams.output();
      return {
        exitCode: result.exitCode,
        signal: result.signal,
        timedOut: result.timedOut,
        overflowed: streams.overflowed,
        output,
      };
    } finally {
      streams.close();
    }
  };
}
