/** The `work` contract: messages in, a run of the handler, its output passed on, and what that means for the messages. */
import type { Job, WorkOutcome } from "../../../src/queue/mod.ts";
import { ExitCode, exitCodeOf } from "../../command_line/exit_codes.ts";
import { BrokenPipe } from "../../standard_streams/output.ts";
import { type Destination, OutputRefused } from "./destination.ts";
import type { Halt } from "./halt.ts";
import {
  batchEnvironment,
  encodeInput,
  type Environment,
  type InputContext,
  type InputStyle,
  messageEnvironment,
  NotFramable,
} from "./handler_input.ts";
import type { JobLog } from "./job_log.ts";
import { type Handler, RunFailed, type RunResult } from "./run_result.ts";
import { RunningHandlers } from "./running_handlers.ts";
import type { Shutdown } from "./shutdown.ts";
import { composeNote, outcomeOfFailure, reasonToLeave } from "./verdict.ts";

/** What the runs have in common. */
export interface HandlerRunsInit {
  readonly handler: Handler;
  readonly destination: Destination;
  readonly shutdown: Shutdown;
  readonly context: InputContext;
  readonly style: InputStyle;
  /** What a new process is told in its environment: about its only message, or about all of them. */
  readonly variables: "of each" | "of all" | "none";
  readonly jobLog: JobLog | undefined;
  readonly halt: Halt | undefined;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Runs handlers and says what came of their messages. */
export class HandlerRuns {
  readonly #init: HandlerRunsInit;
  /** What runs now. */
  readonly running: RunningHandlers = new RunningHandlers();

  constructor(init: HandlerRunsInit) {
    this.#init = init;
  }

  /** One run about all of `jobs`. */
  async handle(jobs: readonly Job[]): Promise<WorkOutcome> {
    let environment: Environment | undefined;
    let bytes: Uint8Array;
    const { style } = this.#init;
    try {
      // Whoever asks for them later would not know what to do about those that cannot be read.
      for (const job of jobs) void job.headers;
      environment = this.#environmentOf(jobs);
      bytes = encodeInput(jobs, style);
    } catch (error) {
      // What cannot be read or framed will not be better next time; of several, only one is to blame.
      const kind = jobs.length > 1 ? "retry" : "bury";
      const cause =
        error instanceof NotFramable
          ? "it cannot be given to the handler: "
          : "";
      return { kind, note: `${cause}${messageOf(error)}` };
    }
    const entry = this.running.begin(jobs);
    try {
      return await this.#run(jobs, bytes, environment, entry.started);
    } finally {
      entry.ended();
    }
  }

  /** Undefined for a process that is there already. */
  #environmentOf(jobs: readonly Job[]): Environment | undefined {
    const { context, variables } = this.#init;
    const [job] = jobs;
    if (variables === "none" || job === undefined) return undefined;
    return variables === "of all"
      ? batchEnvironment(jobs, context)
      : messageEnvironment(job, context);
  }

  /** No process could be made, or the output cannot be passed on: neither is the message's fault. */
  async #run(
    jobs: readonly Job[],
    bytes: Uint8Array,
    environment: Environment | undefined,
    onStarted: (pid: number) => void,
  ): Promise<WorkOutcome> {
    const { handler, shutdown } = this.#init;
    const startedMs = Date.now();
    const startedAt = performance.now();
    let result: RunResult;
    try {
      const lost = jobs.map((job) => job.signal);
      result = await handler.run({ bytes, environment, lost, onStarted });
    } catch (error) {
      shutdown.leave(
        ExitCode.handlerNotRunnable,
        `the handler cannot be started: ${messageOf(error)}`,
      );
      return { kind: "release" };
    }
    const runtimeMs = performance.now() - startedAt;
    try {
      const output = result.succeeded
        ? await this.#outputOf(result)
        : undefined;
      const run = { startedMs, runtimeMs, sentBytes: bytes.byteLength };
      this.#report(result, run, output, jobs);
      return output === undefined
        ? await this.#judgeFailure(result, jobs)
        : output instanceof RunFailed
          ? {
              kind: "retry",
              note: composeNote(output.message, await result.errorTail()),
            }
          : await this.#passOn(output, jobs);
    } catch (error) {
      if (error instanceof BrokenPipe) shutdown.leave(ExitCode.brokenPipe);
      else
        shutdown.leave(
          exitCodeOf(error),
          `a handler's output cannot be passed on: ${messageOf(error)}`,
        );
      return { kind: "release" };
    } finally {
      result.release();
    }
  }

  async #outputOf(result: RunResult): Promise<Uint8Array | RunFailed> {
    try {
      return await result.output();
    } catch (error) {
      if (error instanceof RunFailed) return error;
      throw error;
    }
  }

  async #passOn(
    output: Uint8Array,
    jobs: readonly Job[],
  ): Promise<WorkOutcome> {
    const { destination, shutdown } = this.#init;
    const [job] = jobs;
    // A request is answered; anything else is for whoever reads what we pass on.
    if (jobs.length === 1 && job?.replyTo !== undefined)
      return { kind: "reply", body: output };
    try {
      if ((await destination.deliver(output, jobs)) === "delivered")
        return { kind: "ack" };
    } catch (error) {
      if (error instanceof OutputRefused)
        return {
          kind: jobs.length > 1 ? "retry" : "bury",
          note: messageOf(error),
        };
      throw error;
    }
    shutdown.forced = true;
    return { kind: "release" };
  }

  async #judgeFailure(
    result: RunResult,
    jobs: readonly Job[],
  ): Promise<WorkOutcome> {
    const { shutdown } = this.#init;
    if (result.stopped) {
      shutdown.forced ||= shutdown.leaving.aborted;
      return { kind: "release" };
    }
    const leave = reasonToLeave(result);
    if (leave !== undefined) {
      shutdown.leave(...leave);
      return { kind: "release" };
    }
    return outcomeOfFailure(result, jobs.length, await result.errorTail());
  }

  /** Tells the log and `--halt`. A log that cannot be written ends the worker: somebody relies on it. */
  #report(
    result: RunResult,
    run: {
      readonly startedMs: number;
      readonly runtimeMs: number;
      readonly sentBytes: number;
    },
    output: Uint8Array | RunFailed | undefined,
    jobs: readonly Job[],
  ): void {
    const { jobLog, halt, shutdown, context } = this.#init;
    const succeeded = output instanceof Uint8Array;
    try {
      jobLog?.add({
        ...run,
        receivedBytes: succeeded ? output.byteLength : 0,
        exitCode: result.exitCode,
        signal: result.signal,
        about: `${context.queueName} ${jobs.map((job) => job.id).join(",")} attempt ${jobs[0]?.attempts ?? 1}`,
      });
    } catch (error) {
      shutdown.leave(
        exitCodeOf(error),
        `the job log cannot be written: ${messageOf(error)}`,
      );
    }
    if (result.stopped || halt?.reachedBy(succeeded) !== true) return;
    const { when, what, count } = halt.rule;
    shutdown.leave(
      what === "fail" ? ExitCode.failed : ExitCode.done,
      `--halt ${when},${what}=${count}: this worker stops`,
    );
    if (when === "now") shutdown.terminate();
  }
}
