/**
 * Starting handlers so that they die with us. PR_SET_PDEATHSIG must be set between fork and exec, which Bun.spawn cannot
 * do (1.4.4: only for all children at once, with `--no-orphans`, which also ends the worker together with its own parent).
 * The shim is executable itself and does it (ffi/c/exec_entry.c): no dynamic linker runs, so it costs next to nothing.
 */
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { createMemoryFile } from "../../ffi/descriptors.ts";
import { CommandFailure, ExitCode } from "../command_line/exit_codes.ts";
import type { HandlerCommand } from "./handler_command.ts";

/** Makes the argv that starts a handler. */
export interface Launcher {
  /** How it is done, for diagnosis. */
  readonly method: "shim" | "setpriv" | "none";
  readonly wrap: (command: HandlerCommand) => string[];
}

/** The shim as a file that can be executed: /proc/self/fd of an anonymous file, open for reading only (else ETXTBSY). */
function materialize(shimPath: string): string {
  const memory = createMemoryFile("ringwire-handler-launcher");
  try {
    const bytes = readFileSync(shimPath);
    for (let offset = 0; offset < bytes.byteLength;)
      offset += writeSync(memory, bytes, offset);
    return `/proc/self/fd/${openSync(`/proc/self/fd/${memory}`, "r")}`;
  } finally {
    closeSync(memory);
  }
}

/** What a process could not be made for, whoever it would have been. */
const scarce: ReadonlySet<unknown> = new Set([
  "EAGAIN",
  "EMFILE",
  "ENFILE",
  "ENOMEM",
]);

/** @throws {CommandFailure} when no process can be made at all, which tells nothing about this way */
async function works(argv: readonly string[]): Promise<boolean> {
  try {
    const probe = Bun.spawn([...argv], {
      stdin: "ignore",
      stdout: "ignore",
      stderr: "ignore",
    });
    return (await probe.exited) === 0;
  } catch (error) {
    // A moment of want must not cost the handlers the tie to their worker for as long as it lives.
    if (error instanceof Error && "code" in error && scarce.has(error.code))
      throw new CommandFailure(
        ExitCode.failed,
        `no process can be made, so there would be no handlers: ${error.message}`,
        { cause: error },
      );
    return false;
  }
}

const truth: HandlerCommand = { path: "/bin/sh", argv: ["sh", "-c", ":"] };

/**
 * The best way that works here: the shim, else util-linux's setpriv, else a plain start.
 *
 * @throws {CommandFailure} when no process can be made at all
 */
export async function chooseLauncher(
  shimPath: string | undefined,
): Promise<Launcher> {
  const launchers: Launcher[] = [];
  if (shimPath !== undefined) {
    const image = materialize(shimPath);
    launchers.push({
      method: "shim",
      wrap: ({ path, argv }) => [image, String(process.pid), path, ...argv],
    });
  }
  const setpriv = Bun.which("setpriv", {
    PATH: process.env.PATH ?? "/usr/bin:/bin",
  });
  if (setpriv !== null) {
    launchers.push({
      method: "setpriv",
      wrap: ({ path, argv }) => [
        setpriv,
        "--pdeathsig",
        "KILL",
        "--",
        path,
        ...argv.slice(1),
      ],
    });
  }
  for (const launcher of launchers)
    if (await works(launcher.wrap(truth))) return launcher;
  return { method: "none", wrap: ({ path, argv }) => [path, ...argv.slice(1)] };
}
