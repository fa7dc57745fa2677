/** Whether the configuration file can be used. */
import { configOf, type Executable } from "../command_line/command_line.ts";
import { broken, type Finding, ok, reasonOf } from "./finding.ts";

/** Reads the file that would be used, all of it. */
export async function checkConfig(
  executable: Executable,
  configPath: string | undefined,
): Promise<Finding> {
  const check = "configuration";
  try {
    const file = await configOf(executable, configPath);
    return ok(check, file?.path ?? "no file");
  } catch (error) {
    return broken(
      check,
      reasonOf(error),
      `mend the file; ${executable.name} config check FILE, config schema`,
    );
  }
}
