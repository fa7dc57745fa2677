/** Children that the runtime does not know of. */
import { type NativeFunctions, openLibrary, type SymbolTable } from "./host.ts";

const libcFile = "libc.so.6";
const libcSymbols = {
  // pid_t waitpid(pid_t pid, int *wstatus, int options);
  waitpid: { parameters: ["i32", "bytes", "i32"], result: "i32" },
} as const satisfies SymbolTable;

const WNOHANG = 1;

let opened: NativeFunctions<typeof libcSymbols> | undefined;

/**
 * Takes note of the end of a child that this process did not start itself: one that was adopted, as the first process of
 * a process-id namespace does with all orphans. For a child that the runtime started this would steal its exit status.
 *
 * @returns whether it was there and is gone now
 */
export function reapChild(pid: number): boolean {
  opened ??= openLibrary(libcFile, libcSymbols);
  return opened.waitpid(pid, new Int32Array(1), WNOHANG) === pid;
}
