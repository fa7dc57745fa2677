/** Messages of three priorities over one client: the high ones first, and the low ones all the same. */
import { z } from "zod";
import { checkOptions, integerWithin } from "../../base/option_check.ts";
import { UcxClosedError, UcxTimeoutError } from "../errors.ts";
import { dataBytes, type MessageData } from "../core/buffers.ts";
import type { MessageSender } from "./burst.ts";
import type { SendData } from "./message.ts";
import { checkWait, limitsOf, type WaitOptions } from "./wait_limits.ts";

/** How urgent a message is. */
export const MessagePriority = {
  High: "high",
  Normal: "normal",
  Low: "low",
} as const;
/** `"high"`, `"normal"` or `"low"`. */
export type MessagePriority =
  (typeof MessagePriority)[keyof typeof MessagePriority];

/** Bounds of a sender. */
export interface PrioritySenderOptions {
  /** Messages that wait, of all priorities; more wait outside. @default 10000 */
  readonly maxQueuedMessages?: number | undefined;
  /** Bytes that wait, of all priorities. A longer message is let in when nothing else waits. @default 67108864 */
  readonly maxQueuedBytes?: number | undefined;
  /** Messages that are handed to the client at a time: only what waits here can be overtaken. @default 16 */
  readonly maxInFlight?: number | undefined;
  /** Messages of each priority in one round, while all have some. @default { high: 16, normal: 4, low: 1 } */
  readonly weights?: Readonly<Record<MessagePriority, number>> | undefined;
}

/** What a sender has counted of one priority. */
export interface PriorityCounts {
  /** Messages that wait, and their bytes. */
  readonly queued: number;
  readonly queuedBytes: number;
  readonly sent: number;
  readonly sentBytes: number;
  readonly failed: number;
}

interface Item {
  readonly tag: number | bigint;
  readonly data: MessageData;
  readonly sizeBytes: number;
  readonly priority: MessagePriority;
  /** The client has it, and its time limit is over. */
  begin(): void;
  resolve(): void;
  reject(error: unknown): void;
}

class Lane {
  /** A Set keeps the order, and lets go of one in the middle at once. */
  readonly items = new Set<Item>();
  readonly weight: number;
  /** Messages that may still go in this round. */
  left: number;
  queuedBytes = 0;
  sent = 0;
  sentBytes = 0;
  failed = 0;

  constructor(weight: number) {
    this.weight = weight;
    this.left = weight;
  }
}

const weight = integerWithin(1, 1_000_000, "messages");
const schema = z.strictObject({
  maxQueuedMessages: integerWithin(1, 2 ** 24, "messages").default(10_000),
  maxQueuedBytes: integerWithin(1, Number.MAX_SAFE_INTEGER, "bytes").default(
    64 * 2 ** 20,
  ),
  maxInFlight: integerWithin(1, 65_536, "messages").default(16),
  weights: z
    .strictObject({ high: weight, normal: weight, low: weight })
    .default({ high: 16, normal: 4, low: 1 }),
});

const priorities = ["high", "normal", "low"] as const;
const encoder = new TextEncoder();

/** Sends over one client. Messages of one priority leave in the order of the calls. */
export class PrioritySender {
  readonly #client: MessageSender;
  readonly #options: z.output<typeof schema>;
  readonly #lanes: Readonly<Record<MessagePriority, Lane>>;
  /** Those that wait for room, in the order of the calls. */
  readonly #entrants = new Set<Item>();
  #queued = 0;
  #queuedBytes = 0;
  #inFlight = 0;
  #closed = false;
  readonly #drained = new Set<() => void>();

