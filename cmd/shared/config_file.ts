/**
 * Configuration files: `--config FILE`, else the user's own under XDG_CONFIG_HOME. JSON, or TOML by its ending.
 *
 * ```json
 * { "queue-worker": { "on-full": "fail", "work": { "jobs": 4, "backoff": "1s..1m" } } }
 * ```
 * The table of an executable holds options by their long name, for all of its verbs or in a table of one verb.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { UsageError } from "./exit_codes.ts";
import { longName, type OptionSource, type OptionSpec } from "./options.ts";

type KnownOptions = ReadonlyMap<string, ReadonlySet<string>>;

/** Where to look for which executable's options. */
export interface ConfigRequest {
  /** From `--config` or RINGWIRE_CONFIG; must exist. */
  readonly path: string | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The table of the executable: `queue-worker`. */
  readonly table: string;
  /** The verb whose options are asked for: `push`, `dlq ls`. */
  readonly verb: string;
  /** Long names of all options of each verb, to refuse what does not exist. */
  readonly known: () => Promise<KnownOptions>;
}

function userFile(
  environment: ConfigRequest["environment"],
): string | undefined {
  const base =
    environment.XDG_CONFIG_HOME ||
    (environment.HOME ? join(environment.HOME, ".config") : "");
  if (base === "") return undefined;
  return ["config.json", "config.toml"]
    .map((name) => join(base, "ringwire", name))
    .find((path) => existsSync(path));
}

type Entry = string | number | boolean | (string | number | boolean)[];
type Table = Readonly<Record<string, Entry | Record<string, Entry>>>;

async function readTable(path: string, table: string): Promise<Table> {
  let parsed: unknown;
  try {
    const text = readFileSync(path, "utf8");
    parsed = path.endsWith(".toml") ? Bun.TOML.parse(text) : JSON.parse(text);
  } catch (error) {
    throw new UsageError(
      `${path}: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
  // Few commands ever see a file: the checker's start-up time is theirs only.
  const { z } = await import("zod");
  const scalar = z.union([z.string(), z.number(), z.boolean()]);
  const entry = z.union([scalar, z.array(scalar)]);
  const schema = z.looseObject({
    [table]: z
      .record(z.string(), z.union([entry, z.record(z.string(), entry)]))
      .optional(),
  });
  const checked = schema.safeParse(parsed);
  if (!checked.success) {
    const issue = checked.error.issues[0];
    throw new UsageError(
      `${path}: ${issue?.path.join(".") || "the file"}: ${issue?.message ?? "not allowed"}`,
    );
  }
  return (checked.data[table] ?? {}) as Table;
}

function refuse(path: string, key: string, names: Iterable<string>): never {
  throw new UsageError(
    `${path}: ${key}: no such option; allowed are ${[...names].sort().join(", ")}`,
  );
}

function checkKeys(
  path: string,
  prefix: string,
  table: Table,
  known: KnownOptions,
): void {
  const all = new Set([...known.values()].flatMap((names) => [...names]));
  for (const [key, value] of Object.entries(table)) {
    if (typeof value !== "object" || Array.isArray(value)) {
      if (!all.has(key)) refuse(path, `${prefix}.${key}`, all);
      continue;
    }
    const names = known.get(key);
    if (names === undefined) refuse(path, `${prefix}.${key}`, known.keys());
    for (const inner of Object.keys(value))
      if (!names.has(inner)) refuse(path, `${prefix}.${key}.${inner}`, names);
  }
}

function textsOf(value: Entry): string[] {
  return (Array.isArray(value) ? value : [value]).map(String);
}

/** The source made of the file, undefined when there is none. @throws {UsageError} when it cannot be used */
export async function configSource(
  request: ConfigRequest,
): Promise<OptionSource | undefined> {
  const path = request.path ?? userFile(request.environment);
  if (path === undefined) return undefined;
  const table = await readTable(path, request.table);
  checkKeys(path, request.table, table, await request.known());
  const find = (
    spec: OptionSpec<unknown>,
  ): readonly [key: string, value: Entry] | undefined => {
    const name = longName(spec);
    const own = table[request.verb];
    if (
      typeof own === "object" &&
      !Array.isArray(own) &&
      own[name] !== undefined
    )
      return [`${request.verb}.${name}`, own[name]];
    const general = table[name];
    if (
      general === undefined ||
      (typeof general === "object" && !Array.isArray(general))
    )
      return undefined;
    return [name, general];
  };
  return {
    look: (spec) => {
      const found = find(spec);
      return found === undefined ? undefined : textsOf(found[1]);
    },
    nameOf: (spec) =>
      `${path}: ${request.table}.${find(spec)?.[0] ?? longName(spec)}`,
  };
}
