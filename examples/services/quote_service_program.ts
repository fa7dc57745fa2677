/**
 * One process of the quote service: `quote_service_program.ts QUEUE NAME`. As many as are needed serve one queue. On
 * SIGTERM it takes no more requests, answers those that it has begun, and leaves.
 */
import process from "node:process";
import {
  CrossProcessQueue,
  type Job,
  runWorkLoop,
  SerializationFailedError,
  type WorkOutcome,
} from "ringwire";
import { sleep } from "../running/measured_times.ts";
import { stopSignal } from "../running/stop_signal.ts";
import { type QuoteReply, type QuoteRequest, requestSchema } from "./quotes.ts";

const prices: Readonly<Record<string, number>> = { bolt: 12, nut: 7 };
/** How often long work looks whether anybody still waits for it. */
const stepMs = 5;

const stop = stopSignal();
const [queueName = "", name = ""] = process.argv.slice(2);
using queue = CrossProcessQueue.connect<QuoteRequest>(queueName, {
  participantName: name,
  schema: requestSchema,
});
/** Events for whoever started this. */
function tell(event: string, label: string): void {
  console.log(JSON.stringify({ event, label }));
}

async function makeReport(takesMs: number, signal: AbortSignal): Promise<void> {
  const endMs = performance.now() + takesMs;
  while (performance.now() < endMs) {
    // Aborted when the asker has given up, and when the lease was lost.
    signal.throwIfAborted();
    await sleep(stepMs);
  }
}

async function answer(job: Job<QuoteRequest>): Promise<QuoteReply> {
  const { attempts: attempt } = job;
  let request: QuoteRequest;
  try {
    request = job.value();
  } catch (error) {
    if (!(error instanceof SerializationFailedError)) throw error;
    return { ok: false, code: "bad-request", message: error.message };
  }
  if (request.kind === "report") {
    tell("begun", request.label);
    const hangs = request.hangsAtFirst && attempt === 1;
    try {
      await makeReport(hangs ? Infinity : request.takesMs, job.signal);
    } catch (error) {
      tell("given-up", request.label);
      throw error;
    }
    return { ok: true, cents: 0, by: name, attempt };
  }
  const price = prices[request.item];
  if (price === undefined)
    return {
      ok: false,
      code: "unknown-item",
      message: `there is no ${request.item}`,
    };
  return { ok: true, cents: price * request.count, by: name, attempt };
}

async function serve(job: Job<QuoteRequest>): Promise<WorkOutcome> {
  if (job.replyTo === undefined)
    return { kind: "bury", note: "nobody waits for a reply" };
  try {
    return { kind: "reply", body: JSON.stringify(await answer(job)) };
  } catch (error) {
    if (!job.signal.aborted) throw error;
    return { kind: "ack" }; // Nobody waits: no retry.
  }
}

queue.watch();
const summary = await runWorkLoop(queue, serve, {
  concurrency: 4,
  backoff: { minMs: 5, maxMs: 50 },
  signal: stop,
});
console.log(JSON.stringify({ event: "ended", ...summary }));
