/**
 * Running commands, as far as routes know of it. Starting a process that dies with this one, in a group of its own and
 * with real pipes, is the executables' business: whoever makes an `exec` target hands the means in.
 */

/** One run of a command. */
export interface CommandRequest {
  /** A line for the shell. */
  readonly line: string;
  /** What it finds on stdin, to its end. */
  readonly body: Uint8Array;
  /** Variables that are added to those of this process; undefined takes one away. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** Milliseconds until it is told to stop. */
  readonly timeoutMs: number;
  /** Nobody wants the result any more: it is told to stop. */
  readonly signal: AbortSignal;
}

/** How a run ended. */
export interface CommandResult {
  /** 0 to 255; null when a signal ended it. */
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly timedOut: boolean;
  /** Whether it wrote more to stdout than is kept, and was killed for it. */
  readonly overflowed: boolean;
  /** What it wrote to stdout. */
  readonly output: Uint8Array;
}

/** Runs a command to its end. @throws when no process can be made */
export type CommandRunner = (request: CommandRequest) => Promise<CommandResult>;
