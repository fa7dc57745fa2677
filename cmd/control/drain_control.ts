/** Letting somebody with a control socket finish and leave. */
import { existsSync, readFileSync } from "node:fs";
import { answeredError } from "./control_answers.ts";
import { callControl } from "./control_client.ts";
import { removeIfDead } from "./dead_sockets.ts";

/** Who can be asked. */
export interface Drainable {
  readonly path: string;
  readonly pid: number;
}

/** How long one of them may take to say that it has understood. */
export const answerMsMax = 5000;
const pollMs = 20;
/** How long a process may live on without its socket; in another process-id namespace its number is somebody else's. */
const lastBreathMs = 2000;

/** What became of one of them. */
export interface Drained<Control> {
  readonly control: Control;
  readonly outcome: "left" | "draining" | "failed";
  readonly reason: string | undefined;
}

function isRunning(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return false;
  }
}

/** Waits until nobody listens any more, and the process is gone too. @returns whether it came to that in time */
async function waitUntilGone(
  control: Drainable,
  deadline: number,
): Promise<boolean> {
  const left = (): number => deadline - performance.now();
  while (existsSync(control.path) && !(await removeIfDead(control.path))) {
    if (left() <= 0) return false;
    await Bun.sleep(pollMs);
  }
  const end = Math.min(deadline, performance.now() + lastBreathMs);
  while (isRunning(control.pid) && performance.now() < end)
    await Bun.sleep(pollMs);
  return true;
}

/**
 * Asks, and waits for the end.
 *
 * @param drainMs what it may take for what it has begun. @default as it was started
 * @param deadline when to wait no more, on the clock of `performance.now()`. @default it is not waited for
 */
export async function drainOne<Control extends Drainable>(
  control: Control,
  drainMs: number | undefined,
  deadline: number | undefined,
): Promise<Drained<Control>> {
  const body = drainMs === undefined ? {} : { timeout_ms: drainMs };
  try {
    const reply = await callControl(control.path, "POST", "/drain", body, {
      timeoutMs: answerMsMax,
    });
    const reason = answeredError(reply);
    if (reason !== undefined) return { control, outcome: "failed", reason };
  } catch (error) {
    // It may have left before it could answer.
    const reason = error instanceof Error ? error.message : String(error);
    if (existsSync(control.path) && !(await removeIfDead(control.path)))
      return { control, outcome: "failed", reason };
  }
  const gone =
    deadline !== undefined && (await waitUntilGone(control, deadline));
  return { control, outcome: gone ? "left" : "draining", reason: undefined };
}
