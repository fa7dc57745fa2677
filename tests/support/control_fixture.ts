/** Processes with a control socket in a sandbox. */
import { join } from "node:path";
import type { Role } from "../cli/control_program.ts";
import { type Running, type Sandbox, until } from "./sandbox.ts";

const program = join(import.meta.dir, "../cli/control_program.ts");

/** Starts one, whether it comes to listen or not. */
export function startControlled(sandbox: Sandbox, role: Role): Running {
  return sandbox.start([process.execPath, program, JSON.stringify(role)], {
    stdin: "pipe",
  });
}

/** One that listens. */
export interface Listening {
  readonly owner: Running;
  readonly path: string;
}

/** Starts one, and waits until it listens. */
export async function listenControlled(
  sandbox: Sandbox,
  role: Role,
): Promise<Listening> {
  const owner = startControlled(sandbox, role);
  const path = await until(
    "the path of the socket",
    () => /^(.+)\n/.exec(owner.out())?.[1],
  );
  return { owner, path: path ?? "" };
}
