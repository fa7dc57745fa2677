/** Reading stdin as it comes. */
import { fstatSync } from "node:fs";
import { isatty } from "node:tty";
import { UsageError } from "./exit_codes.ts";
import { say } from "./output.ts";

const stdin = 0;

/** Chunks of stdin until its end. @throws {UsageError} when it is closed or no file to read from */
export async function* readInput(): AsyncGenerator<Uint8Array> {
  try {
    if (fstatSync(stdin).isDirectory())
      throw new UsageError(
        "stdin is a directory; needed is a body or something to read",
      );
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(
      "stdin is closed; needed is a body or something to read",
      { cause: error },
    );
  }
  if (isatty(stdin))
    say("reading messages from the terminal; end them with Ctrl-D");
  for await (const chunk of Bun.stdin.stream()) yield chunk;
}
