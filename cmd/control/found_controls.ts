/** Who can be asked: the workers and daemons behind the control sockets of this user. */
import { z } from "zod";
import {
  type Found,
  searchControls,
  type SearchRequest,
} from "./control_search.ts";
import { type WorkerReport, workerReport } from "./worker_report.ts";

/** The part of a daemon's report that says how it is with its workers. */
interface DaemonReport {
  readonly kind: "daemon";
  readonly name: string;
  readonly pid: number;
  readonly config_error: string | null;
  readonly workers: readonly {
    readonly name: string;
    /** `running`, `backoff`, `failed`, …: the best of its processes. */
    readonly state: string;
    readonly restarts: number;
    readonly last_exit: { readonly text: string } | null;
    readonly processes: readonly { readonly pid: number | null }[];
  }[];
}

/** A worker or daemon with a control socket. */
export type FoundControl = Found<WorkerReport | DaemonReport>;

const daemonReport: z.ZodType<DaemonReport> = z.object({
  kind: z.literal("daemon"),
  name: z.string(),
  pid: z.int().min(0),
  config_error: z.string().nullable(),
  workers: z.array(
    z.object({
      name: z.string(),
      state: z.string(),
      restarts: z.int().min(0),
      last_exit: z.object({ text: z.string() }).nullable(),
      processes: z.array(z.object({ pid: z.int().nullable() })),
    }),
  ),
});
const anyReport = z.union([workerReport, daemonReport]);

/**
 * Asks workers and daemons, by name and process number. Sockets of the dead are removed on the way.
 *
 * @throws {CommandFailure} when the directory of the sockets is not this user's alone, or `path` is another user's
 */
export function findControls(request: SearchRequest): Promise<FoundControl[]> {
  return searchControls("control", anyReport, request);
}
