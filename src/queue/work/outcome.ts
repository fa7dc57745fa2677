/** What came of a message, as its handler tells it. */

/** A note is kept with the message if this makes it a dead letter. */
export type WorkOutcome =
  /** Done. */
  | { readonly kind: "ack" }
  /** Done, with an answer for whoever waits for one; it is a failure if it cannot be sent. Of one message only. */
  | { readonly kind: "reply"; readonly body: Uint8Array | string }
  /** Failed: again after a back-off, or a dead letter when it had its last attempt. */
  | { readonly kind: "retry"; readonly note?: string | Uint8Array | undefined }
  /** Hopeless: a dead letter at once. */
  | { readonly kind: "bury"; readonly note?: string | Uint8Array | undefined }
  /** Not this message's fault: back to the queue at once, and the attempt does not count. */
  | { readonly kind: "release" };

/** What became of settled messages. */
export interface WorkCounts {
  readonly acked: number;
  /** Tried again later: given back with a delay, or kept for another attempt in place. */
  readonly retried: number;
  readonly buried: number;
  readonly released: number;
  /** Settlements that came too late: somebody else works, or worked, on the message too. */
  readonly lost: number;
}

/** What a loop did, and why it ended. */
export interface WorkSummary extends WorkCounts {
  readonly reason: "empty" | "ended" | "count" | "timeout" | "stopped";
}
