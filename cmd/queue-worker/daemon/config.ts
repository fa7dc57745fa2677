/** The daemon's configuration: a file read, checked, and made sense of. JSON, or TOML by its ending. */
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { UsageError } from "../../command_line/exit_codes.ts";
import type { Framing } from "../../records/framing.ts";
import { checkCombination, outputFraming } from "../work_rules.ts";
import {
  createFlags,
  createValues,
  fileTable,
  type QueueTable,
  workArguments,
  type WorkerTable,
  workFlags,
  workValues,
} from "./config_tables.ts";
import { describeIssues } from "./config_values.ts";
import { findRepeatedKey } from "./repeated_key.ts";

/** Where the output of a worker's processes goes: `inherit`, `null`, or the absolute path of a file. */
export type OutputPlace =
  | { readonly kind: "inherit" }
  | { readonly kind: "null" }
  | { readonly kind: "file"; readonly path: string };

/** How processes are started again. Milliseconds. */
export interface RestartPolicy {
  readonly minDelayMs: number;
  readonly maxDelayMs: number;
  /** Who lived that long begins with the shortest delay again. */
  readonly stableAfterMs: number;
}

/** One worker: so many processes of `work`. */
export interface WorkerConfig {
  readonly name: string;
  /** A name, or `file:` with an absolute path. */
  readonly queue: string;
  readonly processes: number;
  /** Flags of `work`, as on a command line. */
  readonly flags: readonly string[];
  /** What follows `--`; empty with `exec`. */
  readonly command: readonly string[];
  /** Absolute. */
  readonly directory: string;
  /** Beside the daemon's own. */
  readonly environment: Readonly<Record<string, string>>;
  readonly stdout: OutputPlace;
  readonly stderr: OutputPlace;
  /** How records are put on the daemon's stdout when several processes share it. */
  readonly outFraming: Framing;
  readonly restart: RestartPolicy;
  readonly drainTimeoutMs: number;
  readonly killAfterMs: number;
}

/** What a queue may be like and still be healthy. */
export interface QueueLimits {
  /** Milliseconds that the oldest waiting message may have been there. */
  readonly maxOldestAgeMs: number | undefined;
  /** Dead letters. */
  readonly maxDead: number | undefined;
}

/** One queue that is looked after. */
export interface QueueConfig {
  /** A name, or `file:` with an absolute path. */
  readonly name: string;
  /** Values of the options of `create`, when it is to be created. */
  readonly creation: Readonly<Record<string, unknown>> | undefined;
  readonly limits: QueueLimits;
}

/** All that the file says, defaults included. */
export interface DaemonConfig {
  /** Those named under `queues` and those that only workers name. */
  readonly queues: readonly QueueConfig[];
  readonly workers: readonly WorkerConfig[];
  readonly sweepEveryMs: number;
  /** Restarts of a worker within a minute that are still healthy. */
  readonly maxRestarts: number;
}

const drainTimeoutMsDefault = 25_000;
const sweepEveryMsDefault = 1000;
const maxRestartsDefault = 3;
const restartDefault: RestartPolicy = {
  minDelayMs: 1000,
  maxDelayMs: 60_000,
  stableAfterMs: 10_000,
};

/** Collects mistakes that no single value shows. */
type Mistakes = string[];

function fail(path: string, mistakes: readonly string[]): never {
  const [only] = mistakes;
  throw new UsageError(
    mistakes.length === 1
      ? `${path}: ${only}`
      : `${path}: ${mistakes.length} mistakes\n${mistakes.map((line) => `  ${line}`).join("\n")}`,
  );
}

