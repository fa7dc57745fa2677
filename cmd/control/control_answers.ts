/** What verbs make of the answers of a control socket. */
import { z } from "zod";
import type { ControlReply } from "./control_client.ts";

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
