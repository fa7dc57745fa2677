import {
  configOf,
  defineVerb,
  resolveOptions,
  sourcesFor,
} from "../command_line/command_line.ts";
import { CommandFailure, ExitCode } from "../command_line/exit_codes.ts";
import { say } from "../standard_streams/output.ts";
import { runOptions } from "./run_options.ts";
import { planServer } from "./settings.ts";

/** `check [FILE]`: whether `run` could begin with this configuration, as far as that can be seen without beginning. */
export const check = defineVerb({
  operands: ["[file]"],
  operandShapes: [{ kind: "file" }],
  options: {},
  toleratesBadConfig: true,
  notes: `The whole file is read, then the settings that run would have: addresses, routes, names of queues, certificates, and whether others could reach it.
Exit code 0: all of it is right; 2: what is wrong is said, with the path of the mistake; 3: there is no file.`,
  examples: ["ringwire-server check server.toml"],
  run: async ({ operands, executable, configPath }) => {
    const file = await configOf(executable, operands[0] ?? configPath);
    if (file === undefined)
      throw new CommandFailure(
        ExitCode.nothingThere,
        "there is no configuration file",
      );
    const plan = planServer(
      resolveOptions(runOptions, sourcesFor("run", undefined, file)),
    );
    say(
      `${file.path}: all right; listens at ${plan.listen.join(", ")}; routes ${plan.routes.map(({ text }) => text).join(", ")}`,
    );
    return ExitCode.done;
  },
});
