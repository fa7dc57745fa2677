import process from "node:process";
import type { UcxWorker } from "../../src/ucx/mod.ts";

/** Tells the test something: one line of JSON. */
export function say(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

/** Listens on a port that the system chooses, says where, and waits for one connection. */
export function acceptOne(worker: UcxWorker): number {
  const listener = worker.createListener("127.0.0.1:0");
  say(listener.address);
  return waitForOne(worker);
}

/** Waits until the worker has a connection. @throws {Error} after 30 seconds */
export function waitForOne(worker: UcxWorker): number {
  const endMs = performance.now() + 30_000;
  for (;;) {
    const [id] = worker.getEndpointIds();
    if (id !== undefined) return id;
    if (performance.now() > endMs) throw new Error("nobody connected");
    worker.runProgressLoop(1);
  }
}
