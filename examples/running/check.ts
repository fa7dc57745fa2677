/** Something that must hold at the end of an example. */
import process from "node:process";

/** Says on stderr what does not hold; the program ends with 1 then. */
export function check(what: string, holds: boolean): void {
  if (holds) return;
  console.error(`FAILED: ${what}`);
  process.exitCode = 1;
}
