/** The workers and daemons of this user, as rows. */
import {
  findControls,
  type FoundControl,
} from "../../control/found_controls.ts";
import type { Problem, WorkerRow } from "./rows.ts";

/** Who has not answered by then is shown as silent. */
const answerMsMax = 1000;

const nothing = {
  queue: null,
  running: 0,
  jobs: 0,
  handlers: [],
  longestMs: null,
  acked: 0,
  retried: 0,
  dead: 0,
  command: "",
  problems: [],
} as const;

type Answer = FoundControl["answer"];
type DaemonAnswer = Extract<Answer, { kind: "daemon" }>;

/** Workers that do not run, and why. */
function daemonProblems(answer: DaemonAnswer): Problem[] {
  const problems: Problem[] = answer.workers.flatMap((worker): Problem[] => {
    const { name, state, restarts, last_exit } = worker;
    const last = last_exit === null ? "" : `, ${last_exit.text}`;
    if (state === "failed")
      return [{ severity: "alarm", text: `worker ${name} has failed${last}` }];
    if (state !== "backoff") return [];
    const text = `worker ${name} waits for restart ${restarts + 1}${last}`;
    return [{ severity: "warning", text }];
  });
  if (answer.config_error !== null) {
    const text = `its new configuration was refused: ${answer.config_error}`;
    problems.push({ severity: "warning", text });
  }
  return problems;
}

function daemonRow(answer: DaemonAnswer): Omit<WorkerRow, "name" | "pid"> {
  const processes = answer.workers.flatMap((worker) => worker.processes);
  return {
    ...nothing,
    kind: "daemon",
    state: "daemon",
    running: processes.filter(({ pid }) => pid !== null).length,
    jobs: processes.length,
    command: answer.workers.map(({ name }) => name).join(" "),
    problems: daemonProblems(answer),
  };
}

function toRow(control: FoundControl, nowMs: number): WorkerRow {
  const { name, pid, answer } = control;
  const known = { name, pid, kind: answer.kind };
  if (answer.kind === "none")
    return {
      ...nothing,
      ...known,
      state: "silent",
      problems: [{ severity: "alarm", text: answer.reason }],
    };
  if (answer.kind === "daemon") return { ...known, ...daemonRow(answer) };
  const { running, counts } = answer;
  const handlers = running.map(({ ids, attempt, pid: handler, since_ms }) => ({
    ids,
    attempt,
    pid: handler,
    // Clocks are set now and then.
    forMs: Math.max(0, nowMs - since_ms),
  }));
  return {
    ...known,
    queue: answer.queue,
    state:
      answer.state === "draining"
        ? "draining"
        : running.length === 0
          ? "idle"
          : "working",
    running: running.length,
    jobs: answer.jobs,
    handlers,
    longestMs: handlers.reduce<number | null>(
      (longest, { forMs }) => Math.max(longest ?? 0, forMs),
      null,
    ),
    acked: counts.acked,
    retried: counts.retried,
    dead: counts.buried,
    command: answer.command.join(" "),
    problems: [],
  };
}

/** Asks all of them once. @throws {CommandFailure} when the directory of their sockets is not this user's alone */
export async function sampleWorkers(): Promise<WorkerRow[]> {
  const found = await findControls({ timeoutMs: answerMsMax });
  const nowMs = Date.now();
  return found.map((control) => toRow(control, nowMs));
}
