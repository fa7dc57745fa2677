/** Reading stdin as it comes. */
import { fstatSync } from "node:fs";
import { isatty } from "node:tty";
import { UsageError } from "../command_line/exit_codes.ts";
import { say } from "./output.ts";

const stdin = 0;

/** Chunks of stdin until its end. @throws {UsageError} when it cannot be read */
export async function* readInput(): AsyncGenerator<Uint8Array> {
  // Bun opens /dev/null in place of a closed stdin, so that one is just empty.
  if (fstatSync(stdin).isDirectory())
    throw new UsageError(
      "stdin is a directory; needed is a body or something to read",
    );
  if (isatty(stdin))
    say("reading messages from the terminal; end them with Ctrl-D");
  for await (const chunk of Bun.stdin.stream()) yield chunk;
}

/** Bytes that stdin will give, when it is a file; undefined when nobody can know. */
export function inputSize(): number | undefined {
  const found = fstatSync(stdin);
  return found.isFile() ? found.size : undefined;
}
