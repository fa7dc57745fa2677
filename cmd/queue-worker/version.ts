import { openShim } from "../../ffi/shm/symbols.ts";
import packageJson from "../../package.json" with { type: "json" };
import { sourceCommit } from "../shared/commit.ts" with { type: "macro" };
import { ExitCode } from "../shared/exit_codes.ts";
import { printOut } from "../shared/output.ts";

/** Prints what this executable is; the native library is opened for JSON only. */
export async function printVersion(json: boolean): Promise<number> {
  const { version } = packageJson;
  if (!json) {
    await printOut(`ringwire-queue-worker ${version}\n`);
    return ExitCode.done;
  }
  const abi = openShim().rwq_abi_version();
  await printOut(
    `${JSON.stringify({ version, commit: sourceCommit(), runtime: `bun ${Bun.version}`, shim_abi: `${abi >>> 16}.${abi & 0xffff}` })}\n`,
  );
  return ExitCode.done;
}
