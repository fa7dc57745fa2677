/** The names of what there is: queues, dead letters, workers; for completion and for `doctor`. */
import { readdirSync } from "node:fs";
import { listQueues } from "../../src/queue/mod.ts";
import { sharedMemoryDirectory } from "../../src/queue/place.ts";
import { listControls } from "../control/control_place.ts";
import type { Candidate, GivenOptions } from "../command_line/candidates.ts";
import { followName, openQueue } from "../queues/open_queue.ts";

/** Dead letters that are offered. */
const lettersMax = 200;
const segmentPrefix = "ringwire.";

/** Names of ours that lead to a journal. None when the directory cannot be read. */
export function linkedNames(): string[] {
  try {
    return readdirSync(sharedMemoryDirectory(), { withFileTypes: true })
      .filter(
        (entry) =>
          entry.isSymbolicLink() && entry.name.startsWith(segmentPrefix),
      )
      .map((entry) => entry.name.slice(segmentPrefix.length))
      .filter((name) => followName(name) !== name)
      .sort();
  } catch {
    return [];
  }
}

/** Every name that `-q` takes here, and the beginning of those of journals. */
export async function queueCandidates(): Promise<Candidate[]> {
  let names: string[];
  try {
    names = listQueues().map(({ name }) => name);
  } catch {
    names = [];
  }
  return [
    ...[...names, ...linkedNames()].map((value) => ({ value })),
    { value: "file:", description: "a journal in a file" },
  ];
}

/** The ids of the dead letters of the queue that `-q` names. */
export async function deadLetterCandidates(
  given: GivenOptions,
): Promise<Candidate[]> {
  const name = given.get("queue")?.at(-1) ?? process.env.RINGWIRE_QUEUE;
  if (!name) return [];
  try {
    using queue = await openQueue(name, { observe: true });
    const found: Candidate[] = [];
    for (const { id, note } of queue.deadLetters()) {
      const [reason = ""] = note.split("\n", 1);
      found.push({ value: `${id}`, description: reason });
      if (found.length === lettersMax) break;
    }
    return found;
  } catch {
    // No such queue, or none of ours: then there is nothing to offer.
    return [];
  }
}

/** The names of workers and daemons with a control socket; some may be dead. */
export async function workerCandidates(): Promise<Candidate[]> {
  try {
    const names = listControls().flatMap(({ name }) => name ?? []);
    return [...new Set(names)].map((value) => ({ value }));
  } catch {
    return [];
  }
}
