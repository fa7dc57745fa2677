/**
 * What may come next on a command line. The shells' scripts ask the executable itself at every Tab, so that they need to
 * know nothing: not the verbs, not their options, not the queues.
 */
import type { Candidate, GivenOptions } from "./candidates.ts";
import type { Executable, Verb, VerbEntry } from "./command_line.ts";
import { longName, type OptionSpec } from "./options.ts";
import type { OperandShape } from "./value_shape.ts";

/** What else the shell itself has to offer. */
type Rest =
  | { readonly kind: "none" }
  /** Paths; `prefix` stands before them in the same word. */
  | { readonly kind: "files"; readonly prefix: string }
  /** Words of another command, which begins at that word; the executable is word 0. */
  | { readonly kind: "command"; readonly at: number };

/** What may be written in place of the word at the cursor. */
export interface Answer {
  readonly candidates: readonly Candidate[];
  readonly rest: Rest;
}

/** Before the paths of journalled queues. */
const filePrefix = "file:";
const nothing: Answer = { candidates: [], rest: { kind: "none" } };

/** An option as far as it matters here. */
interface KnownOption {
  readonly long: string;
  readonly short: string | undefined;
  readonly description: string;
  readonly takesValue: boolean;
  readonly repeats: boolean;
  readonly shape: OperandShape | undefined;
}

/** An option that does not know its shape may still say by its placeholder that it wants a file or a queue. */
function placeholderShape(flags: string): OperandShape | undefined {
  const placeholder = /<(\w+)>/.exec(flags)?.[1];
  if (placeholder === "file" || placeholder === "path") return { kind: "file" };
  return placeholder === "queue" ? { kind: "queue" } : undefined;
}

function knownOption(spec: OptionSpec<unknown>): KnownOption {
  return {
    long: longName(spec),
    short: /^-(\w),/.exec(spec.flags)?.[1],
    description: spec.description,
    takesValue: spec.kind !== "switch",
    repeats: spec.kind === "list",
    shape: spec.shape ?? placeholderShape(spec.flags),
  };
}

/** Those that every verb has; their short forms only where the verb has no such of its own. */
const commonOptions: readonly KnownOption[] = [
  {
    long: "config",
    short: "c",
    description: "configuration file",
    takesValue: true,
    repeats: false,
    shape: { kind: "file" },
  },
  {
    long: "help",
    short: "h",
    description: "show help",
    takesValue: false,
    repeats: false,
    shape: undefined,
  },
];

/** The words of a verb's command line before the cursor, taken apart. */
class Parsed {
  readonly given = new Map<string, string[]>();
  readonly operands: string[] = [];
  /** The option whose value is next. */
  pending: KnownOption | undefined;
  /** Whether everything that follows is an operand. */
  onlyOperands = false;
  readonly #options: readonly KnownOption[];

  constructor(
    options: readonly KnownOption[],
    words: readonly string[],
    passThrough: boolean,
  ) {
    this.#options = options;
    for (const word of words) {
      this.#take(word);
      if (passThrough && this.operands.length > 0) this.onlyOperands = true;
    }
  }

  /** The option that a word with its value in it begins with: `--on-full=block`, `-qjobs`. */
  attached(
    word: string,
  ): { readonly option: KnownOption; readonly prefix: string } | undefined {
    const prefix = /^--[\w-]+=|^-\w(?=.)/.exec(word)?.[0] ?? "";
    const option = this.#find(prefix.replace(/=$/, ""));
    return option?.takesValue === true ? { option, prefix } : undefined;
  }

  #find(flag: string): KnownOption | undefined {
    return this.#options.find(
      ({ long, short }) => flag === `--${long}` || flag === `-${short}`,
    );
  }

  #note({ long }: KnownOption, text: string): void {
    this.given.set(long, [...(this.given.get(long) ?? []), text]);
  }

  #take(word: string): void {
    if (this.pending !== undefined) {
      this.#note(this.pending, word);
      this.pending = undefined;
    } else if (this.onlyOperands || !/^-./.test(word)) {
      this.operands.push(word);
    } else if (word === "--") {
      this.onlyOperands = true;
    } else {
      const exact = this.#find(word);
      const within = exact === undefined ? this.attached(word) : undefined;
      if (within !== undefined)
        this.#note(within.option, word.slice(within.prefix.length));
      else if (exact?.takesValue === true) this.pending = exact;
      else if (exact !== undefined) this.#note(exact, "");
    }
  }
}

function beginningWith(
  current: string,
  candidates: readonly Candidate[],
): Answer {
  return {
    candidates: candidates.filter(({ value }) => value.startsWith(current)),
    rest: { kind: "none" },
  };
}

