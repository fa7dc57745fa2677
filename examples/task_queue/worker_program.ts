/**
 * A worker of the task queue: `worker_program.ts TASKS REPORTS NAME [MAIL-DOMAIN-THAT-IS-DOWN]`. On SIGTERM it takes no
 * more, finishes what it has begun, prints what it did, and leaves with 0.
 */
import process from "node:process";
import {
  CrossProcessQueue,
  type Job,
  runWorkLoop,
  SerializationFailedError,
  type WorkOutcome,
} from "ringwire";
import { nowMs, sleep } from "../running/measured_times.ts";
import { stopSignal } from "../running/stop_signal.ts";
import {
  type Report,
  renderReceipt,
  reportSchema,
  type Task,
  taskSchema,
} from "./receipts.ts";

// Before anything else: from here on SIGTERM is a polite request.
const stop = stopSignal();
/** How long the mail server takes. */
const mailMs = 4;

const [tasksName = "", reportsName = "", name = "", domainDown] =
  process.argv.slice(2);
using tasks = CrossProcessQueue.connect<Task>(tasksName, {
  participantName: name,
  schema: taskSchema,
});
using reports = CrossProcessQueue.connect<Report>(reportsName, {
  participantName: name,
  schema: reportSchema,
});

async function sendMail(task: Task, attempt: number): Promise<void> {
  await sleep(mailMs);
  if (task.to.endsWith(`@${domainDown}`))
    throw new Error(`${domainDown}: connection refused`);
  if (attempt <= task.flakyTimes) throw new Error("connection reset");
}

async function work(job: Job<Task>): Promise<WorkOutcome> {
  const waitedMs = nowMs() - job.timestamp;
  let task: Task;
  try {
    task = job.value();
  } catch (error) {
    if (!(error instanceof SerializationFailedError)) throw error;
    // It will be no better next time: no retries.
    return { kind: "bury", note: `invalid: ${error.message}` };
  }
  // What throws is tried again after a pause; at last it becomes a dead letter with the error as its note.
  await sendMail(task, job.attempts);
  // First the result, then the acknowledgement. A kill in between repeats the task, so whoever reads the reports
  // counts each order once; the other way round a kill would lose a report.
  await reports.sendValueWait({
    order: task.order,
    digest: renderReceipt(task),
    urgent: task.urgent,
    attempts: job.attempts,
    waitedMs,
    worker: name,
  });
  return { kind: "ack" };
}

// What a killed worker held is delivered again within milliseconds, not within a second.
tasks.watch();
const summary = await runWorkLoop(tasks, work, {
  concurrency: 4,
  backoff: { minMs: 5, maxMs: 40 },
  signal: stop,
});
console.log(JSON.stringify(summary));
