/** Values of the daemon's configuration file: zod types that refuse with what was given and what is allowed. */
import { z } from "zod";
import { valueMistake } from "../../configuration/config_schema.ts";
import { type OptionSpec, valueOption } from "../../command_line/options.ts";
import { Refused } from "../../command_line/refused.ts";
import type { ValueParser } from "../../command_line/value_shape.ts";

const shownCharactersMax = 100;

/** A value for a message. What is in tables and lists may be secret, and is long. */
function show(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object" && value !== null) return "a table";
  const text = JSON.stringify(value) ?? String(value);
  return text.length > shownCharactersMax
    ? `${text.slice(0, shownCharactersMax)}…`
    : text;
}

function refusal(allowed: string): (issue: { input?: unknown }) => string {
  return ({ input }) =>
    input === undefined
      ? `missing; needed is ${allowed}`
      : `given ${show(input)}, allowed is ${allowed}`;
}

function textsOf(value: unknown): readonly string[] {
  return (Array.isArray(value) ? value : [value]).map(String);
}

/** The value of a flag, checked as in any configuration file; the texts as they would stand on the command line. */
export function flagValue(spec: OptionSpec<unknown>) {
  return z.unknown().transform((value, context): readonly string[] => {
    const message = valueMistake(spec, value);
    if (message === undefined) return textsOf(value);
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  });
}

/** A value in the spelling of flags: a duration, a count. */
export function written<T>(parse: ValueParser<T>) {
  const spec = valueOption("--value <value>", "", parse);
  return flagValue(spec).transform((texts) => parse(texts.join("")));
}

/** A text that is not empty. @param what how it is called when it is missing */
export function someText(what = "a text") {
  return z
    .string({ error: refusal(what) })
    .min(1, { error: refusal("a text that is not empty") })
    .refine((text) => !text.includes("\0"), {
      error: refusal("a text without NUL"),
    });
}

/** True or false. */
export const yesOrNo = z.boolean({ error: refusal("true or false") });

/** Program and arguments. */
export const commandWords = z
  .array(
    z.string({ error: refusal("a text") }).refine((text) => !/\0/.test(text), {
      error: refusal("a text without NUL"),
    }),
    { error: refusal('a list such as ["./handle", "--fast"]') },
  )
  .refine((words) => (words[0] ?? "") !== "", {
    error: "given no program, allowed is a list that begins with one",
  });

/** Variables; numbers and booleans count as their text. */
export const variables = z.record(
  z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, {
    error: "allowed is the name of a variable: A-Z a-z 0-9 _",
  }),
  z
    .union([z.string(), z.number(), z.boolean()], {
      error: refusal("a text, a number, true or false"),
    })
    .transform(String)
    .refine((text) => !text.includes("\0"), {
      error: "given a text with NUL, allowed is one without",
    }),
  { error: refusal("a table of texts") },
);

/** A table with exactly these keys. */
export function table<Shape extends z.core.$ZodLooseShape>(shape: Shape) {
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === "unrecognized_keys"
        ? `allowed are ${Object.keys(shape).sort().join(", ")}`
        : refusal("a table")(issue),
  });
}

/** A table whose keys are names. */
export function namedTables<Value extends z.ZodType>(
  checkName: (name: string) => void,
  value: Value,
) {
  const name = z.string().superRefine((text, context) => {
    try {
      checkName(text);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      context.addIssue({ code: "custom", message: error.message });
    }
  });
  return z.record(name, value, { error: refusal("a table of tables") });
}

/** One line for each mistake: its path, what was given, what is allowed. */
export function describeIssues(
  issues: readonly z.core.$ZodIssue[],
): readonly string[] {
  return issues.flatMap((issue) => {
    const at = (...more: readonly string[]): string =>
      [...issue.path.map(String), ...more].join(".") || "the file";
    if (issue.code === "unrecognized_keys")
      return issue.keys.map(
        (key) => `${at(key)}: no such key; ${issue.message}`,
      );
    if (issue.code === "invalid_key")
      return [`${at()}: ${issue.issues[0]?.message ?? issue.message}`];
    return [`${at()}: ${issue.message}`];
  });
}
