/** The only file that knows commander: verbs with their options in, a run with resolved values out. */
import { Command, CommanderError, Option } from "commander";
import { type ConfigFile, readConfig } from "../configuration/config_file.ts";
import type { CandidateSource } from "./candidates.ts";
import type { VerbOptions } from "../configuration/config_schema.ts";
import { ExitCode, UsageError } from "./exit_codes.ts";
import {
  environmentSource,
  longName,
  type OptionSource,
  type OptionSpec,
  type OptionSpecs,
  type OptionValues,
  RefusedOption,
  resolveOption,
} from "./options.ts";
import type { OperandShape } from "./value_shape.ts";

/** What a verb gets to work with. */
export interface Invocation<Specs extends OptionSpecs> {
  readonly options: OptionValues<Specs>;
  /** Operands in the order of `Verb.operands`; those left out are missing at the end. */
  readonly operands: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The executable that the verb belongs to. */
  readonly executable: Executable;
  /** From `--config` or RINGWIRE_CONFIG. */
  readonly configPath: string | undefined;
}

/** One verb of an executable. */
export interface Verb<Specs extends OptionSpecs = OptionSpecs> {
  /** As commander writes them: `<name>`, `[body]`, `[command...]`. @default none */
  readonly operands?: readonly string[];
  /** What each operand looks like, for completion. @default nothing is offered */
  readonly operandShapes?: readonly OperandShape[];
  /** What follows the first operand belongs to that, dashes or not. @default false */
  readonly passThrough?: boolean;
  readonly options: Specs;
  /** Runs also when the configuration file is bad, as if there were none: for verbs that tell about it. @default false */
  readonly toleratesBadConfig?: boolean;
  /** Shown at the end of the help: one command a line. */
  readonly examples: readonly string[];
  /** Further paragraphs of the help. */
  readonly notes?: string;
  /** Gives the exit code. */
  readonly run: (invocation: Invocation<Specs>) => Promise<number>;
}

/** Keeps the types of a verb's options on their way into `run`. */
export function defineVerb<const Specs extends OptionSpecs>(
  verb: Verb<Specs>,
): Verb {
  return verb as unknown as Verb;
}

/** A verb before anybody has asked for it: its code is loaded when it is named on the command line. */
export interface VerbEntry {
  /** `push`, or `dlq ls` for a verb within a group. */
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<Verb>;
}

/** An executable. */
export interface Executable {
  readonly name: string;
  readonly summary: string;
  /** Its table in configuration files. */
  readonly table: string;
  readonly verbs: readonly VerbEntry[];
  /** What a group of verbs is about. */
  readonly groups: Readonly<Record<string, string>>;
  readonly examples: readonly string[];
  /** What completion offers for a shape: its candidates at this moment. */
  readonly candidates: Partial<
    Readonly<Record<OperandShape["kind"], CandidateSource>>
  >;
  /** Prints the version, as text or as JSON. */
  readonly version: (json: boolean) => Promise<number>;
}

/** Verbs that have a `-c` of their own keep it. */
function configFlags(verb: Verb): string {
  const taken = Object.values(verb.options).some(({ flags }) =>
    flags.startsWith("-c,"),
  );
  return taken ? "--config <file>" : "-c, --config <file>";
}

function helpText(
  notes: string | undefined,
  examples: readonly string[],
): string {
  const parts = notes === undefined ? [] : ["", notes];
  if (examples.length > 0)
    parts.push("", "Examples:", ...examples.map((line) => `  ${line}`));
  return parts.join("\n");
}

/** `--no-wait` is an option like any other, and no other side of `--wait`. */
function plainOption(flags: string, description?: string): Option {
  const option = new Option(flags, description);
  option.negate = false;
  return option;
}

function toCommander(spec: OptionSpec<unknown>): Option {
  const shown =
    spec.fallbackText === undefined
      ? spec.description
      : `${spec.description} (default: ${spec.fallbackText})`;
  const option = plainOption(spec.flags, shown);
  if (spec.kind !== "switch")
    option.argParser((text, previous: string[] | undefined) => [
      ...(previous ?? []),
      text,
    ]);
  return option;
}

