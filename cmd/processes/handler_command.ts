/** The command that handles messages: found and runnable before the first message is taken. */
import { accessSync, constants, statSync } from "node:fs";
import { join } from "node:path";
import { CommandFailure, ExitCode } from "../command_line/exit_codes.ts";

/** A program with its arguments. */
export interface HandlerCommand {
  /** The file to execute. */
  readonly path: string;
  /** argv, the program's name as it was given first. */
  readonly argv: readonly string[];
}

type Finding = "runnable" | "not runnable" | "missing";

function inspect(path: string): Finding {
  try {
    if (!statSync(path).isFile()) return "not runnable";
    accessSync(path, constants.X_OK);
    return "runnable";
  } catch (error) {
    const code =
      error instanceof Error && "code" in error ? error.code : undefined;
    return code === "ENOENT" || code === "ENOTDIR" ? "missing" : "not runnable";
  }
}

function candidates(program: string, searchPath: string | undefined): string[] {
  if (program.includes("/")) return [program];
  // What execvp searches when PATH is not set.
  return (searchPath ?? "/bin:/usr/bin")
    .split(":")
    .map((directory) => join(directory === "" ? "." : directory, program));
}

/**
 * Finds the program as a shell would.
 *
 * @param searchPath PATH
 * @throws {CommandFailure} exit code 127 when it is nowhere, 126 when it is there but not executable
 */
export function findHandler(
  argv: readonly string[],
  searchPath: string | undefined,
): HandlerCommand {
  const program = argv[0] ?? "";
  let refused: string | undefined;
  for (const path of program === "" ? [] : candidates(program, searchPath)) {
    const finding = inspect(path);
    if (finding === "runnable")
      return { path: path.startsWith("/") ? path : `./${path}`, argv };
    if (finding === "not runnable") refused ??= path;
  }
  if (refused !== undefined)
    throw new CommandFailure(
      ExitCode.handlerNotRunnable,
      `handler ${refused} is not executable`,
    );
  throw new CommandFailure(
    ExitCode.handlerNotFound,
    `handler ${JSON.stringify(program)} was not found`,
  );
}

/** A line for /bin/sh, as `--exec` takes it. */
export function shellHandler(line: string): HandlerCommand {
  return { path: "/bin/sh", argv: ["/bin/sh", "-c", line] };
}
