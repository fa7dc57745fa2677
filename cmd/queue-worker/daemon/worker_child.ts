/** One run of a worker's process: started so that it dies with us, asked to leave, and made to leave. */
import { statSync } from "node:fs";
import type { Launcher } from "../../processes/launcher.ts";
import { formatDuration } from "../../command_line/duration.ts";
import { say } from "../../standard_streams/output.ts";
import { type ChildEnd, endOf } from "./child_end.ts";
import { drainThroughControl } from "./drain_child.ts";
import type { ProcessPlan } from "./process_plan.ts";
import { openOutput, type WorkerOutput } from "./worker_output.ts";

/** How a process is started. */
export interface ChildInit {
  readonly launcher: Launcher;
  /** This executable, with its script when run from the sources. */
  readonly executable: readonly [path: string, ...words: string[]];
  /** Called when nothing can be written to our stdout any more. */
  readonly onStdoutBroken: (error: unknown) => void;
}

/** What leaving may take after handlers are over: writing what they said, giving messages back. On a busy machine that is long. */
const leaveMsMax = 5000;

/** A started process. */
export class WorkerChild {
  readonly plan: ProcessPlan;
  readonly pid: number;
  /** Wall clock. */
  readonly startedMs: number = Date.now();
  readonly ended: Promise<ChildEnd>;
  readonly #startedAt = performance.now();
  readonly #child: Bun.Subprocess;
  #deadline: Timer | undefined;
  /** Signals that ask it to stop, sent so far. */
  #asked = 0;
  #takesNoMore = false;
  /** Whether we had to kill it. */
  killed = false;

  /** @throws when its files cannot be opened, or it cannot be started */
  constructor(plan: ProcessPlan, init: ChildInit) {
    this.plan = plan;
    const outputs: WorkerOutput[] = [];
    // The runtime would say that the program is not there.
    if (
      statSync(plan.directory, { throwIfNoEntry: false })?.isDirectory() !==
      true
    )
      throw new Error(`${plan.directory} is no directory`);
    try {
      const stdout = openOutput(plan.stdout, "stdout", init.onStdoutBroken);
      outputs.push(stdout);
      const stderr = openOutput(plan.stderr, "stderr", init.onStdoutBroken);
      outputs.push(stderr);
      const [path, ...words] = init.executable;
      this.#child = Bun.spawn(
        init.launcher.wrap({ path, argv: [path, ...words, ...plan.words] }),
        {
          cwd: plan.directory,
          env: plan.environment,
          stdin: "ignore",
          stdout: stdout.target,
          stderr: stderr.target,
          // The terminal's Ctrl-C is for the daemon, which then asks in its own way.
          detached: true,
        },
      );
    } finally {
      for (const output of outputs) output.started();
    }
    this.pid = this.#child.pid;
    this.ended = this.#follow();
  }

  /** Whether it was asked to leave. */
  get leaving(): boolean {
    return this.#asked > 0 || this.#takesNoMore;
  }

  /**
   * Asks it to take no more, to give its handlers their time, and to leave; KILL when it has not left long after that.
   *
   * @param timeoutMs the handlers' time @default as configured
   */
  drain(timeoutMs?: number): void {
    if (this.#asked > 0) return;
    this.#asked = 1;
    const { name, drainTimeoutMs, killAfterMs } = this.plan;
    const differs = timeoutMs !== undefined && timeoutMs !== drainTimeoutMs;
    if (differs)
      void drainThroughControl(name, this.pid, timeoutMs, () =>
        this.#send("SIGTERM"),
      );
    else this.#send("SIGTERM");
    this.#killIn((timeoutMs ?? drainTimeoutMs) + killAfterMs + leaveMsMax);
  }

  /** Has it stop its handlers and leave, giving its messages back uncounted. */
  hurry(): void {
    if (this.#asked === 0) this.#send("SIGTERM");
    // Another signal than the first: two of the same kind may be taken for one.
    if (this.#asked < 2) this.#send("SIGINT");
    this.#asked = 2;
    this.#killIn(leaveMsMax);
  }

  /** Asks it to take no more, with all the time that it needs for the rest. */
  stopFetching(): void {
    this.#takesNoMore = true;
    this.#send("SIGUSR1");
  }

  #send(signal: NodeJS.Signals): void {
    // The number stays ours until the process is reaped, and then nothing is sent any more.
    this.#child.kill(signal);
  }

  #killIn(ms: number): void {
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => {
      this.killed = true;
      say(
        `${this.plan.name} (pid ${this.pid}): still there after ${formatDuration(Math.round(ms))}: killed`,
      );
      this.#send("SIGKILL");
    }, ms);
  }

  async #follow(): Promise<ChildEnd> {
    await this.#child.exited;
    clearTimeout(this.#deadline);
    const { signalCode, exitCode } = this.#child;
    const signal = signalCode === null ? null : String(signalCode);
    return endOf(exitCode, signal, performance.now() - this.#startedAt);
  }
}