  /** @throws {RangeError|TypeError} when an option is wrong */
  constructor(client: MessageSender, options: PrioritySenderOptions = {}) {
    this.#client = client;
    this.#options = checkOptions(schema, options, "PrioritySenderOptions");
    const { weights } = this.#options;
    this.#lanes = {
      high: new Lane(weights.high),
      normal: new Lane(weights.normal),
      low: new Lane(weights.low),
    };
  }

  /**
   * Sends a message in its turn. Fulfilled when the client has sent it. The data must not be changed until then.
   *
   * @param options.timeoutMs, options.signal while it waits for its turn: then it is not sent
   * @throws what the client throws
   * @throws {UcxTimeoutError} when its turn has not come in time
   * @throws {UcxClosedError} when the sender is closed
   */
  send(
    priority: MessagePriority,
    tag: number | bigint,
    data: SendData,
    options?: WaitOptions,
  ): Promise<void> {
    try {
      checkWait(options);
      if (!priorities.includes(priority))
        throw new TypeError(
          `priority: given ${JSON.stringify(priority)}, allowed ${priorities.join(", ")}`,
        );
      if (this.#closed) throw new UcxClosedError("the sender is closed");
    } catch (error) {
      return Promise.reject(error);
    }
    const bytes = typeof data === "string" ? encoder.encode(data) : data;
    return new Promise((resolve, reject) => {
      const item: Item = {
        tag,
        data: bytes,
        sizeBytes: dataBytes(bytes),
        priority,
        begin: () => limits?.clear(),
        resolve,
        reject: (error) => {
          limits?.clear();
          reject(error);
        },
      };
      const limits = limitsOf(
        options,
        (error) => {
          this.#entrants.delete(item);
          if (this.#dequeue(item)) this.#admit();
          reject(error);
        },
        (timeoutMs) =>
          new UcxTimeoutError(
            `the turn of a message of ${priority} priority has not come within ${timeoutMs} ms; it was not sent`,
          ),
      );
      this.#entrants.add(item);
      this.#admit();
      this.#pump();
    });
  }

  /** Whether one more may wait inside. */
  #hasRoom(sizeBytes: number): boolean {
    if (this.#queued === 0) return true;
    return (
      this.#queued < this.#options.maxQueuedMessages &&
      this.#queuedBytes + sizeBytes <= this.#options.maxQueuedBytes
    );
  }

  #admit(): void {
    for (const item of this.#entrants) {
      if (!this.#hasRoom(item.sizeBytes)) return;
      this.#entrants.delete(item);
      const lane = this.#lanes[item.priority];
      lane.items.add(item);
      lane.queuedBytes += item.sizeBytes;
      this.#queued += 1;
      this.#queuedBytes += item.sizeBytes;
    }
  }

  #dequeue(item: Item): boolean {
    const lane = this.#lanes[item.priority];
    if (!lane.items.delete(item)) return false;
    lane.queuedBytes -= item.sizeBytes;
    this.#queued -= 1;
    this.#queuedBytes -= item.sizeBytes;
    return true;
  }

  /** The next message: by priority as long as its round lasts, so that each has its share. */
  #next(): Item | undefined {
    if (this.#queued === 0) return undefined;
    for (let round = 0; round < 2; round++) {
      for (const priority of priorities) {
        const lane = this.#lanes[priority];
        if (lane.left === 0) continue;
        const [item] = lane.items;
        if (item === undefined) continue;
        lane.left -= 1;
        return item;
      }
      for (const priority of priorities)
        this.#lanes[priority].left = this.#lanes[priority].weight;
    }
    return undefined;
  }

  #pump(): void {
    while (this.#inFlight < this.#options.maxInFlight) {
      const item = this.#next();
      if (item === undefined) break;
      this.#dequeue(item);
      this.#admit();
      this.#start(item);
    }
    if (this.#isIdle()) {
      for (const tell of this.#drained) tell();
      this.#drained.clear();
    }
  }

  #start(item: Item): void {
    const lane = this.#lanes[item.priority];
    this.#inFlight += 1;
    item.begin();
    this.#client.sendMessage(item.tag, item.data).then(
      () => {
        this.#inFlight -= 1;
        lane.sent += 1;
        lane.sentBytes += item.sizeBytes;
        item.resolve();
        this.#pump();
      },
      (error: unknown) => {
        this.#inFlight -= 1;
        lane.failed += 1;
        item.reject(error);
        this.#pump();
      },
    );
  }

  #isIdle(): boolean {
    return (
      this.#queued === 0 && this.#inFlight === 0 && this.#entrants.size === 0
    );
  }

  /** Waits until everything that was given is sent, or has failed. */
  drained(): Promise<void> {
    if (this.#isIdle()) return Promise.resolve();
    return new Promise((resolve) => {
      this.#drained.add(resolve);
    });
  }

  /** What it has counted, by priority. */
  stats(): Readonly<Record<MessagePriority, PriorityCounts>> {
    const counts = (lane: Lane): PriorityCounts => ({
      queued: lane.items.size,
      queuedBytes: lane.queuedBytes,
      sent: lane.sent,
      sentBytes: lane.sentBytes,
      failed: lane.failed,
    });
    return {
      high: counts(this.#lanes.high),
      normal: counts(this.#lanes.normal),
      low: counts(this.#lanes.low),
    };
  }

  /** Rejects what waits for its turn; what the client has goes on. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const error = new UcxClosedError("the sender is closed");
    for (const item of [...this.#entrants]) item.reject(error);
    this.#entrants.clear();
    for (const priority of priorities)
      for (const item of [...this.#lanes[priority].items]) {
        this.#dequeue(item);
        item.reject(error);
      }
    this.#pump();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
