/** Examples as processes, and what they must not leave behind. */
import { readdirSync, readFileSync } from "node:fs";
import type { Running, Sandbox } from "../../support/sandbox.ts";
import { expect } from "../../support/testing.ts";

/** Files go to the sandbox too, so that what is left behind shows. */
export function start(sandbox: Sandbox, command: readonly string[]): Running {
  return sandbox.start(command, {
    env: { TMPDIR: sandbox.files, NO_COLOR: "1" },
  });
}

/** Processes of the sandbox that still run. */
export function processesOf(sandbox: Sandbox): string[] {
  return readdirSync("/proc").filter((pid) => {
    try {
      const environment = readFileSync(`/proc/${pid}/environ`, "utf8");
      return environment.includes(`RINGWIRE_SHM_DIR=${sandbox.directory}\0`);
    } catch {
      return false; // No process, or over by now.
    }
  });
}

/** Neither queues nor files nor processes. */
export function expectNothingLeft(sandbox: Sandbox): void {
  const queues = readdirSync(sandbox.directory).filter((name) =>
    name.startsWith("ringwire."),
  );
  expect(queues).toEqual([]);
  expect(readdirSync(sandbox.files)).toEqual([]);
  expect(processesOf(sandbox)).toEqual([]);
}
