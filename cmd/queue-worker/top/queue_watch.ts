/** Looks at one queue again and again, without being a participant of it. */
import { statSync } from "node:fs";
import {
  type CrossProcessQueue,
  parsePlace,
  type QueueStatus,
} from "../../../src/queue/mod.ts";
import { followName, openQueue } from "../../queues/open_queue.ts";
import { DeadReasons } from "./dead_reasons.ts";
import { formatAge } from "./numbers.ts";
import { QueueHistory } from "./queue_history.ts";
import type {
  Outlook,
  Problem,
  QueueCounts,
  QueueDetail,
  QueueRow,
} from "./rows.ts";

/** Share of the time that looking at one queue may take: a status walks over all slots that were ever used. */
const costShareMax = 0.02;
/** Looks whose cost is kept: the cheapest of them is the queue's, the others are of a busy machine. */
const costsMax = 4;
const nearlyFull = 0.95;

/** `path:inode` of what is there now: a queue that was made anew under its name is another one. */
function identityOf(name: string): string | undefined {
  const { path } = parsePlace(followName(name));
  const found = statSync(path, { throwIfNoEntry: false });
  return found === undefined ? undefined : `${found.dev}:${found.ino}`;
}

function countConsumers(
  status: QueueStatus,
  workerPids: ReadonlySet<number>,
): number {
  return status.participants.filter(
    ({ pid, leased, counters }) =>
      leased > 0 || counters.taken > 0 || workerPids.has(pid),
  ).length;
}

function problemsOf(
  counts: QueueCounts,
  paused: boolean,
  outlook: Outlook | null,
  newDead: number,
  newRequeued: number,
): Problem[] {
  const problems: Problem[] = [];
  const add = (severity: Problem["severity"], text: string): void => {
    problems.push({ severity, text });
  };
  const { waiting, consumers, usage } = counts;
  if (usage >= nearlyFull) add("alarm", `${Math.floor(usage * 100)} % full`);
  if (paused) {
    if (waiting > 0) add("warning", `paused, and ${waiting} wait`);
  } else if (waiting > 0 && consumers === 0) {
    add("alarm", `nobody takes the ${waiting} that wait`);
  } else if (outlook?.kind === "stuck") {
    add(
      "alarm",
      `${waiting} wait and none was taken for ${formatAge(outlook.ms)}`,
    );
  }
  if (newDead > 0) add("warning", `${newDead} new dead letters`);
  if (newRequeued > 0)
    add("warning", `${newRequeued} leases ran out or lost their owner`);
  return problems;
}

/** One queue that is watched. */
export class QueueWatch implements Disposable {
  readonly name: string;
  #queue: CrossProcessQueue | undefined;
  #identity: string | undefined;
  #history: QueueHistory | undefined;
  #status: QueueStatus | undefined;
  #reasons = new DeadReasons();
  #row: QueueRow;
  /** Monotonic; before that it is not looked at again. */
  #nextMs = 0;
  readonly #costs: number[] = [];

  constructor(name: string) {
    this.name = name;
    this.#row = this.#empty("missing", []);
  }

  #empty(
    state: "missing" | "unreadable",
    problems: readonly Problem[],
  ): QueueRow {
    return {
      name: this.name,
      state,
      counts: null,
      rates: null,
      newDead: 0,
      newRequeued: 0,
      outlook: null,
      problems,
    };
  }

  /** The queue as it is; a large one is looked at less often, and then this is what was seen last. */
  async sample(workerPids: ReadonlySet<number>): Promise<QueueRow> {
    const began = performance.now();
    if (began < this.#nextMs) return this.#row;
    try {
      const identity = identityOf(this.name);
      if (identity === undefined || identity !== this.#identity) this.#close();
      if (identity === undefined) {
        this.#row = this.#empty("missing", []);
        return this.#row;
      }
      this.#queue ??= await openQueue(this.name, { observe: true });
      this.#identity = identity;
      const looked = performance.now();
      const status = this.#queue.status();
      this.#status = status;
      this.#costs.push(performance.now() - looked);
      if (this.#costs.length > costsMax) this.#costs.shift();
      this.#row = this.#read(status, looked, workerPids);
    } catch (error) {
      this.#close();
      const text = error instanceof Error ? error.message : String(error);
      this.#row = this.#empty("unreadable", [{ severity: "alarm", text }]);
    }
    if (this.#costs.length === costsMax)
      this.#nextMs = began + Math.min(...this.#costs) / costShareMax;
    return this.#row;
  }

  #read(
    status: QueueStatus,
    atMs: number,
    workerPids: ReadonlySet<number>,
  ): QueueRow {
    this.#history ??= new QueueHistory(status);
    const history = this.#history;
    history.add(status, atMs);
    const { lifecycle, paused } = status;
    const counts: QueueCounts = {
      waiting: status.messageCount,
      leased: status.leased,
      delayed: status.delayed,
      dead: status.buried,
      oldestAgeMs: status.oldestAgeMs,
      usage: status.usage,
      participants: status.participants.length,
      consumers: countConsumers(status, workerPids),
    };
    const outlook = history.outlook();
    const newDead = history.newDead(status);
    const newRequeued = history.newRequeued(status);
    return {
      name: this.name,
      state: lifecycle === "closed" ? "missing" : paused ? "paused" : lifecycle,
      counts,
      rates: history.rates(),
      newDead,
      newRequeued,
      outlook,
      problems: problemsOf(counts, paused, outlook, newDead, newRequeued),
    };
  }

  /** All about it, as it was at the last look; null when it cannot be read. */
  detail(): QueueDetail | null {
    if (this.#queue === undefined || this.#status === undefined) return null;
    try {
      const deadReasons = this.#reasons.read(this.#queue, this.#status);
      return { info: this.#queue.info, status: this.#status, deadReasons };
    } catch {
      // Destroyed meanwhile: the next look says so.
      return null;
    }
  }

  #close(): void {
    this.#queue?.close();
    this.#status = undefined;
    this.#reasons = new DeadReasons();
    this.#queue = undefined;
    this.#identity = undefined;
    this.#history = undefined;
  }

  [Symbol.dispose](): void {
    this.#close();
  }
}
