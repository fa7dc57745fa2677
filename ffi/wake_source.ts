/** What the runtimes' ways to sleep on a native descriptor have in common. */

/** Something to sleep on. Belongs to the thread that made it. */
export interface WakeSource {
  /**
   * Asks for one call of `onWake`: at a wake-up, or after `timeoutMs` at the latest; it may come early. Until then the
   * process stays alive. A later call replaces the time of an earlier one.
   */
  watch(timeoutMs: number): void;
  /** Takes the request back and lets the process exit. */
  rest(): void;
  /** Gives the descriptor up. Idempotent. */
  close(): void;
}

/** What a wake source needs. */
export interface WakeSourceRequest {
  /** Datagram socket, non-blocking. The source owns it from now on. */
  readonly descriptor: number;
  /** Must not throw. */
  readonly onWake: () => void;
  /** Reads what is pending off the descriptor, where the runtime does not do so itself. */
  readonly drain: () => void;
  /** Closes the descriptor, where the runtime does not do so itself. */
  readonly release: () => void;
}
