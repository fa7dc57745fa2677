/** What a running worker tells, and lets itself be told, by its control socket. */
import { resolve } from "node:path";
import type { WorkCounts } from "../../src/queue/mod.ts";
import type { WorkerReport } from "../control/worker_report.ts";
import type { HandlerCommand } from "../processes/handler_command.ts";
import { say } from "../standard_streams/output.ts";
import type { RunningHandler } from "./handlers/running_handlers.ts";
import type { Shutdown } from "./handlers/shutdown.ts";
import type { WorkInvocation } from "./work_options.ts";

/** What it is about. */
export interface WorkControlInit {
  readonly given: WorkInvocation["options"];
  readonly queueName: string;
  readonly command: HandlerCommand;
  readonly shutdown: Shutdown;
  readonly running: () => readonly RunningHandler[];
  readonly counts: () => WorkCounts;
}

/** A file has the same name wherever it is asked for. */
function queueAnywhere(name: string): string {
  return name.startsWith("file:")
    ? `file:${resolve(name.slice("file:".length))}`
    : name;
}

/**
 * Opens the worker's control socket; undefined when none is wanted.
 *
 * @throws {CommandFailure} when the place given by `--control` cannot be used
 */
export async function openWorkControl(
  init: WorkControlInit,
): Promise<AsyncDisposable | undefined> {
  const { given, shutdown, running } = init;
  if (given.noControl) return undefined;
  const name = given.name ?? "work";
  const started_ms = Date.now();
  const report = (): WorkerReport => ({
    kind: "work",
    name,
    pid: process.pid,
    queue: queueAnywhere(init.queueName),
    started_ms,
    state: shutdown.fetching.aborted ? "draining" : "working",
    jobs: given.jobs,
    command: init.command.argv,
    running: running(),
    counts: init.counts(),
  });
  const { startControl } = await import("../control/control_server.ts");
  return await startControl({
    name,
    path: given.control,
    report,
    health: () => {
      const { exitCode } = shutdown;
      const reasons =
        exitCode === undefined || exitCode === 0
          ? []
          : [`it has to stop, with exit code ${exitCode}`];
      return { healthy: reasons.length === 0, reasons };
    },
    actions: {
      drain: ({ timeoutMs = given.drainTimeout }) => {
        say(
          `asked to drain: waiting up to ${timeoutMs} ms for ${running().length} handlers`,
        );
        shutdown.asked = true;
        shutdown.drain(timeoutMs);
        return Promise.resolve({ draining: true, running: running().length });
      },
      "stop-fetching": () => {
        say("asked to take no more messages");
        shutdown.stopFetching();
        return Promise.resolve({ draining: true, running: running().length });
      },
    },
  });
}
