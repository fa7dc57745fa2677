/** What the trials of `make torture` came to: each says a line, and the run ends with all of them. */
import { appendFileSync } from "node:fs";
import process from "node:process";

/** Logs a line, and keeps it for the end of the run if there is one: in the file that RINGWIRE_TORTURE_FIGURES names. */
export function noteFigures(line: string): void {
  console.log(line);
  const path = process.env.RINGWIRE_TORTURE_FIGURES;
  if (path !== undefined) appendFileSync(path, `${line}\n`);
}
