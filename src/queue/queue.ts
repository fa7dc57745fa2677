import type { DeadLetter } from "./dead_letters.ts";
import type { Job } from "./job.ts";
import type { Message } from "./message.ts";
import type { ConnectOptions, ConsumeOptions, CreateOptions, LeaseOptions, RequestOptions, ReserveOptions, SendOptions, SendWaitOptions, WaitOptions } from "./options.ts";
import type { Lifecycle, QueueInfo, QueueStatus } from "./status.ts";
/** Whatever can be sent. */
export type Sendable = Message | Uint8Array | string;
/** A slot in shared memory to write into. */
export interface Claim extends Disposable {
  readonly bytes: Uint8Array;
  /** Sends the first `length` bytes (default: all); `bytes` becomes empty. */
  commit(length?: number): bigint;
  abort(): void;
}
const pending = (): never => { throw new Error("pending"); };
export class CrossProcessQueue<T = unknown> {
  static create<T = unknown>(_name: string, _options?: CreateOptions<T>): CrossProcessQueue<T> { return pending(); }
  static connect<T = unknown>(_name: string, _options?: ConnectOptions<T>): CrossProcessQueue<T> { return pending(); }
  /** Destroys by name. False when there is no such queue. */
  static destroy(_name: string): boolean { return pending(); }
  get name(): string { return pending(); }
  get info(): QueueInfo { return pending(); }
  get closed(): boolean { return pending(); }
  /** Why the last take gave nothing: "now", "paused" or "ended" (ended and nothing left in any state). */
  get emptyReason(): "now" | "paused" | "ended" { return pending(); }
  send(_message: Sendable, _options?: SendOptions): bigint { return pending(); }
  trySend(_message: Sendable, _options?: SendOptions): boolean { return pending(); }
  sendValue(_value: T, _options?: SendOptions): bigint { return pending(); }
  sendMany(_messages: readonly Sendable[], _options?: SendOptions): number { return pending(); }
  sendWait(_message: Sendable, _options?: SendWaitOptions): Promise<bigint> { return pending(); }
  sendSync(_message: Sendable, _timeoutMs: number, _options?: SendOptions): bigint { return pending(); }
  tryReceive(): Message<T> | null { return pending(); }
  tryReceiveMany(_max: number): Message<T>[] { return pending(); }
  receiveSync(_timeoutMs: number): Message<T> | null { return pending(); }
  receive(_options?: WaitOptions): Promise<Message<T> | null> { return pending(); }
  receiveAsyncWithTimeout(_timeoutMs: number): Promise<Message<T> | null> { return pending(); }
  receiveMany(_max: number, _options?: WaitOptions): Promise<Message<T>[]> { return pending(); }
  tryReserve(_options?: LeaseOptions): Job<T> | null { return pending(); }
  tryReserveMany(_max: number, _options?: LeaseOptions): Job<T>[] { return pending(); }
  reserveSync(_timeoutMs: number, _options?: LeaseOptions): Job<T> | null { return pending(); }
  reserve(_options?: ReserveOptions): Promise<Job<T> | null> { return pending(); }
  reserveMany(_max: number, _options?: ReserveOptions): Promise<Job<T>[]> { return pending(); }
  /** A job whose data is a read-only view of shared memory until it is settled. */
  reserveZeroCopy(_options?: LeaseOptions): Job<T> | null { return pending(); }
  /** Acknowledges many jobs in one call; the number acknowledged. Lost ones are left out. */
  ackMany(_jobs: readonly Job<T>[]): number { return pending(); }
  consume(_options?: ConsumeOptions): AsyncIterableIterator<Job<T>> { return pending(); }
  claim(_length: number, _options?: SendOptions): Claim { return pending(); }
  readable(_options?: ConsumeOptions): ReadableStream<Message<T>> { return pending(); }
  writable(_options?: SendWaitOptions): WritableStream<Sendable> { return pending(); }
  request(_body: Sendable, _options?: RequestOptions): Promise<Message> { return pending(); }
  peek(_limit?: number): Iterable<Message<T>> { return pending(); }
  deadLetters(): Iterable<DeadLetter> { return pending(); }
  status(): QueueStatus { return pending(); }
  lifecycle(): Lifecycle { return pending(); }
  get paused(): boolean { return pending(); }
  /** No more sends; sticky until reopen. */
  end(): void { return pending(); }
  /** @throws {LockFailedError} while messages of the ended stream are left */
  reopen(): void { return pending(); }
  pause(): void { return pending(); }
  resume(): void { return pending(); }
  /** Moves what is due; "deaths" also looks for dead participants, "full" scans all. Messages moved. */
  sweep(_how?: "due" | "deaths" | "full"): number { return pending(); }
  /** A native thread recovers what the dead held within milliseconds. */
  watch(): void { return pending(); }
  /** Gives memory of free slots back; bytes released. */
  trim(): number { return pending(); }
  /** Journal: writes everything out now. */
  sync(): void { return pending(); }
  close(): void { return pending(); }
  destroy(): void { return pending(); }
  [Symbol.dispose](): void { return pending(); }
  [Symbol.asyncDispose](): Promise<void> { return pending(); }
}
