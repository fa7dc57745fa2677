/** Reading status and geometry out of the shim's structures. */
import {
  COUNT,
  GEOMETRY,
  IO,
  LIFECYCLE,
  PARTICIPANT,
  SLOT_STATE,
  STATUS,
} from "../../ffi/shm/layout.ts";
import { ERRNO } from "./failure.ts";
import type { QueueHandle } from "./handle.ts";
import type { JournalSync } from "./options.ts";
import type {
  Lifecycle,
  ParticipantStatus,
  QueueCounters,
  QueueDrops,
  QueueInfo,
  QueueStatus,
  ReplyCounters,
} from "./status.ts";

const decoder = new TextDecoder();
const journalNames: readonly (JournalSync | null)[] = [
  null,
  "process",
  "interval",
  "sync",
];
const noReplies: ReplyCounters = {
  outstanding: 0,
  received: 0,
  late: 0,
  duplicate: 0,
};
const stagingF64 = IO.stagingByte / 8;

function countersAt(f64: Float64Array, at: number): QueueCounters {
  const count = (index: number): number => f64[at + index] ?? 0;
  return {
    sent: count(COUNT.sent),
    sentBytes: count(COUNT.sentBytes),
    taken: count(COUNT.taken),
    takenBytes: count(COUNT.takenBytes),
    acked: count(COUNT.acked),
    nacked: count(COUNT.nacked),
    buried: count(COUNT.buried),
    requeued: count(COUNT.requeued),
    leasesLost: count(COUNT.leasesLost),
    claimsFreed: count(COUNT.claimsFreed),
    corrupt: count(COUNT.corrupt),
    wakes: count(COUNT.wakes),
  };
}

function dropsAt(f64: Float64Array, at: number): QueueDrops {
  return {
    oldest: f64[at + COUNT.droppedOldest] ?? 0,
    expired: f64[at + COUNT.droppedExpired] ?? 0,
    dead: f64[at + COUNT.droppedDead] ?? 0,
  };
}

function textOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  // A copy: the decoder of a runtime may refuse memory that is not its own.
  return decoder.decode(bytes.slice(0, end < 0 ? bytes.byteLength : end));
}

/** By `CONSUMES`. */
const consumerNames: readonly ParticipantStatus["consumer"][] = [
  "none",
  "shared",
  "exclusive",
];

function readParticipant(
  handle: QueueHandle,
  index: number,
): ParticipantStatus | null {
  const result = handle.shim.rwq_participant(handle.address, index);
  if (result === -ERRNO.ENOENT) return null;
  handle.checked(result, "inspect");
  const { u32, f64, staging } = handle;
  const heartbeatAgeMs = f64[stagingF64 + PARTICIPANT.heartbeatAgeMsF64] ?? -1;
  return {
    index,
    pid: u32[IO.stagingU32 + PARTICIPANT.pidU32] ?? 0,
    name: textOf(
      staging.subarray(
        PARTICIPANT.nameByte,
        PARTICIPANT.nameByte + PARTICIPANT.nameBytes,
      ),
    ),
    startMs: f64[stagingF64 + PARTICIPANT.startMsF64] ?? 0,
    heartbeatAgeMs: heartbeatAgeMs < 0 ? null : heartbeatAgeMs,
    leased: f64[stagingF64 + PARTICIPANT.leasedF64] ?? 0,
    consumer:
      consumerNames[u32[IO.stagingU32 + PARTICIPANT.consumesU32] ?? 0] ??
      "none",
    counters: countersAt(f64, stagingF64 + PARTICIPANT.countersF64),
    drops: dropsAt(f64, stagingF64 + PARTICIPANT.countersF64),
  };
}

/** Whether messages are taken and given out. */
export function readLifecycle(handle: QueueHandle): {
  readonly lifecycle: Lifecycle;
  readonly paused: boolean;
} {
  const result = handle.shim.rwq_lifecycle(handle.address);
  // A destroyed queue is an answer here, not a failure.
  if (result === -ERRNO.ESHUTDOWN)
    return { lifecycle: "closed", paused: false };
  handle.checked(result, "inspect");
  const state = result & ~LIFECYCLE.pausedBit;
  const lifecycle =
    (state & LIFECYCLE.closed) !== 0
      ? "closed"
      : (state & LIFECYCLE.ended) !== 0
        ? "ended"
        : "open";
  return { lifecycle, paused: (result & LIFECYCLE.pausedBit) !== 0 };
}

