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
import type { VerbOptions } from "./config_schema.ts";
import { UsageError } from "../command_line/exit_codes.ts";
import {
  longName,
  type OptionSource,
  type OptionSpec,
} from "../command_line/options.ts";

/** Where to look for which executable's options. */
export interface ConfigRequest {
  /** From `--config` or RINGWIRE_CONFIG; must exist. */
  readonly path: string | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The table of the executable: `queue-worker`. */
  readonly table: string;
  /** The options of all verbs: the whole file is checked, whichever verb reads it. */
  readonly verbs: () => Promise<readonly VerbOptions[]>;
}

/** The user's own file; undefined when there is none. */
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

type Scalar = string | number | boolean;
type Entry = Scalar | readonly Scalar[];
type Table = Readonly<Record<string, Entry | Readonly<Record<string, Entry>>>>;

function isTable(
  value: Table[string] | undefined,
): value is Readonly<Record<string, Entry>> {
  return typeof value === "object" && !Array.isArray(value);
}

/**
 * Reads and checks a whole file.
 *
 * @throws {UsageError} with the path of the first mistake
 */
async function readTable(path: string, request: ConfigRequest): Promise<Table> {
  let content: unknown;
  try {
    const text = readFileSync(path, "utf8");
    content = path.endsWith(".toml") ? Bun.TOML.parse(text) : JSON.parse(text);
  } catch (error) {
    throw new UsageError(
      `${path}: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
  // Few commands ever see a file: the checker's start-up time is theirs only.
  const { ConfigSchema } = await import("./config_schema.ts");
  const schema = new ConfigSchema(request.table, await request.verbs());
  const mistake = schema.mistake(content);
  if (mistake !== undefined) throw new UsageError(`${path}: ${mistake}`);
  // The schema has just said so.
  return (content as Record<string, Table | undefined>)[request.table] ?? {};
}

/** A file that was found good. */
export class ConfigFile {
  readonly path: string;
  readonly #name: string;
  readonly #table: Table;

  constructor(path: string, name: string, table: Table) {
    this.path = path;
    this.#name = name;
    this.#table = table;
  }

  /** What it says to one verb: `push`, `dlq ls`. */
  sourceFor(verb: string): OptionSource {
    return {
      look: (spec) => {
        const found = this.#find(spec, verb);
        if (found === undefined) return undefined;
        const [, entry] = found;
        return (Array.isArray(entry) ? entry : [entry]).map(String);
      },
      nameOf: (spec) =>
        `${this.path}: ${this.#name}.${this.#find(spec, verb)?.[0] ?? longName(spec)}`,
    };
  }

  #find(
    spec: OptionSpec<unknown>,
    verb: string,
  ): readonly [key: string, entry: Entry] | undefined {
    const name = longName(spec);
    const own = this.#table[verb];
    if (isTable(own) && own[name] !== undefined)
      return [`${verb}.${name}`, own[name]];
    const general = this.#table[name];
    return general === undefined || isTable(general)
      ? undefined
      : [name, general];
  }
}

/** The file that holds, undefined when there is none. @throws {UsageError} when it cannot be used */
export async function readConfig(
  request: ConfigRequest,
): Promise<ConfigFile | undefined> {
  const path = request.path ?? userFile(request.environment);
  if (path === undefined) return undefined;
  return new ConfigFile(path, request.table, await readTable(path, request));
}
