/** Whether the workers run and the queues are within their limits. */
import type { Health } from "../../control/control_app.ts";
import { formatDuration } from "../../command_line/duration.ts";
import { describeEnd } from "./child_end.ts";
import type { ProcessSlot } from "./process_slot.ts";
import type { QueueKeeper, QueueView } from "./queue_keeper.ts";

function seconds(ms: number): string {
  return formatDuration(Math.max(1, Math.round(ms / 1000)) * 1000);
}

function lastEndOf(slots: readonly ProcessSlot[]): string {
  const ends = slots.flatMap(({ lastEnd }) => lastEnd ?? []);
  const last = ends.reduce((one, other) =>
    other.endedMs >= one.endedMs ? other : one,
  );
  return `last ${describeEnd(last)}`;
}

/** What is wrong with one worker, whose processes these are. */
function workerProblems(
  worker: string,
  slots: readonly ProcessSlot[],
  maxRestarts: number,
): string[] {
  const problems: string[] = [];
  const failed = slots.find((slot) => slot.state === "failed");
  const restarts = slots.reduce(
    (count, slot) => count + slot.recentRestarts,
    0,
  );
  const waits = slots.filter(
    ({ state }) => state === "backoff" || state === "failed",
  );
  if (failed?.lastEnd !== undefined)
    problems.push(
      `worker ${worker}: ${describeEnd(failed.lastEnd)}; tried again in ${seconds(failed.startsInMs ?? 0)}`,
    );
  else if (slots.length > 0 && waits.length === slots.length)
    problems.push(`worker ${worker}: no process runs, ${lastEndOf(slots)}`);
  if (restarts > maxRestarts)
    problems.push(
      `worker ${worker}: ${restarts} restarts in the last minute, allowed ${maxRestarts}, ${lastEndOf(slots)}`,
    );
  return problems;
}

/** What is wrong with one queue. */
function queueProblems(
  { config: { name, limits } }: Pick<QueueKeeper, "config">,
  view: QueueView,
): string[] {
  if (typeof view === "string") return [`queue ${name}: ${view}`];
  const { maxOldestAgeMs, maxDead } = limits;
  const { oldestAgeMs, buried, paused } = view;
  const problems: string[] = [];
  if (
    maxOldestAgeMs !== undefined &&
    oldestAgeMs !== null &&
    oldestAgeMs > maxOldestAgeMs
  )
    problems.push(
      `queue ${name}: oldest waiting message ${seconds(oldestAgeMs)}, allowed ${formatDuration(maxOldestAgeMs)}${paused ? "; it is paused" : ""}`,
    );
  if (maxDead !== undefined && buried > maxDead)
    problems.push(`queue ${name}: ${buried} dead letters, allowed ${maxDead}`);
  return problems;
}

/** Processes by their worker, in order. */
export function byWorker(
  slots: readonly ProcessSlot[],
): Map<string, ProcessSlot[]> {
  return Map.groupBy(slots, (slot) => slot.plan.worker);
}

/** Everything that is wrong. */
export function daemonHealth(
  slots: readonly ProcessSlot[],
  keepers: readonly QueueKeeper[],
  maxRestarts: number,
): Health {
  const reasons = [
    ...[...byWorker(slots)].flatMap(([worker, own]) =>
      workerProblems(worker, own, maxRestarts),
    ),
    ...keepers.flatMap((keeper) => queueProblems(keeper, keeper.view())),
  ];
  return { healthy: reasons.length === 0, reasons };
}
