/** What the executable was called with. */
import { readFileSync } from "node:fs";
import { UsageError } from "./exit_codes.ts";

/** What the runtime puts in place of bytes that are no UTF-8. */
const replacement = "\uFFFD";
const decoder = new TextDecoder("utf-8", { fatal: true });

function isText(bytes: Uint8Array): boolean {
  try {
    decoder.decode(bytes);
    return true;
  } catch {
    return false;
  }
}

/**
 * The arguments behind the executable's name.
 *
 * @throws {UsageError} when one of them is no UTF-8: the runtime has changed it by now, and a changed body, header or
 * file name would be worse than none
 */
export function readArguments(): string[] {
  const given = process.argv.slice(2);
  const changed = given.find((text) => text.includes(replacement));
  if (changed !== undefined && !isText(readFileSync("/proc/self/cmdline")))
    throw new UsageError(
      `argument ${JSON.stringify(changed)}: given bytes that are not UTF-8, allowed is UTF-8; a body of any bytes goes through stdin`,
    );
  return given;
}
