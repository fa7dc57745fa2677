/** Sends bodies of one size for ever, until the queue is destroyed. Argument: LargeArgument. */
import process from "node:process";
import {
  CrossProcessQueue,
  QueueClosedError,
  QueueFullError,
} from "../../src/queue/mod.ts";
import { repeatUntilThrown, yieldProcessor } from "./rounds.ts";
import { type LargeArgument, sizes } from "./sizes.ts";

const {
  queue: name,
  size,
  way,
} = JSON.parse(process.argv[2] ?? "{}") as LargeArgument;
const queue = CrossProcessQueue.connect(name);
const { bytes } = sizes[size];
const body = new Uint8Array(bytes).fill(0x61);

function sendCopied(): number {
  return queue.trySend(body) ? 1 : 0;
}

/** The body is written once, straight into shared memory, as whoever makes it would. */
function sendInPlace(): number {
  try {
    const claim = queue.claim(bytes, { reuse: way === "reused" });
    claim.bytes.set(body);
    claim.commit();
    return 1;
  } catch (error) {
    if (error instanceof QueueFullError) return 0;
    throw error;
  }
}

const error = repeatUntilThrown(
  way === "zero-copy" || way === "reused" ? sendInPlace : sendCopied,
  yieldProcessor,
);
queue.close();
if (!(error instanceof QueueClosedError)) throw error;
