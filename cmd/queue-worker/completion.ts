import { defineVerb } from "../shared/command_line.ts";
import {
  completionScript,
  type CompletedVerb,
  type Shell,
} from "../shared/completion.ts";
import { ExitCode, UsageError } from "../shared/exit_codes.ts";
import { longName } from "../shared/options.ts";
import { printOut } from "../shared/output.ts";

const shells: readonly Shell[] = ["bash", "zsh", "fish"];

/** `completion bash|zsh|fish`. */
export const completion = defineVerb({
  operands: ["<shell>"],
  options: {},
  examples: [
    "source <(ringwire-queue-worker completion bash)",
    "ringwire-queue-worker completion fish >~/.config/fish/completions/ringwire-queue-worker.fish",
  ],
  run: async ({ operands, executable }) => {
    const shell = shells.find((name) => name === operands[0]);
    if (shell === undefined)
      throw new UsageError(
        `completion: given ${JSON.stringify(operands[0])}, allowed are ${shells.join(", ")}`,
      );
    const verbs: CompletedVerb[] = [];
    for (const { name, summary, load } of executable.verbs) {
      const { options } = await load();
      const flags = [
        ...Object.values(options).map((spec) => ({
          name: longName(spec),
          description: spec.description,
        })),
        { name: "config", description: "configuration file" },
      ];
      verbs.push({ name, summary, options: flags });
    }
    await printOut(completionScript(shell, executable.name, verbs));
    return ExitCode.done;
  },
});
