/** How one run of a handler ended, whether its process was started for it or is kept for many. */
import { LeaseLostError } from "../../../src/queue/mod.ts";

/** A run that is over. `release` must be called when nothing more is wanted of it. */
export interface RunResult {
  /** Whether it did what it was asked for; then `output` is what came of it. */
  readonly succeeded: boolean;
  /** 0 to 255, null when a signal ended the process; 0 also while a coprocess lives on. */
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly timedOut: boolean;
  /** Whether it was stopped because the worker leaves, or its lease was lost. */
  readonly stopped: boolean;
  /** Why it failed, for people; undefined when it did not. */
  readonly reason: string | undefined;
  /** What it wrote to stdout. @throws {RunFailed} when it turns out to be too much only now */
  output(): Promise<Uint8Array>;
  /** The last 4 KiB of its stderr. */
  errorTail(): Promise<Uint8Array>;
  release(): void;
}

/** A run that seemed to have succeeded has not. */
export class RunFailed extends Error {}

/** Whether somebody else may have the message from now on: two handlers must not work on it side by side. */
export function isTakenAway(reason: unknown): boolean {
  return reason instanceof LeaseLostError && !reason.cancelled;
}

/** What a handler is given for one run. */
export interface RunRequest {
  readonly bytes: Uint8Array;
  /** Of a new process; undefined when there is none for each run. */
  readonly environment:
    Readonly<Record<string, string | undefined>> | undefined;
  /** One is aborted when a lease is lost: two handlers must not work on one message. */
  readonly lost: readonly AbortSignal[];
  /** Told the process id. */
  readonly onStarted: (pid: number) => void;
}

/** Runs the user's command. */
export interface Handler {
  /** @throws when no process can be started, which is not the message's fault */
  run(request: RunRequest): Promise<RunResult>;
  /** Ends processes that are kept. */
  close(): Promise<void>;
}
