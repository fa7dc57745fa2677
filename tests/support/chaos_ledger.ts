/**
 * What producers and consumers of a chaos trial write down outside of the segment, and the reckoning over it. A process
 * appends a line before it asks for something that cannot be undone, and one after the answer, each with one write; so a
 * kill leaves at most the answer unknown. Nothing depends on the order of lines of different processes: no clock is
 * compared.
 */
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { crc32 } from "node:zlib";

/** What a line may say of a message. */
export type Entry =
  /** A producer is about to send it; it was accepted; it was refused. */
  | "intent"
  | "accepted"
  | "refused"
  /** A consumer has it; for the second time or later, as the queue says; its bytes are not what was sent. */
  | "delivered"
  | "redelivered"
  | "torn"
  /** It is about to be acknowledged, or dropped by hand; that is done; it was not, the lease was lost before. */
  | "settling"
  | "settled"
  | "stale"
  /** A dead letter is about to begin anew: it may come once more without being marked. */
  | "reviving";

const letters: Readonly<Record<Entry, string>> = {
  intent: "i",
  accepted: "a",
  refused: "r",
  delivered: "d",
  redelivered: "D",
  torn: "t",
  settling: "s",
  settled: "S",
  stale: "x",
  reviving: "v",
};

/** A message: the number of the process that sent it, and its own among those of that process. */
export interface MessageNumber {
  readonly process: number;
  readonly sequence: number;
}

/** Appends lines to a file of one process. */
export class LedgerWriter implements Disposable {
  readonly #file: number;

  constructor(path: string) {
    // O_APPEND.
    this.#file = openSync(path, "a");
  }

  write(entry: Entry, ...messages: readonly MessageNumber[]): void {
    if (messages.length === 0) return;
    writeSync(
      this.#file,
      messages
        .map((each) => `${letters[entry]} ${each.process} ${each.sequence};\n`)
        .join(""),
    );
  }

  [Symbol.dispose](): void {
    closeSync(this.#file);
  }
}

const headBytes = 16;

/** Bytes of a message: its number, its length, a checksum over all else, and a filling that depends on the number. */
export function composeBody(
  { process, sequence }: MessageNumber,
  length: number,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(Math.max(headBytes, length));
  for (let index = headBytes; index < bytes.length; index++)
    bytes[index] = sequence * 31 + index * 7 + (index >> 8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, process);
  view.setUint32(4, sequence);
  view.setUint32(8, bytes.length);
  view.setUint32(12, crc32(bytes));
  return bytes;
}

/** The number in a body, and whether the body is whole. */
export function readBody(given: Uint8Array): MessageNumber & {
  readonly whole: boolean;
} {
  const bytes = new Uint8Array(given);
  if (bytes.length < headBytes)
    return { process: 0, sequence: 0, whole: false };
  const view = new DataView(bytes.buffer);
  const sum = view.getUint32(12);
  view.setUint32(12, 0);
  return {
    process: view.getUint32(0),
    sequence: view.getUint32(4),
    whole: view.getUint32(8) === bytes.length && crc32(bytes) === sum,
  };
}

/** What is known of one message. */
interface Known {
  sent: "intent" | "accepted" | "refused" | undefined;
  /** Settlements that were begun and whose answer nobody wrote down. */
  open: number;
  settled: number;
  /** Deliveries that were not marked as repeated, and how many there may be. */
  unmarked: number;
  unmarkedMax: number;
  /** Times that it was found in the queue at the end. */
  left: number;
}

/** The result of a trial; whatever is called a fault must be 0. */
export interface Reckoning {
  readonly accepted: number;
  /** Sent by a process that did not live to say whether it was accepted. */
  readonly unknown: number;
  readonly refused: number;
  readonly acked: number;
  /** Settlements by processes that did not live to say whether they were done. */
  readonly ackUnknown: number;
  readonly redelivered: number;
  readonly left: number;
  /** Accepted, not left, and nobody began to settle it: dropped by a rule, or lost. */
  readonly missing: number;
  /** Neither left nor known to be done, and nobody lived to say whether it was accepted, or done. */
  readonly undecided: number;
  /** Fault: bodies that are not what was sent. */
  readonly torn: number;
  /** Fault: deliveries beyond the first that were not marked as such. */
  readonly unflagged: number;
  /** Fault: acknowledged by two, or still there after that. */
  readonly ackedTwice: number;
  /** Fault: delivered although it was refused, or was never sent. */
  readonly phantoms: number;
}

/** Adds up the ledgers of all processes. */
export class Reckoner {
  readonly #messages: Known[][] = [];
  #acked = 0;
  #redelivered = 0;
  #torn = 0;

