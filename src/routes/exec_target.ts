/** `exec:COMMAND`: the body on a command's stdin, its stdout is the answer. */
import {
  type IncomingMessage,
  type IncomingRequest,
  Reply,
} from "../transport/message.ts";
import type { CommandResult, CommandRunner } from "./command_runner.ts";
import { RemoteError } from "../transport/session_errors.ts";
import { remainingMs, type RouteTarget } from "./route_target.ts";
import { Turns } from "./turns.ts";

/** What an `exec` target needs. */
export interface ExecTargetInit {
  /** A line for the shell. */
  readonly line: string;
  readonly run: CommandRunner;
  /** Milliseconds that a run may take; what is left of a request's time, if that is less. */
  readonly timeoutMs: number;
  /** Runs at a time. */
  readonly concurrency: number;
  /** Messages and requests that may wait for a run; requests beyond are refused. */
  readonly waitingMax: number;
}

const traceparentPattern =
  /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** What the command finds in its environment. The body is never there. */
function variablesOf(
  message: IncomingMessage,
): Readonly<Record<string, string | undefined>> {
  const { subject, traceparent, user } = message.headers;
  return {
    RINGWIRE_MSG_TAG: `${message.tag}`,
    RINGWIRE_MSG_SUBJECT: withoutNul(subject),
    RINGWIRE_MSG_SESSION: message.sessionId,
    RINGWIRE_MSG_PRIORITY: message.priority,
    RINGWIRE_MSG_HEADERS: withoutNul(JSON.stringify(user ?? {})),
    // The server's own trace is not the message's.
    TRACEPARENT:
      traceparent !== undefined && traceparentPattern.test(traceparent)
        ? traceparent
        : undefined,
  };
}

/** A variable ends at a NUL: rather none than half of it. */
function withoutNul(text: string | undefined): string | undefined {
  return text?.includes("\0") === true ? undefined : text;
}

function reasonOf(result: CommandResult, timeoutMs: number): string {
  if (result.timedOut)
    return `the command was stopped after ${Math.round(timeoutMs)} ms`;
  if (result.overflowed)
    return "the command wrote more than is kept, and was stopped";
  return result.signal === null
    ? `the command ended with status ${result.exitCode}`
    : `the command was ended by ${result.signal}`;
}

/** @param byDeadline whether the time was the requester's own, who knows that by its own name */
function codeOf({ timedOut }: CommandResult, byDeadline: boolean): string {
  if (!timedOut) return "ExecFailed";
  return byDeadline ? "TimedOut" : "ExecTimedOut";
}

function succeeded({ exitCode, timedOut, overflowed }: CommandResult): boolean {
  return exitCode === 0 && !timedOut && !overflowed;
}

/** Runs a command for each message and request. A command that fails is an error for the requester, never an answer. */
export class ExecTarget implements RouteTarget {
  readonly #init: ExecTargetInit;
  readonly #turns: Turns;
  readonly #closing = new AbortController();

  constructor(init: ExecTargetInit) {
    this.#init = init;
    this.#turns = new Turns(init.concurrency);
  }

  /** Runs the command; what it writes is dropped. @throws {RemoteError} when it fails */
  async message(message: IncomingMessage): Promise<void> {
    // Never refused: what its sender has not got back of its credit bounds how many wait.
    using _turn = await this.#turns.take(this.#closing.signal);
    await this.#run(message, this.#init.timeoutMs, this.#closing.signal);
  }

  /** The answer is what the command writes. @throws {RemoteError} when it fails, or too many wait for it */
  async request(request: IncomingRequest): Promise<Reply> {
    const signal = AbortSignal.any([request.signal, this.#closing.signal]);
    if (this.#turns.waiting >= this.#init.waitingMax)
      throw new RemoteError(
        "Busy",
        `${this.#turns.waiting} messages wait for this command already`,
        { retryable: true },
      );
    using _turn = await this.#turns.take(signal);
    const timeoutMs = Math.min(this.#init.timeoutMs, remainingMs(request));
    const { output } = await this.#run(request, timeoutMs, signal);
    return new Reply(output, { tag: request.tag });
  }

  /** Stops what runs. */
  close(): void {
    this.#closing.abort(new RemoteError("Closing", "the server is closing"));
  }

  async #run(
    message: IncomingMessage,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<CommandResult> {
    const result = await this.#init.run({
      line: this.#init.line,
      body: message.payload,
      variables: variablesOf(message),
      timeoutMs,
      signal,
    });
    const { exitCode, signal: endedBy } = result;
    if (succeeded(result)) return result;
    throw new RemoteError(
      codeOf(result, timeoutMs < this.#init.timeoutMs),
      reasonOf(result, timeoutMs),
      { details: { exitCode, signal: endedBy } },
    );
  }
}
