/** How many files and sockets the system lets this process have open. */
import { readFileSync } from "node:fs";

/** The soft limit of descriptors (RLIMIT_NOFILE); Infinity where nobody tells: no /proc, or Deno without the permission to read it. */
export function descriptorLimit(): number {
  try {
    const limits = readFileSync("/proc/self/limits", "utf8");
    const soft = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
    return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
