/** A process for each run. */
import {
  type ChildProgram,
  type ChildResult,
  runChild,
} from "../../processes/child.ts";
import { outputBytesMax } from "../../processes/child_streams.ts";
import { formatDuration } from "../../command_line/duration.ts";
import {
  type Handler,
  isTakenAway,
  RunFailed,
  type RunRequest,
  type RunResult,
} from "./run_result.ts";
import type { Shutdown } from "./shutdown.ts";

/** Bounds of each run. */
export interface RunLimits {
  /** Milliseconds until TERM; undefined: no limit. */
  readonly timeoutMs: number | undefined;
  /** Milliseconds from TERM to KILL. */
  readonly killAfterMs: number;
}

const overflowReason = `killed: it wrote more than ${outputBytesMax} bytes to stdout`;

function reasonOf(
  result: ChildResult,
  timeoutMs: number | undefined,
): string | undefined {
  if (result.overflowed) return overflowReason;
  if (result.timedOut)
    return `timed out after ${formatDuration(timeoutMs ?? 0)}`;
  if (result.exitCode === 0) return undefined;
  return result.signal === null
    ? `exit status ${result.exitCode}`
    : `killed by ${result.signal}`;
}

/** Starts the command anew for each run. */
export class OneShotHandler implements Handler {
  readonly #program: Omit<ChildProgram, "environment">;
  readonly #limits: RunLimits;
  readonly #shutdown: Shutdown;

  constructor(
    program: Omit<ChildProgram, "environment">,
    limits: RunLimits,
    shutdown: Shutdown,
  ) {
    this.#program = program;
    this.#limits = limits;
    this.#shutdown = shutdown;
  }

  async run(request: RunRequest): Promise<RunResult> {
    const { timeoutMs, killAfterMs } = this.#limits;
    const result = await runChild({
      ...this.#program,
      body: request.bytes,
      environment: request.environment ?? {},
      timeoutMs,
      killAfterMs,
      terminate: [this.#shutdown.terminating, ...request.lost],
      isUrgent: isTakenAway,
      kill: this.#shutdown.killing,
      onStarted: request.onStarted,
    });
    const reason = reasonOf(result, timeoutMs);
    const { streams } = result;
    return {
      exitCode: result.exitCode,
      signal: result.signal,
      timedOut: result.timedOut,
      stopped: result.stopped,
      succeeded: reason === undefined,
      reason,
      output: async () => {
        const output = await streams.output();
        // The end of it came after the handler's.
        if (streams.overflowed) throw new RunFailed(overflowReason);
        return output;
      },
      errorTail: () => streams.errorTail(),
      release: () => streams.close(),
    };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
