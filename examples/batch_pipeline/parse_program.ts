/**
 * The middle stage: `parse_program.ts BLOCKS PARSED NAME`. Several may run. Ends when the stream of blocks has ended, and
 * ends the next stream then.
 */
import process from "node:process";
import { CrossProcessQueue, runWorkLoop } from "ringwire";
import { stopSignal } from "../running/stop_signal.ts";
import {
  type Block,
  blockSchema,
  type Parsed,
  parseBlock,
  parsedSchema,
} from "./readings.ts";

const stop = stopSignal();
const [blocksName = "", parsedName = "", name = ""] = process.argv.slice(2);
using blocks = CrossProcessQueue.connect<Block>(blocksName, {
  participantName: name,
  schema: blockSchema,
});
using parsed = CrossProcessQueue.connect<Parsed>(parsedName, {
  participantName: name,
  schema: parsedSchema,
});

blocks.watch();
const { reason, acked } = await runWorkLoop(
  blocks,
  async (job) => {
    // First into the next queue, which may mean to wait for room, then the acknowledgement: whoever is killed in between
    // leaves the block twice, never not at all. The lease is renewed meanwhile.
    await parsed.sendValueWait(parseBlock(job.value()), {
      signal: job.signal,
    });
    return { kind: "ack" };
  },
  { concurrency: 2, until: "end", signal: stop },
);
// "ended" means that every block is settled, the other parsers' too, and so every result is in the next queue. Each parser
// says so; the second time changes nothing.
if (reason === "ended") parsed.end();
console.log(JSON.stringify({ acked }));
