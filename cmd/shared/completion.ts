/** Completion scripts made from the declared verbs. Queue names after `-q` come from the executable's own `ls`. */

/** The shells that there are scripts for. */
export type Shell = "bash" | "zsh" | "fish";

/** What a script needs to know of a verb. */
export interface CompletedVerb {
  /** `push`, `dlq ls`. */
  readonly name: string;
  readonly summary: string;
  readonly options: readonly {
    readonly name: string;
    readonly description: string;
  }[];
}

const listQueues =
  'ls -o jsonl 2>/dev/null | sed -n \'s/^{"name":"\\([^"]*\\)".*/\\1/p\'';

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function firstWords(verbs: readonly CompletedVerb[]): string[] {
  return [
    ...new Set(verbs.map((verb) => verb.name.split(" ", 1)[0] ?? verb.name)),
  ];
}

/** Second words of each group: `dlq` → `ls show …`. */
function groupsOf(verbs: readonly CompletedVerb[]): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const { name } of verbs) {
    const [group = "", word] = name.split(" ");
    if (word !== undefined)
      groups.set(group, [...(groups.get(group) ?? []), word]);
  }
  return groups;
}

function bashScript(program: string, verbs: readonly CompletedVerb[]): string {
  const name = `_${program.replaceAll("-", "_")}`;
  const cases = verbs.map(
    (verb) =>
      `    ${quote(verb.name)}) words=${quote(verb.options.map((option) => `--${option.name}`).join(" "))} ;;`,
  );
  const groups = [...groupsOf(verbs)].map(
    ([group, words]) =>
      `    ${group}) [ "$COMP_CWORD" -eq 2 ] && words=${quote(words.join(" "))} || verb="${group} \${COMP_WORDS[2]}" ;;`,
  );
  return `${name}() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} verb=\${COMP_WORDS[1]} words=
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W ${quote(`${firstWords(verbs).join(" ")} --version --help`)} -- "$current")); return
  fi
  if [ "$previous" = -q ] || [ "$previous" = --queue ]; then
    COMPREPLY=($(compgen -W "$(${program} ${listQueues})" -- "$current")); return
  fi
  case $verb in
${groups.join("\n")}
  esac
  case $verb in
${cases.join("\n")}
  esac
  case $current in
    -*) COMPREPLY=($(compgen -W "$words" -- "$current")) ;;
    *) if [ -n "$words" ] && [ "\${words#--}" = "$words" ]; then COMPREPLY=($(compgen -W "$words" -- "$current")); else COMPREPLY=($(compgen -f -W "$(${program} ${listQueues})" -- "$current")); fi ;;
  esac
}
complete -F ${name} ${program}
`;
}

function fishScript(program: string, verbs: readonly CompletedVerb[]): string {
  const lines = [`complete -c ${program} -f`];
  const first = firstWords(verbs);
  for (const word of first) {
    const summary = verbs.find((verb) => verb.name === word)?.summary ?? "";
    lines.push(
      `complete -c ${program} -n __fish_use_subcommand -a ${word} -d ${quote(summary)}`,
    );
  }
  for (const verb of verbs) {
    const [word = "", inner] = verb.name.split(" ");
    if (inner !== undefined) {
      lines.push(
        `complete -c ${program} -n '__fish_seen_subcommand_from ${word}; and test (count (commandline -opc)) -eq 2' -a ${inner} -d ${quote(verb.summary)}`,
      );
    }
    const seen = [word, inner]
      .filter((part) => part !== undefined)
      .map((part) => `__fish_seen_subcommand_from ${part}`);
    for (const option of verb.options) {
      const values =
        option.name === "queue"
          ? ` -s q -xa ${quote(`(${program} ${listQueues})`)}`
          : "";
      lines.push(
        `complete -c ${program} -n ${quote(seen.join("; and "))} -l ${option.name}${values} -d ${quote(option.description)}`,
      );
    }
  }
  return `${lines.join("\n")}\n`;
}

/** The script for a shell to source. */
export function completionScript(
  shell: Shell,
  program: string,
  verbs: readonly CompletedVerb[],
): string {
  if (shell === "fish") return fishScript(program, verbs);
  const bash = bashScript(program, verbs);
  // zsh runs bash's completions as they are.
  return shell === "zsh"
    ? `autoload -U +X compinit bashcompinit\ncompinit -i\nbashcompinit\n${bash}`
    : bash;
}
