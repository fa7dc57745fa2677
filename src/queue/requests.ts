/** The requester's side of replies: one private queue per handle, and who waits for what. */
import {
  deadlineMs as deadlineAfter,
  throwIfAborted,
  timerDelayMsMax,
} from "../base/deadline.ts";
import { warn } from "../base/warnings.ts";
import { IO } from "../../ffi/shm/layout.ts";
import {
  createReplyQueue,
  destroyOpen,
  removeAbandonedReplyQueues,
} from "./creation.ts";
import { QueueTimeoutError } from "./errors.ts";
import { ERRNO } from "./failure.ts";
import type { QueueHandle } from "./handle.ts";
import { HEADER } from "./headers.ts";
import { readInfo } from "./inspection.ts";
import { Leases } from "./leases.ts";
import { Message } from "./message.ts";
import type { RequestOptions } from "./options.ts";
import { Receiver } from "./receiver.ts";
import type { Sendable, Sender } from "./sender.ts";
import type { ReplyCounters } from "./status.ts";
import { Waits } from "./waits.ts";

const timeoutMsDefault = 30_000;
/** Ids remembered after their reply, to tell a duplicate from a late reply. */
const answeredMax = 1024;
/** A reply may be larger than a request. */
const replyBytesMin = 65_536;

interface Pending {
  resolve(reply: Message): void;
  reject(error: unknown): void;
}

/** Names a request in its queue. */
interface Sent {
  readonly slot: number;
  readonly idLo: number;
  readonly idHi: number;
}

interface ReplyQueue {
  readonly handle: QueueHandle;
  readonly receiver: Receiver<unknown>;
  readonly waits: Waits;
  readonly address: string;
}

/** Requests of one handle. */
export class Requests {
  readonly #handle: QueueHandle;
  readonly #sender: Sender;
  readonly #targetWaits: Waits;
  readonly #pending = new Map<string, Pending>();
  readonly #answered = new Set<string>();
  #replies: ReplyQueue | undefined;
  #collecting: AbortController | undefined;
  #lastId = 0;
  #received = 0;
  #late = 0;
  #duplicate = 0;