/** A snapshot of everything; costs a scan of the slots ever used. */
export function readStatus(
  handle: QueueHandle,
  info: QueueInfo,
  replies: ReplyCounters = noReplies,
): QueueStatus {
  const { f64, shim } = handle;
  handle.checked(shim.rwq_status(handle.address), "inspect");
  const number = (index: number): number => f64[stagingF64 + index] ?? 0;
  const state = (index: number): number => number(STATUS.stateCountF64 + index);
  const waiting = (priority: number): number =>
    number(STATUS.readyByPriorityF64 + priority);
  const oldestMs = number(STATUS.oldestMsF64);
  const nextDueMs = number(STATUS.nextDueMsF64);
  const registered = number(STATUS.participantsF64);
  const snapshot = {
    messageCount: state(SLOT_STATE.ready),
    maxMessages: info.maxMessages,
    usage: Math.max(
      0,
      Math.min(
        1,
        (info.maxMessages - state(SLOT_STATE.free)) / info.maxMessages,
      ),
    ),
    leased: state(SLOT_STATE.leased),
    delayed: state(SLOT_STATE.delayed),
    buried: state(SLOT_STATE.buried),
    inProgress: state(SLOT_STATE.claimed) + state(SLOT_STATE.settling),
    oldestAgeMs: oldestMs < 0 ? null : oldestMs,
    nextDueMs: nextDueMs < 0 ? null : nextDueMs,
    memoryBytes: number(STATUS.memoryBytesF64),
    segmentBytes: number(STATUS.segmentBytesF64),
    highWater: number(STATUS.highWaterF64),
    byPriority: { high: waiting(1), normal: waiting(2), low: waiting(3) },
    counters: countersAt(f64, stagingF64 + STATUS.totalsF64),
    drops: dropsAt(f64, stagingF64 + STATUS.totalsF64),
  };
  const participants: ParticipantStatus[] = [];
  for (
    let index = 1;
    index <= info.maxParticipants && participants.length < registered;
    index++
  ) {
    const participant = readParticipant(handle, index);
    if (participant !== null) participants.push(participant);
  }
  return { ...snapshot, ...readLifecycle(handle), participants, replies };
}

/** What the queue was created with. */
export function readInfo(handle: QueueHandle): QueueInfo {
  handle.checked(handle.shim.rwq_geometry(handle.address), "inspect");
  const { u32, f64, staging, place } = handle;
  const number = (index: number): number => u32[IO.stagingU32 + index] ?? 0;
  const sync = journalNames[number(GEOMETRY.journalU32)] ?? null;
  const uuid = Array.from(
    staging.subarray(GEOMETRY.uuidByte, GEOMETRY.uuidByte + GEOMETRY.uuidBytes),
    (byte) => byte.toString(16).padStart(2, "0"),
  ).join("");
  return {
    name: place.name,
    path: place.path,
    uuid,
    createdMs: f64[stagingF64 + GEOMETRY.createdMsF64] ?? 0,
    maxMessages: number(GEOMETRY.maxMessagesU32),
    maxMessageSize: number(GEOMETRY.maxBodyU32),
    maxHeadersSize: number(GEOMETRY.maxHeadersU32),
    maxParticipants: number(GEOMETRY.maxParticipantsU32),
    maxDead: number(GEOMETRY.maxDeadU32),
    maxDeliver: number(GEOMETRY.maxDeliverU32),
    leaseMs: number(GEOMETRY.leaseMsU32),
    journal:
      sync === null
        ? null
        : { sync, intervalMs: number(GEOMETRY.intervalMsU32) },
    totalBytes: f64[stagingF64 + GEOMETRY.totalBytesF64] ?? 0,
    participant: number(GEOMETRY.indexU32),
    abi: {
      major: number(GEOMETRY.abiMajorU32),
      minor: number(GEOMETRY.abiMinorU32),
    },
  };
}
