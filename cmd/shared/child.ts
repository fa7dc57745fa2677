/** One run of a handler: body in, output kept until it is over, stderr passed on, stopped by TERM and then KILL. */
import { ChildStreams } from "./child_streams.ts";
import type { HandlerCommand } from "./handler_command.ts";
import type { Launcher } from "./launcher.ts";

/** What a run needs. */
export interface ChildRequest {
  readonly command: HandlerCommand;
  readonly launcher: Launcher;
  readonly body: Uint8Array;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Milliseconds until TERM. @default no limit */
  readonly timeoutMs: number | undefined;
  /** Milliseconds from TERM to KILL. */
  readonly killAfterMs: number;
  /** Aborting sends TERM to the process group, and KILL later. */
  readonly terminate: AbortSignal;
  /** Aborting sends KILL at once. */
  readonly kill: AbortSignal;
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

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // The group is gone.
  }
}

/** Sends TERM and, unless it is over by then, KILL. */
class Stopper implements Disposable {
  readonly #pid: number;
  readonly #request: ChildRequest;
  readonly #timer: Timer | undefined;
  #killTimer: Timer | undefined;
  timedOut = false;
  stopped = false;

  constructor(pid: number, request: ChildRequest) {
    this.#pid = pid;
    this.#request = request;
    const { timeoutMs, terminate, kill } = request;
    if (timeoutMs !== undefined) {
      this.#timer = setTimeout(() => {
        this.timedOut = true;
        this.#term();
      }, timeoutMs);
    }
    terminate.addEventListener("abort", this.#onTerminate);
    kill.addEventListener("abort", this.#onKill);
    if (terminate.aborted) this.#onTerminate();
    if (kill.aborted) this.#onKill();
  }

  readonly #onTerminate = (): void => {
    this.stopped = true;
    this.#term();
  };

  readonly #onKill = (): void => {
    this.stopped = true;
    signalGroup(this.#pid, "SIGKILL");
  };

  #term(): void {
    signalGroup(this.#pid, "SIGTERM");
    this.#killTimer ??= setTimeout(
      () => signalGroup(this.#pid, "SIGKILL"),
      this.#request.killAfterMs,
    );
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#killTimer);
    this.#request.terminate.removeEventListener("abort", this.#onTerminate);
    this.#request.kill.removeEventListener("abort", this.#onKill);
    // Whoever of the group ignored the end of its leader must not work beside the next attempt.
    if (this.timedOut || this.stopped) signalGroup(this.#pid, "SIGKILL");
  }
}

function start(request: ChildRequest, streams: ChildStreams): Bun.Subprocess {
  try {
    return Bun.spawn(request.launcher.wrap(request.command), {
      // Bun puts these bytes into a file in memory: the handler reads exactly them, then the end.
      stdin: request.body,
      stdout: streams.outputDescriptor,
      stderr: streams.errorDescriptor,
      // A session and so a process group of its own: signals reach all of it, and the terminal's Ctrl-C none of it.
      detached: true,
      env: request.environment,
    });
  } finally {
    streams.started();
  }
}

/** Runs a handler to its end. @throws what Bun.spawn throws when it cannot be started */
export async function runChild(request: ChildRequest): Promise<ChildResult> {
  let stop: (() => void) | undefined;
  const streams = new ChildStreams(() => stop?.());
  const child = start(request, streams);
  stop = () => signalGroup(child.pid, "SIGKILL");
  using stopper = new Stopper(child.pid, request);
  await child.exited;
  // Its group may be gone, and the number somebody else's.
  stop = undefined;
  return {
    exitCode: child.signalCode === null ? child.exitCode : null,
    signal: child.signalCode === null ? null : String(child.signalCode),
    timedOut: stopper.timedOut,
    stopped: stopper.stopped,
    overflowed: streams.overflowed,
    streams,
  };
}