function parseFile(path: string): unknown {
  try {
    const text = readFileSync(path, "utf8");
    if (path.endsWith(".toml")) return Bun.TOML.parse(text);
    const value: unknown = JSON.parse(text);
    const repeated = findRepeatedKey(text);
    if (repeated !== undefined) throw new SyntaxError(repeated);
    return value;
  } catch (error) {
    throw new UsageError(
      `${path}: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
}

/** Names of queues mean the same wherever their users were started. */
function absoluteQueue(name: string, base: string): string {
  return name.startsWith("file:")
    ? `file:${resolve(base, name.slice(5))}`
    : name;
}

/** The same for queues that flags name. */
function withAbsoluteQueues(given: WorkerTable, base: string): WorkerTable {
  const flags = [...workFlags].flatMap(([name, { shape }]) => {
    const texts = given[name] as readonly string[] | undefined;
    if (shape?.kind !== "queue" || texts === undefined) return [];
    return [[name, texts.map((text) => absoluteQueue(text, base))] as const];
  });
  return { ...given, ...Object.fromEntries(flags) };
}

function placeOf(text: string, base: string): OutputPlace {
  if (text === "inherit" || text === "null") return { kind: text };
  return { kind: "file", path: resolve(base, text) };
}

function restartOf(
  name: string,
  given: WorkerTable["restart"],
  mistakes: Mistakes,
): RestartPolicy {
  const policy = {
    minDelayMs: given?.["min-delay"] ?? restartDefault.minDelayMs,
    maxDelayMs: given?.["max-delay"] ?? restartDefault.maxDelayMs,
    stableAfterMs: given?.["stable-after"] ?? restartDefault.stableAfterMs,
  };
  if (policy.minDelayMs > policy.maxDelayMs)
    mistakes.push(
      `workers.${name}.restart: min-delay is ${policy.minDelayMs} ms, allowed is at most max-delay, ${policy.maxDelayMs} ms`,
    );
  return policy;
}

/** Which flags go together is for `work` to say. */
function combinationMistake(
  values: ReturnType<typeof workValues>,
  queue: string,
): string | undefined {
  try {
    checkCombination(values, queue);
    return undefined;
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
}

function workerOf(
  name: string,
  asGiven: WorkerTable,
  base: string,
  drainTimeoutMs: number,
  mistakes: Mistakes,
): WorkerConfig {
  const given = withAbsoluteQueues(asGiven, base);
  const { command = [], exec, environment = {} } = given;
  if (command.length > 0 === (exec !== undefined))
    mistakes.push(
      `workers.${name}: given ${exec === undefined ? "neither command nor exec" : "command and exec"}, allowed is one of them`,
    );
  for (const variable of ["RINGWIRE_SHM_DIR", "RINGWIRE_CONTROL"])
    if (variable in environment)
      mistakes.push(
        `workers.${name}.environment.${variable}: given, allowed only in the daemon's own environment`,
      );
  const directory = resolve(base, given.directory ?? ".");
  const queue = absoluteQueue(given.queue, base);
  const values = workValues(given);
  const mistake = combinationMistake(values, queue);
  if (mistake !== undefined) mistakes.push(`workers.${name}: ${mistake}`);
  const ownDrain = given["drain-timeout"] !== undefined;
  const flags = workArguments(given);
  return {
    name,
    queue,
    processes: given.processes ?? 1,
    flags: ownDrain ? flags : [...flags, `--drain-timeout=${drainTimeoutMs}ms`],
    command,
    directory,
    environment,
    // With another queue as its destination nothing comes, and nothing needs a framing.
    stdout:
      values.to === undefined
        ? placeOf(given.stdout ?? "inherit", directory)
        : { kind: "null" },
    stderr: placeOf(given.stderr ?? "inherit", directory),
    outFraming: outputFraming(values),
    restart: restartOf(name, given.restart, mistakes),
    drainTimeoutMs: ownDrain ? values.drainTimeout : drainTimeoutMs,
    killAfterMs: values.killAfter,
  };
}

function creationOf(
  name: string,
  given: QueueTable,
  base: string,
  mistakes: Mistakes,
): QueueConfig["creation"] {
  const limits = [...createFlags.keys()].filter(
    (key) => given[key] !== undefined,
  );
  if (given.create !== true) {
    for (const key of limits)
      mistakes.push(
        `queues.${name}.${key}: given without "create": true, which it belongs to`,
      );
    return undefined;
  }
  const values = createValues(given);
  return typeof values.journal === "string"
    ? { ...values, journal: resolve(base, values.journal) }
    : values;
}

/**
 * Reads a configuration.
 *
 * @param path absolute; what is relative in the file is so to its directory
 * @throws {UsageError} with every mistake: its path in the file, what was given, what is allowed
 */
export function readDaemonConfig(path: string): DaemonConfig {
  const checked = fileTable.safeParse(parseFile(path));
  if (!checked.success) fail(path, describeIssues(checked.error.issues));
  const { data } = checked;
  const base = dirname(path);
  const mistakes: Mistakes = [];
  const drainTimeoutMs = data["drain-timeout"] ?? drainTimeoutMsDefault;
  const limits = (health: QueueTable["health"]): QueueLimits => ({
    maxOldestAgeMs:
      health?.["max-oldest-age"] ?? data.health?.["max-oldest-age"],
    maxDead: health?.["max-dead"] ?? data.health?.["max-dead"],
  });
  const queues = new Map<string, QueueConfig>();
  for (const [key, given] of Object.entries(data.queues ?? {})) {
    const name = absoluteQueue(key, base);
    if (queues.has(name))
      mistakes.push(`queues.${key}: given twice, allowed is once`);
    const creation = creationOf(key, given as QueueTable, base, mistakes);
    queues.set(name, {
      name,
      creation,
      limits: limits((given as QueueTable).health),
    });
  }
  const workers = Object.entries(data.workers ?? {}).map(([name, given]) =>
    workerOf(name, given as WorkerTable, base, drainTimeoutMs, mistakes),
  );
  for (const { queue } of workers)
    if (!queues.has(queue))
      queues.set(queue, {
        name: queue,
        creation: undefined,
        limits: limits(undefined),
      });
  if (queues.size === 0)
    mistakes.push("given neither workers nor queues, needed is at least one");
  if (mistakes.length > 0) fail(path, mistakes);
  return {
    queues: [...queues.values()],
    workers,
    sweepEveryMs: data["sweep-every"] ?? sweepEveryMsDefault,
    maxRestarts: data.health?.["max-restarts"] ?? maxRestartsDefault,
  };
}
