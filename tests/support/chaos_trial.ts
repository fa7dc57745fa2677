/**
 * Producers and consumers in Bun and in Deno that are killed and stopped at random and started again, and the reckoning
 * over their ledgers and over what is left in the queue.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { CrossProcessQueue } from "../../src/queue/mod.ts";
import { Reckoner, type Reckoning } from "./chaos_ledger.ts";
import { peerFixture, type PeerProcess, type Runtime } from "./peer_process.ts";
import { SeededRandom } from "./seeded_random.ts";
import { expect } from "./testing.ts";
import { noteFigures } from "./torture_figures.ts";

const program = new URL("./chaos_program.ts", import.meta.url);
/** Of the queue: small, so that it is full most of the time. */
const maxMessages = 256;
const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms));

/**
 * What is wrong on purpose, to see that a trial finds it: consumers that acknowledge before they write that down, or
 * producers that send some messages twice and some with a wrong checksum.
 */
export type PlantedFault = "sound" | "ack-first" | "careless";

/** How a trial goes. */
export interface ChaosTrial {
  readonly seconds: number;
  readonly seed: number;
  /** Producers evict the oldest when the queue is full. */
  readonly dropping?: boolean;
  readonly fault?: PlantedFault;
}

/** Its outcome. */
export interface ChaosFindings extends Reckoning {
  readonly kills: number;
  readonly stops: number;
  /** Messages made dead letters, and those dropped for a full queue, as the queue counts them. */
  readonly buried: number;
  readonly dropped: number;
  /** Accepted, and neither acknowledged nor counted as dropped nor left. */
  readonly lost: number;
  /** Drops counted beyond what is missing or may be. */
  readonly overcounted: number;
  /** Slots and places of participants that are still in use when everything is done. */
  readonly leaked: number;
  /** What processes said that did not end by a kill. */
  readonly failures: readonly string[];
}

/** One place: a process, and whoever takes its place after a kill. */
interface Seat {
  readonly role: "produce" | "produce-dropping" | "consume";
  readonly runtime: Runtime;
}

function seats(dropping: boolean): Seat[] {
  const runtimes: readonly Runtime[] = ["bun", "deno", "bun", "deno"];
  const produce = dropping ? "produce-dropping" : "produce";
  return runtimes.flatMap((runtime) => [
    { role: produce, runtime },
    { role: "consume", runtime },
  ]);
}

/** What one trial counts while it runs. */
class Chaos {
  kills = 0;
  stops = 0;
  readonly failures: string[] = [];
  readonly reckoner = new Reckoner();
  readonly #peers = peerFixture();
  readonly #random: SeededRandom;
  #processes = 0;

  constructor(
    readonly queue: string,
    readonly directory: string,
    readonly trial: ChaosTrial,
  ) {
    this.#random = new SeededRandom(trial.seed);
  }

  /** Until the trial's end; everything is dead then, and its ledgers are read. */
  async run(): Promise<void> {
    const { seconds, dropping = false } = this.trial;
    const endMs = performance.now() + seconds * 1000;
    try {
      await Promise.all(
        seats(dropping).map(async (seat) => {
          while (performance.now() < endMs) await this.#live(seat, endMs);
        }),
      );
    } finally {
      await this.#peers.stopAll();
    }
  }

