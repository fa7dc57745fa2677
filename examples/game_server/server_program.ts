/**
 * The game server: `server_program.ts INPUTS`. A loop of fixed rate: take the inputs that are there, within a budget of
 * time; then publish the state. It ends when the stream of inputs has ended.
 */
import process from "node:process";
import { CrossProcessQueue } from "ringwire";
import { describeTimes, sleep } from "../running/measured_times.ts";
import { stopSignal } from "../running/stop_signal.ts";
import { type Input, inputSchema } from "./protocol.ts";
import { World } from "./world.ts";

const tickMs = 1000 / 60;
/** What inputs may take of a tick; the others wait for the next one. */
const inputBudgetMs = 4;
const inputsAtATime = 64;
const lookForDeadEveryTicks = 15;

const stop = stopSignal();
const [inputsName = ""] = process.argv.slice(2);
using inputs = CrossProcessQueue.connect<Input>(inputsName, {
  participantName: "server",
  schema: inputSchema,
  exclusive: true, // One world: a second server is refused. And inputs are taken in strict order.
});
using world = new World(inputsName);
const jitterMs: number[] = [];
const workMs: number[] = [];
let taken = 0;

/** Takes inputs until there are none, or the budget is used up. False when there will be no more. */
function takeInputs(untilMs: number): boolean {
  while (performance.now() < untilMs) {
    // At most once: when the server is killed, its world is gone with it, and so may be a few inputs.
    const batch = inputs.tryReceiveMany(inputsAtATime);
    for (const message of batch) world.apply(message.value());
    taken += batch.length;
    if (batch.length === 0) return inputs.emptyReason !== "ended";
  }
  return true;
}

let tick = 0;
let leftOut = 0;
const beganMs = performance.now();
let dueMs = beganMs;
for (let more = true; more && !stop.aborted; tick++) {
  const startMs = performance.now();
  jitterMs.push(startMs - dueMs);
  more = takeInputs(startMs + inputBudgetMs);
  world.publish(tick);
  if (tick % lookForDeadEveryTicks === 0) world.removeDead();
  workMs.push(performance.now() - startMs);
  // The next tick is due at its time, not so long after this one. Those that are past are left out, not caught up with.
  const past = Math.max(0, Math.floor((performance.now() - dueMs) / tickMs));
  leftOut += past;
  dueMs += (1 + past) * tickMs;
  // Up, because a timer may count whole milliseconds only: rather a little late than too early.
  await sleep(Math.ceil(dueMs - performance.now()));
}
console.log(
  JSON.stringify({
    ticks: tick,
    leftOut,
    inputs: taken,
    outOfOrder: world.outOfOrder,
    joined: world.joined,
    left: world.left,
    positions: world.positions,
    jitter: describeTimes(jitterMs),
    work: describeTimes(workMs),
  }),
);
