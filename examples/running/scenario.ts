/** What all scenarios need around what they show: queues and processes that end with them, a report, and checks. */
import process from "node:process";
import { fileURLToPath } from "node:url";
import { type CreateOptions, CrossProcessQueue, listQueues } from "ringwire";
import { ChildProcesses, type RunningProcess } from "./child_processes.ts";
import { sleep } from "./measured_times.ts";
import { findRuntimes, type Runtime } from "./runtimes.ts";

const timeLimitMs = 110_000;
const lookEveryMs = 2;
const labelWidth = 26;
const exitCodes = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

/** A program of an example that runs in one of the runtimes. */
export interface RunningProgram extends RunningProcess {
  readonly runtime: Runtime["name"];
}

/** One run of a scenario. */
export class Scenario {
  readonly children = new ChildProcesses();
  readonly #runtimes = findRuntimes();
  readonly #failed: string[] = [];
  readonly #cleanups: (() => void)[] = [];
  #started = 0;

  /** A queue name that no other run uses. Queues of such names are removed at the end, whoever made them. */
  queueName(name: string): string {
    return `example-${process.pid}-${name}`;
  }

  /** Makes a queue that is removed at the end. */
  createQueue<T = unknown>(
    name: string,
    options: CreateOptions<T> = {},
  ): CrossProcessQueue<T> {
    return CrossProcessQueue.create<T>(this.queueName(name), {
      participantName: "main",
      ...options,
    });
  }

  /** Starts a program, in each runtime in turn. */
  start(program: URL, ...parameters: readonly string[]): RunningProgram {
    const runtime = this.#runtimes[this.#started++ % this.#runtimes.length];
    if (runtime === undefined) throw new Error("there is no runtime");
    const child = this.children.start([
      ...runtime.command,
      fileURLToPath(program),
      ...parameters,
    ]);
    return { ...child, runtime: runtime.name };
  }

  /** Calls it once the programs have ended, whatever the scenario came to. */
  atEnd(cleanup: () => void): void {
    this.#cleanups.push(cleanup);
  }

  /** Prints what was seen. */
  report(label: string, value: string | number): void {
    console.log(`  ${label.padEnd(labelWidth)}  ${value}`);
  }

  /** Something that must hold; the example fails at its end if it does not. */
  check(what: string, holds: boolean): void {
    if (!holds) this.#failed.push(what);
  }

  /** `check` for two values that must be the same. */
  checkEqual(what: string, found: unknown, expected: unknown): void {
    const [one, other] = [found, expected].map((value) =>
      JSON.stringify(value),
    );
    this.check(`${what}: found ${one}, expected ${other}`, one === other);
  }

  get failed(): readonly string[] {
    return this.#failed;
  }

  /** Ends all programs and removes all queues of this run. */
  async end(): Promise<void> {
    await this.children[Symbol.asyncDispose]();
    for (const cleanup of this.#cleanups.splice(0)) cleanup();
    const prefix = this.queueName("");
    for (const { name } of listQueues())
      if (name.startsWith(prefix)) CrossProcessQueue.destroy(name);
  }
}

/** Looks again and again until `condition` gives something truthy. */
export async function until<T>(condition: () => T): Promise<T> {
  for (;;) {
    const found = condition();
    if (found) return found;
    await sleep(lookEveryMs);
  }
}

/** Waits until a program has opened the queue. @throws when it ends before */
export async function untilJoined(
  queue: Pick<CrossProcessQueue, "status">,
  program: RunningProcess,
): Promise<void> {
  let ended = false;
  void program.exited.then(() => {
    ended = true;
  });
  await until(() => {
    if (ended)
      throw new Error(`process ${program.pid} has ended: ${program.errors()}`);
    return queue.status().participants.some(({ pid }) => pid === program.pid);
  });
}

/** Whether every message was acknowledged, dropped, or became a dead letter. */
export function isSettled(queue: Pick<CrossProcessQueue, "status">): boolean {
  const { messageCount, leased, delayed, inProgress } = queue.status();
  return messageCount + leased + delayed + inProgress === 0;
}

/**
 * Runs a scenario and ends the process: 0 when all checks held, 1 when not, 128 and the signal's number when it was
 * stopped. Its processes and queues are gone by then in every case.
 */
export async function runScenario(
  title: string,
  body: (scenario: Scenario) => Promise<void>,
): Promise<never> {
  console.log(title);
  const scenario = new Scenario();
  let exitCode = 1;
  const stopped = Promise.withResolvers<never>();
  for (const name of ["SIGHUP", "SIGINT", "SIGTERM"] as const)
    process.on(name, () => {
      exitCode = exitCodes[name];
      stopped.reject(new Error(`stopped by ${name}`));
    });
  const timer = setTimeout(
    () => stopped.reject(new Error(`not done within ${timeLimitMs} ms`)),
    timeLimitMs,
  );
  const beganMs = performance.now();
  try {
    await Promise.race([body(scenario), stopped.promise]);
    for (const what of scenario.failed) console.error(`FAILED: ${what}`);
    if (scenario.failed.length === 0) {
      exitCode = 0;
      const seconds = ((performance.now() - beganMs) / 1000).toFixed(1);
      console.log(`All checks held; ${seconds} s.`);
    }
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
  } finally {
    clearTimeout(timer);
    await scenario.end();
  }
  process.exit(exitCode);
}
