/** The scripts that make shells ask the executable what may come next; see `formatAnswer` for what it says. */

/** The shells that there are scripts for. */
export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

/**
 * bash takes words apart at `:` and `=`. They are put together again before the question, and what readline keeps of the
 * word is cut off the answers.
 */
function bashScript(program: string, name: string): string {
  return `${name}() {
  local rest=\${COMP_LINE:0:COMP_POINT} words=() starts=() i word
  for ((i = 0; i <= COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if ((i > 0)) && [[ -n \${COMP_LINE-} && $rest != [[:space:]]* ]]; then
      words[\${#words[@]}-1]+=$word
    else
      words+=("$word") starts+=("$i")
    fi
    rest=\${rest#"\${rest%%[![:space:]]*}"}
    rest=\${rest#"$word"}
  done
  local current=\${words[\${#words[@]}-1]} last=\${COMP_WORDS[COMP_CWORD]} kept value extra path
  kept=\${current%"$last"}
  if [[ $last == [:=] ]]; then kept=$current; fi
  COMPREPLY=()
  while IFS=$'\\t' read -r value extra; do
    case $value in
    :none) ;;
    :files)
      if [[ $kept == "$extra" ]]; then compopt -o filenames 2>/dev/null; fi
      while IFS= read -r path; do
        COMPREPLY+=("\${extra#"$kept"}$path")
      done < <(compgen -f -- "\${current#"$extra"}")
      ;;
    :command)
      if declare -F _command_offset >/dev/null; then
        _command_offset "\${starts[extra]}"
      elif ((extra == \${#words[@]} - 1)); then
        while IFS= read -r path; do COMPREPLY+=("$path"); done < <(compgen -c -- "$current")
      else
        compopt -o filenames 2>/dev/null
        while IFS= read -r path; do COMPREPLY+=("$path"); done < <(compgen -f -- "$current")
      fi
      ;;
    *) COMPREPLY+=("\${value#"$kept"}") ;;
    esac
  done < <("\${1/#\\~\\//$HOME/}" completion words "\${words[@]:1}" 2>/dev/null)
  if [[ \${#COMPREPLY[@]} == 1 && \${COMPREPLY[0]} == *[:=] ]]; then compopt -o nospace 2>/dev/null; fi
}
complete -F ${name} ${program}
`;
}

function zshScript(program: string, name: string): string {
  return `#compdef ${program}
${name}() {
  local answer value extra
  local -a plain open
  for answer in "\${(@f)$("\${(Q)words[1]}" completion words "\${(@Q)words[2,CURRENT-1]}" "\${(Q)PREFIX}" 2>/dev/null)}"; do
    value=\${answer%%$'\\t'*}
    extra=\${\${answer#"$value"}#$'\\t'}
    case $value in
      (:none|'') ;;
      (:files)
        IPREFIX+=$extra
        PREFIX=\${PREFIX#"$extra"}
        _files
        ;;
      (:command)
        shift $extra words
        ((CURRENT -= extra))
        _normal
        ;;
      (*[:=]) open+=("$value") ;;
      (*) plain+=("\${value//:/\\\\:}:$extra") ;;
    esac
  done
  if (($#open)); then compadd -S '' -- $open; fi
  if (($#plain)); then _describe -t words '${program}' plain; fi
}
if [[ \${zsh_eval_context[-1]} == loadautofunc ]]; then
  ${name} "$@"
else
  if ((! $+functions[compdef])); then autoload -Uz compinit && compinit -i; fi
  compdef ${name} ${program}
fi
`;
}

function fishScript(program: string, name: string): string {
  return `function ${name}
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    for answer in ($words[1] completion words $words[2..-1] "$current" 2>/dev/null)
        set -l parts (string split -m 1 \\t -- $answer)
        switch $parts[1]
            case :none
            case :files
                set -l path (string sub -s (math (string length -- "$parts[2]") + 1) -- "$current")
                for found in (__fish_complete_path "$path")
                    echo "$parts[2]$found"
                end
            case :command
                set -l rest (string escape -- $words[(math $parts[2] + 1)..-1])
                complete -C (string join ' ' -- $rest "$current")
            case '*'
                echo $answer
        end
    end
end
complete -c ${program} -f -a '(${name})'
`;
}

const scripts = { bash: bashScript, zsh: zshScript, fish: fishScript } as const;

/** The script for a shell to source. */
export function completionScript(shell: Shell, program: string): string {
  return scripts[shell](program, `_${program.replaceAll("-", "_")}`);
}
