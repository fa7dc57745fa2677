/** How a process of a worker ended, in words, and whether starting it again soon can help. */
import { ExitCode } from "../../command_line/exit_codes.ts";

/** The end of one run, or why there was none. */
export interface ChildEnd {
  /** Null when a signal ended it, or it could not be started. */
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** Why it could not be started. */
  readonly startFailure: string | null;
  /** Whether somebody has to put something right before it can run. */
  readonly fault: boolean;
  /** Milliseconds that it lived. */
  readonly livedMs: number;
  /** Wall clock. */
  readonly endedMs: number;
}

const meanings: Readonly<Record<number, string>> = {
  [ExitCode.usage]: "its options are refused",
  [ExitCode.nothingThere]: "there is no such queue",
  [ExitCode.notAllowed]: "not allowed",
  [ExitCode.protocol]: "the queue is damaged or of another version",
  [ExitCode.noSpace]: "no space in shared memory or on the disk",
  [ExitCode.deadLettered]: "some messages became dead letters",
  [ExitCode.handlerNotRunnable]: "the command is not executable",
  [ExitCode.handlerNotFound]: "the command was not found",
  [ExitCode.brokenPipe]: "the reader of its stdout is gone",
};

/** `exit status 127, the command was not found`, `killed by SIGKILL`, `not started: …` */
export function describeEnd({
  exitCode,
  signal,
  startFailure,
}: ChildEnd): string {
  if (startFailure !== null) return `not started: ${startFailure}`;
  if (exitCode === null) return `killed by ${signal}`;
  const meaning = meanings[exitCode];
  return `exit status ${exitCode}${meaning === undefined ? "" : `, ${meaning}`}`;
}

const faults: readonly (number | null)[] = [
  ExitCode.usage,
  ExitCode.handlerNotRunnable,
  ExitCode.handlerNotFound,
];
/** Failures to start a process that pass by themselves. */
const passing: readonly unknown[] = [
  "EAGAIN",
  "EMFILE",
  "ENFILE",
  "ENOMEM",
  "ENOSPC",
  "EDQUOT",
  "PIPE",
];

/** The end of a process that ran. */
export function endOf(
  exitCode: number | null,
  signal: string | null,
  livedMs: number,
): ChildEnd {
  return {
    exitCode: signal === null ? exitCode : null,
    signal,
    startFailure: null,
    fault: signal === null && faults.includes(exitCode),
    livedMs,
    endedMs: Date.now(),
  };
}

/** The end of a process that never began. */
export function notStarted(error: unknown): ChildEnd {
  const code =
    error instanceof Error && "code" in error ? error.code : undefined;
  return {
    exitCode: null,
    signal: null,
    startFailure: error instanceof Error ? error.message : String(error),
    fault: !passing.includes(code),
    livedMs: 0,
    endedMs: Date.now(),
  };
}

/** Whether the process was cut short: its handlers did not get to their end. */
export function isCutShort({ exitCode, signal }: ChildEnd): boolean {
  if (exitCode !== null)
    return (
      exitCode === ExitCode.terminated || exitCode === ExitCode.interrupted
    );
  // Before it heeds signals it has taken nothing either.
  return signal !== null && signal !== "SIGTERM";
}
