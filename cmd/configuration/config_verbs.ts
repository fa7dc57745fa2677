/** `config show`, `config schema`, `config check`: what holds, what may be written, and whether it is right. */
import {
  configOf,
  defineVerb,
  type Executable,
  flagsOf,
  type Invocation,
  optionsOfVerbs,
  sourcesFor,
  type Verb,
  type VerbEntry,
} from "../command_line/command_line.ts";
import type { ConfigFile } from "./config_file.ts";
import {
  CommandFailure,
  ExitCode,
  UsageError,
} from "../command_line/exit_codes.ts";
import {
  defaultValue,
  longName,
  type OptionSpec,
  RefusedOption,
  resolveOption,
  switchOption,
  valueOption,
  variableName,
} from "../command_line/options.ts";
import { printOut, say } from "../standard_streams/output.ts";
import { oneOf } from "../command_line/scalars.ts";
import { formatTable } from "../standard_streams/table.ts";

type JsonValue = string | number | boolean | null | readonly string[];

/** One option of one verb with what holds for it. */
interface Shown {
  readonly verb: string;
  readonly option: string;
  readonly variable: string;
  /** null when nobody says anything and there is no default that one could write. */
  readonly value: JsonValue;
  /** What a value of null means, such as `no limit`. */
  readonly note?: string | undefined;
  /** A flag, a variable, `FILE: key`, or `default`. */
  readonly origin: string;
  /** Why the value is not allowed. */
  readonly refused?: string;
}

function shownValue(
  spec: OptionSpec<unknown>,
  texts: readonly string[] | undefined,
): JsonValue {
  if (spec.kind === "list") return texts ?? [];
  if (texts === undefined) return defaultValue(spec) ?? null;
  const text = texts.at(-1) ?? "";
  if (spec.kind === "switch") return spec.parse(texts) === true;
  return spec.shape?.kind === "integer" ? Number(text) : text;
}

function look(
  verb: string,
  spec: OptionSpec<unknown>,
  sources: ReturnType<typeof sourcesFor>,
): Shown {
  const names = { verb, option: longName(spec), variable: variableName(spec) };
  try {
    const { texts, origin } = resolveOption(spec, sources);
    const value = shownValue(spec, texts);
    const note = value === null ? spec.fallbackText : undefined;
    return { ...names, value, note, origin };
  } catch (error) {
    if (!(error instanceof RefusedOption)) throw error;
    const { origin, message } = error;
    return { ...names, value: null, origin, refused: message };
  }
}

/** Verbs by the words of the operands: `push`, `dlq ls`, or a group as a whole. @throws {UsageError} */
function chosenVerbs(
  executable: Executable,
  words: readonly string[],
): readonly VerbEntry[] {
  if (words.length === 0) return executable.verbs;
  const chosen: VerbEntry[] = [];
  for (let at = 0; at < words.length; at++) {
    const [one = "", two] = words.slice(at, at + 2);
    const exact = executable.verbs.find(({ name }) => name === `${one} ${two}`);
    if (exact !== undefined) at++;
    const found =
      exact === undefined
        ? executable.verbs.filter(
            ({ name }) => name === one || name.startsWith(`${one} `),
          )
        : [exact];
    if (found.length === 0)
      throw new UsageError(
        `config show: verb: given ${JSON.stringify(one)}, allowed are ${executable.verbs.map(({ name }) => name).join(", ")}`,
      );
    chosen.push(...found);
  }
  return chosen;
}

async function gather(
  executable: Executable,
  operands: readonly string[],
  file: ConfigFile | undefined,
): Promise<Shown[]> {
  const flagsAt = operands.findIndex((word) => word.startsWith("-"));
  const words = flagsAt < 0 ? operands : operands.slice(0, flagsAt);
  const flags = flagsAt < 0 ? [] : operands.slice(flagsAt);
  const entries = chosenVerbs(executable, words);
  const [only, ...others] = entries;
  if (flags.length > 0 && (only === undefined || others.length > 0))
    throw new UsageError(
      "config show: flags are given; needed is the one verb that they belong to",
    );
  const shown: Shown[] = [];
  for (const entry of entries) {
    const verb = await entry.load();
    const given =
      flags.length > 0 ? await flagsOf(entry, verb, flags) : undefined;
    const sources = sourcesFor(entry.name, given, file);
    for (const spec of Object.values(verb.options))
      shown.push(look(entry.name, spec, sources));
  }
  return shown;
}

