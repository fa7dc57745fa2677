/** What the end of a run means for its messages, and for the worker. */
import type { WorkOutcome } from "../../../src/queue/mod.ts";
import { ExitCode } from "../../command_line/exit_codes.ts";
import type { RunResult } from "./run_result.ts";

/** sysexits.h EX_DATAERR, and what qmail means by a permanent failure. */
const hopeless = new Set([65, 100]);
const stopTheWorker = 255;

/** Bytes of a dead letter's note that the queue keeps. */
const noteBytesMax = 4064;
const encoder = new TextEncoder();

/** The reason first, then as much of the end of stderr as fits. */
export function composeNote(reason: string, tail: Uint8Array): Uint8Array {
  const head = encoder.encode(`${reason}\n`);
  const kept = tail.slice(-(noteBytesMax - head.byteLength));
  const note = new Uint8Array(head.byteLength + kept.byteLength);
  note.set(head);
  note.set(kept, head.byteLength);
  return note;
}

/** Why a failed run means that this worker had better not go on, with its exit code; undefined when it may. */
export function reasonToLeave(
  result: RunResult,
): readonly [exitCode: number, reason: string] | undefined {
  switch (result.timedOut ? null : result.exitCode) {
    case stopTheWorker:
      return [ExitCode.failed, "a handler ended with 255: this worker stops"];
    case ExitCode.handlerNotFound:
      return [
        ExitCode.handlerNotFound,
        "a handler ended with 127 (not found): this worker stops",
      ];
    case ExitCode.handlerNotRunnable:
      return [
        ExitCode.handlerNotRunnable,
        "a handler ended with 126 (not executable): this worker stops",
      ];
    default:
      return undefined;
  }
}

/** What becomes of the messages of a failed run. Of several, nobody knows which one is hopeless: each is tried alone. */
export function outcomeOfFailure(
  result: RunResult,
  messages: number,
  tail: Uint8Array,
): WorkOutcome {
  const { exitCode, timedOut, reason = "failed" } = result;
  const bury =
    messages === 1 && !timedOut && exitCode !== null && hopeless.has(exitCode);
  return {
    kind: bury ? "bury" : "retry",
    note: composeNote(reason, tail),
  };
}
