import { join } from "node:path";
import { CrossProcessQueue } from "../../src/queue/mod.ts";
import type { Bench } from "../bench.ts";
import { cpuNs } from "../programs/clocks.ts";
import type { Sample } from "../sample.ts";
import type { Program, Stage } from "../stage.ts";

/** Bun collects garbage every second until nothing has changed for 30 s. */
const settleMs = 35_000;
const windowMs = 2000;
const windows = 5;

interface Waiter {
  readonly report: string;
  readonly program: Program;
}

function startAll(stage: Stage): Waiter[] {
  const waiters: Waiter[] = [];
  for (const [name, maxMessages] of [
    ["1k", 1024],
    ["1M", 1_048_576],
  ] as const) {
    const queue = `idle-${name}`;
    using created = CrossProcessQueue.create(queue, { maxMessages });
    const path = join(stage.directory, `ringwire.${created.name}`);
    waiters.push({
      report: `c.idle.capacity-${name}`,
      program: stage.startC("queue_idle", [path]),
    });
    for (const runtime of stage.runtimes) {
      waiters.push({
        report: `${runtime}.idle.capacity-${name}`,
        program: stage.startScript(runtime, "waiting", { queue }, 0),
      });
    }
  }
  for (const runtime of stage.runtimes) {
    waiters.push({
      report: `limit.${runtime}.idle-without-queue`,
      program: stage.startScript(runtime, "waiting", {}, 0),
    });
  }
  return waiters;
}

export const idle: Bench = {
  name: "idle",
  about:
    "CPU time of consumers that wait, at capacities of a thousand and a million",
  async run(stage) {
    const waiters = startAll(stage);
    for (const { program } of waiters) await program.nextLine();
    await Bun.sleep(settleMs);
    const samples: Sample[] = [];
    // All at the same time: they hardly do anything.
    for (let window = 0; window < windows; window++) {
      const before = waiters.map(({ program }) => cpuNs(program.pid));
      const startMs = performance.now();
      await Bun.sleep(windowMs);
      const tookMs = performance.now() - startMs;
      for (const [index, { report, program }] of waiters.entries()) {
        const used = cpuNs(program.pid) - (before[index] ?? 0);
        samples.push({
          name: report,
          value: (used / 1e6 / tookMs) * 100,
          unit: "%",
        });
      }
    }
    for (const { program } of waiters) await program.kill();
    for (const name of ["idle-1k", "idle-1M"]) CrossProcessQueue.destroy(name);
    return samples;
  },
};
