/** ringwire-queue-worker: queues in shared memory, from the shell. */
import { registerEmbeddedLibrary } from "../ffi/library.ts";
import { readArguments } from "./shared/arguments.ts";
import { runExecutable } from "./shared/command_line.ts";
import { flushStderr } from "./shared/error_output.ts";
import { CommandFailure, exitCodeOf } from "./shared/exit_codes.ts";
import { BrokenPipe, say, setSpeaker } from "./shared/output.ts";
import { embeddedShim } from "./queue-worker/embedded_shim.ts";
import { queueWorker } from "./queue-worker/verbs.ts";

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

async function main(): Promise<void> {
  setSpeaker(queueWorker.name);
  registerEmbeddedLibrary("ringwire-shm", embeddedShim());
  let exitCode: number;
  try {
    exitCode = await runExecutable(queueWorker, readArguments());
  } catch (error) {
    explain(error);
    exitCode = exitCodeOf(error);
  }
  await flushStderr(lastWordsMs);
  // Timers and watchers of the queue must not keep a finished program alive.
  process.exit(exitCode);
}

void main();
