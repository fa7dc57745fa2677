/** Completion: what the executable answers, and what bash, zsh and fish make of it. */
import {
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  existsSync,
} from "node:fs";
import { dirname } from "node:path";
import { completionScript } from "../../cmd/command_line/completion_scripts.ts";
import {
  describe,
  expect,
  type Privilege,
  test,
  testIf,
} from "../support/testing.ts";
import {
  cleanUpSandboxes,
  Sandbox,
  until,
  worker,
} from "../support/sandbox.ts";
import { type OnTerminal, startOnTerminal } from "../support/terminal.ts";

cleanUpSandboxes();
const timeoutMs = 60_000;

/** What there is to complete: queues, one with dead letters, and files. */
async function furnished(): Promise<Sandbox> {
  const sandbox = new Sandbox();
  await sandbox.good(["create", "jobs"]);
  await sandbox.good(["create", "jots", "--max-deliver", "1"]);
  await sandbox.good(["create", "kept", "--journal", sandbox.file("journal")]);
  await sandbox.good(["push", "-q", "jots"], { stdin: "a\nb\n" });
  await sandbox.run([
    "work",
    "-q",
    "jots",
    "--until-empty",
    "--exec",
    "exit 9",
  ]);
  mkdirSync(sandbox.file("dir"));
  writeFileSync(sandbox.file("dir/one file"), "");
  writeFileSync(sandbox.file("config.json"), "{}");
  return sandbox;
}

/** Values that are offered for words, and the last line. */
async function answer(
  sandbox: Sandbox,
  words: readonly string[],
): Promise<{ readonly values: readonly string[]; readonly last: string }> {
  const said = await sandbox.good(["completion", "words", ...words]);
  const lines = said.split("\n").slice(0, -1);
  return {
    values: lines.slice(0, -1).map((line) => line.split("\t")[0] ?? ""),
    last: lines.at(-1) ?? "",
  };
}

/** Words up to the cursor, what is offered, and what the shell adds. */
const answers: readonly (readonly [
  words: readonly string[],
  values: readonly string[],
  last?: string,
])[] = [
  [["pu"], ["push"]],
  [["--v"], ["--version"]],
  [["frob", ""], []],
  [["dlq", "ex"], ["export"]],
  [["push", "--on"], ["--on-full"]],
  [
    ["push", "--on-full", ""],
    ["block", "fail", "drop-oldest"],
  ],
  [["push", "--on-full=f"], ["--on-full=fail"]],
  [["push", "--priority", "h"], ["high"]],
  [["push", "--end", "--en"], []],
  [["push", "--header", "a:1", "--hea"], ["--header"]],
  [
    ["push", "--in-framing", "l"],
    ["line", "len32"],
  ],
  [
    ["pop", "-o", ""],
    ["text", "json", "jsonl", "raw"],
  ],
  [
    ["push", "-q", ""],
    ["jobs", "jots", "kept", "file:"],
  ],
  [
    ["push", "-q", "jo"],
    ["jobs", "jots"],
  ],
  [["push", "--queue=job"], ["--queue=jobs"]],
  [["push", "-qjob"], ["-qjobs"]],
  [["push", "-q", "file:/x"], [], ":files\tfile:"],
  [["push", "--queue=file:/x"], [], ":files\t--queue=file:"],
  [["push", "--config", "x"], [], ":files\t"],
  [["push", "--config=x"], [], ":files\t--config="],
  [["create", "--journal", ""], [], ":files\t"],
  [["push", "-q", "jobs", ""], []],
  [["create", "jo"], []],
  ...["stat", "rm", "pause", "resume", "peek", "doctor"].map(
    (verb) => [[verb, "job"], ["jobs"]] as const,
  ),
  [
    ["dlq", "retry", "-q", "jots", ""],
    ["1", "2"],
  ],
  [["dlq", "show", "-q", "jots", "1", "2"], ["2"]],
  [["dlq", "drop", "-q", "none", ""], []],
  [["work", "-q", "jobs", "--", ""], [], ":command\t5"],
  [["work", "-q", "jobs", "-j4", "--", "env", "-i", "x"], [], ":command\t6"],
  [["work", "-q", "jobs", "xa"], [], ":command\t4"],
  [["work", "-q", "jobs", "env", "--un"], [], ":command\t4"],
  [["work", "--timeout", ""], []],
  [["completion", "f"], ["fish"]],
  [["config", "check", ""], [], ":files\t"],
  [["config", "show", "pu"], ["push"]],
];

