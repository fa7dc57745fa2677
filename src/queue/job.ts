import { Message } from "./message.ts";
import type { KeepAliveOptions, NackOptions } from "./options.ts";
/** A leased message: settle it with ack, nack, bury or reply before its lease runs out. */
export class Job<T = unknown> extends Message<T> {
  /** Aborted when the lease is lost, renewal stopped, or the requester gave up. */
  get signal(): AbortSignal { throw new Error("pending"); }
  /** Whether ack, nack, bury, reply or release was called. */
  get settled(): boolean { throw new Error("pending"); }
  /** Name (`NAME#UUID`) of the queue that waits for a reply, undefined when nobody does. */
  get replyTo(): string | undefined { throw new Error("pending"); }
  /** Done. @throws {LeaseLostError} */
  ack(): void { throw new Error("pending"); }
  /** Gives it back; "buried" when it had its last attempt. */
  nack(_options?: NackOptions): "requeued" | "buried" { throw new Error("pending"); }
  /** Extends the lease to `leaseMs` from now (default: the queue's). */
  touch(_leaseMs?: number): void { throw new Error("pending"); }
  /** Makes it a dead letter with a note of at most 4064 bytes (longer ones keep their end). */
  bury(_note?: string | Uint8Array): void { throw new Error("pending"); }
  /** Renews the lease on a native thread until settled; dispose to stop at the next third of the lease. */
  keepAlive(_options?: KeepAliveOptions): Disposable { throw new Error("pending"); }
  /** Sends the reply, then acks. False when the requester is gone (the job is acked all the same). */
  reply(_body: Message | Uint8Array | string): boolean { throw new Error("pending"); }
  [Symbol.dispose](): void { throw new Error("pending"); }
}
