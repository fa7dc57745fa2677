/** One run of a handler: body in, output kept until it is over, stderr passed on, stopped by TERM and then KILL. */
import { ChildStopper, signalGroup, type StopRules } from "./child_stopper.ts";
import { ChildStreams } from "./child_streams.ts";
import type { HandlerCommand } from "./handler_command.ts";
import type { Launcher } from "./launcher.ts";

/** What is started, and how. */
export interface ChildProgram {
  readonly command: HandlerCommand;
  readonly launcher: Launcher;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** What a run needs. */
export interface ChildRequest extends ChildProgram, StopRules {
  readonly body: Uint8Array;
  /** Told the process id. */
  readonly onStarted?: (pid: number) => void;
}

/** How a run ended. */
export interface ChildResult {
  /** 0 to 255, or null when a signal ended it. */
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly timedOut: boolean;
  /** Whether `terminate` or `kill` ended it. */
  readonly stopped: boolean;
  /** Whether it wrote more than is kept, and was killed for it. */
  readonly overflowed: boolean;
  readonly streams: ChildStreams;
}

/**
 * Starts a child that writes to `streams`.
 *
 * @param stdin bytes, which Bun puts into a file in memory: the child reads exactly them, then the end; or a descriptor
 * @throws what Bun.spawn throws when it cannot be started
 */
export function startChild(
  program: ChildProgram,
  stdin: Uint8Array | number,
  streams: ChildStreams,
): Bun.Subprocess {
  try {
    return Bun.spawn(program.launcher.wrap(program.command), {
      stdin,
      stdout: streams.outputDescriptor,
      stderr: streams.errorDescriptor,
      // A session and so a process group of its own: signals reach all of it, and the terminal's Ctrl-C none of it.
      detached: true,
      env: program.environment,
    });
  } finally {
    streams.started();
  }
}

/** How a child that is over ended: its exit status, or the signal. */
export function endOf(
  child: Bun.Subprocess,
): Pick<ChildResult, "exitCode" | "signal"> {
  return child.signalCode === null
    ? { exitCode: child.exitCode, signal: null }
    : { exitCode: null, signal: String(child.signalCode) };
}

/** Runs a handler to its end. @throws what Bun.spawn throws when it cannot be started */
export async function runChild(request: ChildRequest): Promise<ChildResult> {
  let stop: (() => void) | undefined;
  const streams = new ChildStreams(() => stop?.());
  const child = startChild(request, request.body, streams);
  request.onStarted?.(child.pid);
  stop = () => signalGroup(child.pid, "SIGKILL");
  using stopper = new ChildStopper(child.pid, request);
  await child.exited;
  // Its group may be gone, and the number somebody else's.
  stop = undefined;
  return {
    ...endOf(child),
    timedOut: stopper.timedOut,
    stopped: stopper.stopped,
    overflowed: streams.overflowed,
    streams,
  };
}
