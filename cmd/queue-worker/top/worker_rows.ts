/** The workers and daemons of this user, as rows. */
import {
  findControls,
  type FoundControl,
} from "../../control/found_controls.ts";
import type { WorkerRow } from "./rows.ts";

/** Who has not answered by then is shown as silent. */
const answerMsMax = 1000;

const nothing = {
  queue: null,
  running: 0,
  jobs: 0,
  longestMs: null,
  acked: 0,
  retried: 0,
  dead: 0,
  command: "",
  problems: [],
} as const;

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
  if (answer.kind === "daemon")
    return { ...nothing, ...known, state: "daemon" };
  const { running, counts } = answer;
  const since = running.map(({ since_ms }) => nowMs - since_ms);
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
    longestMs: since.length === 0 ? null : Math.max(0, ...since),
    acked: counts.acked,
    retried: counts.retried,
    dead: counts.buried,
    command: answer.command.join(" "),
    problems: [],
  };
}

/** Asks all of them once. Whoever cannot be asked because the directory is not ours is not there. */
export async function sampleWorkers(): Promise<WorkerRow[]> {
  const found = await findControls({ timeoutMs: answerMsMax });
  const nowMs = Date.now();
  return found.map((control) => toRow(control, nowMs));
}
