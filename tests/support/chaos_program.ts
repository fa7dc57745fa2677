/**
 * A producer or a consumer of a chaos trial, which never ends by itself: it is killed. Parameters: role, queue, ledger,
 * its number, the seed, and what is wrong with it on purpose (`sound`: nothing).
 */
import process from "node:process";
import {
  CrossProcessQueue,
  type Job,
  LeaseLostError,
  QueueFullError,
  QueueTimeoutError,
  type SendOptions,
} from "../../src/queue/mod.ts";
import {
  composeBody,
  LedgerWriter,
  type MessageNumber,
  readBody,
} from "./chaos_ledger.ts";
import { SeededRandom } from "./seeded_random.ts";

const [role = "", name = "", path = "", number = "", seed = "", fault = ""] =
  process.argv.slice(2);
const own = Number(number);
const random = new SeededRandom(Number(seed) + own * 2654435761);
const ledger = new LedgerWriter(path);
const bodyBytesMax = 3000;
const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms));

// --- producers

let sequence = 0;

function nextMessage(): MessageNumber & { readonly body: Uint8Array } {
  const message = { process: own, sequence: sequence++ };
  const length = random.below(random.oneIn(4) ? bodyBytesMax : 200);
  const body = composeBody(message, length);
  // Of its checksum.
  if (fault === "careless" && random.oneIn(50))
    body[15] = 255 - Number(body[15]);
  return { ...message, body };
}

function someOptions(dropping: boolean): SendOptions {
  const priority = (["normal", "high", "low"] as const)[random.below(3)];
  return {
    priority,
    delayMs: random.oneIn(8) ? random.below(60) : undefined,
    headers: random.oneIn(4) ? { trial: "chaos" } : undefined,
    onFull: dropping ? "drop-oldest" : undefined,
  };
}

/** Whether it was accepted: a full queue says no, or waits in vain. */
async function accepted(send: () => unknown): Promise<boolean> {
  try {
    return (await send()) !== false;
  } catch (error) {
    if (error instanceof QueueFullError || error instanceof QueueTimeoutError)
      return false;
    throw error;
  }
}

async function sendOne(queue: CrossProcessQueue, options: SendOptions) {
  const message = nextMessage();
  const { body } = message;
  const how = random.below(4);
  ledger.write("intent", message);
  const done = await accepted(async () => {
    if (how === 0) {
      const claim = queue.claim(body.length + random.below(100), options);
      claim.bytes.set(body);
      // Some are killed with it.
      if (random.oneIn(2)) await pause(random.below(40));
      return claim.commit(body.length);
    }
    if (how === 1) return queue.sendWait(body, { ...options, timeoutMs: 20 });
    return queue.trySend(body, options);
  });
  if (fault === "careless" && done && random.oneIn(4))
    queue.trySend(body, options);
  ledger.write(done ? "accepted" : "refused", message);
  return done;
}

async function sendBatch(queue: CrossProcessQueue, options: SendOptions) {
  const messages = Array.from({ length: 2 + random.below(15) }, nextMessage);
  ledger.write("intent", ...messages);
  let count = 0;
  await accepted(() => {
    count = queue.sendMany(
      messages.map((each) => each.body),
      options,
    );
  });
  ledger.write("accepted", ...messages.slice(0, count));
  ledger.write("refused", ...messages.slice(count));
  return count === messages.length;
}

async function produce(dropping: boolean): Promise<void> {
  using queue = CrossProcessQueue.connect(name);
  process.stdout.write("ready\n");
  for (let round = 0; ; round++) {
    const options = someOptions(dropping);
    const all = await (random.oneIn(6) ? sendBatch : sendOne)(queue, options);
    if (!all) await pause(random.below(6));
    // Others' wake-ups, and room for consumers on a machine of two processors.
    else if (round % 16 === 0) await pause(random.below(dropping ? 6 : 3));
  }
}

// --- consumers

/** Runs a settlement; whether the lease still held. */
function held(settle: () => unknown): boolean {
  try {
    settle();
    return true;
  } catch (error) {
    if (error instanceof LeaseLostError) return false;
    throw error;
  }
}

function noteDelivery(job: Job): MessageNumber | undefined {
  const { whole, ...message } = readBody(job.data);
  if (!whole) ledger.write("torn", message);
  else ledger.write(job.redelivered ? "redelivered" : "delivered", message);
  return whole ? message : undefined;
}

function acknowledge(job: Job, message: MessageNumber): void {
  ledger.write("settling", message);
  ledger.write(held(() => job.ack()) ? "settled" : "stale", message);
}

/** Done before it is written down: what dies in between is gone, and no ledger knows of it. */
async function acknowledgeFirst(job: Job): Promise<void> {
  if (!held(() => job.ack())) return;
  await pause(5 + random.below(10));
  const message = noteDelivery(job);
  if (message !== undefined) ledger.write("settling", message);
  if (message !== undefined) ledger.write("settled", message);
}

async function handle(job: Job): Promise<void> {
  const message = noteDelivery(job);
  if (message === undefined) return;
  const how = random.below(60);
  if (how < 3) held(() => job.keepAlive());
  // Some of them longer than the lease: renewed, or lost.
  if (how < 4) await pause(random.oneIn(3) ? 40 + random.below(80) : how);
  if (how === 4) held(() => job.touch(30 + random.below(200)));
  if (how === 5) held(() => job.countAttempt());
  if (how === 6) held(() => job.nack({ uncounted: random.oneIn(2) }));
  else if (how === 7) held(() => job.nack({ delayMs: random.below(60) }));
  else if (how === 8) held(() => job.bury("buried by the chaos"));
  else acknowledge(job, message);
}

async function handleBatch(
  queue: CrossProcessQueue,
  jobs: readonly Job[],
): Promise<void> {
  const whole = jobs.map(noteDelivery).filter((each) => each !== undefined);
  // Held meanwhile, so that kills find something to be recovered.
  if (random.oneIn(3)) await pause(random.below(60));
  ledger.write("settling", ...whole);
  // Which of them were lost it does not say.
  if (queue.ackMany(jobs) === jobs.length) ledger.write("settled", ...whole);
}

function ruleOnDeadLetters(queue: CrossProcessQueue): void {
  for (const letter of queue.deadLetters()) {
    const { whole, ...message } = readBody(letter.data);
    if (!whole) ledger.write("torn", message);
    if (random.oneIn(3)) {
      ledger.write("reviving", message);
      letter.retry();
    } else {
      ledger.write("settling", message);
      ledger.write(letter.drop() ? "settled" : "stale", message);
    }
  }
}

async function consume(): Promise<void> {
  using queue = CrossProcessQueue.connect(name);
  if (own % 3 === 0) queue.watch();
  process.stdout.write("ready\n");
  for (;;) {
    if (random.oneIn(60)) ruleOnDeadLetters(queue);
    // Some end soon; others only with their holder.
    const leaseMs = random.oneIn(3) ? 20 + random.below(60) : 600_000;
    const jobs = random.oneIn(5)
      ? await queue.reserveMany(1 + random.below(8), { timeoutMs: 50, leaseMs })
      : [await queue.reserve({ timeoutMs: 50, leaseMs })];
    const taken = jobs.filter((job) => job !== null);
    if (fault === "ack-first")
      for (const job of taken) await acknowledgeFirst(job);
    else if (jobs.length > 1) await handleBatch(queue, taken);
    else for (const job of taken) await handle(job);
  }
}

if (role === "consume") await consume();
else await produce(role === "produce-dropping");
