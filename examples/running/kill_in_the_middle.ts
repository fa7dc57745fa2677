/** A crash at the worst moment. */
import { readFileSync } from "node:fs";
import type { CrossProcessQueue } from "ringwire";
import type { RunningProcess } from "./child_processes.ts";
import { until } from "./scenario.ts";

/** What the victim must have finished before it is killed. */
const ackedMin = 3;

function isStopped(pid: number): boolean {
  const line = readFileSync(`/proc/${pid}/stat`, "utf8");
  return line.slice(line.lastIndexOf(")") + 2).startsWith("T");
}

/**
 * Kills a worker with SIGKILL while it holds jobs. It is stopped first, so that what is seen stays true; if it holds none
 * then, it goes on until it does. There must be work for it until this is done.
 *
 * @returns how many jobs it held
 * @throws when it ended by itself
 */
export async function killInTheMiddle(
  queue: Pick<CrossProcessQueue, "status">,
  victim: RunningProcess,
): Promise<number> {
  let ended = false;
  void victim.exited.then(() => {
    ended = true;
  });
  const look = (): number => {
    if (ended)
      throw new Error(
        `process ${victim.pid} ended before it could be killed: ${victim.errors()}`,
      );
    const { participants } = queue.status();
    const seen = participants.find(({ pid }) => pid === victim.pid);
    return seen !== undefined && seen.counters.acked >= ackedMin
      ? seen.leased
      : 0;
  };
  for (;;) {
    await until(look);
    victim.kill("SIGSTOP");
    await until(() => isStopped(victim.pid));
    const held = look();
    if (held > 0) {
      victim.kill("SIGKILL");
      await victim.exited;
      return held;
    }
    victim.kill("SIGCONT");
  }
}
