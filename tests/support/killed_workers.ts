/** Workers that are killed at random moments while a queue is worked off, each followed by another. */
import { compileLedgerHandler, readLedger } from "./handler_ledger.ts";
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

/** Works a queue off with workers that are killed, and expects that no two attempts of a message lived at a time. */
export async function expectNoTwoAttemptsAtATime(
  sandbox: Sandbox,
  { messages, kills }: KillTrial,
): Promise<void> {
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
    const timer =
      killed < kills
        ? setTimeout(
            () => {
              killed++;
              worker.kill("SIGKILL");
            },
            40 + Math.random() * 160,
          )
        : undefined;
    const ended = await worker.ended;
    clearTimeout(timer);
    if (ended.code !== 137) expect(`${ended.code} ${ended.err}`).toBe("0 ");
    return ended.code === 0;
  };
  const slots = Array.from({ length: workersAtATime }, () =>
    until("the queue to be worked off", workUntilKilled, limitMs),
  );
  await Promise.all(slots);
  const { finished, cutShort, overlaps, unflagged } = readLedger(
    sandbox.file("ledger"),
  );
  expect(overlaps).toEqual([]);
  expect(unflagged).toEqual([]);
  expect(finished).toBe(messages);
  // Otherwise nothing was tried.
  expect(cutShort).toBeGreaterThan(0);
  const { counters, message_count } = await sandbox.status("q");
  expect([counters.acked, message_count]).toEqual([messages, 0]);
}
