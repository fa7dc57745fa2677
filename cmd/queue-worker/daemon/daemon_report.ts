/** What the daemon says about itself at `GET /status`. Times are wall-clock milliseconds. */
import { describeEnd } from "./child_end.ts";
import { byWorker } from "./health.ts";
import type { ProcessSlot, ProcessState } from "./process_slot.ts";
import type { QueueKeeper } from "./queue_keeper.ts";

/** A process of a worker. */
interface ProcessReport {
  /** Also its name in `stat`, and that of its own control socket. */
  readonly name: string;
  readonly pid: number | null;
  readonly state: ProcessState;
  readonly since_ms: number;
  /** Starts that nobody asked for. */
  readonly restarts: number;
  readonly last_exit: LastExit | null;
  /** Milliseconds until it is started again. */
  readonly starts_in_ms: number | null;
}

/** How a process ended: by its status, by a signal, or before it began. */
interface LastExit {
  readonly code: number | null;
  readonly signal: string | null;
  readonly text: string;
  readonly at_ms: number;
}

/** A worker: the sum of its processes. */
interface WorkerState {
  readonly name: string;
  readonly queue: string;
  /** `running` if any process is; else the worst that is found. */
  readonly state: ProcessState;
  readonly pids: readonly number[];
  readonly restarts: number;
  /** The latest. */
  readonly last_exit: LastExit | null;
  readonly since_ms: number;
  readonly processes: readonly ProcessReport[];
}

/** A queue: counts, or why there are none. */
interface QueueState {
  readonly name: string;
  readonly error?: string;
  readonly waiting?: number;
  readonly leased?: number;
  readonly delayed?: number;
  readonly dead?: number;
  readonly oldest_age_ms?: number | null;
  readonly paused?: boolean;
}

/** GET /status of the daemon. */
export interface DaemonReport {
  readonly kind: "daemon";
  readonly name: string;
  readonly pid: number;
  readonly started_ms: number;
  readonly state: "running" | "draining";
  /** The configuration's path. */
  readonly config: string;
  /** When the configuration that is in force was read. */
  readonly config_read_ms: number;
  /** Why the last reload was refused; null when it was not. */
  readonly config_error: string | null;
  readonly workers: readonly WorkerState[];
  readonly queues: readonly QueueState[];
}

function exitOf({ lastEnd }: ProcessSlot): LastExit | null {
  if (lastEnd === undefined) return null;
  const { exitCode, signal, endedMs } = lastEnd;
  return { code: exitCode, signal, text: describeEnd(lastEnd), at_ms: endedMs };
}

function reportProcess(slot: ProcessSlot): ProcessReport {
  return {
    name: slot.name,
    pid: slot.pid,
    state: slot.state,
    since_ms: slot.sinceMs,
    restarts: slot.restarts,
    last_exit: exitOf(slot),
    starts_in_ms: slot.startsInMs === null ? null : Math.round(slot.startsInMs),
  };
}

/** Best first. */
const order: readonly ProcessState[] = [
  "running",
  "draining",
  "backoff",
  "failed",
  "stopped",
];

function reportWorker(
  name: string,
  slots: readonly ProcessSlot[],
): WorkerState {
  const processes = slots.map(reportProcess);
  const [first] = slots;
  const best = processes.reduce((one, other) =>
    order.indexOf(other.state) < order.indexOf(one.state) ? other : one,
  );
  const latest = (
    one: LastExit | null,
    other: LastExit | null,
  ): LastExit | null =>
    one === null || (other !== null && other.at_ms > one.at_ms) ? other : one;
  return {
    name,
    queue: first?.plan.queue ?? "",
    state: best.state,
    pids: processes.flatMap(({ pid }) => pid ?? []),
    restarts: processes.reduce((sum, { restarts }) => sum + restarts, 0),
    last_exit: processes.map(({ last_exit }) => last_exit).reduce(latest, null),
    since_ms: best.since_ms,
    processes,
  };
}

/** The workers' part of the report. */
export function reportWorkers(slots: readonly ProcessSlot[]): WorkerState[] {
  return [...byWorker(slots)].map(([name, own]) => reportWorker(name, own));
}

/** The queues' part of the report. */
export function reportQueues(keepers: readonly QueueKeeper[]): QueueState[] {
  return keepers.map((keeper) => {
    const view = keeper.view();
    const { name } = keeper.config;
    if (typeof view === "string") return { name, error: view };
    return {
      name,
      waiting: view.messageCount,
      leased: view.leased,
      delayed: view.delayed,
      dead: view.buried,
      oldest_age_ms: view.oldestAgeMs,
      paused: view.paused,
    };
  });
}
