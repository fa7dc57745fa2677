/** Workers that are killed at random moments while a queue is worked off, each followed by another. */
import { readFileSync } from "node:fs";
import {
  compileLedgerHandler,
  type LedgerFindings,
  readLedger,
} from "./handler_ledger.ts";
import { expect } from "./testing.ts";
import { type Sandbox, until } from "./sandbox.ts";

const workersAtATime = 3;
const limitMs = 500_000;

/** How large the trial is. */
export interface KillTrial {
  readonly messages: number;
  /** The queue is worked off undisturbed after so many kills. */
  readonly kills: number;
}

/** The first of them is the trial of the launcher, which is over in a moment. */
function hasChildren(pid: number): boolean {
  try {
    return (
      readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim() !== ""
    );
  } catch {
    return false;
  }
}

/** Works a queue off with workers that are killed, and expects that no two attempts of a message lived at a time. */
export async function expectNoTwoAttemptsAtATime(
  sandbox: Sandbox,
  { messages, kills }: KillTrial,
): Promise<LedgerFindings> {
  compileLedgerHandler(sandbox.file("handler"));
  const { code } = await sandbox.bash(
    `ringwire-queue-worker create q --max-deliver 255 && seq ${messages} | ringwire-queue-worker push -q q --end`,
  );
  expect(code).toBe(0);
  let killed = 0;
  /** Whether the stream is worked off. */
  const workUntilKilled = async (): Promise<boolean> => {
    const worker = sandbox.start([
      ...["ringwire-queue-worker", "work", "-q", "q", "-j3", "--until-end"],
      ...["--", "./handler", "ledger", "15"],
    ]);
    let over = false;
    const ending = worker.ended.finally(() => {
      over = true;
    });
    if (killed < kills) {
      killed++;
      await until("a handler to run", () => over || hasChildren(worker.pid));
      await Bun.sleep(10 + Math.random() * 50);
      worker.kill("SIGKILL");
    }
    const ended = await ending;
    if (ended.code !== 137) expect(`${ended.code} ${ended.err}`).toBe("0 ");
    return ended.code === 0;
  };
  const slots = Array.from({ length: workersAtATime }, () =>
    until("the queue to be worked off", workUntilKilled, limitMs),
  );
  await Promise.all(slots);
  const findings = readLedger(sandbox.file("ledger"));
  const { finished, cutShort, overlaps, unflagged } = findings;
  expect(overlaps).toEqual([]);
  expect(unflagged).toEqual([]);
  expect(finished).toBe(messages);
  // Otherwise nothing was tried.
  expect(cutShort).toBeGreaterThan(0);
  const { counters, message_count } = await sandbox.status("q");
  expect([counters.acked, message_count]).toEqual([messages, 0]);
  return findings;
}
