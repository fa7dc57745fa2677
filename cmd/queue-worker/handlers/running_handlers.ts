/** Which handlers run at this moment, for whoever asks. */
import type { Job } from "../../../src/queue/mod.ts";

/** Messages shown of one run. */
const idsMax = 16;

/** A run that is going on. */
export interface RunningHandler {
  /** The messages, at most 16 of them. */
  readonly ids: readonly string[];
  readonly attempt: number;
  /** Null until the process is there. */
  readonly pid: number | null;
  /** Wall clock in milliseconds. */
  readonly since_ms: number;
}

/** The handlers of one worker. */
export class RunningHandlers {
  readonly #running = new Set<{
    -readonly [Key in keyof RunningHandler]: RunningHandler[Key];
  }>();

  get size(): number {
    return this.#running.size;
  }

  get all(): readonly RunningHandler[] {
    return [...this.#running];
  }

  /** Notes a run. */
  begin(jobs: readonly Job[]): {
    readonly started: (pid: number) => void;
    readonly ended: () => void;
  } {
    const entry = {
      ids: jobs.slice(0, idsMax).map((job) => `${job.id}`),
      attempt: jobs[0]?.attempts ?? 1,
      pid: null as number | null,
      since_ms: Date.now(),
    };
    this.#running.add(entry);
    return {
      started: (pid) => {
        entry.pid = pid;
      },
      ended: () => {
        this.#running.delete(entry);
      },
    };
  }
}
