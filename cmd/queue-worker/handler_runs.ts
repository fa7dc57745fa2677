/** The `work` contract between a message and the process that handles it: environment in, exit status out. */
import type { Job, WorkOutcome } from "../../src/queue/mod.ts";
import { type ChildResult, runChild } from "../shared/child.ts";
import { outputBytesMax } from "../shared/child_streams.ts";
import { formatDuration } from "../shared/duration.ts";
import { ExitCode, exitCodeOf } from "../shared/exit_codes.ts";
import type { HandlerCommand } from "../shared/handler_command.ts";
import type { Launcher } from "../shared/launcher.ts";
import { onceAborted } from "../shared/lifecycle.ts";
import { BrokenPipe, say, writeOut } from "../shared/output.ts";

/** Bounds of each run. */
export interface RunLimits {
  readonly timeoutMs: number | undefined;
  readonly killAfterMs: number;
  readonly maxDeliver: number;
}

/** What the runs have in common. */
export interface HandlerRunsInit {
  readonly command: HandlerCommand;
  readonly launcher: Launcher;
  /** As given with `-q`. */
  readonly queueName: string;
  readonly limits: RunLimits;
  readonly environment: Environment;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** sysexits.h EX_DATAERR, and what qmail means by a permanent failure. */
const hopeless = new Set([65, 100]);
const stopTheWorker = 255;
const traceparentPattern =
  /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;
/** How long a write may go on when the handlers are stopped. */
const lastWriteMs = 100;
const overflowReason = `killed: it wrote more than ${outputBytesMax} bytes to stdout`;
const encoder = new TextEncoder();

/** Bytes of a dead letter's note that the queue keeps. */
const noteBytesMax = 4064;

/** The reason first, then as much of the end of stderr as fits. */
function composeNote(reason: string, tail: Uint8Array): Uint8Array {
  const head = encoder.encode(`${reason}\n`);
  const kept = tail.slice(-(noteBytesMax - head.byteLength));
  const note = new Uint8Array(head.byteLength + kept.byteLength);
  note.set(head);
  note.set(kept, head.byteLength);
  return note;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function reasonOf(result: ChildResult, timeoutMs: number | undefined): string {
  if (result.overflowed) return overflowReason;
  if (result.timedOut)
    return `timed out after ${formatDuration(timeoutMs ?? 0)}`;
  return result.signal === null
    ? `exit status ${result.exitCode}`
    : `killed by ${result.signal}`;
}

/** Runs handlers, says what came of each message, and remembers why the worker is to stop. */
export class HandlerRuns {
  readonly #init: HandlerRunsInit;
  readonly #fetching = new AbortController();
  readonly #terminate = new AbortController();
  readonly #kill = new AbortController();
  readonly #leaving = AbortSignal.any([
    this.#terminate.signal,
    this.#kill.signal,
  ]);
  /** Outputs are written one after the other, each whole. */
  #writing: Promise<unknown> = Promise.resolve();
  /** Handlers that run now. */
  running = 0;
  /** Whether a handler was stopped before its end. */
  forced = false;
  /** What the worker has to end with, when a handler decided that. */
  exitCode: number | undefined;

  constructor(init: HandlerRunsInit) {
    this.#init = init;
  }

  /** Aborted when no more messages are to be taken. */
  get fetching(): AbortSignal {
    return this.#fetching.signal;
  }

  /** Takes no more messages. */
  stopFetching(): void {
    this.#fetching.abort();
  }

  /** TERM to all that runs, and KILL after `killAfterMs`. */
  terminate(): void {
    this.#terminate.abort();
  }

  /** KILL to all that runs. */
  kill(): void {
    this.#kill.abort();
  }

  async handle(job: Job): Promise<WorkOutcome> {
    let environment: Environment;
    try {
      environment = this.#environmentOf(job);
    } catch (error) {
      // Headers that cannot be read will not be better next time.
      return { kind: "bury", note: messageOf(error) };
    }
    this.running++;
    try {
      return await this.#runAndJudge(job, environment);
    } finally {
      this.running--;
    }
  }

