/** What a configuration's own checks cannot see: whether directories and commands are there. */
import { resolve } from "node:path";
import { statSync } from "node:fs";
import { findHandler } from "../../processes/handler_command.ts";
import type { DaemonConfig, WorkerConfig } from "./config.ts";

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function problemsOf(
  { name, directory, command, environment, stdout, stderr }: WorkerConfig,
  daemonPath: string | undefined,
): string[] {
  const problems: string[] = [];
  if (!isDirectory(directory))
    problems.push(`workers.${name}.directory: ${directory} is no directory`);
  const [program, ...rest] = command;
  if (program !== undefined) {
    const path = program.includes("/") ? resolve(directory, program) : program;
    try {
      findHandler([path, ...rest], environment.PATH ?? daemonPath);
    } catch (error) {
      problems.push(
        `workers.${name}.command: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }
  for (const [key, place] of Object.entries({ stdout, stderr }))
    if (place.kind === "file" && !isDirectory(resolve(place.path, "..")))
      problems.push(
        `workers.${name}.${key}: ${resolve(place.path, "..")} is no directory`,
      );
  return problems;
}

/** What would keep workers from running as things are, one line each. @param searchPath PATH */
export function findProblems(
  config: DaemonConfig,
  searchPath: string | undefined,
): string[] {
  return config.workers.flatMap((worker) => problemsOf(worker, searchPath));
}
