/** Awaits jobs on its event loop and says when it has them all, again and again. Argument: {queue, leases, watch}. */
import process from "node:process";
import { CrossProcessQueue } from "../../src/queue/mod.ts";

const {
  queue: name,
  leases,
  watch,
} = JSON.parse(process.argv[2] ?? "{}") as {
  queue: string;
  leases: number;
  watch: boolean;
};
const queue = CrossProcessQueue.connect(name);
if (watch) queue.watch();
console.log("ready");
for (;;) {
  for (let taken = 0; taken < leases; taken++) (await queue.reserve())?.ack();
  console.log("all");
}
