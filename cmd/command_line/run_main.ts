/** What the main module of every executable does. */
import { flushStderr } from "../standard_streams/error_output.ts";
import { BrokenPipe, say, setSpeaker } from "../standard_streams/output.ts";
import { readArguments } from "./arguments.ts";
import { type Executable, runExecutable } from "./command_line.ts";
import { CommandFailure, exitCodeOf } from "./exit_codes.ts";

/** How long a reader of stderr that is slow, or stuck, may keep us. */
const lastWordsMs = 1000;

function explain(error: unknown): void {
  if (error instanceof BrokenPipe) return;
  say(error instanceof Error ? error.message : String(error));
  if (
    !(error instanceof CommandFailure) &&
    process.env.RINGWIRE_DEBUG &&
    error instanceof Error
  )
    say(error.stack ?? "");
}

/** Runs the executable with the arguments of this process, says what went wrong, and ends the process. */
export async function runMain(executable: Executable): Promise<never> {
  setSpeaker(executable.name);
  let exitCode: number;
  try {
    exitCode = await runExecutable(executable, readArguments());
  } catch (error) {
    explain(error);
    exitCode = exitCodeOf(error);
  }
  await flushStderr(lastWordsMs);
  // Timers and watchers must not keep a finished program alive.
  process.exit(exitCode);
}
