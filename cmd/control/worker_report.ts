/** What a worker says about itself at `GET /status`. Times are wall-clock milliseconds. */
import { z } from "zod";

/** The report of a worker. */
export interface WorkerReport {
  readonly kind: "work";
  readonly name: string;
  readonly pid: number;
  /** As given with `-q`; the path of a file is absolute. */
  readonly queue: string;
  readonly started_ms: number;
  /** `draining`: takes no more messages. */
  readonly state: "working" | "draining";
  /** Handlers at a time. */
  readonly jobs: number;
  readonly command: readonly string[];
  readonly running: readonly RunningReport[];
  /** Messages settled so far, by how. */
  readonly counts: {
    readonly acked: number;
    readonly retried: number;
    readonly buried: number;
    /** Given back uncounted. */
    readonly released: number;
    /** Whose lease was lost. */
    readonly lost: number;
  };
}

/** A handler at work. */
interface RunningReport {
  /** Of its messages. */
  readonly ids: readonly string[];
  /** Of the first of them. */
  readonly attempt: number;
  /** Null while it is being started. */
  readonly pid: number | null;
  readonly since_ms: number;
}

const count = z.int().min(0);

/** Checks a report that came over a socket; what a newer version adds is left out. */
export const workerReport: z.ZodType<WorkerReport> = z.object({
  kind: z.literal("work"),
  name: z.string(),
  pid: count,
  queue: z.string(),
  started_ms: z.number(),
  state: z.enum(["working", "draining"]),
  jobs: count,
  command: z.array(z.string()),
  running: z.array(
    z.object({
      ids: z.array(z.string()),
      attempt: count,
      pid: count.nullable(),
      since_ms: z.number(),
    }),
  ),
  counts: z.object({
    acked: count,
    retried: count,
    buried: count,
    released: count,
    lost: count,
  }),
});
