/**
 * A task queue: several workers, retries with a back-off, priorities, one worker killed and one replaced while tasks come
 * in, and dead letters that are looked at and retried once their cause is gone.
 *
 *     bun examples/task_queue/main.ts
 *     deno run -A examples/task_queue/main.ts
 */
import { CrossProcessQueue } from "ringwire";
import { killInTheMiddle } from "../running/kill_in_the_middle.ts";
import { describeTimes, sleep } from "../running/measured_times.ts";
import {
  isSettled,
  type RunningProgram,
  runScenario,
  type Scenario,
  until,
  untilJoined,
} from "../running/scenario.ts";
import {
  type Report,
  renderReceipt,
  reportSchema,
  type Task,
  taskSchema,
} from "./receipts.ts";

const domainDown = "down.example";
const tasksMin = 400;
const tasksAtATime = 20;
const pauseMs = 5;
/** Once there are enough. */
const longPauseMs = 50;

function makeTask(order: number): Task {
  return {
    order,
    to: `customer-${order}@${order % 40 === 0 ? domainDown : "up.example"}`,
    cents: 100 + order,
    urgent: order % 25 === 0,
    flakyTimes: order % 10 === 1 ? 1 : 0,
  };
}

function isFailing({ to }: Task): boolean {
  return to.endsWith(`@${domainDown}`);
}

/** Sends tasks until there are enough and `done` says so. */
async function sendTasks(
  tasks: CrossProcessQueue<Task>,
  done: () => boolean,
): Promise<Task[]> {
  const sent: Task[] = [];
  while (sent.length < tasksMin || !done()) {
    for (let count = 0; count < tasksAtATime; count++) {
      const task = makeTask(sent.length + 1);
      // Without room it waits: the workers set the pace.
      await tasks.sendValueWait(task, {
        priority: task.urgent ? "high" : "normal",
      });
      sent.push(task);
    }
    await sleep(sent.length < tasksMin ? pauseMs : longPauseMs);
  }
  return sent;
}

/** Takes reports until the stream of them ends. */
async function collectReports(
  reports: CrossProcessQueue<Report>,
): Promise<Report[]> {
  const collected: Report[] = [];
  for (;;) {
    const batch = await reports.receiveMany(256);
    if (batch.length === 0) return collected;
    collected.push(...batch.map((message) => message.value()));
  }
}

/** SIGTERM, and what the worker says at its end. */
async function stopWorker(scenario: Scenario, worker: RunningProgram) {
  worker.kill("SIGTERM");
  scenario.checkEqual("exit code of a worker", await worker.exited, 0);
  return JSON.parse(await worker.line()) as { acked: number; lost: number };
}

/** Looks at the dead letters: what is hopeless is dropped, the others are tried again. */
function ruleOnDeadLetters(tasks: CrossProcessQueue<Task>) {
  let dropped = 0;
  let retried = 0;
  const notes = new Set<string>();
  for (const letter of tasks.deadLetters()) {
    notes.add((letter.note.split("\n")[0] ?? "").slice(0, 60));
    if (letter.note.startsWith("invalid:")) {
      if (letter.drop()) dropped++;
    } else if (letter.retry()) retried++;
  }
  return { dropped, retried, notes };
}

function checkReports(
  scenario: Scenario,
  sent: readonly Task[],
  reports: readonly Report[],
): void {
  const digests = new Map(reports.map(({ order, digest }) => [order, digest]));
  scenario.checkEqual("orders with a receipt", digests.size, sent.length);
  const wrong = sent.filter(
    (task) => digests.get(task.order) !== renderReceipt(task),
  );
  scenario.checkEqual("orders with a wrong receipt", wrong.length, 0);
  scenario.report("receipts sent", digests.size);
  scenario.report(
    "sent twice",
    `${reports.length - digests.size} (killed between report and ack)`,
  );
  const failing = new Set(sent.filter(isFailing).map(({ order }) => order));
  const waits = (urgent: boolean): number[] =>
    reports
      .filter(
        (one) =>
          one.urgent === urgent &&
          one.attempts === 1 &&
          !failing.has(one.order),
      )
      .map(({ waitedMs }) => waitedMs);
  scenario.report("wait, urgent", describeTimes(waits(true)));
  scenario.report("wait, others", describeTimes(waits(false)));
}

await runScenario(
  "Task queue: receipts are mailed by several workers",
  async (scenario) => {
    const tasks = scenario.createQueue<Task>("tasks", {
      schema: taskSchema,
      maxMessages: 1024,
      maxDead: 1024, // They count as messages in use; the default keeps a tenth.
      maxDeliver: 4,
      leaseMs: 5000,
    });
    const reports = scenario.createQueue<Report>("reports", {
      schema: reportSchema,
      maxMessages: 4096,
    });
    const program = new URL("./worker_program.ts", import.meta.url);
    const startWorker = (name: string, down?: string): RunningProgram =>
      scenario.start(
        program,
        ...[tasks.name, reports.name, name],
        ...(down === undefined ? [] : [down]),
      );
    const collecting = collectReports(reports);

    const [one, victim, leaver] = ["one", "two", "three"].map((name) =>
      startWorker(name, domainDown),
    ) as [RunningProgram, RunningProgram, RunningProgram];
    for (const worker of [one, victim, leaver])
      await untilJoined(tasks, worker);
    // Somebody else's producer knows no schema.
    using careless = CrossProcessQueue.connect(tasks.name);
    careless.send('{"order":"seven"}');
    let disturbed = false;
    const disturb = async (): Promise<RunningProgram> => {
      const held = await killInTheMiddle(tasks, victim);
      const replacement = startWorker("four", domainDown);
      await untilJoined(tasks, replacement);
      const { acked, lost } = await stopWorker(scenario, leaver);
      scenario.report(
        "workers",
        `one ${one.runtime}, two ${victim.runtime}, three ${leaver.runtime}, four ${replacement.runtime}`,
      );
      scenario.report("two was killed", `while it held ${held} tasks`);
      scenario.report(
        "three was stopped",
        `finished what it had begun: ${acked} done, ${lost} lost`,
      );
      disturbed = true;
      return replacement;
    };
    const [sent, replacement] = await Promise.all([
      sendTasks(tasks, () => disturbed),
      disturb(),
    ]);
    await until(() => isSettled(tasks));
    for (const worker of [one, replacement]) await stopWorker(scenario, worker);

    const { counters } = tasks.status();
    scenario.report(
      "first round",
      `${sent.length} sent, ${counters.nacked} retries, ${counters.requeued} redelivered`,
    );
    const { dropped, retried, notes } = ruleOnDeadLetters(tasks);
    for (const note of notes) scenario.report("dead letters say", note);
    scenario.report(
      "dead letters",
      `${dropped} dropped, ${retried} retried with the mail server up again`,
    );
    scenario.checkEqual("invalid tasks dropped", dropped, 1);
    const failing = sent.filter(isFailing).length;
    scenario.checkEqual("dead letters retried", retried, failing);

    const repaired = startWorker("five");
    await until(() => isSettled(tasks));
    await stopWorker(scenario, repaired);
    reports.end();
    checkReports(scenario, sent, await collecting);
    scenario.checkEqual("left in the queue", tasks.status().usage, 0);
  },
);
