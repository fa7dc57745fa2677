/** The measurements of the benches of the transport, each one round of it. */
import { setImmediate } from "node:timers/promises";
import { countBytes, countIn, type WireClient } from "./wire_client.ts";

/** Requests under way at a time. */
export const inFlight = 256;

/** Sizes of messages that are measured. */
export const sizes = {
  "64B": 64,
  "1KiB": 1024,
  "64KiB": 65_536,
  "1MiB": 1_048_576,
} as const;

/** The same bytes for every message of a size. */
export function bodyOf(size: keyof typeof sizes): Uint8Array {
  return new Uint8Array(sizes[size]).fill(97);
}

/** What went wrong of all that was sent. */
export class Faults {
  sent = 0;
  faults = 0;

  /** In percent. */
  get share(): number {
    return (this.faults / this.sent) * 100;
  }
}

/** Messages between two looks at the clock, for small and for large ones. */
const messagesPerLook = 256;
const bytesPerLook = 1_048_576;
const question = new Uint8Array(countBytes);

/** The middle one and the one that 99 % are below. */
export interface Spread {
  readonly p50: number;
  readonly p99: number;
}

function spreadOf(took: Float64Array): Spread {
  took.sort();
  const at = (share: number): number =>
    took[Math.floor(took.length * share)] ?? Number.NaN;
  return { p50: at(0.5), p99: at(0.99) };
}

/** Messages per second: from the first until the other end says that it has had all. */
export async function oneWay(
  client: WireClient,
  body: Uint8Array,
  roundMs: number,
  faults: Faults,
): Promise<number> {
  const { trySend } = client;
  if (trySend === undefined) throw new Error("no messages one way");
  const perLook = Math.max(
    1,
    Math.min(messagesPerLook, bytesPerLook / body.length),
  );
  const startMs = performance.now();
  let sent = 0;
  while (performance.now() - startMs < roundMs) {
    let taken = 0;
    while (taken < perLook && trySend(body)) taken += 1;
    sent += taken;
    if (taken < perLook) {
      await client.send(body);
      sent += 1;
    }
  }
  const received = countIn(await client.request(question));
  const tookS = (performance.now() - startMs) / 1000;
  faults.sent += sent;
  faults.faults += Math.abs(sent - received);
  return received / tookS;
}

/** Requests per second, with `inFlight` under way. */
export async function requests(
  client: WireClient,
  body: Uint8Array,
  roundMs: number,
  faults: Faults,
): Promise<number> {
  const startMs = performance.now();
  let isOver = false;
  let answers = 0;
  const ask = async (): Promise<void> => {
    while (!isOver) {
      try {
        const answer = await client.request(body);
        if (answer.length !== body.length) faults.faults += 1;
      } catch {
        faults.faults += 1;
      }
      answers += 1;
      if (answers % messagesPerLook === 0)
        isOver = performance.now() - startMs >= roundMs;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, ask));
  faults.sent += answers;
  return answers / ((performance.now() - startMs) / 1000);
}

/** Round trips, one at a time, in microseconds. */
export async function pingPong(
  client: WireClient,
  body: Uint8Array,
  roundMs: number,
): Promise<Spread> {
  const took: number[] = [];
  const endMs = performance.now() + roundMs;
  for (let startMs = performance.now(); startMs < endMs;) {
    await client.request(body);
    const nowMs = performance.now();
    took.push((nowMs - startMs) * 1000);
    startMs = nowMs;
  }
  return spreadOf(Float64Array.from(took));
}

/**
 * Round trips of requests that are sent when their time has come, whatever became of those before, in microseconds from
 * the instant that was meant.
 */
export async function atRate(
  client: WireClient,
  body: Uint8Array,
  requestsPerSecond: number,
  roundMs: number,
  faults: Faults,
): Promise<Spread> {
  const total = Math.floor((requestsPerSecond * roundMs) / 1000);
  const gapMs = 1000 / requestsPerSecond;
  const took = new Float64Array(total);
  const startMs = performance.now() + 1;
  let sent = 0;
  let answers = 0;
  const ask = (index: number): void => {
    client.request(body).then(
      () => {
        took[index] = (performance.now() - startMs - index * gapMs) * 1000;
        answers += 1;
      },
      () => {
        took[index] = Number.POSITIVE_INFINITY;
        faults.faults += 1;
        answers += 1;
      },
    );
  };
  while (answers < total) {
    const due = Math.min(
      total,
      Math.floor((performance.now() - startMs) / gapMs) + 1,
    );
    while (sent < due) ask(sent++);
    await setImmediate();
  }
  faults.sent += total;
  return spreadOf(took);
}
