/** What a check has found, and how it is shown. */
import { constants } from "node:os";

/** `broken`: something will fail. `warn`: it works, but not as well or as long as one would think. */
export type FindingStatus = "ok" | "warn" | "broken";

/** One finding. */
export interface Finding {
  /** What was looked at: `open files`, or the name of a queue. */
  readonly check: string;
  readonly status: FindingStatus;
  /** What was seen, as a sentence without its full stop. */
  readonly seen: string;
  /** A command or a setting that mends it; with every `warn` and `broken`. */
  readonly fix?: string;
}

/** All is well. */
export function ok(check: string, seen: string): Finding {
  return { check, status: "ok", seen };
}

/** Not as it should be. */
export function warn(check: string, seen: string, fix: string): Finding {
  return { check, status: "warn", seen, fix };
}

/** Something does not work. */
export function broken(check: string, seen: string, fix: string): Finding {
  return { check, status: "broken", seen, fix };
}

/** `2` → `ENOENT`. */
export function errorName(errno: number): string {
  const found = Object.entries(constants.errno).find(
    ([, number]) => number === errno,
  );
  return found?.[0] ?? `error ${errno}`;
}

/** The message of anything that was thrown. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** `1 message`, `2 messages`. */
export function counted(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? "" : "s"}`;
}
