/** Many short-lived pushes and pops at a time, each a process of its own. */
import { readdirSync } from "node:fs";
import type { Sandbox } from "./sandbox.ts";
import { expect } from "./testing.ts";

/** How large the storm is. */
export interface Storm {
  /** Processes that push one message each, and as many that pop one. */
  readonly pairs: number;
  /** Pushes at a time, and as many pops. */
  readonly atATime: number;
}

/** What it took. */
export interface StormFigures {
  readonly processes: number;
  readonly seconds: number;
}

/** Has every message pushed and popped by a process of its own, and expects each once and nothing left over. */
export async function expectEachOnce(
  sandbox: Sandbox,
  { pairs, atATime }: Storm,
): Promise<StormFigures> {
  await sandbox.good(["create", "q", "--max-messages", `${pairs}`]);
  const startMs = performance.now();
  // Each pop writes its line with one write, so lines of many do not mix.
  const { code, err } = await sandbox.bash(
    `seq ${pairs} | xargs -P ${atATime} -I{} ringwire-queue-worker push -q q {} & pushes=$!
seq ${pairs} | xargs -P ${atATime} -I{} sh -c 'ringwire-queue-worker pop -q q --wait 120s >>popped' & pops=$!
wait $pushes && wait $pops`,
  );
  const seconds = (performance.now() - startMs) / 1000;
  expect([code, err]).toEqual([0, ""]);
  expect(
    sandbox
      .lines("popped")
      .map(Number)
      .sort((a, b) => a - b),
  ).toEqual(Array.from({ length: pairs }, (_, index) => index + 1));
  const { message_count, leased, delayed, buried, counters, participants } =
    await sandbox.status("q");
  expect([message_count, leased, delayed, buried, counters.acked]).toEqual([
    0,
    0,
    0,
    0,
    pairs,
  ]);
  // Whoever left, left no place taken, and no socket.
  expect(participants).toEqual([]);
  expect(sandboxEntries(sandbox)).toEqual(["ringwire.q"]);
  return { processes: 2 * pairs, seconds };
}

/** Everything below the shared-memory directory that is no empty directory. */
function sandboxEntries(sandbox: Sandbox): string[] {
  return readdirSync(sandbox.directory, {
    recursive: true,
    withFileTypes: true,
  })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
}
