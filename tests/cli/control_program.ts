/**
 * A process with a control socket and nothing else to do, for tests of the socket and of who asks it. Its argument is
 * JSON, see `Role`. It prints the socket's path, what it is asked for, and at its end how long closing took; `drain`
 * and the end of stdin end it.
 */
import { parseControlPath } from "../../cmd/control/control_place.ts";
import { startControl } from "../../cmd/control/control_server.ts";
import type { WorkerReport } from "../../cmd/control/worker_report.ts";
import { exitCodeOf } from "../../cmd/command_line/exit_codes.ts";

/** What it pretends to be. */
export interface Role {
  readonly name: string;
  /** @default the usual place */
  readonly path?: string;
  /** @default none, it is healthy */
  readonly reasons?: readonly string[];
  /** Goes on after `drain`. @default false */
  readonly stays?: boolean;
  /** What differs from an idle worker's report. @default nothing */
  readonly report?: object;
}

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

async function main(role: Role): Promise<void> {
  const { promise: asked, resolve: leave } = Promise.withResolvers<void>();
  const reasons = role.reasons ?? [];
  const control = await startControl({
    name: role.name,
    path: role.path === undefined ? undefined : parseControlPath(role.path),
    report: () => ({ ...idleReport(role.name), ...role.report }),
    health: () => ({ healthy: reasons.length === 0, reasons }),
    actions: {
      drain: async (body) => {
        console.log(`drain ${JSON.stringify(body)}`);
        if (role.stays !== true) leave();
        return { draining: true };
      },
      reload: async () => {
        console.log("reload");
        return { workers: 2 };
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

main(JSON.parse(process.argv[2] ?? "")).then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exit(exitCodeOf(error));
  },
);
