/** Names of those who have a queue open. */
import { LIMITS } from "../../src/queue/mod.ts";
import { Refused } from "../command_line/refused.ts";

/** A name for `stat`. @throws {Refused} */
export function participantName(text: string): string {
  const bytesMax = LIMITS.participantNameBytesMax;
  if (text === "" || text.includes("\0") || Buffer.byteLength(text) > bytesMax)
    throw new Refused(text, `1 to ${bytesMax} bytes of UTF-8`);
  return text;
}