describe("completion words", () => {
  test(
    "offers verbs, options, their values, queues, dead letters, paths and commands, as it stands",
    async () => {
      await using sandbox = await furnished();
      const given = await Promise.all(
        answers.map(async ([words]) => ({
          words,
          ...(await answer(sandbox, words)),
        })),
      );
      expect(given).toEqual(
        answers.map(([words, values, last]) => ({
          words,
          values,
          last: last ?? ":none",
        })),
      );
    },
    { timeoutMs },
  );

  test(
    "describes what it offers, and answers also when the configuration is bad",
    async () => {
      await using sandbox = await furnished();
      writeFileSync(sandbox.file("bad.json"), "{");
      const env = { RINGWIRE_CONFIG: sandbox.file("bad.json") };
      expect(
        await sandbox.good(
          ["completion", "words", "dlq", "show", "-qjots", "1"],
          {
            env,
          },
        ),
      ).toBe("1\texit status 9\n:none\n");
      expect(await sandbox.good(["completion", "words", "stat", "--o"])).toBe(
        "--output\ttext, json\n:none\n",
      );
    },
    { timeoutMs },
  );
});

/** A shell with our completion, on a terminal; Ctrl-T writes the line as it stands to the file `line`. */
class InteractiveShell implements AsyncDisposable {
  readonly #sandbox: Sandbox;
  readonly #terminal: OnTerminal;

  private constructor(sandbox: Sandbox, terminal: OnTerminal) {
    this.#sandbox = sandbox;
    this.#terminal = terminal;
  }

  static async start(
    sandbox: Sandbox,
    command: readonly string[],
    setup: string,
  ): Promise<InteractiveShell> {
    const terminal = startOnTerminal({
      command,
      cwd: sandbox.files,
      columns: 200,
      env: {
        PATH: `${dirname(worker)}:${process.env.PATH}`,
        HOME: sandbox.files,
        TERM: "xterm",
        LC_ALL: "C.UTF-8",
        RINGWIRE_SHM_DIR: sandbox.directory,
      },
    });
    writeFileSync(sandbox.file("setup"), setup);
    terminal.type(" source ./setup\r");
    await until("the prompt", () => terminal.raw().includes("ready> "));
    return new InteractiveShell(sandbox, terminal);
  }

  /** The line after Tab at its end. */
  async completed(typed: string): Promise<string> {
    const path = this.#sandbox.file("line");
    rmSync(path, { force: true });
    this.#terminal.type(`${typed}\t\x14`);
    const line = await until(`the completion of ${typed}`, () =>
      existsSync(path) ? readFileSync(path, "utf8") : "",
    );
    this.#terminal.type("\x15");
    return line;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#terminal[Symbol.asyncDispose]();
  }
}

/** What a line becomes by Tab, in bash and in zsh. */
const program = "ringwire-queue-worker";
const lines: readonly (readonly [typed: string, becomes: string])[] = [
  ["pu", "push "],
  ["dlq ex", "dlq export "],
  ["push --on", "push --on-full "],
  ["push --on-full dr", "push --on-full drop-oldest "],
  ["push --on-full=dr", "push --on-full=drop-oldest "],
  ["push --on-full=", "push --on-full="],
  ["push -q job", "push -q jobs "],
  ["push -q jo", "push -q jo"],
  ["push -q fi", "push -q file:"],
  ["push -q file:jou", "push -q file:journal "],
  ["push -q file:di", "push -q file:dir/"],
  ["push --config con", "push --config config.json "],
  ["stat ke", "stat kept "],
  ["work -q jobs -- setpr", "work -q jobs -- setpriv "],
  ["work -q jobs -- cat jou", "work -q jobs -- cat journal "],
  ["push -q file:dir/", "push -q file:dir/one\\ file "],
  ["push -q file:dir/on", "push -q file:dir/one\\ file "],
];

