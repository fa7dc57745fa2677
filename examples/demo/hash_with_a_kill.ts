/**
 * Files are hashed by several ringwire-queue-worker processes; one of them is killed in the middle of its work. Whatever
 * it held is delivered again, so that the result is the same as without the kill.
 */
import { CrossProcessQueue, type QueueStatus } from "ringwire";
import type { ChildProcesses } from "../running/child_processes.ts";
import { killInTheMiddle } from "../running/kill_in_the_middle.ts";

const workerNames = ["worker-1", "worker-2", "worker-3"] as const;
const victimName = "worker-2";
/** Handlers that each worker runs at a time. */
const handlersAtATime = 2;
const lookEveryMs = 1;

/** Says on stderr when a message comes for the second time; the hash goes to stdout. */
const handler =
  '[ "$RINGWIRE_MSG_ATTEMPT" = 1 ] || echo "again $RINGWIRE_MSG_ID" >&2; exec xargs -0 sha256sum --';

/** Who did what. */
export interface WorkerResult {
  readonly name: string;
  readonly pid: number;
  readonly killed: boolean;
  /** Lines as `sha256sum` prints them. */
  readonly lines: readonly string[];
}

/** What happened. */
export interface HashResult {
  readonly workers: readonly WorkerResult[];
  readonly elapsedMs: number;
  /** Jobs that the victim held when it was killed. */
  readonly heldAtDeath: number;
  /** Milliseconds from the kill until the last of them had a new handler. */
  readonly redeliveredAfterMs: number;
  readonly status: QueueStatus;
}

/** Where things are, and what may end the demo early. */
export interface DemoSetting {
  readonly root: string;
  /** The executable. */
  readonly worker: string;
  readonly queueName: string;
  readonly children: ChildProcesses;
  readonly signal: AbortSignal;
}

/** Looks again and again until `found` gives something. @throws the signal's reason */
async function until<T>(
  found: () => T | undefined,
  signal: AbortSignal,
): Promise<T> {
  for (;;) {
    signal.throwIfAborted();
    const value = found();
    if (value !== undefined) return value;
    await Bun.sleep(lookEveryMs);
  }
}

/** Pushes the paths, has them hashed, and kills one worker. */
export async function hashWithAKill(
  paths: readonly string[],
  setting: DemoSetting,
): Promise<HashResult> {
  const { root, worker, queueName, children, signal } = setting;
  using queue = CrossProcessQueue.create(queueName, {
    participantName: "demo",
  });
  const redelivered = new Set<string>();
  let lastRedeliveryMs = 0;
  const onErrorLine = (line: string): void => {
    if (!line.startsWith("again ")) return;
    redelivered.add(line);
    lastRedeliveryMs = performance.now();
  };
  try {
    const running = workerNames.map((name) => ({
      name,
      process: children.start(
        [
          worker,
          "work",
          "-q",
          queueName,
          "--name",
          name,
          "-j",
          `${handlersAtATime}`,
          "--until-end",
          "--exec",
          handler,
        ],
        { cwd: root, onErrorLine },
      ),
    }));
    await until(() => {
      const here = queue.status().participants.map(({ pid }) => pid);
      return running.every(({ process }) => here.includes(process.pid))
        ? true
        : undefined;
    }, signal);
    const victim = running.find(({ name }) => name === victimName)?.process;
    if (victim === undefined) throw new Error(`there is no ${victimName}`);

    const beganMs = performance.now();
    const pushed = children.run(
      [worker, "push", "-q", queueName, "--in-framing", "nul", "--end"],
      { cwd: root, input: paths.map((path) => `${path}\0`).join("") },
    );
    let killedMs = 0;
    const kill = async (): Promise<number> => {
      const held = await killInTheMiddle(queue, victim);
      killedMs = performance.now();
      return held;
    };
    const [heldAtDeath] = await Promise.all([kill(), pushed]);
    const workers: WorkerResult[] = [];
    for (const { name, process } of running) {
      const exitCode = await process.exited;
      const killed = process === victim;
      if (!killed && exitCode !== 0)
        throw new Error(
          `${name} ended with ${exitCode ?? "a signal"}: ${process.errors()}`,
        );
      const lines = (await process.output)
        .split("\n")
        .filter((line) => line !== "");
      workers.push({ name, pid: process.pid, killed, lines });
    }
    const elapsedMs = performance.now() - beganMs;
    if (redelivered.size !== heldAtDeath)
      throw new Error(
        `${victimName} held ${heldAtDeath} jobs, ${redelivered.size} were delivered again`,
      );
    return {
      workers,
      elapsedMs,
      heldAtDeath,
      redeliveredAfterMs: lastRedeliveryMs - killedMs,
      status: queue.status(),
    };
  } finally {
    queue.destroy();
  }
}
