/** What the processes of a configuration are: one plan for each, to be compared with what runs. */
import { resolve } from "node:path";
import type { Framing } from "../../records/framing.ts";
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
  verb: readonly string[],
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
  const words = [...verb, `--queue=${queue}`, `--name=${ownName}`, ...flags];
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

/** Variables that hold paths, which must mean the same in the workers' directories. */
const pathVariables = [
  "RINGWIRE_SHM_DIR",
  "RINGWIRE_SHM_LIBRARY",
  "RINGWIRE_CONFIG",
];

/** What the workers' processes get of the daemon's environment. One control socket is not for many. */
function inheritedEnvironment(environment: Environment): Environment {
  const { RINGWIRE_CONTROL: _, ...inherited } = environment;
  const paths = pathVariables.flatMap((name) => {
    const path = inherited[name];
    return path ? [[name, resolve(path)] as const] : [];
  });
  return { ...inherited, ...Object.fromEntries(paths) };
}

/**
 * The processes of a configuration.
 *
 * @param environment the daemon's own
 * @param optionsPath the file with options of all verbs that the daemon was given, if it was
 */
export function planProcesses(
  { workers }: DaemonConfig,
  environment: Environment,
  optionsPath: string | undefined,
): ProcessPlan[] {
  const inherited = inheritedEnvironment(environment);
  const verb =
    optionsPath === undefined
      ? ["work"]
      : ["work", `--config=${resolve(optionsPath)}`];
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
      planProcess(worker, index + 1, verb, place, inherited),
    );
  });
}

/** Whether a process started by one plan is what the other one wants. When it would be started again is no part of it. */
export function isSameProcess(one: ProcessPlan, other: ProcessPlan): boolean {
  const key = ({ restart: _, ...rest }: ProcessPlan): string =>
    JSON.stringify(rest);
  return key(one) === key(other);
}
