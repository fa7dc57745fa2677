/** Sends bodies of one size for ever, until the queue is destroyed. Argument: LargeArgument. */
import process from "node:process";
import {
  CrossProcessQueue,
  QueueClosedError,
  QueueFullError,
} from "../../src/queue/mod.ts";
import { repeatUntilThrown } from "./rounds.ts";
import { type LargeArgument, sizes } from "./sizes.ts";

const {
  queue: name,
  size,
  zeroCopy,
} = JSON.parse(process.argv[2] ?? "{}") as LargeArgument;
const queue = CrossProcessQueue.connect(name);
const { bytes } = sizes[size];
const body = new Uint8Array(bytes).fill(0x61);
const cell = new Int32Array(new SharedArrayBuffer(4));

function sendCopied(): number {
  return queue.trySend(body) ? 1 : 0;
}

/** The body is written once, straight into shared memory, as whoever makes it would. */
function sendInPlace(): number {
  try {
    const claim = queue.claim(bytes);
    claim.bytes.set(body);
    claim.commit();
    return 1;
  } catch (error) {
    if (error instanceof QueueFullError) return 0;
    throw error;
  }
}

// Sleeping for so short a time only gives the processor to others.
const error = repeatUntilThrown(
  zeroCopy ? sendInPlace : sendCopied,
  () => void Atomics.wait(cell, 0, 0, 0.01),
);
queue.close();
if (!(error instanceof QueueClosedError)) throw error;
