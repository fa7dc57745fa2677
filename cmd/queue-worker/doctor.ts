import { lstatSync, readlinkSync, existsSync } from "node:fs";
import { join } from "node:path";
import {
  listQueues,
  type QueueListing,
  QueueNotFoundError,
} from "../../src/queue/mod.ts";
import { sharedMemoryDirectory } from "../../src/queue/place.ts";
import { defineVerb, type Invocation } from "../command_line/command_line.ts";
import { checkDirectory } from "./doctor/directory.ts";
import { checkConfig } from "../doctor/config_check.ts";
import { type Finding, warn } from "../doctor/finding.ts";
import { findingsOutput, printFindings } from "../doctor/findings_output.ts";
import { checkLauncher, checkLibrary, selfTest } from "./doctor/native.ts";
import { checkQueue } from "./doctor/queue_checks.ts";
import { checkMemory, checkSystem } from "./doctor/system.ts";
import { queueOption, requireQueueName } from "../queues/open_queue.ts";
import { linkedNames } from "./present_names.ts";

const options = {
  queue: queueOption,
  output: findingsOutput,
};

type DoctorInvocation = Invocation<typeof options>;

function ownQueues(): readonly QueueListing[] {
  try {
    return listQueues();
  } catch {
    return [];
  }
}

/** A queue may be gone by the time that it is looked at. */
async function checkListed(name: string): Promise<Finding[]> {
  try {
    return await checkQueue(name);
  } catch (error) {
    if (!(error instanceof QueueNotFoundError)) throw error;
    const link = join(sharedMemoryDirectory(), `ringwire.${name}`);
    const found = lstatSync(link, { throwIfNoEntry: false });
    if (found?.isSymbolicLink() !== true || existsSync(link)) return [];
    return [
      warn(
        `queue ${name}`,
        `the name leads to the journal ${readlinkSync(link)}, which is not there`,
        `ringwire-queue-worker rm ${name}`,
      ),
    ];
  }
}

async function checkAll({
  executable,
  configPath,
}: DoctorInvocation): Promise<Finding[]> {
  const listings = ownQueues();
  const growthBytes = listings.reduce(
    (sum, { segmentBytes, memoryBytes }) =>
      sum + Math.max(0, segmentBytes - memoryBytes),
    0,
  );
  const library = checkLibrary();
  const directory = await checkDirectory(growthBytes);
  const findings = [
    await checkConfig(executable, configPath),
    ...checkSystem(),
    checkMemory(growthBytes),
    ...directory.findings,
    library,
  ];
  if (library.status === "broken") return findings;
  if (directory.usable) findings.push(await selfTest());
  findings.push(await checkLauncher());
  const names = [...listings.map(({ name }) => name), ...linkedNames()];
  for (const name of names) findings.push(...(await checkListed(name)));
  return findings;
}

async function run(invocation: DoctorInvocation): Promise<number> {
  const { options: given, operands, environment } = invocation;
  const isOne = given.queue !== undefined || operands[0] !== undefined;
  const findings = isOne
    ? await checkQueue(requireQueueName(given.queue, operands[0]))
    : await checkAll(invocation);
  return await printFindings(findings, given.output, environment);
}

/** `doctor [NAME]`: what is in the way of the queues here, and how to mend it. */
export const doctor = defineVerb({
  operands: ["[name]"],
  operandShapes: [{ kind: "queue" }],
  options,
  toleratesBadConfig: true,
  notes: `Limits, kernel, memory, the directory of the queues, the native library, and every queue of this user; with -q, that one alone. Calls are really made, on files
and a queue of its own; your queues are only looked at. Exit code 0: nothing is broken (there may be warnings); 1: something is; 3: no such queue.`,
  examples: [
    "ringwire-queue-worker doctor",
    "ringwire-queue-worker doctor -q jobs",
    "ringwire-queue-worker doctor -o jsonl | jq -r 'select(.status != \"ok\") | .fix'",
  ],
  run,
});
