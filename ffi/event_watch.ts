/** What the ways to watch a foreign descriptor have in common. */

/**
 * - `socket` (Bun): the event loop watches a duplicate of the descriptor as if it were a socket.
 * - `aio` (Deno): the kernel's asynchronous I/O polls it and tells an eventfd, which the event loop reads.
 * - `thread` (Bun): a Worker is blocked in `poll(2)`.
 * - `poll` (Deno): a thread of the runtime's pool is blocked in `poll(2)`.
 * - `timer`: looked at every {@linkcode timerPeriodMs}; when nothing better works.
 */
export type EventSourceKind = "socket" | "aio" | "thread" | "poll" | "timer";

/** One way of watching, for one descriptor. Belongs to the thread that made it. */
export interface EventWatch {
  /**
   * Asks for one call of `onReady` as soon as the descriptor is readable, also when it already is; never within this
   * call. Idempotent until then.
   */
  arm(): void;
  /** Takes the request back: `onReady` is not called, and the process may exit. */
  rest(): void;
  /** From now on the process stays alive while armed. So it is at the beginning. */
  ref(): void;
  /** From now on the process may exit while armed. */
  unref(): void;
  /** Ends the watching; the descriptor stays open. Idempotent. */
  close(): void;
}

/** What a way of watching is given. */
export interface EventWatchRequest {
  /** Level-triggered, e.g. an epoll descriptor. It stays the caller's, who closes it after the watch. */
  readonly descriptor: number;
  /** Must not throw. */
  readonly onReady: () => void;
  /** This way does not work here, now or any longer; `onReady` will not be called any more. */
  readonly onBroken: () => void;
}

/** How often a descriptor is looked at that cannot be watched: 40 times a second cost less than 0.1 % of a processor. */
export const timerPeriodMs = 25;
