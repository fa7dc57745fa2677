/** What a queue says about itself. Types only; read by `inspection.ts`. */
import type { JournalSync, Priority } from "./options.ts";

/** `open` takes messages, `ended` takes no more, `closed` was destroyed. */
export type Lifecycle = "open" | "ended" | "closed";

/** Totals since the queue was created (of a participant: since it registered). */
export interface QueueCounters {
  /** Messages accepted. */
  readonly sent: number;
  /** Bytes of their bodies. */
  readonly sentBytes: number;
  /** Deliveries, repeated ones included. */
  readonly taken: number;
  readonly takenBytes: number;
  /** Messages done with. */
  readonly acked: number;
  /** Jobs given back by their worker. */
  readonly nacked: number;
  /** Messages made dead letters. */
  readonly buried: number;
  /** Leases put back because they expired or their worker died. */
  readonly requeued: number;
  /** Settlements that came too late. */
  readonly leasesLost: number;
  /** Unfinished sends of the dead that were undone; they were never accepted. */
  readonly claimsFreed: number;
  /** Messages buried because their checksum was wrong. */
  readonly corrupt: number;
  /** Wake-ups sent to waiting processes. */
  readonly wakes: number;
}

/** Messages dropped on purpose, by reason. */
export interface QueueDrops {
  /** Evicted by `onFull: "drop-oldest"`. */
  readonly oldest: number;
  /** Their time to live passed. */
  readonly expired: number;
  /** Dead letters beyond `maxDead`, or dropped by hand. */
  readonly dead: number;
}

/** One open handle, in any process. */
export interface ParticipantStatus {
  readonly index: number;
  readonly pid: number;
  readonly name: string;
  /** Wall clock in milliseconds. */
  readonly startMs: number;
  /** Milliseconds since its last sign of life, null when unknown. */
  readonly heartbeatAgeMs: number | null;
  /** Jobs it holds now. */
  readonly leased: number;
  /** Whether it has taken messages, or may take them alone. */
  readonly consumer: "none" | "shared" | "exclusive";
  readonly counters: QueueCounters;
  readonly drops: QueueDrops;
}

/** Replies seen by this handle as a requester. */
export interface ReplyCounters {
  readonly outstanding: number;
  readonly received: number;
  /** Arrived after the request had timed out or was aborted. */
  readonly late: number;
  /** Arrived again for the same request. */
  readonly duplicate: number;
}

/** A snapshot; counts of different states are read one after the other, not at one instant. */
export interface QueueStatus {
  /** Messages waiting to be taken now. */
  readonly messageCount: number;
  readonly maxMessages: number;
  /** Slots in use in any state, as a share of `maxMessages`: 0 to 1. */
  readonly usage: number;
  readonly leased: number;
  readonly delayed: number;
  /** Dead letters. */
  readonly buried: number;
  /** Slots held by sends and settlements in progress. */
  readonly inProgress: number;
  /** Age of the oldest waiting message in milliseconds. */
  readonly oldestAgeMs: number | null;
  /** Milliseconds until the next delayed message. */
  readonly nextDueMs: number | null;
  readonly lifecycle: Lifecycle;
  readonly paused: boolean;
  /** Bytes of memory really allocated. */
  readonly memoryBytes: number;
  /** Apparent size of the segment in bytes. */
  readonly segmentBytes: number;
  /** Slots ever used. */
  readonly highWater: number;
  /** Waiting messages by priority. */
  readonly byPriority: Readonly<Record<Priority, number>>;
  readonly counters: QueueCounters;
  readonly drops: QueueDrops;
  readonly participants: readonly ParticipantStatus[];
  readonly replies: ReplyCounters;
}

/** What a queue was created with. */
export interface QueueInfo {
  /** Name as given: plain, or `file:PATH`. */
  readonly name: string;
  /** File that holds the segment. */
  readonly path: string;
  /** 32 hexadecimal digits; a recreated name has another one. */
  readonly uuid: string;
  /** Wall clock in milliseconds. */
  readonly createdMs: number;
  readonly maxMessages: number;
  readonly maxMessageSize: number;
  readonly maxHeadersSize: number;
  readonly maxParticipants: number;
  readonly maxDead: number;
  readonly maxDeliver: number;
  readonly leaseMs: number;
  readonly journal: {
    readonly sync: JournalSync;
    readonly intervalMs: number;
  } | null;
  readonly totalBytes: number;
  /** This handle's place among the participants, 0 for an observer. */
  readonly participant: number;
  readonly abi: { readonly major: number; readonly minor: number };
}