/** What was given on the command line, by commander's own name of each option. */
function flagSource(command: Command): OptionSource {
  const given: Record<string, unknown> = command.opts();
  return {
    look: (spec) => {
      const value = given[plainOption(spec.flags).attributeName()];
      if (value === undefined) return undefined;
      return Array.isArray(value) ? value.map(String) : [String(value)];
    },
    nameOf: (spec) => `--${longName(spec)}`,
  };
}

/** The options of every verb; loads them all. */
export function optionsOfVerbs(
  executable: Executable,
): Promise<readonly VerbOptions[]> {
  return Promise.all(
    executable.verbs.map(async ({ name, summary, load }) => ({
      name,
      summary,
      options: Object.values((await load()).options),
    })),
  );
}

/** The configuration file that holds for an executable. @throws {UsageError} when it cannot be used */
export function configOf(
  executable: Executable,
  path: string | undefined,
): Promise<ConfigFile | undefined> {
  return readConfig({
    path,
    environment: process.env,
    table: executable.table,
    verbs: () => optionsOfVerbs(executable),
  });
}

async function configFor(
  executable: Executable,
  verb: Verb,
  path: string | undefined,
): Promise<ConfigFile | undefined> {
  try {
    return await configOf(executable, path);
  } catch (error) {
    if (verb.toleratesBadConfig === true && error instanceof UsageError)
      return undefined;
    throw error;
  }
}

/** Where a verb's values come from, the first that has one wins. */
export function sourcesFor(
  verbName: string,
  flags: OptionSource | undefined,
  file: ConfigFile | undefined,
): OptionSource[] {
  return [
    flags,
    environmentSource(process.env),
    file?.sourceFor(verbName),
  ].filter((source) => source !== undefined);
}

/**
 * The values of options, each from the first of `sources` that has one.
 *
 * @throws {UsageError} for a value that is not allowed, with its origin
 */
export function resolveOptions<Specs extends OptionSpecs>(
  specs: Specs,
  sources: readonly OptionSource[],
): OptionValues<Specs> {
  const values: Record<string, unknown> = {};
  for (const [key, spec] of Object.entries(specs)) {
    try {
      values[key] = resolveOption(spec, sources).value;
    } catch (error) {
      if (error instanceof RefusedOption)
        throw new UsageError(error.message, { cause: error });
      throw error;
    }
  }
  return values as OptionValues<Specs>;
}

/**
 * What `words` say on the command line of a verb, which is not run.
 *
 * @throws {UsageError} for an unknown option
 */
