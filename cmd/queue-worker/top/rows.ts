/** What `top` knows about queues and workers at one moment. Types only. */
import type { QueueInfo, QueueStatus } from "../../../src/queue/mod.ts";
import type { DeadReason } from "./dead_reasons.ts";

/** One queue. What cannot be read is null. */
export interface QueueRow {
  readonly name: string;
  /** `missing`: there is no such queue now; `unreadable`: see `problem`. */
  readonly state: "open" | "paused" | "ended" | "missing" | "unreadable";
  readonly counts: QueueCounts | null;
  /** Averages since the sample before; null in the first one. */
  readonly rates: QueueRates | null;
  /** Dead letters made, and leases given to somebody else, since this `top` began to look. */
  readonly newDead: number;
  readonly newRequeued: number;
  /** When it would be empty or full if all went on as in the last samples; null when nothing can be said. */
  readonly outlook: Outlook | null;
  /** What somebody should look at, the worst first. */
  readonly problems: readonly Problem[];
}

/** Read from the queue's status. */
export interface QueueCounts {
  readonly waiting: number;
  readonly leased: number;
  readonly delayed: number;
  readonly dead: number;
  readonly oldestAgeMs: number | null;
  /** Share of its room in use: 0 to 1. */
  readonly usage: number;
  /** Open handles. */
  readonly participants: number;
  /** Those of them that have taken a message, or say on their control socket that they work here. */
  readonly consumers: number;
}

/** Messages per second. */
export interface QueueRates {
  readonly in: number;
  /** Acknowledged. */
  readonly out: number;
}

/** `stuck`: messages wait, and none was taken or being worked on in all the samples that are kept. */
export interface Outlook {
  readonly kind: "empty" | "full" | "stuck";
  readonly ms: number;
}

/** A sentence about a queue or a worker, without its name. */
export interface Problem {
  readonly severity: "warning" | "alarm";
  readonly text: string;
}

/** All about one queue. */
export interface QueueDetail {
  readonly info: QueueInfo;
  readonly status: QueueStatus;
  readonly deadReasons: readonly DeadReason[];
}

/** A handler at work. */
export interface HandlerRow {
  /** Of its messages. */
  readonly ids: readonly string[];
  readonly attempt: number;
  /** Null while it is being started. */
  readonly pid: number | null;
  readonly forMs: number;
}

/** A worker or a daemon with a control socket. */
export interface WorkerRow {
  readonly name: string;
  readonly pid: number;
  readonly kind: "work" | "daemon" | "none";
  readonly queue: string | null;
  readonly state: "working" | "idle" | "draining" | "daemon" | "silent";
  /** Handlers at work, of those that it may run; of a daemon, processes. */
  readonly running: number;
  readonly jobs: number;
  readonly handlers: readonly HandlerRow[];
  /** How long its longest handler is at work; null when none is. */
  readonly longestMs: number | null;
  readonly acked: number;
  readonly retried: number;
  readonly dead: number;
  /** Of a daemon, the names of its workers. */
  readonly command: string;
  readonly problems: readonly Problem[];
}

/** Everything at one moment. */
export interface TopSample {
  /** Wall clock in milliseconds. */
  readonly atMs: number;
  readonly queues: readonly QueueRow[];
  readonly workers: readonly WorkerRow[];
  /** Why workers could not be looked for; null when they could. */
  readonly problem: string | null;
}
