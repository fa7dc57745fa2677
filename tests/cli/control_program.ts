/**
 * A process with a control socket and nothing else to do: `control_program.ts NAME [PATH]`. It prints the path, what it
 * is asked for, and at its end how long closing took; `drain` and the end of stdin end it.
 */
import { parseControlPath } from "../../cmd/control/control_place.ts";
import { startControl } from "../../cmd/control/control_server.ts";
import type { WorkerReport } from "../../cmd/control/worker_report.ts";
import { exitCodeOf } from "../../cmd/shared/exit_codes.ts";

function idleReport(name: string): WorkerReport {
  return {
    kind: "work",
    name,
    pid: process.pid,
    queue: "none",
    started_ms: Math.round(performance.timeOrigin),
    state: "working",
    jobs: 1,
    command: ["true"],
    running: [],
    counts: { acked: 0, retried: 0, buried: 0, released: 0, lost: 0 },
  };
}

async function main(name: string, path: string | undefined): Promise<void> {
  const { promise: asked, resolve: leave } = Promise.withResolvers<void>();
  const control = await startControl({
    name,
    path: path === undefined ? undefined : parseControlPath(path),
    report: () => idleReport(name),
    health: () => ({ healthy: false, reasons: ["it only pretends to work"] }),
    actions: {
      drain: async (body) => {
        console.log(`drain ${JSON.stringify(body)}`);
        leave();
        return { draining: true };
      },
      restart: async ({ worker }) => {
        throw new Error(`there is no ${worker}`);
      },
    },
  });
  console.log(control.path ?? "none");
  process.stdin.on("end", leave).resume();
  await asked;
  const began = performance.now();
  await control.close();
  console.log(`closed in ${Math.round(performance.now() - began)} ms`);
}

const [, , name = "", path] = process.argv;
main(name, path).then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exit(exitCodeOf(error));
  },
);