  constructor(handle: QueueHandle, sender: Sender, waits: Waits) {
    this.#handle = handle;
    this.#sender = sender;
    this.#targetWaits = waits;
    handle.beforeClose(() => this.#close());
  }

  get counters(): ReplyCounters {
    this.#collectNow();
    return {
      outstanding: this.#pending.size,
      received: this.#received,
      late: this.#late,
      duplicate: this.#duplicate,
    };
  }

  /** Sends a request and waits for its reply; see `CrossProcessQueue.request`. */
  async request(body: Sendable, options: RequestOptions): Promise<Message> {
    const timeoutMs = options.timeoutMs ?? timeoutMsDefault;
    const deadline = deadlineAfter(timeoutMs);
    const limited = timeoutMs !== Number.POSITIVE_INFINITY;
    throwIfAborted(options.signal);
    const replies = this.#replyQueue();
    const id = (++this.#lastId).toString(36);
    const own =
      options.headers ?? (body instanceof Message ? body.headers : {});
    const headers: Record<string, string> = {
      ...own,
      [HEADER.replyTo]: replies.address,
      [HEADER.correlationId]: id,
    };
    if (limited)
      headers[HEADER.deadline] = String(Math.ceil(Date.now() + timeoutMs));
    else delete headers[HEADER.deadline];
    const send = (): Sent | undefined => {
      const ttlMs = limited
        ? Math.max(1, deadline - performance.now())
        : undefined;
      const { priority } = options;
      const result = this.#sender.put(body, { headers, ttlMs, priority });
      if (result === -ERRNO.EAGAIN) return undefined;
      this.#handle.checked(result, "send");
      const { u32 } = this.#handle;
      return {
        slot: u32[IO.sentSlotU32] as number,
        idLo: u32[IO.sentIdLoU32] as number,
        idHi: u32[IO.sentIdHiU32] as number,
      };
    };
    const late = new QueueTimeoutError(
      `${this.#handle.place.name}: no reply within ${Math.ceil(timeoutMs)} ms`,
      { queue: this.#handle.place.name },
    );
    return await this.#exchange(id, send, deadline, late, options.signal);
  }

  /** Expects the reply before it sends, so that none can be too early. */
  #exchange(
    id: string,
    send: () => Sent | undefined,
    deadline: number,
    late: Error,
    signal: AbortSignal | undefined,
  ): Promise<Message> {
    return new Promise<Message>((resolve, reject) => {
      let sent: Sent | undefined;
      let done = false;
      const finish = (settle: () => void): void => {
        if (done) return;
        done = true;
        this.#pending.delete(id);
        clearTimeout(timer);
        signal?.removeEventListener("abort", onAbort);
        if (this.#pending.size === 0) this.#stopCollecting();
        settle();
      };
      const giveUp = (error: unknown): void =>
        finish(() => {
          if (sent !== undefined) this.#cancel(sent);
          reject(error);
        });
      const onAbort = (): void => giveUp(signal?.reason);
      const timer =
        deadline === Number.POSITIVE_INFINITY
          ? undefined
          : setTimeout(
              () => giveUp(late),
              Math.min(
                timerDelayMsMax,
                Math.max(0, deadline - performance.now()),
              ),
            );
      this.#pending.set(id, {
        resolve: (reply) => finish(() => resolve(reply)),
        reject: giveUp,
      });
      signal?.addEventListener("abort", onAbort, { once: true });
      const attempt = (): true | undefined => {
        // Who has given up while waiting for room must not send after all.
        if (done) return true;
        sent = send();
        return sent === undefined ? undefined : true;
      };
      try {
        this.#startCollecting();
        if (!this.#targetWaits.busy("space") && attempt() === true) return;
        this.#targetWaits
          .enter("space", attempt, () => true, deadline, signal)
          .catch(giveUp);
      } catch (error) {
        giveUp(error);
      }
    });
  }

  #cancel({ slot, idLo, idHi }: Sent): void {
    if (this.#handle.closed) return;
    this.#handle.shim.rwq_cancel(this.#handle.address, slot, idLo, idHi);
  }

  #replyQueue(): ReplyQueue {
    if (this.#replies !== undefined) return this.#replies;
    removeAbandonedReplyQueues();
    const { maxMessageSize } = readInfo(this.#handle);
    const handle = createReplyQueue(Math.max(maxMessageSize, replyBytesMin));
    const { uuid } = readInfo(handle);
    this.#replies = {
      handle,
      receiver: new Receiver(handle, new Leases(handle)),
      waits: new Waits(handle),
      address: `${handle.place.name}#${uuid}`,
    };
    return this.#replies;
  }

  /** Late replies may have come while nobody waited. */
  #collectNow(): void {
    if (this.#replies === undefined || this.#replies.handle.closed) return;
    for (;;) {
      const batch = this.#replies.receiver.messages(256);
      if (batch.length === 0) return;
      for (const reply of batch) this.#deliver(reply);
    }
  }

  /** Takes replies for as long as anybody waits for one. */
  #startCollecting(): void {
    if (this.#collecting !== undefined || this.#replies === undefined) return;
    const stop = new AbortController();
    this.#collecting = stop;
    const { receiver, waits } = this.#replies;
    const collect = async (): Promise<void> => {
      while (!stop.signal.aborted) {
        const batch = await waits.enter(
          "message",
          () => some(receiver.messages(256)),
          () => [],
          Number.POSITIVE_INFINITY,
          stop.signal,
        );
        for (const reply of batch) this.#deliver(reply);
      }
    };
    collect().catch((error: unknown) => {
      if (stop.signal.aborted) return;
      this.#collecting = undefined;
      for (const pending of [...this.#pending.values()]) pending.reject(error);
    });
  }

  #stopCollecting(): void {
    const stop = this.#collecting;
    this.#collecting = undefined;
    stop?.abort();
  }

  #deliver(reply: Message): void {
    const id = reply.headers[HEADER.correlationId] ?? "";
    const pending = this.#pending.get(id);
    if (pending === undefined) {
      if (this.#answered.has(id)) this.#duplicate++;
      else this.#late++;
      return;
    }
    this.#received++;
    this.#answered.add(id);
    if (this.#answered.size > answeredMax)
      this.#answered.delete(this.#answered.values().next().value ?? "");
    pending.resolve(reply);
  }

  #close(): void {
    const error = this.#handle.closedError();
    for (const pending of [...this.#pending.values()]) pending.reject(error);
    this.#stopCollecting();
    this.#removeReplyQueue();
  }

  #removeReplyQueue(): void {
    const replies = this.#replies;
    if (replies === undefined) return;
    this.#replies = undefined;
    try {
      destroyOpen(replies.handle);
    } catch (error) {
      warn(
        `reply queue ${replies.handle.place.name} could not be removed: ${String(error)}`,
      );
    }
    replies.handle.close();
  }
}

function some<R>(found: readonly R[]): readonly R[] | undefined {
  return found.length === 0 ? undefined : found;
}
