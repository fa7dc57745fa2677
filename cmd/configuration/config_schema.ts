/**
 * What may stand in a configuration file, as a zod schema made from the declared options. It checks files at run time,
 * and `config schema` prints it. Only this file loads zod, so that a start without a file does not pay for it.
 */
import { z } from "zod";
import {
  defaultValue,
  longName,
  type OptionSpec,
} from "../command_line/options.ts";
import { Refused } from "../command_line/refused.ts";
import type { ValueShape } from "../command_line/value_shape.ts";

/** A verb's options, for its table in the file. */
export interface VerbOptions {
  readonly name: string;
  readonly summary: string;
  readonly options: readonly OptionSpec<unknown>[];
}

type Spec = OptionSpec<unknown>;

/** What a refused value should have been, when its text would do but its type does not. */
function typeName(spec: Spec): string {
  if (spec.kind === "switch") return "true or false, without quotes";
  if (spec.shape?.kind === "integer") return "a number, without quotes";
  return spec.kind === "list" ? "a text, or a list of texts" : "a text";
}

/** Why `given` is refused by the option itself; undefined when its text would be taken. */
function refusal(spec: Spec, given: unknown): string | undefined {
  try {
    spec.parse((Array.isArray(given) ? given : [given]).map(String));
    return undefined;
  } catch (error) {
    if (error instanceof Refused) return error.message;
    throw error;
  }
}

function wrongType(spec: Spec, given: unknown): string {
  const plain = typeof given !== "object" ? refusal(spec, given) : undefined;
  return (
    plain ?? `given ${JSON.stringify(given)}, allowed is ${typeName(spec)}`
  );
}

function shapeSchema(shape: ValueShape | undefined): z.ZodType {
  switch (shape?.kind) {
    case "choice":
      return z.enum(shape.words);
    case "integer":
      return z.int().min(shape.min).max(shape.max);
    case "duration":
    case "range":
      return z.string().regex(shape.pattern);
    case "size":
      return z.union([
        z.int().min(shape.min).max(shape.max),
        z.string().regex(shape.pattern),
      ]);
    case "queue":
    case "file":
      return z.string().min(1);
    case undefined:
      return z.union([z.string(), z.number(), z.boolean()]);
  }
}

function valueSchema(spec: Spec): z.ZodType {
  if (spec.kind === "switch") return z.boolean();
  const one = shapeSchema(spec.shape);
  return spec.kind === "list" ? z.union([one, z.array(one)]) : one;
}

/** For the options of one name, which several verbs may have: what any of them takes. */
function optionSchema(specs: readonly Spec[]): z.ZodType {
  // Those that look the same would only be repeated.
  const schemas = [
    ...new Map(
      specs.map((spec) => [JSON.stringify([spec.kind, spec.shape]), spec]),
    ).values(),
  ].map(valueSchema);
  const [only] = schemas;
  const schema =
    only !== undefined && schemas.length === 1 ? only : z.union(schemas);
  const descriptions = new Set(specs.map((spec) => spec.description));
  const [fallback, ...others] = new Set(specs.map(defaultValue));
  return schema
    .superRefine((value, context) => {
      const reasons = specs.map((spec) => refusal(spec, value));
      if (reasons[0] !== undefined && !reasons.includes(undefined))
        context.addIssue({ code: "custom", message: reasons[0] });
    })
    .meta({
      description: [...descriptions].join("; or: "),
      ...(fallback === undefined || others.length > 0
        ? {}
        : { default: fallback }),
    });
}

/** What is wrong with the value of one option, as it stands in a file; undefined when nothing is. */
export function valueMistake(spec: Spec, value: unknown): string | undefined {
  return optionSchema([spec]).safeParse(value).success
    ? undefined
    : wrongType(spec, value);
}

/** The options of all verbs by their names. */
function byName(verbs: readonly VerbOptions[]): Map<string, Spec[]> {
  const found = new Map<string, Spec[]>();
  for (const spec of verbs.flatMap((verb) => verb.options)) {
    const name = longName(spec);
    found.set(name, [...(found.get(name) ?? []), spec]);
  }
  return found;
}

function tableSchema(options: ReadonlyMap<string, readonly Spec[]>): {
  [name: string]: z.ZodType;
} {
  const entries = [...options].sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(
    entries.map(([name, specs]) => [name, optionSchema(specs).optional()]),
  );
}

/** The schema of a file, and the words for what it refuses. */
export class ConfigSchema {
  readonly #verbs: readonly VerbOptions[];
  readonly #schema: z.ZodType;

  /**
   * @param table that of the executable; other tables belong to others and are not looked at
   * @throws {TypeError} when an option has the name of a verb: the file could mean either
   */
  constructor(table: string, verbs: readonly VerbOptions[]) {
    this.#verbs = verbs;
    const general = byName(verbs);
    const inner: Record<string, z.ZodType> = {};
    for (const verb of verbs) {
      if (general.has(verb.name))
        throw new TypeError(`${verb.name} is a verb and an option`);
      inner[verb.name] = z
        .strictObject(tableSchema(byName([verb])))
        .meta({ description: verb.summary })
        .optional();
    }
    this.#schema = z
      .looseObject({
        $schema: z
          .string()
          .meta({ description: "where this schema is, for editors" })
          .optional(),
        [table]: z
          .strictObject({ ...tableSchema(general), ...inner })
          .meta({
            description:
              "options by their long names: for all verbs, or in a table for one",
          })
          .optional(),
      })
      .meta({ title: `Configuration of ringwire-${table}` });
  }

  /** JSON Schema, draft 2020-12. */
  toJSONSchema(): object {
    return z.toJSONSchema(this.#schema, { io: "input" });
  }

  /** What is wrong with the content of a file: `path.of.the.mistake: what is allowed`; undefined when all is well. */
  mistake(content: unknown): string | undefined {
    const issue = this.#schema.safeParse(content).error?.issues[0];
    if (issue === undefined) return undefined;
    if (issue.code === "unrecognized_keys")
      return this.#unknownKey(issue.path, issue.keys[0] ?? "");
    // Within a list, the option is what is meant.
    const path = issue.path.slice(
      0,
      this.#verbs.some((verb) => verb.name === issue.path[1]) ? 3 : 2,
    );
    const place = path.length === 0 ? "the file" : path.join(".");
    if (issue.code === "custom") return `${place}: ${issue.message}`;
    let given: unknown = content;
    for (const key of path)
      given = (given as Record<PropertyKey, unknown>)[key];
    const [spec] = byName(this.#verbsOf(path)).get(String(path.at(-1))) ?? [];
    return spec === undefined
      ? `${place}: given ${JSON.stringify(given)}, allowed is a table`
      : `${place}: ${wrongType(spec, given)}`;
  }

  #verbsOf(path: readonly PropertyKey[]): readonly VerbOptions[] {
    const own = this.#verbs.filter((verb) => verb.name === path[1]);
    return own.length > 0 ? own : this.#verbs;
  }

  #unknownKey(path: readonly PropertyKey[], key: string): string {
    const options = byName(this.#verbsOf(path));
    const names = [...options.keys()].sort().join(", ");
    const verbs =
      path.length === 1
        ? `, and the verbs ${this.#verbs.map(({ name }) => name).join(", ")}`
        : "";
    return `${[...path, key].join(".")}: no such option; allowed are ${names}${verbs}`;
  }
}