export async function flagsOf(
  { name }: VerbEntry,
  verb: Verb,
  words: readonly string[],
): Promise<OptionSource> {
  const command = new Command(name).helpOption(false).argument("[words...]");
  for (const spec of Object.values(verb.options))
    command.addOption(toCommander(spec));
  if (verb.passThrough === true)
    command.enablePositionalOptions().passThroughOptions();
  quiet(command);
  try {
    await command.action(() => undefined).parseAsync(words, { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) throw rephrase(error, name);
    throw error;
  }
  return flagSource(command);
}

function equip(
  command: Command,
  executable: Executable,
  name: string,
  verb: Verb,
  done: (exitCode: number) => void,
): void {
  for (const operand of verb.operands ?? []) command.argument(operand);
  for (const spec of Object.values(verb.options))
    command.addOption(toCommander(spec));
  command.addOption(
    new Option(
      configFlags(verb),
      "configuration file, JSON or TOML (default: the user's own, if there is one)",
    ),
  );
  command.addHelpText("after", helpText(verb.notes, verb.examples));
  if (verb.passThrough === true) command.passThroughOptions();
  command.action(async () => {
    const configPath =
      command.opts<{ config?: string }>().config ??
      (process.env.RINGWIRE_CONFIG || undefined);
    const file = await configFor(executable, verb, configPath);
    done(
      await verb.run({
        options: resolveOptions(
          verb.options,
          sourcesFor(name, flagSource(command), file),
        ),
        operands: command.args,
        environment: process.env,
        executable,
        configPath,
      }),
    );
  });
}

function buildProgram(
  executable: Executable,
  done: (exitCode: number) => void,
): Command {
  return new Command(executable.name)
    .description(executable.summary)
    .enablePositionalOptions()
    .option(
      "-V, --version",
      "print the version; with -o json also commit, runtime and ABI of the native library",
    )
    .addOption(
      new Option("-o, --output <format>", "format of --version").choices([
        "text",
        "json",
      ]),
    )
    .helpCommand(false)
    .addHelpText("after", helpText(undefined, executable.examples))
    .action(async (options: { version?: boolean; output?: string }) => {
      if (options.version !== true)
        throw new UsageError(
          `a verb is needed; see '${executable.name} --help'`,
        );
      done(await executable.version(options.output === "json"));
    });
}

function quiet(command: Command): void {
  command.exitOverride().configureOutput({
    outputError: () => undefined,
    writeErr: () => undefined,
  });
  for (const inner of command.commands) quiet(inner);
}

/** The commands of an executable; only the verb that `argv` names gets its options. */
async function buildCommands(
  executable: Executable,
  argv: readonly string[],
  done: (exitCode: number) => void,
): Promise<Command> {
  const program = buildProgram(executable, done);
  const groups = new Map<string, Command>();
  for (const entry of executable.verbs) {
    const words = entry.name.split(" ");
    const [groupName = "", inner] = words;
    let parent = program;
    if (inner !== undefined) {
      parent =
        groups.get(groupName) ??
        program
          .command(groupName)
          .description(executable.groups[groupName] ?? "")
          .helpCommand(false);
      groups.set(groupName, parent);
    }
    const command = parent
      .command(inner ?? entry.name)
      .description(entry.summary);
    if (words.every((word, index) => argv[index] === word))
      equip(command, executable, entry.name, await entry.load(), done);
  }
  quiet(program);
  return program;
}

/** commander would call it an operand too many. @throws {UsageError} */
function checkVerb(
  executable: Executable,
  [first, second]: readonly string[],
): void {
  if (first === undefined || first.startsWith("-")) return;
  const names = executable.verbs.map((entry) => entry.name);
  const group = names
    .filter((name) => name.startsWith(`${first} `))
    .map((name) => name.slice(first.length + 1));
  if (group.length === 0 && !names.includes(first)) {
    const allowed = [
      ...new Set(names.map((name) => name.split(" ", 1)[0])),
    ].join(", ");
    throw new UsageError(
      `verb: given ${JSON.stringify(first)}, allowed are ${allowed}`,
    );
  }
  if (
    group.length > 0 &&
    second !== undefined &&
    !second.startsWith("-") &&
    !group.includes(second)
  ) {
    throw new UsageError(
      `${first}: given ${JSON.stringify(second)}, allowed are ${group.join(", ")}`,
    );
  }
}

function rephrase(error: CommanderError, name: string): UsageError {
  const reason =
    error.code === "commander.help"
      ? `a verb is needed; see '${name} --help'`
      : error.message.replace(/^error: /, "").replaceAll("\n", " ");
  return new UsageError(reason, { cause: error });
}

/**
 * Parses `argv` (without the runtime and the script) and runs the verb.
 *
 * @returns the exit code
 * @throws {UsageError} for an unknown verb or option, and whatever the verb throws
 */
export async function runExecutable(
  executable: Executable,
  argv: readonly string[],
): Promise<number> {
  let exitCode: number = ExitCode.done;
  checkVerb(executable, argv);
  const program = await buildCommands(executable, argv, (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync(argv, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return ExitCode.done;
    throw rephrase(error, executable.name);
  }
  return exitCode;
}
