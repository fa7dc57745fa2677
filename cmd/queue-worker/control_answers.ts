/** What the verbs about workers make of their command lines and of the answers. */
import { z } from "zod";
import type { ControlReply } from "../control/control_client.ts";
import { UsageError } from "../command_line/exit_codes.ts";

const errorAnswer = z.object({ error: z.string() });

/** Why it was refused; undefined when it was not. */
export function answeredError({
  status,
  body,
}: ControlReply): string | undefined {
  if (status >= 200 && status < 300) return undefined;
  const answer = errorAnswer.safeParse(body);
  return answer.success ? answer.data.error : `the answer was ${status}`;
}

/** Nobody shall drain everything by leaving a word out. @throws {UsageError} */
export function requireSome(
  names: readonly string[],
  options: {
    readonly queue?: string | undefined;
    readonly control: string | undefined;
    readonly all: boolean;
  },
): void {
  if (
    names.length === 0 &&
    options.queue === undefined &&
    options.control === undefined &&
    !options.all
  )
    throw new UsageError(
      "nobody is named; needed is a NAME, -q QUEUE, --control PATH or --all",
    );
}
