/** How a worker comes to its end: stops taking, lets handlers finish, stops them, kills them. */
import { ExitCode } from "../../command_line/exit_codes.ts";
import { onceAborted, type StopRequests } from "../../processes/lifecycle.ts";
import { say } from "../../standard_streams/output.ts";

/** One worker's way out. */
export class Shutdown {
  readonly #fetching = new AbortController();
  readonly #terminate = new AbortController();
  readonly #kill = new AbortController();
  #exitCode: number | undefined;
  /** Aborted as soon as handlers are stopped, one way or the other. */
  readonly leaving: AbortSignal = AbortSignal.any([
    this.#terminate.signal,
    this.#kill.signal,
  ]);
  /** Whether a handler was stopped before its end. */
  forced = false;
  /** Whether somebody asked the worker to leave, other than by a signal. */
  asked = false;

  /** Aborted when no more messages are to be taken. */
  get fetching(): AbortSignal {
    return this.#fetching.signal;
  }

  /** Aborted when handlers get TERM. */
  get terminating(): AbortSignal {
    return this.#terminate.signal;
  }

  /** Aborted when handlers get KILL. */
  get killing(): AbortSignal {
    return this.#kill.signal;
  }

  /** What the worker has to end with, when something has decided that. */
  get exitCode(): number | undefined {
    return this.#exitCode;
  }

  /** Takes no more messages. */
  stopFetching(): void {
    this.#fetching.abort();
  }

  /** TERM to all that runs, and KILL a while later. */
  terminate(): void {
    this.stopFetching();
    this.#terminate.abort();
  }

  /** KILL to all that runs. */
  kill(): void {
    this.stopFetching();
    this.#kill.abort();
  }

  /** Takes no more, and TERM to what still runs after `drainMs`. */
  drain(drainMs: number): void {
    this.stopFetching();
    setTimeout(() => this.terminate(), drainMs).unref();
  }

  /** The worker ends with `exitCode` once what runs is over. The first reason counts. */
  leave(exitCode: number, reason?: string): void {
    if (reason !== undefined && this.#exitCode === undefined) say(reason);
    this.#exitCode ??= exitCode;
    this.stopFetching();
  }

  /** Gives handlers their time after the first signal, TERM when it is over, KILL at the second signal. */
  obey(stop: StopRequests, drainMs: number, running: () => number): void {
    onceAborted(stop.stop, () => {
      if (running() > 0)
        say(
          `${stop.received} received: waiting up to ${drainMs} ms for ${running()} handlers; a second signal stops them at once`,
        );
      this.drain(drainMs);
    });
    onceAborted(stop.abort, () => this.kill());
    onceAborted(stop.stopFetching, () => {
      say("SIGUSR1 received: no more messages are taken");
      this.stopFetching();
    });
  }

  /** The exit code that a signal, or a request by the control socket, leads to; undefined when there was none. */
  exitCodeOfRequest(stop: StopRequests): number | undefined {
    if (stop.received === undefined && !this.asked) return undefined;
    // Drained after SIGTERM is what was asked for; cut short is not.
    if (stop.received !== "SIGINT" && !this.forced) return ExitCode.done;
    return stop.exitCode ?? ExitCode.terminated;
  }
}
