/** Which running servers a verb is about. */
import { filePath, oneOf } from "../command_line/scalars.ts";
import { valueOption } from "../command_line/options.ts";
import { CommandFailure, ExitCode } from "../command_line/exit_codes.ts";
import { type Found, searchControls } from "../control/control_search.ts";
import { say } from "../standard_streams/output.ts";
import { escapeControls } from "../records/records.ts";
import { type ServerReport, serverReport } from "./server_report.ts";

/** A server with a control socket. */
export type FoundServer = Found<ServerReport>;

/** `--control` and `-o`, the same for all verbs about running servers. */
export const serverTargetOptions = {
  control: valueOption(
    "--control <path>",
    "the one that was started with this --control",
    filePath,
  ),
  output: valueOption(
    "-o, --output <format>",
    "text, json",
    oneOf("text", "json"),
    "text",
    "text",
  ),
};

/** Servers that are meant, and names that nobody has. */
export interface ServerTargets {
  readonly chosen: readonly FoundServer[];
  readonly missing: readonly string[];
}

/** The process number for a table. */
export function pidText({ pid }: FoundServer): string {
  return pid === 0 ? "-" : `${pid}`;
}

/** `NAME (PID)`, harmless on a terminal. */
export function describeServer(server: FoundServer): string {
  return escapeControls(`${server.name} (${pidText(server)})`);
}

function hasName(server: FoundServer, name: string): boolean {
  return server.name === name || String(server.pid) === name;
}

/**
 * Finds servers by name or process number; without a name, all of this user's.
 *
 * @throws {CommandFailure} exit code 3 when there is none
 */
export async function findServers(
  names: readonly string[],
  control: string | undefined,
  timeoutMs: number,
): Promise<ServerTargets> {
  const found = await searchControls("servers", serverReport, {
    timeoutMs,
    path: control,
    names,
  });
  const missing = names.filter(
    (name) => !found.some((server) => hasName(server, name)),
  );
  for (const name of missing) say(`there is no server ${name}`);
  const chosen = found.filter(
    (server) =>
      names.length === 0 || names.some((name) => hasName(server, name)),
  );
  if (chosen.length > 0) return { chosen, missing };
  throw new CommandFailure(
    ExitCode.nothingThere,
    names.length > 0
      ? "none of them is there"
      : control === undefined
        ? "no server of this user has a control socket"
        : `${control}: no server is there`,
  );
}
