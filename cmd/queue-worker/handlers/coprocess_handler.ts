/** `--coproc`: as many kept processes as there are handlers at a time. */
import type { ChildProgram } from "../../processes/child.ts";
import type { StopRules } from "../../processes/child_stopper.ts";
import type { Framing } from "../../records/framing.ts";
import { onceAborted } from "../../processes/lifecycle.ts";
import { say } from "../../standard_streams/output.ts";
import { Coprocess } from "./coprocess.ts";
import type { RunLimits } from "./one_shot.ts";
import {
  type Handler,
  isTakenAway,
  type RunRequest,
  type RunResult,
} from "./run_result.ts";
import type { Shutdown } from "./shutdown.ts";

/** Pause before another start, after processes that never answered anything: doubles from the first to the last. */
const pauseMs = { first: 100, last: 5000 };

/** Keeps processes, and starts one when all that there are have something to do. */
export class CoprocessHandler implements Handler {
  readonly #program: ChildProgram;
  readonly #framing: Framing;
  readonly #limits: RunLimits;
  readonly #shutdown: Shutdown;
  #idle: Coprocess[] = [];
  /** Processes in a row that ended without a single answer. */
  #failures = 0;

  constructor(
    program: ChildProgram,
    framing: Framing,
    limits: RunLimits,
    shutdown: Shutdown,
  ) {
    this.#program = program;
    this.#framing = framing;
    this.#limits = limits;
    this.#shutdown = shutdown;
  }

  async run({ bytes, lost, onStarted }: RunRequest): Promise<RunResult> {
    const coprocess = await this.#take();
    onStarted(coprocess.pid);
    const { timeoutMs, killAfterMs } = this.#limits;
    const result = await coprocess.exchange(bytes, {
      timeoutMs,
      killAfterMs,
      terminate: [this.#shutdown.terminating, ...lost],
      isUrgent: isTakenAway,
      kill: this.#shutdown.killing,
    });
    if (coprocess.answered > 0) this.#failures = 0;
    else if (!result.stopped) this.#failures++;
    if (coprocess.usable) this.#idle.push(coprocess);
    else if (result.succeeded) void coprocess.close(this.#closing);
    return result;
  }

  async close(): Promise<void> {
    const idle = this.#idle.splice(0);
    await Promise.all(idle.map((coprocess) => coprocess.close(this.#closing)));
  }

  /** TERM for one that does not leave by itself in time, and KILL after as much again. */
  get #closing(): StopRules {
    const { killAfterMs } = this.#limits;
    return {
      timeoutMs: killAfterMs,
      killAfterMs,
      terminate: [this.#shutdown.terminating],
      isUrgent: isTakenAway,
      kill: this.#shutdown.killing,
    };
  }

  async #take(): Promise<Coprocess> {
    for (;;) {
      const coprocess = this.#idle.pop();
      if (coprocess === undefined) break;
      if (coprocess.usable) return coprocess;
      // It ended by itself, between two messages, which is its right.
      await coprocess.close(this.#closing);
    }
    await this.#pause();
    return new Coprocess(this.#program, this.#framing);
  }

  async #pause(): Promise<void> {
    if (this.#failures === 0) return;
    const ms = Math.min(
      pauseMs.last,
      pauseMs.first * 2 ** Math.min(this.#failures - 1, 10),
    );
    if (ms >= 1000)
      say(
        `${this.#failures} coprocesses in a row ended without an answer: the next one is started in ${ms} ms`,
      );
    const { promise, resolve } = Promise.withResolvers<void>();
    const goOn = (): void => resolve();
    const timer = setTimeout(goOn, ms);
    onceAborted(this.#shutdown.leaving, goOn);
    await promise;
    clearTimeout(timer);
    this.#shutdown.leaving.removeEventListener("abort", goOn);
  }
}
