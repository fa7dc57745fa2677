/** What the counters of one queue say over several samples. */
import type { QueueStatus } from "../../../src/queue/mod.ts";
import type { Outlook, QueueRates } from "./rows.ts";

interface Point {
  /** Monotonic. */
  readonly atMs: number;
  readonly sent: number;
  readonly taken: number;
  readonly acked: number;
  readonly waiting: number;
  readonly leased: number;
  /** What is still to be done: waiting, leased or delayed. */
  readonly backlog: number;
  /** Slots in use, dead letters included. */
  readonly used: number;
}

/** Samples that an outlook is made of: enough to be calm, few enough to follow. */
const pointsMax = 10;
/** An outlook beyond that says nothing that anybody could act on. */
const outlookMsMax = 7 * 86_400_000;
/** Before that long without a take nothing is called stuck. */
const stuckMsMin = 3000;

/** The last samples of one queue, oldest first. */
export class QueueHistory {
  readonly #points: Point[] = [];
  readonly #maxMessages: number;
  /** Counters of the first sample. */
  readonly #buried: number;
  readonly #requeued: number;

  constructor(status: QueueStatus) {
    this.#maxMessages = status.maxMessages;
    this.#buried = status.counters.buried;
    this.#requeued = status.counters.requeued;
  }

  /** @param atMs on the monotonic clock */
  add(status: QueueStatus, atMs: number): void {
    this.#points.push({
      atMs,
      sent: status.counters.sent,
      taken: status.counters.taken,
      acked: status.counters.acked,
      waiting: status.messageCount,
      leased: status.leased,
      backlog: status.messageCount + status.leased + status.delayed,
      used: status.usage * this.#maxMessages,
    });
    if (this.#points.length > pointsMax) this.#points.shift();
  }

  /** Dead letters made since the first sample. */
  newDead(status: QueueStatus): number {
    return status.counters.buried - this.#buried;
  }

  /** Leases that ran out, or whose owner died, since the first sample. */
  newRequeued(status: QueueStatus): number {
    return status.counters.requeued - this.#requeued;
  }

  /** Between the last two samples. */
  rates(): QueueRates | null {
    const last = this.#points.at(-1);
    const before = this.#points.at(-2);
    if (last === undefined || before === undefined) return null;
    const seconds = (last.atMs - before.atMs) / 1000;
    if (seconds <= 0) return null;
    return {
      in: Math.max(0, last.sent - before.sent) / seconds,
      out: Math.max(0, last.acked - before.acked) / seconds,
    };
  }

  /** Over all samples that are kept. */
  outlook(): Outlook | null {
    const first = this.#points[0];
    const last = this.#points.at(-1);
    if (first === undefined || last === undefined) return null;
    const spanMs = last.atMs - first.atMs;
    if (spanMs <= 0) return null;
    if (
      spanMs >= stuckMsMin &&
      last.taken === first.taken &&
      // Long handlers are no reason to worry.
      this.#points.every(({ waiting, leased }) => waiting > 0 && leased === 0)
    )
      return { kind: "stuck", ms: spanMs };
    const perMs = (last.backlog - first.backlog) / spanMs;
    const outlook: Outlook =
      perMs < 0
        ? { kind: "empty", ms: last.backlog / -perMs }
        : { kind: "full", ms: (this.#maxMessages - last.used) / perMs };
    return outlook.ms > 0 && outlook.ms <= outlookMsMax ? outlook : null;
  }
}