  #of(process: number, sequence: number): Known {
    const messages = this.#messages[process] ?? [];
    this.#messages[process] = messages;
    const known = messages[sequence] ?? {
      ...{ sent: undefined, left: 0, unmarked: 0, unmarkedMax: 1 },
      ...{ open: 0, settled: 0 },
    };
    messages[sequence] = known;
    return known;
  }

  /** Takes the ledger of a process that is dead. A line that the kill cut short was not written. */
  absorb(path: string): void {
    for (const line of readFileSync(path, "utf8").split("\n")) {
      const [, letter, process, sequence] =
        /^(\w) (\d+) (\d+);$/.exec(line) ?? [];
      if (letter !== undefined)
        this.#note(letter, this.#of(Number(process), Number(sequence)));
    }
  }

  #note(letter: string, known: Known): void {
    switch (letter) {
      case letters.intent:
        known.sent ??= "intent";
        break;
      case letters.accepted:
        known.sent = "accepted";
        break;
      case letters.refused:
        known.sent = "refused";
        break;
      case letters.delivered:
        known.unmarked++;
        break;
      case letters.redelivered:
        this.#redelivered++;
        break;
      case letters.torn:
        this.#torn++;
        break;
      case letters.settling:
        known.open++;
        break;
      case letters.settled:
        known.open--;
        known.settled++;
        this.#acked++;
        break;
      case letters.stale:
        known.open--;
        break;
      case letters.reviving:
        known.unmarkedMax++;
        break;
      default:
        throw new Error(`a ledger says ${letter}`);
    }
  }

  /** Notes a message that is in the queue at the end; `marked` when it says that it was delivered before. */
  leftOver(body: Uint8Array, marked: boolean): void {
    const { process, sequence, whole } = readBody(body);
    if (!whole) {
      this.#torn++;
      return;
    }
    const known = this.#of(process, sequence);
    known.left++;
    if (marked) this.#redelivered++;
    else known.unmarked++;
  }

  /** Ask it when all processes are dead, and the queue was looked through. */
  reckon(): Reckoning {
    let [accepted, unknown, refused, ackUnknown, left] = [0, 0, 0, 0, 0];
    let [missing, undecided, unflagged, ackedTwice, phantoms] = [0, 0, 0, 0, 0];
    for (const messages of this.#messages)
      for (const known of messages ?? []) {
        // A sequence that was skipped.
        if (known === undefined) continue;
        accepted += Number(known.sent === "accepted");
        unknown += Number(known.sent === "intent");
        refused += Number(known.sent === "refused");
        ackUnknown += known.open;
        left += Number(known.left > 0);
        unflagged += Math.max(0, known.unmarked - known.unmarkedMax);
        ackedTwice += Math.max(0, known.settled + known.left - 1);
        const seen = known.unmarked + known.settled + known.left > 0;
        const sent = known.sent === "accepted" || known.sent === "intent";
        phantoms += Number(seen && !sent);
        const gone = sent && known.settled + known.left === 0;
        const owed = known.sent === "accepted" && known.open === 0;
        missing += Number(gone && owed);
        undecided += Number(gone && !owed);
      }
    return {
      accepted,
      unknown,
      refused,
      acked: this.#acked,
      ackUnknown,
      redelivered: this.#redelivered,
      left,
      missing,
      undecided,
      torn: this.#torn,
      unflagged,
      ackedTwice,
      phantoms,
    };
  }
}
