/** Asking a worker or a daemon through its control socket. */
import { CommandFailure, ExitCode } from "../command_line/exit_codes.ts";
import { removeIfDead } from "./dead_sockets.ts";

/** An answer, whatever its status. */
export interface ControlReply {
  readonly status: number;
  /** Parsed JSON. */
  readonly body: unknown;
}

/** How long to wait. */
export interface CallOptions {
  /** For the whole answer, in milliseconds. */
  readonly timeoutMs: number;
}

/** Nobody listens there; the socket has been removed. */
export class ControlGone extends CommandFailure {
  constructor(path: string, options?: ErrorOptions) {
    super(ExitCode.nothingThere, `${path}: nobody listens there`, options);
  }
}

/** No answer in time: the process is stopped, or hangs. */
export class ControlSilent extends CommandFailure {
  constructor(path: string, timeoutMs: number, options?: ErrorOptions) {
    super(
      ExitCode.timedOut,
      `${path}: no answer within ${timeoutMs} ms`,
      options,
    );
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

/**
 * One request.
 *
 * @param route such as `/status`
 * @throws {ControlGone} when nobody listens there
 * @throws {ControlSilent} when the answer is not there in time
 * @throws {CommandFailure} when the answer is not JSON, or the socket may not be used
 */
export async function callControl(
  path: string,
  method: "GET" | "POST",
  route: string,
  body: object | undefined,
  { timeoutMs }: CallOptions,
): Promise<ControlReply> {
  try {
    const response = await fetch(`http://control${route}`, {
      unix: path,
      method,
      keepalive: false,
      redirect: "error",
      signal: AbortSignal.timeout(timeoutMs),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: await response.json() };
  } catch (error) {
    const code = codeOf(error);
    if (code === "ENOENT" || code === "ECONNREFUSED") {
      await removeIfDead(path);
      throw new ControlGone(path, { cause: error });
    }
    if (error instanceof Error && error.name === "TimeoutError")
      throw new ControlSilent(path, timeoutMs, { cause: error });
    if (code === "EACCES" || code === "EPERM")
      throw new CommandFailure(ExitCode.notAllowed, `${path}: not allowed`, {
        cause: error,
      });
    throw new CommandFailure(
      ExitCode.protocol,
      `${path}: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
}
