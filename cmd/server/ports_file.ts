/** `--ports-file`: the bound URLs for whoever waits for them. */
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { CommandFailure, ExitCode } from "../command_line/exit_codes.ts";

/**
 * Writes the file whole: whoever finds it finds all of it.
 *
 * @throws {CommandFailure} when it cannot be written
 */
export function writePortsFile(path: string, urls: readonly string[]): void {
  const made = `${path}.${process.pid}.new`;
  try {
    writeFileSync(made, urls.map((url) => `${url}\n`).join(""));
    renameSync(made, path);
  } catch (error) {
    rmSync(made, { force: true });
    throw new CommandFailure(
      ExitCode.failed,
      `--ports-file ${path}: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
}
