/** Declaring options once: for commander, for the environment, for the configuration file, and with their types. */
import { Refused } from "./refused.ts";
import { parseSwitch } from "./scalars.ts";
import type { ValueParser, ValueShape } from "./value_shape.ts";

/** `value` takes one text, `list` may be repeated, `switch` takes none. */
export type OptionKind = "value" | "list" | "switch";

/** One option. `T` is what the command gets. */
export interface OptionSpec<T> {
  readonly kind: OptionKind;
  /** As commander wants it: `-q, --queue <name>`. */
  readonly flags: string;
  readonly description: string;
  /** What to use when nobody says anything; shown in the help as `fallbackText`. */
  readonly fallback: T;
  readonly fallbackText: string | undefined;
  /** What each of its texts looks like; undefined when any text may do. */
  readonly shape: ValueShape | undefined;
  /** Turns the texts that were given into the value. @throws {Refused} */
  readonly parse: (texts: readonly string[]) => T;
}

/** The options of one command, by the name under which it reads them. */
export type OptionSpecs = Readonly<Record<string, OptionSpec<unknown>>>;

/** The values of a command's options. */
export type OptionValues<Specs extends OptionSpecs> = {
  readonly [Key in keyof Specs]: Specs[Key] extends OptionSpec<infer T>
    ? T
    : never;
};

/** An option with one value; the last one given counts. */
export function valueOption<T>(
  flags: string,
  description: string,
  parse: ValueParser<T>,
): OptionSpec<T | undefined>;
export function valueOption<T>(
  flags: string,
  description: string,
  parse: ValueParser<T>,
  fallback: T,
  fallbackText: string,
): OptionSpec<T>;
export function valueOption<T>(
  flags: string,
  description: string,
  parse: ValueParser<T>,
  fallback?: T,
  fallbackText?: string,
): OptionSpec<T | undefined> {
  return {
    kind: "value",
    flags,
    description,
    fallback,
    fallbackText,
    shape: parse.shape,
    parse: (texts) => parse(texts.at(-1) ?? ""),
  };
}

/** An option that may be given several times. */
export function listOption<T>(
  flags: string,
  description: string,
  parse: ValueParser<T>,
): OptionSpec<readonly T[]> {
  return {
    kind: "list",
    flags,
    description,
    fallback: [],
    fallbackText: undefined,
    shape: parse.shape,
    parse: (texts) => texts.map((text) => parse(text)),
  };
}

/** An option without a value. */
export function switchOption(
  flags: string,
  description: string,
): OptionSpec<boolean> {
  return {
    kind: "switch",
    flags,
    description,
    fallback: false,
    fallbackText: undefined,
    shape: undefined,
    parse: (texts) => parseSwitch(texts.at(-1) ?? ""),
  };
}

/** The long name without dashes: `max-messages`. Also its name in a configuration file. */
export function longName(spec: OptionSpec<unknown>): string {
  const match = /--([a-z][a-z0-9-]*)/.exec(spec.flags);
  if (match?.[1] === undefined)
    throw new TypeError(`option without a long name: ${spec.flags}`);
  return match[1];
}

/** The environment variable of an option: `RINGWIRE_MAX_MESSAGES`. */
export function variableName(spec: OptionSpec<unknown>): string {
  return `RINGWIRE_${longName(spec).toUpperCase().replaceAll("-", "_")}`;
}

function isTaken(spec: OptionSpec<unknown>, text: string): boolean {
  try {
    spec.parse([text]);
    return true;
  } catch (error) {
    if (error instanceof Refused) return false;
    throw error;
  }
}

/** The default as one would write it; undefined where it is none that could be written, such as `no limit`. */
export function defaultValue(
  spec: OptionSpec<unknown>,
): string | number | boolean | undefined {
  if (spec.kind === "switch") return false;
  const { shape, fallback, fallbackText: text } = spec;
  if (text === undefined || !isTaken(spec, text)) return undefined;
  if (shape?.kind === "integer") return Number(text);
  // What takes any text would take a description too.
  const takesAll = shape === undefined || shape.kind === "file";
  return takesAll && fallback === undefined ? undefined : text;
}

/** One place that values may come from. */
export interface OptionSource {
  /** What is given there for an option, undefined when nothing is; a list option may have several. */
  readonly look: (spec: OptionSpec<unknown>) => readonly string[] | undefined;
  /** How that place is called in a message about the option. */
  readonly nameOf: (spec: OptionSpec<unknown>) => string;
}

/** What the environment gives. A variable that is set but empty counts as not set. */
export function environmentSource(
  environment: Readonly<Record<string, string | undefined>>,
): OptionSource {
  return {
    look: (spec) => {
      const text = environment[variableName(spec)];
      return text === undefined || text === "" ? undefined : [text];
    },
    nameOf: variableName,
  };
}

/** A value with the place that it came from. */
export interface ResolvedOption<T> {
  readonly value: T;
  /** As it was given; undefined when it is the default. */
  readonly texts: readonly string[] | undefined;
  /** `--flag`, a variable, `FILE: key`, or `default`. */
  readonly origin: string;
}

/**
 * The value of one option from the first of `sources` that has one.
 *
 * @throws {RefusedOption} when that one is not allowed; later sources are not looked at
 */
export function resolveOption<T>(
  spec: OptionSpec<T>,
  sources: readonly OptionSource[],
): ResolvedOption<T> {
  for (const source of sources) {
    const texts = source.look(spec);
    if (texts === undefined) continue;
    const origin = source.nameOf(spec);
    try {
      return { value: spec.parse(texts), texts, origin };
    } catch (error) {
      if (error instanceof Refused) throw new RefusedOption(origin, error);
      throw error;
    }
  }
  return { value: spec.fallback, texts: undefined, origin: "default" };
}

/** A value of an option is not allowed; the message names its origin. */
export class RefusedOption extends Error {
  readonly origin: string;

  constructor(origin: string, cause: Refused) {
    super(`${origin}: ${cause.message}`, { cause });
    this.name = "RefusedOption";
    this.origin = origin;
  }
}