  /** A process from its start to its kill. */
  async #live({ role, runtime }: Seat, endMs: number): Promise<void> {
    const number = ++this.#processes;
    const path = join(this.directory, `${number}`);
    const { seed, fault = "sound" } = this.trial;
    const peer = this.#peers.start(
      ...([runtime, program, role, this.queue, path] as const),
      ...[`${number}`, `${seed}`, fault],
    );
    let over = false;
    const exited = peer.exited.finally(() => {
      over = true;
    });
    const lateMs = endMs + 2000 - performance.now();
    if (this.#random.oneIn(12)) {
      // While it opens the queue, most likely.
      await pause(Math.min(this.#random.below(250), lateMs));
    } else {
      await Promise.race([peer.line().catch(() => ""), pause(lateMs)]);
      await this.#disturb(peer, () => over || performance.now() > endMs);
    }
    if (!over) this.kills++;
    peer.kill("SIGKILL");
    const { signal } = await exited;
    if (signal !== "SIGKILL")
      this.failures.push(`${role} in ${runtime}: ${peer.errors()}`);
    this.#absorb(path);
  }

  async #disturb(peer: PeerProcess, over: () => boolean): Promise<void> {
    for (let rounds = this.#random.below(4); rounds >= 0 && !over(); rounds--) {
      await pause(20 + this.#random.below(250));
      if (over() || !this.#random.oneIn(2)) continue;
      this.stops++;
      peer.kill("SIGSTOP");
      await pause(this.#random.below(250));
      // Some are killed while they are stopped.
      if (this.#random.oneIn(3)) return;
      peer.kill("SIGCONT");
    }
  }

  #absorb(path: string): void {
    try {
      this.reckoner.absorb(path);
      rmSync(path);
    } catch (error) {
      // Killed before it had one.
      if ((error as { code?: string }).code !== "ENOENT") throw error;
    }
  }
}

/** What the dead held is there again long before. */
const recoveredWithinMs = 8000;

/** Takes what is left: the living first, then the dead letters. What does not come in time is lost. */
async function lookThrough(
  queue: CrossProcessQueue,
  reckoner: Reckoner,
): Promise<void> {
  let lateMs = performance.now() + recoveredWithinMs;
  for (let idle = 0; idle < 2 && performance.now() < lateMs;) {
    const job = await queue.reserve({ timeoutMs: 300, leaseMs: 60_000 });
    if (job !== null) {
      reckoner.leftOver(job.data, job.redelivered);
      job.ack();
      lateMs = performance.now() + recoveredWithinMs;
    }
    const { messageCount, leased, delayed } = queue.status();
    idle = job === null && messageCount + leased + delayed === 0 ? idle + 1 : 0;
  }
  for (const letter of queue.deadLetters()) {
    // It was delivered before, or it would be none.
    reckoner.leftOver(letter.data, true);
    letter.drop();
  }
}

/** Runs a trial of so many seconds, and some more for what is left. */
export async function runChaos(trial: ChaosTrial): Promise<ChaosFindings> {
  const directory = mkdtempSync(join(tmpdir(), "ringwire-chaos-"));
  const name = `chaos-${process.pid}-${Date.now().toString(36)}`;
  using queue = CrossProcessQueue.create(name, {
    maxMessages,
    maxDead: maxMessages,
    maxMessageSize: 4096,
    maxHeadersSize: 64,
    // Places to spare: one that is stopped while it recovers the dead keeps theirs.
    maxParticipants: 64,
    maxDeliver: 5,
    leaseMs: 80,
  });
  try {
    const chaos = new Chaos(name, directory, trial);
    await chaos.run();
    const { counters } = queue.status();
    await lookThrough(queue, chaos.reckoner);
    // The last drops are counted by whoever recovers those who died over them.
    const { usage, participants, drops } = queue.status();
    const reckoning = chaos.reckoner.reckon();
    const { kills, stops, failures } = chaos;
    const { missing, undecided } = reckoning;
    return {
      ...reckoning,
      ...{ kills, stops, failures },
      buried: counters.buried,
      dropped: drops.oldest,
      lost: Math.max(0, missing - drops.oldest),
      overcounted: Math.max(0, drops.oldest - missing - undecided),
      leaked: Math.round(usage * maxMessages) + participants.length - 1,
    };
  } finally {
    CrossProcessQueue.destroy(name);
    rmSync(directory, { recursive: true, force: true });
  }
}

const trialProgram = new URL("./chaos_trial_program.ts", import.meta.url);

/** Runs a trial in a process of its own that has, as all of its processes, this library instead of the right one. */
export async function runChaosWith(
  library: string,
  trial: ChaosTrial,
): Promise<ChaosFindings> {
  const child = spawn(
    process.execPath,
    ["run", fileURLToPath(trialProgram), JSON.stringify(trial)],
    {
      env: { ...process.env, RINGWIRE_SHM_LIBRARY: library },
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  await once(child, "close");
  return JSON.parse(output) as ChaosFindings;
}

/** A line for a log. */
export function describeChaos(
  { seconds, seed }: ChaosTrial,
  found: ChaosFindings,
): string {
  return [
    `seed ${seed}, ${seconds} s: ${found.kills} kills, ${found.stops} stops`,
    `accepted ${found.accepted} (${found.unknown} unknown), refused ${found.refused}`,
    `acked ${found.acked} (${found.ackUnknown} unknown), redelivered ${found.redelivered}`,
    `buried ${found.buried}, dropped ${found.dropped}, left ${found.left}`,
    `lost ${found.lost}, torn ${found.torn}, unflagged duplicates ${found.unflagged}`,
    `acked twice ${found.ackedTwice}, phantoms ${found.phantoms}, leaked ${found.leaked}`,
  ].join("; ");
}

/** What to seed with: RINGWIRE_CHAOS_SEED, or the time. */
export function chaosSeed(): number {
  return Number(process.env.RINGWIRE_CHAOS_SEED ?? Date.now() % 1_000_000_000);
}

/** Runs a trial, says what came of it, and expects that nothing is wrong. */
export async function expectNothingLost(trial: ChaosTrial): Promise<void> {
  const found = await runChaos(trial);
  noteFigures(describeChaos(trial, found));
  const { lost, torn, unflagged, ackedTwice, phantoms } = found;
  const { overcounted, leaked, failures } = found;
  expect(failures).toEqual([]);
  expect({ lost, torn, unflagged, ackedTwice, phantoms }).toEqual({
    ...{ lost: 0, torn: 0, unflagged: 0, ackedTwice: 0, phantoms: 0 },
  });
  expect({ overcounted, leaked }).toEqual({ overcounted: 0, leaked: 0 });
  // Otherwise nothing was tried.
  expect(found.kills).toBeGreaterThan(8);
  expect(found.redelivered).toBeGreaterThan(0);
  expect(found.acked).toBeGreaterThan(100);
  expect(found.dropped > 0).toBe(trial.dropping === true);
}
