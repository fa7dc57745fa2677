/**
 * A reader: `reader_program.ts QUEUE MILLISECONDS-PER-TICK`. Prints a line at its first tick, and what it saw when the
 * stream has ended.
 */
import process from "node:process";
import { CrossProcessQueue } from "ringwire";
import { describeTimes, nowMs, sleep } from "../running/measured_times.ts";
import { stopSignal } from "../running/stop_signal.ts";
import { type Tick, tickSchema } from "./ticks.ts";

const stop = stopSignal();
const [name = "", workText] = process.argv.slice(2);
const workMs = Number(workText);
using queue = CrossProcessQueue.connect<Tick>(name, {
  participantName: "reader",
  schema: tickSchema,
});

const latenciesMs: number[] = [];
let received = 0;
let missed = 0;
let outOfOrder = 0;
let lastSequence = 0;
for (;;) {
  // At most once: a reader that is killed has no use for the tick that it had taken.
  const message = await queue.receive({ signal: stop });
  if (message === null) break; // The stream has ended, and nothing is left.
  const { sequence, atMs } = message.value();
  latenciesMs.push(nowMs() - atMs);
  if (++received === 1) console.log("first tick");
  if (sequence <= lastSequence) outOfOrder++;
  else missed += sequence - lastSequence - 1;
  lastSequence = Math.max(lastSequence, sequence);
  if (workMs > 0) await sleep(workMs);
}
console.log(
  JSON.stringify({
    received,
    missed,
    outOfOrder,
    lastSequence,
    latency: describeTimes(latenciesMs),
  }),
);
