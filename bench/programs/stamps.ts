/** Messages that carry the time at which they were sent, at a fixed rate, and how long they took. */
import { setTimeout as sleep } from "node:timers/promises";
import { bodyBytes, type Body } from "../peers/client.ts";
import { reportTotal, report, roundsCounted } from "./rounds.ts";

const warmUpMs = 800;
const roundMs = 600;

/** A body that says when it was sent. */
export function stampedBody(nowUs: number): string {
  return nowUs.toFixed(3).padEnd(bodyBytes);
}

const decoder = new TextDecoder();

/** When a body was sent, in microseconds. */
export function stampOf(body: Body): number {
  return Number(typeof body === "string" ? body : decoder.decode(body));
}

/**
 * Sends for ever at a rate that does not depend on how fast messages are taken. The timers have a grain of a millisecond:
 * what became due in the meantime is sent at once, each with its own stamp.
 */
export async function sendAtRate(
  messagesPerSecond: number,
  nowUs: () => number,
  send: (body: string) => void,
): Promise<never> {
  const startUs = nowUs();
  for (let sent = 0; ;) {
    const due = ((nowUs() - startUs) / 1e6) * messagesPerSecond;
    for (; sent < due; sent++) send(stampedBody(nowUs()));
    await sleep(1);
  }
}

/** Collects how long messages took, and reports rounds. */
export class Latencies {
  readonly #nowUs: () => number;
  readonly #name: string;
  #tookUs: number[] = [];

  /** @param name figures are NAME.p50 and NAME.p99 */
  constructor(name: string, nowUs: () => number) {
    this.#name = name;
    this.#nowUs = nowUs;
  }

  /** Called with each message as soon as it is there. */
  readonly note = (body: Body): void => {
    this.#tookUs.push(this.#nowUs() - stampOf(body));
  };

  /** Reports all rounds. @throws when nothing came in one of them */
  async reportRounds(): Promise<void> {
    let total = 0;
    for (let round = -1; round < roundsCounted; round++) {
      this.#tookUs = [];
      await sleep(round < 0 ? warmUpMs : roundMs);
      const tookUs = this.#tookUs.sort((a, b) => a - b);
      if (tookUs.length === 0) throw new Error("no message came");
      total += tookUs.length;
      if (round >= 0) {
        const at = (share: number): number =>
          tookUs[Math.floor(tookUs.length * share)] ?? Number.NaN;
        report(`${this.#name}.p50`, at(0.5), "us");
        report(`${this.#name}.p99`, at(0.99), "us");
      }
      reportTotal(total);
    }
  }
}
