/** Draining a worker's process within another time than it was started with: signals cannot say how long. */
import { callControl } from "../../control/control_client.ts";
import { controlPath } from "../../control/control_place.ts";

/** A process that does not answer is asked by signal. */
const answerMsMax = 2000;

/** Asks the process at its control socket, or by `fallBack` when that does not work. */
export async function drainThroughControl(
  name: string,
  pid: number,
  timeoutMs: number,
  fallBack: () => void,
): Promise<void> {
  try {
    const { status } = await callControl(
      controlPath(name, pid),
      "POST",
      "/drain",
      { timeout_ms: timeoutMs },
      { timeoutMs: answerMsMax },
    );
    if (status !== 200) fallBack();
  } catch {
    fallBack();
  }
}
