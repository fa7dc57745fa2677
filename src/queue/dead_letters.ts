/** A message that had its last attempt, or was buried by hand. */
export interface DeadLetter {
  readonly id: bigint;
  readonly data: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
  readonly attempts: number;
  readonly timestamp: number;
  /** Reason and the end of stderr, as the worker left it. */
  readonly note: string;
  text(): string;
  /** Back to the queue with attempts 0. False when somebody else was faster. */
  retry(): boolean;
  /** Dropped for good. False when somebody else was faster. */
  drop(): boolean;
}
