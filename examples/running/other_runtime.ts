/** The second process of an example with two. */
import { fileURLToPath } from "node:url";
import type { ChildProcesses, RunningProcess } from "./child_processes.ts";
import { findRuntimes } from "./runtimes.ts";

/** Starts a program in the other runtime, or in this one when there is no other: they speak the same. */
export function startInOtherRuntime(
  children: ChildProcesses,
  program: URL,
  ...parameters: readonly string[]
): RunningProcess {
  const runtime = findRuntimes().at(-1);
  if (runtime === undefined) throw new Error("there is no runtime");
  return children.start([
    ...runtime.command,
    fileURLToPath(program),
    ...parameters,
  ]);
}
