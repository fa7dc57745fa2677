/**
 * The tables of the daemon's configuration file. Most keys are the flags of `create` and `work` by their long names and
 * with their checks, so that a flag that comes to one of these verbs can be used here at once.
 */
import type { z } from "zod";
import { valueMistake } from "../../configuration/config_schema.ts";
import { duration, timerMsMax } from "../../command_line/duration.ts";
import {
  longName,
  type OptionSpec,
  type OptionSpecs,
} from "../../command_line/options.ts";
import { Refused } from "../../command_line/refused.ts";
import { integer } from "../../command_line/scalars.ts";
import { create } from "../create.ts";
import { parseQueueName, queueOption } from "../../queues/open_queue.ts";
import { type WorkInvocation, workOptions } from "../work_options.ts";
import {
  commandWords,
  flagValue,
  namedTables,
  someText,
  table,
  variables,
  written,
  yesOrNo,
} from "./config_values.ts";

/** With `-256` behind it, a participant's name has 31 bytes at most. */
const workerNameBytesMax = 27;
const processesMax = 256;
const deadMax = 1_048_576;

/** Flags of `work` for what the daemon decides, and for what a supervised worker never does. */
export const notForWorkers: readonly string[] = [
  "queue",
  "name",
  "control",
  "no-control",
  "until-empty",
  "until-end",
  "end",
  "wait",
  "count",
];
/** Flags of `create` that a queue's table has no use for. */
export const notForQueues: readonly string[] = ["queue", "reopen"];

/** Options by their long names. */
type Flags = ReadonlyMap<string, OptionSpec<unknown>>;

function flagsOf(options: OptionSpecs, without: readonly string[]): Flags {
  const flags = Object.values(options).map(
    (spec) => [longName(spec), spec] as const,
  );
  return new Map(flags.filter(([name]) => !without.includes(name)));
}

/** Flags of `work` that a worker's table may hold. */
export const workFlags: Flags = flagsOf(workOptions, notForWorkers);
/** Flags of `create` that a queue's table may hold. */
export const createFlags: Flags = flagsOf(create.options, notForQueues);

function shapeOf(
  flags: Flags,
): Record<string, z.ZodType<readonly string[] | undefined>> {
  return Object.fromEntries(
    [...flags].map(([name, spec]) => [name, flagValue(spec).optional()]),
  );
}

function valuesOf(
  given: Readonly<Record<string, unknown>>,
  options: OptionSpecs,
  flags: Flags,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(options).map(([key, spec]) => {
      const name = longName(spec);
      const texts = flags.has(name)
        ? (given[name] as readonly string[] | undefined)
        : undefined;
      return [key, texts === undefined ? spec.fallback : spec.parse(texts)];
    }),
  );
}

/** What `work` makes of a worker's flags. */
export function workValues(given: WorkerTable): WorkInvocation["options"] {
  const values = valuesOf(given, workOptions, workFlags);
  // Every option's own parser has made its value.
  return values as unknown as WorkInvocation["options"];
}

/** What `create` makes of a queue's flags. */
export function createValues(given: QueueTable): Record<string, unknown> {
  return valuesOf(given, create.options, createFlags);
}

/** The flags as they stand on a command line. `=` also lets a value begin with a dash. */
export function workArguments(given: WorkerTable): string[] {
  return [...workFlags].flatMap(([name, spec]) => {
    const texts = given[name] as readonly string[] | undefined;
    if (texts === undefined) return [];
    if (spec.kind === "switch") return spec.parse(texts) ? [`--${name}`] : [];
    return texts.map((text) => `--${name}=${text}`);
  });
}

function checkWorkerName(name: string): void {
  if (
    !/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name) ||
    name.length > workerNameBytesMax
  )
    throw new Refused(
      name,
      `1 to ${workerNameBytesMax} characters of A-Z a-z 0-9 . _ - beginning with a letter or digit`,
    );
}

const timer = written(duration({ maxMs: timerMsMax }));
const anyDuration = written(duration());

const queueHealthShape = {
  "max-oldest-age": anyDuration.optional(),
  "max-dead": written(integer(0, deadMax)).optional(),
};

const healthTable = table({
  ...queueHealthShape,
  "max-restarts": written(integer(0, 1_000_000)).optional(),
});

const queueShape = {
  create: yesOrNo.optional(),
  health: table(queueHealthShape).optional(),
};

const restartTable = table({
  "min-delay": timer.optional(),
  "max-delay": timer.optional(),
  "stable-after": timer.optional(),
});

const queueValue = someText("the name of a queue").superRefine(
  (name, context) => {
    const message = valueMistake(queueOption, name);
    if (message !== undefined) context.addIssue({ code: "custom", message });
  },
);

const workerShape = {
  queue: queueValue,
  command: commandWords.optional(),
  processes: written(integer(1, processesMax)).optional(),
  environment: variables.optional(),
  directory: someText().optional(),
  stdout: someText().optional(),
  stderr: someText().optional(),
  restart: restartTable.optional(),
};

const queueTable = table({ ...queueShape, ...shapeOf(createFlags) });
const workerTable = table({ ...workerShape, ...shapeOf(workFlags) });

/** What the file may hold, before it is made sense of. */
export const fileTable = table({
  queues: namedTables(parseQueueName, queueTable).optional(),
  workers: namedTables(checkWorkerName, workerTable).optional(),
  "drain-timeout": timer.optional(),
  "sweep-every": written(duration({ minMs: 10, maxMs: 3_600_000 })).optional(),
  health: healthTable.optional(),
});

/** One worker as it stands in the file, values parsed, flags as texts. */
export type WorkerTable = z.output<z.ZodObject<typeof workerShape>> &
  Readonly<Record<string, unknown>>;
/** One queue, likewise. */
export type QueueTable = z.output<z.ZodObject<typeof queueShape>> &
  Readonly<Record<string, unknown>>;

/** The keys of each table that are no flags, by the heading of the table in the guide. */
export const configKeys: Readonly<Record<string, readonly string[]>> = {
  "The file": Object.keys(fileTable.shape),
  "A queue": Object.keys(queueShape),
  "A worker": Object.keys(workerShape),
  restart: Object.keys(restartTable.shape),
  health: Object.keys(healthTable.shape),
};