function cell({ value, note }: Shown): string {
  if (value === null) return note ?? "-";
  return Array.isArray(value) ? value.join(", ") || "-" : String(value);
}

function describe(shown: readonly Shown[], withOrigin: boolean): string {
  const heading = ["VERB", "OPTION", "VALUE", "ORIGIN"];
  const rows = shown.map((each) => [
    each.verb,
    `--${each.option}`,
    each.refused === undefined ? cell(each) : "refused",
    each.origin,
  ]);
  return withOrigin
    ? formatTable(heading, rows)
    : formatTable(
        heading.slice(0, 3),
        rows.map((row) => row.slice(0, 3)),
      );
}

const showOptions = {
  origin: switchOption("--origin", "say where each value came from"),
  output: valueOption(
    "-o, --output <format>",
    "text, json",
    oneOf("text", "json"),
    "text",
    "text",
  ),
};

async function show({
  options,
  operands,
  executable,
  configPath,
}: Invocation<typeof showOptions>): Promise<number> {
  const file = await configOf(executable, configPath);
  const shown = await gather(executable, operands, file);
  await printOut(
    options.output === "json"
      ? `${JSON.stringify({ file: file?.path ?? null, options: shown })}\n`
      : describe(shown, options.origin),
  );
  const refused = shown.flatMap((each) => each.refused ?? []);
  for (const reason of new Set(refused)) say(reason);
  return refused.length > 0 ? ExitCode.usage : ExitCode.done;
}

/** `config show [VERB…]`. @param flagsExample a verb with flags, for the examples */
export function configShow(
  name: string,
  flagsExample: readonly [verb: string, flags: string],
): Verb {
  const [verb, flags] = flagsExample;
  return defineVerb({
    operands: ["[verb...]"],
    operandShapes: [{ kind: "verb" }],
    options: showOptions,
    notes: `Without verbs, all of them. What follows -- is taken as the flags of the one verb that is named.
A value that is not allowed is shown as refused, and the exit code is 2.`,
    examples: [
      `${name} config show --origin ${verb}`,
      `${name} config show --origin ${verb} -- ${flags}`,
      `${name} config show -o json | jq '.options[] | select(.origin != "default")'`,
    ],
    run: show,
  });
}

/** `config schema`. */
export function configSchema(name: string): Verb {
  return defineVerb({
    options: {},
    toleratesBadConfig: true,
    notes: `JSON Schema, draft 2020-12. Files are checked by the same schema when they are read, and then by the options themselves, which know a little more (the bounds of
durations, for instance). An editor uses it by "$schema" in the file, or by its own settings.`,
    examples: [`${name} config schema >~/.config/ringwire/schema.json`],
    run: async ({ executable }) => {
      const { ConfigSchema } = await import("./config_schema.ts");
      const schema = new ConfigSchema(
        executable.table,
        await optionsOfVerbs(executable),
      );
      await printOut(`${JSON.stringify(schema.toJSONSchema(), null, 2)}\n`);
      return ExitCode.done;
    },
  });
}

/** `config check [FILE]`. */
export function configCheck(name: string): Verb {
  return defineVerb({
    operands: ["[file]"],
    operandShapes: [{ kind: "file" }],
    options: {},
    toleratesBadConfig: true,
    notes:
      "Without FILE, the one that would be used. Exit code 0: all of it is right; 2: the path of the first mistake is said; 3: there is no file.",
    examples: [`${name} config check ./ringwire.toml`],
    run: async ({ operands, executable, configPath }) => {
      const file = await configOf(executable, operands[0] ?? configPath);
      if (file === undefined)
        throw new CommandFailure(
          ExitCode.nothingThere,
          "there is no configuration file",
        );
      say(`${file.path}: all of it is right`);
      return ExitCode.done;
    },
  });
}
