/**
 * The last stage: `sum_program.ts PARSED CHECKPOINT`. Adds up, and may be killed at any instant: its state, and what it was
 * made of, are written together before the messages are acknowledged. Prints the totals when the stream has ended.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import process from "node:process";
import { CrossProcessQueue } from "ringwire";
import { stopSignal } from "../running/stop_signal.ts";
import {
  addReadings,
  checkpointSchema,
  type Parsed,
  parsedSchema,
} from "./readings.ts";

const blocksAtATime = 16;

const stop = stopSignal();
const [parsedName = "", checkpoint = ""] = process.argv.slice(2);
using parsed = CrossProcessQueue.connect<Parsed>(parsedName, {
  participantName: "sum",
  schema: parsedSchema,
  exclusive: true, // One state: nobody else may add up at the same time.
});
const { blocks, totals } = existsSync(checkpoint)
  ? checkpointSchema.parse(JSON.parse(readFileSync(checkpoint, "utf8")))
  : { blocks: [], totals: {} };
const seen = new Set(blocks);
let duplicates = 0;

/** A rename is all or nothing. (A power cut is another matter: that takes an fsync of file and directory before.) */
function writeCheckpoint(): void {
  const text = JSON.stringify({ blocks: [...seen], totals });
  writeFileSync(`${checkpoint}.new`, text);
  renameSync(`${checkpoint}.new`, checkpoint);
}

parsed.watch();
for (;;) {
  const jobs = await parsed.reserveMany(blocksAtATime, { signal: stop });
  if (jobs.length === 0) break; // The stream has ended, and all of it is settled.
  for (const job of jobs) {
    const one = job.value();
    if (seen.has(one.block)) {
      duplicates++;
      continue;
    }
    seen.add(one.block);
    addReadings(totals, one);
  }
  writeCheckpoint();
  parsed.ackMany(jobs);
}
console.log(JSON.stringify({ duplicates, totals }));
