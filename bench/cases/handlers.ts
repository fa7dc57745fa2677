import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { CrossProcessQueue } from "../../src/queue/mod.ts";
import type { Bench } from "../bench.ts";
import type { Sample } from "../sample.ts";
import type { Stage } from "../stage.ts";

const executable = join(
  import.meta.dirname,
  "../../dist/ringwire-queue-worker",
);
/** Enough that the runner's start does not count for much, and few enough for the slowest. */
const jobs = 300;
/** Where many jobs share a process. Their output has to fit a pipe. */
const sharingJobs = 3000;
/** After one that is not counted. */
const runs = 5;
const timesAtATime = [1, 2, 4];
const queueName = "handlers";

/** Something that runs a command for each line or message. */
interface Runner {
  readonly name: string;
  readonly command: string;
  readonly packageName: string;
  readonly queue: boolean;
  readonly jobs: number;
  /** @param file one job a line, for those that read a file */
  args(atATime: number, file: string): readonly string[];
}

const ringwire = {
  command: executable,
  packageName: "make build",
  queue: true,
} as const;
const xargs = {
  command: "xargs",
  packageName: "findutils",
  queue: false,
} as const;
const work = (atATime: number): string[] => [
  ...["work", "-q", queueName, "--until-empty", "-j", String(atATime)],
];

/** In the order of the page: what is alike stands together. */
const runners: readonly Runner[] = [
  {
    name: "ringwire",
    ...ringwire,
    jobs,
    args: (atATime) => [...work(atATime), "--", "true"],
  },
  {
    name: "xargs",
    ...xargs,
    jobs,
    args: (atATime, file) => ["-a", file, "-n1", `-P${atATime}`, "true"],
  },
  {
    name: "parallel",
    command: "parallel",
    packageName: "parallel",
    queue: false,
    jobs,
    args: (atATime, file) => ["-a", file, `-j${atATime}`, "true"],
  },
  {
    name: "ringwire-shell",
    ...ringwire,
    jobs,
    args: (atATime) => [...work(atATime), "--exec", "true"],
  },
  {
    name: "xargs-shell",
    ...xargs,
    jobs,
    args: (atATime, file) => [
      ...["-a", file, "-n1", `-P${atATime}`],
      ...["/bin/sh", "-c", "true"],
    ],
  },
  {
    name: "ringwire-batch",
    ...ringwire,
    jobs: sharingJobs,
    args: (atATime) => [...work(atATime), "--batch", "100", "--", "true"],
  },
  {
    name: "xargs-batch",
    ...xargs,
    jobs: sharingJobs,
    args: (atATime, file) => ["-a", file, "-n100", `-P${atATime}`, "true"],
  },
  {
    name: "ringwire-coproc",
    ...ringwire,
    jobs: sharingJobs,
    args: (atATime) => [...work(atATime), "--coproc", "--", "cat"],
  },
];

function isThere(command: string): boolean {
  return existsSync(command) || Bun.which(command) !== null;
}

function namesOf(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${index}`);
}

/** From the start of the runner to its end. */
async function runOnce(
  stage: Stage,
  runner: Runner,
  atATime: number,
  file: string,
  queue: CrossProcessQueue,
): Promise<Sample[]> {
  const { jobs } = runner;
  if (runner.queue && queue.sendMany(namesOf(jobs)) !== jobs)
    throw new Error("the queue is full");
  const startMs = performance.now();
  const cpuUs = await stage
    .start([runner.command, ...runner.args(atATime, file)], undefined)
    .cpuUs();
  const tookS = (performance.now() - startMs) / 1000;
  const name = `handlers.${runner.name}.p${atATime}`;
  return [
    { name, value: jobs / tookS, unit: "jobs/s" },
    { name: `${name}.cpu`, value: cpuUs / jobs, unit: "us" },
  ];
}

export const handlers: Bench = {
  name: "handlers",
  about:
    "a process for each job, or for many: work against xargs and GNU parallel, 1, 2 and 4 at a time",
  async run(stage, note) {
    const samples = await stage
      .startC("spawning", timesAtATime.map(String))
      .samples();
    const directory = stage.temporaryDirectory();
    const fileOf = (count: number): string => join(directory, `${count}`);
    for (const count of [jobs, sharingJobs])
      writeFileSync(fileOf(count), `${namesOf(count).join("\n")}\n`);
    const there = runners.filter(({ command }) => isThere(command));
    for (const { name, packageName } of runners)
      if (!there.some((runner) => runner.name === name))
        note(`${name}: not measured; install ${packageName}`);
    // GNU parallel makes a directory in HOME otherwise.
    process.env.PARALLEL_HOME = stage.temporaryDirectory();
    using queue = CrossProcessQueue.create(queueName);
    // In turns, so that whatever else the machine does meets all of them.
    for (let run = -1; run < runs; run++)
      for (const atATime of timesAtATime)
        for (const runner of there) {
          const file = fileOf(runner.jobs);
          const ran = await runOnce(stage, runner, atATime, file, queue);
          if (run >= 0) samples.push(...ran);
        }
    queue.destroy();
    return samples;
  },
};
