/**
 * A player: `player_program.ts INPUTS NAME MOVES MILLISECONDS-PER-STATE`. Sends a move every few milliseconds and looks at
 * the states; MILLISECONDS-PER-STATE makes it slow. With 0 MOVES it plays until it is stopped.
 */
import process from "node:process";
import { CrossProcessQueue } from "ringwire";
import { describeTimes, nowMs, sleep } from "../running/measured_times.ts";
import { stopSignal } from "../running/stop_signal.ts";
import {
  type Input,
  inputSchema,
  type State,
  stateSchema,
  statesName,
} from "./protocol.ts";

const moveEveryMs = 4;
/** One to be replaced, while the other one is being taken. */
const statesMax = 2;

const stop = stopSignal();
const [inputsName = "", player = "", movesText, drawText] =
  process.argv.slice(2);
const movesMax = Number(movesText) || Infinity;
const drawMs = Number(drawText);
const session = process.pid;
using inputs = CrossProcessQueue.connect<Input>(inputsName, {
  participantName: player,
  schema: inputSchema,
});
// Who was killed finds its old queue again; the server fills it once this player has joined again.
using states = CrossProcessQueue.create<State>(statesName(inputsName, player), {
  ifExists: "connect",
  maxMessages: statesMax,
  maxMessageSize: 1024,
  maxHeadersSize: 0,
  participantName: player,
  schema: stateSchema,
});
states.tryReceiveMany(statesMax); // Of the time before.
await inputs.sendValueWait({ kind: "join", player, session });

let moves = 0;
let moved = 0;
const finished = new AbortController();

async function play(): Promise<void> {
  while (moves < movesMax && !stop.aborted) {
    const dx = (moves % 3) - 1 || 1;
    const sequence = moves + 1;
    // When the server is behind, a move is not made rather than made late.
    if (inputs.trySendValue({ kind: "move", player, session, sequence, dx })) {
      moves++;
      moved += dx;
    }
    await sleep(moveEveryMs);
  }
  finished.abort();
}

const agesMs: number[] = [];
let skipped = 0;
let lastTick: number | undefined;

async function look(): Promise<void> {
  for (;;) {
    // The newest of what is there.
    const waiting = await states.receiveMany(statesMax, { timeoutMs: 50 });
    const message = waiting.at(-1);
    if (message !== undefined) {
      const { tick, atMs } = message.value();
      agesMs.push(nowMs() - atMs);
      skipped += tick - (lastTick ?? tick - 1) - 1;
      lastTick = tick;
      if (agesMs.length === 1) console.log("sees the game");
      await sleep(drawMs);
    }
    if (finished.signal.aborted && agesMs.length > 0) return;
  }
}

await Promise.all([play(), look()]);
console.log(
  JSON.stringify({
    moves,
    moved,
    states: agesMs.length,
    skipped,
    age: describeTimes(agesMs),
  }),
);
