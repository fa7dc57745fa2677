/** Takes leases and holds them until it is killed. Argument: {queue, leases}. */
import process from "node:process";
import { CrossProcessQueue } from "../../src/queue/mod.ts";

const { queue: name, leases } = JSON.parse(process.argv[2] ?? "{}") as {
  queue: string;
  leases: number;
};
const queue = CrossProcessQueue.connect(name);
const jobs = queue.tryReserveMany(leases);
if (jobs.length !== leases) throw new Error(`took ${jobs.length} of ${leases}`);
console.log("ready");
// Also keeps the jobs from being collected.
setInterval(() => jobs.length, 1000);