async function expectLines(shell: InteractiveShell): Promise<void> {
  const found: [string, string][] = [];
  for (const [typed] of lines) {
    const line = await shell.completed(`${program} ${typed}`);
    found.push([typed, line.slice(program.length + 1)]);
  }
  expect(found).toEqual(lines.map(([typed, becomes]) => [typed, becomes]));
}

function installed(name: string): Privilege {
  return { name, held: () => Bun.which(name) !== null };
}

describe("completion in real shells", () => {
  test(
    "bash - completes at Tab, also where it takes words apart itself",
    async () => {
      await using sandbox = await furnished();
      await using shell = await InteractiveShell.start(
        sandbox,
        ["bash", "--norc", "--noprofile", "-i"],
        `source <(${program} completion bash)
bind -x '"\\C-t": printf %s "$READLINE_LINE" >line'
PS1='rea''dy> '`,
      );
      await expectLines(shell);
    },
    { timeoutMs },
  );

  testIf(
    installed("zsh"),
    "to be installed",
    "zsh - completes at Tab",
    async () => {
      await using sandbox = await furnished();
      await using shell = await InteractiveShell.start(
        sandbox,
        ["zsh", "-f", "-i"],
        `autoload -Uz compinit && compinit -u -d ./dump
source <(${program} completion zsh)
write_line() { print -rn -- "$BUFFER" >line }
zle -N write_line; bindkey -e; bindkey '^T' write_line
setopt no_auto_remove_slash no_list_beep
PS1='rea''dy> '`,
      );
      await expectLines(shell);
    },
    { timeoutMs },
  );

  testIf(
    installed("zsh"),
    "to be installed",
    "zsh - finds the script as a file of fpath too",
    async () => {
      await using sandbox = await furnished();
      writeFileSync(
        sandbox.file("dir/_ringwire_queue_worker"),
        completionScript("zsh", program),
      );
      await using shell = await InteractiveShell.start(
        sandbox,
        ["zsh", "-f", "-i"],
        `fpath=(./dir $fpath); autoload -Uz compinit && compinit -u -d ./dump
write_line() { print -rn -- "$BUFFER" >line }
zle -N write_line; bindkey -e; bindkey '^T' write_line
PS1='rea''dy> '`,
      );
      expect(await shell.completed(`${program} pu`)).toBe(`${program} push `);
    },
    { timeoutMs },
  );

  testIf(
    installed("fish"),
    "to be installed",
    "fish - completes, with descriptions",
    async () => {
      await using sandbox = await furnished();
      const ask = async (line: string): Promise<string[]> => {
        const { out, err } = await sandbox.start([
          "fish",
          "--no-config",
          "-c",
          `${program} completion fish | source; complete -C '${program} ${line}'`,
        ]).ended;
        if (err !== "") throw new Error(err);
        return out.split("\n").slice(0, -1);
      };
      const cases: readonly (readonly [string, readonly string[]])[] = [
        [
          "pu",
          ["push\tput messages in: the body given, or each record of stdin"],
        ],
        ["push --on-full dr", ["drop-oldest"]],
        ["push --on-full=dr", ["--on-full=drop-oldest"]],
        ["push -q jo", ["jobs", "jots"]],
        ["push -q file:jou", ["file:journal"]],
        ["push -q file:di", ["file:dir/"]],
        ["push --config con", ["config.json"]],
        ["dlq drop -q jots 1", ["1\texit status 9"]],
        ["work -q jobs -- cat jou", ["journal"]],
        ["push -q jobs ", []],
      ];
      const found = await Promise.all(cases.map(([line]) => ask(line)));
      expect(found.map((each) => each.sort())).toEqual(
        cases.map(([, offered]) => [...offered]),
      );
      const commands = await ask("work -q jobs -- setpr");
      expect(commands.map((each) => each.split("\t")[0])).toContain("setpriv");
    },
    { timeoutMs },
  );
});
