import { defineVerb, type Verb } from "./command_line.ts";
import { complete, formatAnswer } from "./completion.ts";
import { completionScript, shells } from "./completion_scripts.ts";
import { ExitCode, UsageError } from "./exit_codes.ts";
import { printOut } from "../standard_streams/output.ts";

/** The verb `completion bash|zsh|fish`, and `completion words WORD…`, which the scripts ask. @param name the executable's */
export function completionVerb(name: string): Verb {
  return defineVerb({
    operands: ["<shell>", "[word...]"],
    operandShapes: [{ kind: "choice", words: shells }],
    // The words that are asked about may have dashes.
    passThrough: true,
    toleratesBadConfig: true,
    options: {},
    notes:
      "The scripts ask the executable at every Tab: 'completion words WORD…' prints what may come in place of the last WORD.",
    examples: [
      `source <(${name} completion bash)`,
      `source <(${name} completion zsh)`,
      `${name} completion fish >~/.config/fish/completions/${name}.fish`,
    ],
    run: async ({ operands, executable }) => {
      const [what, ...words] = operands;
      if (what === "words") {
        await printOut(formatAnswer(await complete(executable, words)));
        return ExitCode.done;
      }
      const shell = shells.find((known) => known === what);
      if (shell === undefined || words.length > 0)
        throw new UsageError(
          `completion: given ${JSON.stringify(operands.join(" "))}, allowed are ${shells.join(", ")}`,
        );
      await printOut(completionScript(shell, executable.name));
      return ExitCode.done;
    },
  });
}
