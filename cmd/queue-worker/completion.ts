import { defineVerb } from "../shared/command_line.ts";
import { complete, formatAnswer } from "../shared/completion.ts";
import { completionScript, shells } from "../shared/completion_scripts.ts";
import { ExitCode, UsageError } from "../shared/exit_codes.ts";
import { printOut } from "../shared/output.ts";

/** `completion bash|zsh|fish`, and `completion words WORD…`, which the scripts ask. */
export const completion = defineVerb({
  operands: ["<shell>", "[word...]"],
  operandShapes: [{ kind: "choice", words: shells }],
  // The words that are asked about may have dashes.
  passThrough: true,
  toleratesBadConfig: true,
  options: {},
  notes:
    "The scripts ask the executable at every Tab: 'completion words WORD…' prints what may come in place of the last WORD.",
  examples: [
    "source <(ringwire-queue-worker completion bash)",
    "source <(ringwire-queue-worker completion zsh)",
    "ringwire-queue-worker completion fish >~/.config/fish/completions/ringwire-queue-worker.fish",
  ],
  run: async ({ operands, executable }) => {
    const [what, ...words] = operands;
    if (what === "words") {
      await printOut(formatAnswer(await complete(executable, words)));
      return ExitCode.done;
    }
    const shell = shells.find((name) => name === what);
    if (shell === undefined || words.length > 0)
      throw new UsageError(
        `completion: given ${JSON.stringify(operands.join(" "))}, allowed are ${shells.join(", ")}`,
      );
    await printOut(completionScript(shell, executable.name));
    return ExitCode.done;
  },
});
