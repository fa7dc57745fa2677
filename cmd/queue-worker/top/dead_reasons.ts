/** Why messages became dead letters, counted: what somebody wants to know first when there are new ones. */
import type { CrossProcessQueue, QueueStatus } from "../../../src/queue/mod.ts";

/** Dead letters with one reason. */
export interface DeadReason {
  /** The first line of their notes: `exit status 1`. */
  readonly reason: string;
  readonly count: number;
  /** The end of the stderr of one of them; empty when there is none. */
  readonly example: string;
}

/** Letters that are read: each is a copy with its body. */
const lettersMax = 200;

function lastLine(lines: readonly string[]): string {
  return lines.findLast((line) => line.trim() !== "") ?? "";
}

/** The reasons of one queue, read anew only when its dead letters have changed. */
export class DeadReasons {
  #key = "";
  #reasons: readonly DeadReason[] = [];

  /** The most frequent first, of the first 200 letters. */
  read(queue: CrossProcessQueue, status: QueueStatus): readonly DeadReason[] {
    const key = `${status.buried} ${status.counters.buried} ${status.drops.dead}`;
    if (key === this.#key) return this.#reasons;
    const found = new Map<string, { count: number; example: string }>();
    let read = 0;
    for (const { note } of queue.deadLetters()) {
      const [reason = "", ...rest] = note.split("\n");
      const known = found.get(reason) ?? { count: 0, example: "" };
      known.count++;
      known.example = lastLine(rest);
      found.set(reason, known);
      if (++read === lettersMax) break;
    }
    this.#key = key;
    this.#reasons = [...found]
      .map(([reason, { count, example }]) => ({
        reason: reason === "" ? "no reason was noted" : reason,
        count,
        example,
      }))
      .sort((a, b) => b.count - a.count);
    return this.#reasons;
  }
}
