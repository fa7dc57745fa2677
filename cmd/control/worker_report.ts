/** What a worker says about itself at `GET /status`. Times are wall-clock milliseconds. */
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
