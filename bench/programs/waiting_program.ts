/** Waits for a message that never comes, or, without a queue, only for the time to pass. Argument: {queue?}. */
import process from "node:process";

const { queue } = JSON.parse(process.argv[2] ?? "{}") as { queue?: string };
if (queue === undefined) {
  // What the runtime itself does while nothing happens.
  setInterval(() => {}, 1000);
  console.log("ready");
} else {
  const { CrossProcessQueue } = await import("../../src/queue/mod.ts");
  const opened = CrossProcessQueue.connect(queue);
  console.log("ready");
  await opened.receive();
}
