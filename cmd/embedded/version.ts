import packageJson from "../../package.json" with { type: "json" };
import { ExitCode } from "../command_line/exit_codes.ts";
import { printOut } from "../standard_streams/output.ts";
import { sourceCommit } from "./commit.ts" with { type: "macro" };

/**
 * Prints what an executable is.
 *
 * @param details what else it says of itself as JSON; not called for text
 */
export async function printVersion(
  name: string,
  json: boolean,
  details: () => Readonly<Record<string, string>> = () => ({}),
): Promise<number> {
  const { version } = packageJson;
  await printOut(
    json
      ? `${JSON.stringify({ version, commit: sourceCommit(), runtime: `bun ${Bun.version}`, ...details() })}\n`
      : `${name} ${version}\n`,
  );
  return ExitCode.done;
}
