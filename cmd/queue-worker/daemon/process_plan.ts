/** What the processes of a configuration are: one plan for each, to be compared with what runs. */
import { sharedMemoryDirectory } from "../../../src/queue/place.ts";
import type { Framing } from "../../shared/framing.ts";
import type {
  DaemonConfig,
  OutputPlace,
  RestartPolicy,
  WorkerConfig,
} from "./config.ts";

/** Where a process's stdout goes; `records` come to the daemon, which writes them whole. */
export type OutputPlan =
  OutputPlace | { readonly kind: "records"; readonly framing: Framing };

/** One process of `work`. */
export interface ProcessPlan {
  /** `thumbnailer-1`; also its name in `stat`. */
  readonly name: string;
  /** `thumbnailer` */
  readonly worker: string;
  readonly queue: string;
  /** After the executable. */
  readonly words: readonly string[];
  readonly directory: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly stdout: OutputPlan;
  readonly stderr: OutputPlace;
  readonly restart: RestartPolicy;
  /** How long its handlers may go on after SIGTERM. */
  readonly drainTimeoutMs: number;
  /** How long they may go on after that. */
  readonly killAfterMs: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

function planProcess(
  worker: WorkerConfig,
  number: number,
  stdout: OutputPlan,
  environment: Environment,
): ProcessPlan {
  const {
    name,
    queue,
    flags,
    command,
    directory,
    stderr,
    restart,
    drainTimeoutMs,
    killAfterMs,
  } = worker;
  const ownName = `${name}-${number}`;
  const words = ["work", `--queue=${queue}`, `--name=${ownName}`, ...flags];
  if (stdout.kind === "records") words.push("--out-framing=len32");
  if (command.length > 0) words.push("--", ...command);
  return {
    name: ownName,
    worker: name,
    queue,
    words,
    directory,
    environment: { ...environment, ...worker.environment },
    stdout,
    stderr,
    restart,
    drainTimeoutMs,
    killAfterMs,
  };
}

/** What the workers' processes get of the daemon's environment: one control socket is not for many, and paths are absolute. */
function inheritedEnvironment(environment: Environment): Environment {
  const {
    RINGWIRE_CONTROL: _,
    RINGWIRE_SHM_DIR: directory,
    ...rest
  } = environment;
  return directory
    ? { ...rest, RINGWIRE_SHM_DIR: sharedMemoryDirectory() }
    : rest;
}

/** The processes of a configuration. */
export function planProcesses(
  { workers }: DaemonConfig,
  environment: Environment,
): ProcessPlan[] {
  const inherited = inheritedEnvironment(environment);
  const writers = workers
    .filter(({ stdout }) => stdout.kind === "inherit")
    .reduce((count, { processes }) => count + processes, 0);
  return workers.flatMap((worker) => {
    const { stdout, processes } = worker;
    // One alone writes by itself, and what it has acknowledged has been written. Records of several must not mingle.
    const place: OutputPlan =
      stdout.kind === "inherit" && writers > 1
        ? { kind: "records", framing: worker.outFraming }
        : stdout;
    return Array.from({ length: processes }, (_, index) =>
      planProcess(worker, index + 1, place, inherited),
    );
  });
}

/** Whether a process started by one plan is what the other one wants. When it would be started again is no part of it. */
export function isSameProcess(one: ProcessPlan, other: ProcessPlan): boolean {
  const key = ({ restart: _, ...rest }: ProcessPlan): string =>
    JSON.stringify(rest);
  return key(one) === key(other);
}
