/**
 * The feed: `feed_program.ts TICKS TICKS-PER-SECOND TTL-MS QUEUE…`. Sends each tick to every reader's queue, and waits for
 * none of them: in a full queue the oldest tick makes room.
 */
import process from "node:process";
import { CrossProcessQueue, Message } from "ringwire";
import { describeTimes, nowMs, sleep } from "../running/measured_times.ts";
import { stopSignal } from "../running/stop_signal.ts";
import { type Tick, tickSchema } from "./ticks.ts";

const symbols = ["EURUSD", "GBPUSD", "USDJPY"];
const [ticksText, rateText, ttlText, ...names] = process.argv.slice(2);
const ticks = Number(ticksText);
const ticksPerMs = Number(rateText) / 1000;
const ttlMs = Number(ttlText);
const stop = stopSignal();

using _queues = new DisposableStack();
// Without a schema on the handle: a tick is checked once, and not again for each reader.
const queues = names.map((name) =>
  _queues.use(CrossProcessQueue.connect(name, { participantName: "feed" })),
);
const sendTimesMs: number[] = [];
const beganMs = nowMs();
let sequence = 0;
while (sequence < ticks && !stop.aborted) {
  // As many as are due by now: a late timer makes ticks later, but not fewer.
  const due = Math.min(ticks, Math.ceil((nowMs() - beganMs) * ticksPerMs));
  while (sequence < due) {
    const tick: Tick = tickSchema.parse({
      sequence: ++sequence,
      symbol: symbols[sequence % symbols.length],
      price: 1 + Math.abs(Math.sin(sequence)),
      atMs: nowMs(),
    });
    const message = Message.json(tick);
    const sendMs = performance.now();
    for (const queue of queues)
      queue.send(message, { onFull: "drop-oldest", ttlMs });
    sendTimesMs.push(performance.now() - sendMs);
  }
  await sleep(1);
}
for (const queue of queues) queue.end();
const elapsedMs = nowMs() - beganMs;
console.log(
  JSON.stringify({
    ticks: sequence,
    elapsedMs,
    send: describeTimes(sendTimesMs),
  }),
);