function verbWords(executable: Executable, group?: string): Candidate[] {
  const found = new Map<string, string>();
  for (const { name, summary } of executable.verbs) {
    const [first = "", second] = name.split(" ");
    if (group === undefined)
      found.set(
        first,
        second === undefined ? summary : (executable.groups[first] ?? ""),
      );
    else if (first === group && second !== undefined)
      found.set(second, summary);
  }
  return [...found].map(([value, description]) => ({ value, description }));
}

/** What a value of some shape may be; `prefix` stands before it in the same word. */
async function completeValue(
  executable: Executable,
  shape: OperandShape | undefined,
  prefix: string,
  current: string,
  given: GivenOptions,
): Promise<Answer> {
  if (shape === undefined) return nothing;
  if (shape.kind === "file")
    return { candidates: [], rest: { kind: "files", prefix } };
  const value = current.slice(prefix.length);
  if (shape.kind === "queue" && value.startsWith(filePrefix))
    return {
      candidates: [],
      rest: { kind: "files", prefix: `${prefix}${filePrefix}` },
    };
  const candidates =
    shape.kind === "choice"
      ? shape.words.map((word) => ({ value: word }))
      : shape.kind === "verb"
        ? verbWords(executable)
        : ((await executable.candidates[shape.kind]?.(given)) ?? []);
  return beginningWith(
    current,
    candidates.map((each) => ({ ...each, value: `${prefix}${each.value}` })),
  );
}

async function completeVerb(
  executable: Executable,
  entry: VerbEntry,
  verb: Verb,
  words: readonly string[],
): Promise<Answer> {
  const own = Object.values(verb.options).map(knownOption);
  const shorts = new Set(own.map(({ short }) => short));
  const options = [
    ...own,
    ...commonOptions.map((option) =>
      shorts.has(option.short) ? { ...option, short: undefined } : option,
    ),
  ];
  const before = words.slice(0, -1);
  const current = words.at(-1) ?? "";
  const parsed = new Parsed(options, before, verb.passThrough === true);
  const { given, pending, operands } = parsed;
  if (pending !== undefined)
    return completeValue(executable, pending.shape, "", current, given);
  if (!parsed.onlyOperands && current.startsWith("-")) {
    const within = parsed.attached(current);
    if (within !== undefined)
      return completeValue(
        executable,
        within.option.shape,
        within.prefix,
        current,
        given,
      );
    return beginningWith(
      current,
      options
        .filter(({ long, repeats }) => repeats || !given.has(long))
        .map(({ long, description }) => ({ value: `--${long}`, description })),
    );
  }
  const shapes = verb.operandShapes ?? [];
  const shape =
    shapes[operands.length] ??
    // `<id...>`: the last one is for all that follow.
    (verb.operands?.at(-1)?.includes("...") === true
      ? shapes.at(-1)
      : undefined);
  if (shape?.kind === "command") {
    const verbWordCount = entry.name.split(" ").length;
    const at = 1 + verbWordCount + before.length - operands.length;
    return { candidates: [], rest: { kind: "command", at } };
  }
  return completeValue(executable, shape, "", current, given);
}

/**
 * What may come at the cursor.
 *
 * @param words those behind the executable's name, up to the cursor; the last one is the one to complete, maybe empty
 */
export async function complete(
  executable: Executable,
  words: readonly string[],
): Promise<Answer> {
  const [first = "", second = ""] = words;
  if (words.length <= 1)
    return beginningWith(
      first,
      first.startsWith("-")
        ? ["--help", "--version"].map((value) => ({ value }))
        : verbWords(executable),
    );
  const isGroup = executable.verbs.some(({ name }) =>
    name.startsWith(`${first} `),
  );
  if (isGroup && words.length === 2)
    return beginningWith(second, verbWords(executable, first));
  const name = isGroup ? `${first} ${second}` : first;
  const entry = executable.verbs.find((verb) => verb.name === name);
  if (entry === undefined) return nothing;
  const inner = words.slice(isGroup ? 2 : 1);
  return completeVerb(executable, entry, await entry.load(), inner);
}

/**
 * The answer as the scripts read it: a line for each candidate, `value TAB description`, and a last one that says what the
 * shell adds: `:none`, `:files TAB prefix`, `:command TAB number`.
 */
export function formatAnswer({ candidates, rest }: Answer): string {
  const lines = candidates.map(({ value, description }) =>
    // Of a description only what fits into a line.
    description === undefined
      ? value
      : `${value}\t${description.replaceAll(/\s+/g, " ")}`,
  );
  const last =
    rest.kind === "files"
      ? `:files\t${rest.prefix}`
      : rest.kind === "command"
        ? `:command\t${rest.at}`
        : ":none";
  return [...lines, last].map((line) => `${line}\n`).join("");
}