  /** No process could be made, or stdout takes nothing: neither is the message's fault. */
  async #runAndJudge(job: Job, environment: Environment): Promise<WorkOutcome> {
    let result: ChildResult;
    try {
      result = await this.#run(job, environment);
    } catch (error) {
      this.#leave(
        ExitCode.handlerNotRunnable,
        `the handler cannot be started: ${messageOf(error)}`,
      );
      return { kind: "release" };
    }
    try {
      return await this.#judge(job, result);
    } catch (error) {
      if (error instanceof BrokenPipe) this.#leave(ExitCode.brokenPipe);
      else
        this.#leave(
          exitCodeOf(error),
          `a handler's output cannot be passed on: ${messageOf(error)}`,
        );
      return { kind: "release" };
    } finally {
      result.streams.close();
    }
  }

  async #run(job: Job, environment: Environment): Promise<ChildResult> {
    const { command, launcher, limits } = this.#init;
    return await runChild({
      command,
      launcher,
      body: job.data,
      environment,
      timeoutMs: limits.timeoutMs,
      killAfterMs: limits.killAfterMs,
      // Somebody else may have the message when its lease is lost: two handlers must not go on side by side.
      terminate: AbortSignal.any([this.#terminate.signal, job.signal]),
      kill: this.#kill.signal,
    });
  }

  #environmentOf(job: Job): Environment {
    const { environment, queueName, limits } = this.#init;
    const { headers } = job;
    const { traceparent } = headers;
    return {
      ...environment,
      RINGWIRE_MSG_ID: `${job.id}`,
      RINGWIRE_MSG_QUEUE: queueName,
      RINGWIRE_MSG_ATTEMPT: `${job.attempts}`,
      RINGWIRE_MSG_MAX_DELIVER: `${limits.maxDeliver}`,
      RINGWIRE_MSG_ENQUEUED_MS: `${job.timestamp}`,
      RINGWIRE_MSG_HEADERS: JSON.stringify(headers),
      // The worker's own trace is not the message's.
      TRACEPARENT:
        traceparent !== undefined && traceparentPattern.test(traceparent)
          ? traceparent
          : undefined,
    };
  }

  async #judge(job: Job, result: ChildResult): Promise<WorkOutcome> {
    const { exitCode } = result;
    if (exitCode === 0 && !result.timedOut && !result.overflowed) {
      const output = await result.streams.output();
      // The end of it came after the handler's.
      if (result.streams.overflowed)
        return {
          kind: "retry",
          note: composeNote(overflowReason, await result.streams.errorTail()),
        };
      // A request is answered; anything else is for whoever reads our stdout.
      if (job.replyTo !== undefined) return { kind: "reply", body: output };
      if (await this.#deliver(output)) return { kind: "ack" };
      this.forced = true;
      return { kind: "release" };
    }
    if (result.stopped) {
      this.forced ||=
        this.#terminate.signal.aborted || this.#kill.signal.aborted;
      return { kind: "release" };
    }
    if (exitCode === stopTheWorker) {
      this.#leave(
        ExitCode.failed,
        "a handler ended with 255: this worker stops",
      );
      return { kind: "release" };
    }
    if (
      exitCode === ExitCode.handlerNotFound ||
      exitCode === ExitCode.handlerNotRunnable
    ) {
      this.#leave(
        exitCode,
        `a handler ended with ${exitCode} (${exitCode === ExitCode.handlerNotFound ? "not found" : "not executable"}): this worker stops`,
      );
      return { kind: "release" };
    }
    const note = composeNote(
      reasonOf(result, this.#init.limits.timeoutMs),
      await result.streams.errorTail(),
    );
    return {
      kind:
        exitCode !== null && !result.timedOut && hopeless.has(exitCode)
          ? "bury"
          : "retry",
      note,
    };
  }

  /** False when we have to leave and nobody reads our stdout; the rest of it may still be written. */
  async #deliver(output: Uint8Array): Promise<boolean> {
    if (output.byteLength === 0) return true;
    let givenUp = false;
    const mine = this.#writing.then(async () => {
      if (!givenUp) await writeOut(output);
      return !givenUp;
    });
    this.#writing = mine.catch(() => undefined);
    const unread = Promise.withResolvers<false>();
    let timer: Timer | undefined;
    const giveUpSoon = (): void => {
      timer = setTimeout(() => unread.resolve(false), lastWriteMs);
    };
    onceAborted(this.#leaving, giveUpSoon);
    try {
      return await Promise.race([mine, unread.promise]);
    } finally {
      givenUp = true;
      clearTimeout(timer);
      this.#leaving.removeEventListener("abort", giveUpSoon);
    }
  }

  #leave(exitCode: number, reason?: string): void {
    if (reason !== undefined && this.exitCode === undefined) say(reason);
    this.exitCode ??= exitCode;
    this.stopFetching();
  }
}
