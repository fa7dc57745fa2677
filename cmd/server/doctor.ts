import {
  configOf,
  defineVerb,
  type Invocation,
  resolveOptions,
  sourcesFor,
} from "../command_line/command_line.ts";
import { checkConfig } from "../doctor/config_check.ts";
import { broken, type Finding, ok, reasonOf } from "../doctor/finding.ts";
import { findingsOutput, printFindings } from "../doctor/findings_output.ts";
import { runOptions } from "./run_options.ts";
import { planServer } from "./settings.ts";

const options = { output: findingsOutput };

async function findAll({
  executable,
  configPath,
}: Invocation<typeof options>): Promise<Finding[]> {
  const config = await checkConfig(executable, configPath);
  const { checkAddresses, checkBacklog, checkCertificate, checkDescriptors } =
    await import("./doctor_checks.ts");
  if (config.status === "broken")
    return [config, checkDescriptors(undefined), checkBacklog()];
  const file = await configOf(executable, configPath);
  try {
    const given = resolveOptions(
      runOptions,
      sourcesFor("run", undefined, file),
    );
    const plan = planServer(given);
    return [
      config,
      ok(
        "settings of run",
        `routes ${plan.routes.map(({ text }) => text).join(", ")}`,
      ),
      checkDescriptors(given.maxConnections),
      checkBacklog(),
      ...checkCertificate(plan),
      ...(await checkAddresses(plan)),
    ];
  } catch (error) {
    return [
      config,
      broken(
        "settings of run",
        reasonOf(error),
        `mend the file or the variables; ${executable.name} check FILE`,
      ),
      checkDescriptors(undefined),
      checkBacklog(),
    ];
  }
}

/** `doctor`: what is in the way of a server here. */
export const doctor = defineVerb({
  options,
  toleratesBadConfig: true,
  notes: `The settings that run would have from the configuration and the environment: the file itself, descriptors, the kernel's queue of connections, the certificate, and
each address, which is taken for a moment. Exit code 0: nothing is broken (there may be warnings); 1: something is.`,
  examples: [
    "ringwire-server doctor",
    "ringwire-server doctor -c server.toml -o jsonl | jq -r 'select(.status != \"ok\") | .fix'",
  ],
  run: async (invocation) =>
    await printFindings(
      await findAll(invocation),
      invocation.options.output,
      invocation.environment,
    ),
});
