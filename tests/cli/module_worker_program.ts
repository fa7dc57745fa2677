/** A worker of the module, for the tests beside it: works on one message with its event loop blocked, and says what came of it. */
import { existsSync } from "node:fs";
import process from "node:process";
import { CrossProcessQueue, runWorkLoop } from "../../src/queue/mod.ts";

const [name = "", goFile = ""] = process.argv.slice(2);

using queue = CrossProcessQueue.connect(name);
const summary = await runWorkLoop(
  queue,
  async () => {
    process.stdout.write("begun\n");
    // Neither timers nor signals nor sockets are looked after in here.
    while (!existsSync(goFile));
    return { kind: "ack" };
  },
  { count: 1 },
);
process.stdout.write(`${JSON.stringify(summary)}\n`);
