/** The place of one process: what is to run there, what does, and when it is started again. */
import { retryDelayMs } from "../../../src/queue/mod.ts";
import { formatDuration } from "../../command_line/duration.ts";
import { ExitCode } from "../../command_line/exit_codes.ts";
import { BrokenPipe, say } from "../../standard_streams/output.ts";
import {
  type ChildEnd,
  describeEnd,
  isCutShort,
  notStarted,
} from "./child_end.ts";
import { isSameProcess, type ProcessPlan } from "./process_plan.ts";
import { type ChildInit, WorkerChild } from "./worker_child.ts";

/**
 * `backoff` waits to be started again; `failed` too, but somebody has to put something right first; `draining` was asked
 * to leave; `stopped` has nothing to run and nothing that runs.
 */
export type ProcessState =
  "running" | "backoff" | "failed" | "draining" | "stopped";

/** Restarts of the last minute are what tells a crash loop. */
const recentMs = 60_000;
const recentMax = 1000;

function milliseconds(ms: number): string {
  const rounded = Math.round(ms);
  return rounded < 10_000
    ? formatDuration(rounded)
    : formatDuration(Math.round(rounded / 1000) * 1000);
}

/** Keeps one process running as long as it is wanted. */
export class ProcessSlot {
  readonly name: string;
  readonly #init: ChildInit;
  readonly #onStopped: () => void;
  #target: ProcessPlan | undefined;
  #plan: ProcessPlan;
  #child: WorkerChild | undefined;
  #timer: Timer | undefined;
  /** Monotonic, of the next start. */
  #startAt = 0;
  #failures = 0;
  #recent: number[] = [];
  #sinceMs = Date.now();
  /** Starts that nobody asked for. */
  restarts = 0;
  lastEnd: ChildEnd | undefined;
  /** Whether handlers were cut short on the way out. */
  cutShort = false;

  /** @param onStopped called when nothing runs and nothing is to run */
  constructor(plan: ProcessPlan, init: ChildInit, onStopped: () => void) {
    this.name = plan.name;
    this.#plan = plan;
    this.#target = plan;
    this.#init = init;
    this.#onStopped = onStopped;
    this.#start();
  }

  /** What runs, or ran last. */
  get plan(): ProcessPlan {
    return this.#plan;
  }

  get state(): ProcessState {
    if (this.#child !== undefined)
      return this.#child.leaving ? "draining" : "running";
    if (this.#target === undefined || this.lastEnd === undefined)
      return "stopped";
    return this.lastEnd.fault ? "failed" : "backoff";
  }

  /** Wall clock of the last change of the state. */
  get sinceMs(): number {
    return this.#sinceMs;
  }

  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  /** Milliseconds until it is started again; null when that is not what it waits for. */
  get startsInMs(): number | null {
    return this.#timer === undefined
      ? null
      : Math.max(0, this.#startAt - performance.now());
  }

  /** Restarts within the last minute. */
  get recentRestarts(): number {
    const fromMs = performance.now() - recentMs;
    this.#recent = this.#recent.filter((at) => at > fromMs);
    return this.#recent.length;
  }

  /** Says what is to run from now on. @returns whether the process that runs is, or will be, another one */
  aim(plan: ProcessPlan): boolean {
    const wanted = this.#target;
    this.#target = plan;
    if (wanted !== undefined && isSameProcess(wanted, plan)) {
      // Who puts a command right asks for a reload next.
      if (this.state === "failed") this.restart();
      return false;
    }
    this.#failures = 0;
    if (this.#child === undefined) this.#start();
    else this.#leave((child) => child.drain());
    return true;
  }

  /** Nothing is to run here any more; see `WorkerChild.drain`. */
  drain(timeoutMs?: number): void {
    this.#retire((child) => child.drain(timeoutMs));
  }

  /** Nothing is to run any more, and what runs takes no more messages. */
  stopFetching(): void {
    this.#retire((child) => child.stopFetching());
  }

  /** Nothing is to run here any more; see `WorkerChild.hurry`. */
  hurry(): void {
    this.#retire((child) => child.hurry());
  }

  /** Has the process replaced by a new one of the same kind. */
  restart(): void {
    if (this.#target === undefined) return;
    this.#failures = 0;
    if (this.#child === undefined) this.#start();
    else this.#leave((child) => child.drain());
  }

  /** What it missed is there now. */
  queueAppeared(): void {
    if (
      this.#timer !== undefined &&
      this.lastEnd?.exitCode === ExitCode.nothingThere
    )
      this.#startAgain();
  }

  #retire(leave: (child: WorkerChild) => void): void {
    this.#target = undefined;
    if (this.#child !== undefined) {
      this.#leave(leave);
      return;
    }
    this.#forgetStart();
    this.#onStopped();
  }

  #leave(leave: (child: WorkerChild) => void): void {
    const child = this.#child;
    if (child === undefined) return;
    if (!child.leaving) this.#sinceMs = Date.now();
    leave(child);
  }

  #forgetStart(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #startAgain(): void {
    this.restarts++;
    if (this.#recent.length < recentMax) this.#recent.push(performance.now());
    this.#start();
  }

  #start(): void {
    this.#forgetStart();
    const plan = this.#target;
    if (plan === undefined) return;
    this.#plan = plan;
    this.#sinceMs = Date.now();
    try {
      const child = new WorkerChild(plan, this.#init);
      this.#child = child;
      say(`${this.name} (pid ${child.pid}): started`);
      void child.ended.then((end) => this.#onEnd(child, end));
    } catch (error) {
      this.#scheduleAfter(notStarted(error), "");
    }
  }

  #onEnd(child: WorkerChild, end: ChildEnd): void {
    this.#child = undefined;
    this.#sinceMs = end.endedMs;
    if (child.leaving && (child.killed || isCutShort(end)))
      this.cutShort = true;
    const who = ` (pid ${child.pid})`;
    if (this.#target === undefined) {
      this.lastEnd = end;
      say(`${this.name}${who}: ${describeEnd(end)}`);
      this.#onStopped();
    } else if (child.leaving) {
      this.lastEnd = end;
      say(`${this.name}${who}: ${describeEnd(end)}; its successor is started`);
      this.#start();
    } else this.#scheduleAfter(end, who);
    if (
      end.exitCode === ExitCode.brokenPipe &&
      child.plan.stdout.kind === "inherit"
    )
      this.#init.onStdoutBroken(new BrokenPipe(0));
  }

  #scheduleAfter(end: ChildEnd, who: string): void {
    this.lastEnd = end;
    const { restart } = this.#target ?? this.#plan;
    const { minDelayMs: minMs, maxDelayMs: maxMs, stableAfterMs } = restart;
    if (end.livedMs >= stableAfterMs) this.#failures = 0;
    this.#failures++;
    const { fault } = end;
    const delayMs = fault
      ? maxMs
      : retryDelayMs(this.#failures, { minMs, maxMs });
    this.#startAt = performance.now() + delayMs;
    this.#timer = setTimeout(() => this.#startAgain(), delayMs);
    const lived =
      end.startFailure === null ? ` after ${milliseconds(end.livedMs)}` : "";
    say(
      `${this.name}${who}: ${describeEnd(end)}${lived}; ${fault ? "this has to be put right; " : ""}started again in ${milliseconds(delayMs)}`,
    );
  }
}
