/** A queue found in the shared-memory directory. */
export interface QueueListing {
  readonly name: string;
  readonly path: string;
  readonly segmentBytes: number;
  readonly memoryBytes: number;
  readonly modifiedMs: number;
}
/** Queues of this user; names starting with "reply-" are hidden. */
export function listQueues(): QueueListing[] { throw new Error("pending"); }
