/** Makes the queue, takes large bodies, reports bytes per second, destroys it. Argument: LargeArgument. */
import process from "node:process";
import { CrossProcessQueue } from "../../src/queue/mod.ts";
import { reportRate, yieldProcessor } from "./rounds.ts";
import { type LargeArgument, sizes } from "./sizes.ts";

const {
  queue: name,
  size,
  way,
  report,
} = JSON.parse(process.argv[2] ?? "{}") as LargeArgument;
const { bytes, maxMessages } = sizes[size];
const queue = CrossProcessQueue.create(name, {
  maxMessages,
  maxMessageSize: bytes,
});
console.log("ready");
const pageBytes = 4096;
const gigabytes = bytes / 1e9;

/** Looks at every page, as the reader of `limit.hand-over` does. */
function look(data: Uint8Array): void {
  let sum = 0;
  for (let at = 0; at < data.byteLength; at += pageBytes)
    sum += data[at] as number;
  if (sum !== Math.ceil(bytes / pageBytes) * 0x61)
    throw new Error("a body came out different");
}

const into = way === "into" ? new Uint8Array(bytes) : undefined;
const reuse = way === "reused";

function takeCopied(): number {
  const message = queue.tryReceive({ into });
  if (message === null) return 0;
  look(message.data);
  return gigabytes;
}

function takeInPlace(): number {
  const job = queue.reserveZeroCopy({ reuse });
  if (job === null) return 0;
  look(job.data);
  job.ack();
  return gigabytes;
}

const first = queue.reserveSync(20_000);
if (first === null) throw new Error("the producer sends nothing");
first.ack();
const take = way === "zero-copy" || way === "reused" ? takeInPlace : takeCopied;
const turnsPerLook = bytes > 2 ** 16 ? 1 : 16;
reportRate(report, "GB/s", take, yieldProcessor, turnsPerLook);
queue.destroy();
