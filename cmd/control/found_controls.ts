/** Who can be asked: the workers and daemons behind the control sockets of this user. */
import { z } from "zod";
import { CommandFailure, ExitCode } from "../command_line/exit_codes.ts";
import { callControl, ControlGone } from "./control_client.ts";
import { type ControlEntry, listControls } from "./control_place.ts";
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

/** Somebody with a control socket. */
export interface FoundControl {
  readonly path: string;
  readonly name: string;
  /** Of its own process-id namespace; 0 when nobody said it. */
  readonly pid: number;
  /** What it says of itself, or why there is nothing: no answer in time, or one that nobody understands. */
  readonly answer:
    | WorkerReport
    | DaemonReport
    | { readonly kind: "none"; readonly reason: string };
}

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

async function ask(
  entry: Pick<ControlEntry, "path"> & Partial<ControlEntry>,
  timeoutMs: number,
): Promise<FoundControl | undefined> {
  const known = {
    path: entry.path,
    name: entry.name ?? entry.path,
    pid: entry.pid ?? 0,
  };
  try {
    const { status, body } = await callControl(
      entry.path,
      "GET",
      "/status",
      undefined,
      { timeoutMs },
    );
    const answer = anyReport.safeParse(body);
    if (status === 200 && answer.success)
      return {
        path: entry.path,
        name: answer.data.name,
        pid: answer.data.pid,
        answer: answer.data,
      };
    const reason = `answers /status with ${status} and nothing that is understood here`;
    return { ...known, answer: { kind: "none", reason } };
  } catch (error) {
    if (error instanceof ControlGone) return undefined;
    // Those in their usual place are our own; this one was named, and is somebody else's.
    if (
      entry.pid === undefined &&
      error instanceof CommandFailure &&
      error.exitCode === ExitCode.notAllowed
    )
      throw error;
    const text = error instanceof Error ? error.message : String(error);
    const reason = text.replace(`${entry.path}: `, "");
    return { ...known, answer: { kind: "none", reason } };
  }
}

/** Where to look. */
export interface FindRequest {
  /** For each answer, in milliseconds; all are asked at the same time. */
  readonly timeoutMs: number;
  /** Only this socket. @default those in their usual place */
  readonly path?: string | undefined;
  /** Only those that may have one of these names or process numbers: others need not be waited for. @default all */
  readonly names?: readonly string[];
}

function mayBeNamed(entry: ControlEntry, names: readonly string[]): boolean {
  return (
    entry.name === undefined ||
    names.length === 0 ||
    names.includes(entry.name) ||
    names.includes(`${entry.pid}`)
  );
}

/**
 * Asks everybody, by name and process number. Sockets of the dead are removed on the way.
 *
 * @throws {CommandFailure} when the directory of the sockets is not this user's alone, or `path` is another user's
 */
export async function findControls(
  request: FindRequest,
): Promise<FoundControl[]> {
  const entries =
    request.path === undefined
      ? listControls().filter((entry) => mayBeNamed(entry, request.names ?? []))
      : [{ path: request.path }];
  const found = await Promise.all(
    entries.map((entry) => ask(entry, request.timeoutMs)),
  );
  return found
    .filter((each) => each !== undefined)
    .sort((a, b) =>
      a.name === b.name ? a.pid - b.pid : a.name < b.name ? -1 : 1,
    );
}
