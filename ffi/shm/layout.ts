/**
 * Offsets within the shim's structures, as declared in `ffi/c/ringwire_shm.h`. A suffix names the view that an index is
 * for: `U32` counts 4-byte words, `F64` 8-byte words, `Byte` bytes; all from the start of the structure.
 */

/** `struct rwq_params`, 64 bytes. */
export const PARAMS = {
  bytes: 64,
  maxMessagesU32: 0,
  maxBodyU32: 1,
  maxHeadersU32: 2,
  maxParticipantsU32: 3,
  maxDeadU32: 4,
  maxDeliverU32: 5,
  leaseMsU32: 6,
  journalU32: 7,
  intervalMsU32: 8,
  modeU32: 9,
  noHeaders: 0xffff_ffff,
  replaceClosed: 1,
} as const;

/** `struct rwq_open_options`, 64 bytes. */
export const OPEN = {
  bytes: 64,
  stagingBytesU32: 0,
  flagsU32: 1,
  handleU64: 1,
  ioU64: 2,
  nameByte: 24,
  nameBytes: 32,
  observe: 1,
  shared: 2,
} as const;

/** `struct rwq_io`; the staging area follows it. */
export const IO = {
  headersByte: 1024,
  stagingByte: 4096,
  stagingU32: 1024,
  headersBytesMax: 2048,
  inDelayMsF64: 8,
  inTtlMsF64: 9,
  inHeadersLengthU32: 20,
  outCountU32: 21,
  outBytesU32: 22,
  outReasonU32: 23,
  outNextDueMsF64: 12,
  outPointerU32: 26,
  sentIdLoU32: 28,
  sentIdHiU32: 29,
  sentSlotU32: 30,
  cursorU32: 32,
} as const;

/** `struct rwq_meta`, 64 bytes, by 4-byte words from the record's start. */
export const META = {
  bytes: 64,
  words: 16,
  slot: 0,
  tokenLo: 1,
  tokenHi: 2,
  bodyLength: 3,
  headersLength: 4,
  attempts: 5,
  priority: 6,
  flags: 7,
  idLo: 8,
  idHi: 9,
  recordBytes: 12,
  noteLength: 13,
  enqueuedMsF64: 5,
  expiresMsF64: 7,
} as const;

/** `RWQ_META_*`, bits of `META.flags`. */
export const META_FLAG = { redelivered: 1, big: 2, cancelled: 4 } as const;

/** `RWQ_SEND_*`. */
export const SEND = { dropOldest: 4, extended: 8 } as const;

/** `RWQ_TAKE_*`. */
export const TAKE = { lease: 0, ack: 1, pointer: 2, uncounted: 4 } as const;

/** `RWQ_EMPTY_*`. */
export const EMPTY = { now: 0, paused: 1, ended: 2 } as const;

/** `RWQ_FOR_*`. */
export const WAIT_FOR = { message: 0, space: 1 } as const;

/** `RWQ_RENEWAL_*`. */
export const RENEWAL = {
  none: 0,
  held: 1,
  lost: 2,
  cancelled: 3,
  stalled: 4,
} as const;

/** `RWQ_SLOT_*`. */
export const SLOT_STATE = {
  free: 0,
  claimed: 1,
  ready: 2,
  leased: 3,
  settling: 4,
  delayed: 5,
  buried: 6,
} as const;

/** `rwq_lifecycle()`. */
export const LIFECYCLE = {
  open: 0,
  ended: 1,
  closed: 2,
  pausedBit: 256,
} as const;

/** `RWQ_COUNT_*`. */
export const COUNT = {
  sent: 0,
  sentBytes: 1,
  taken: 2,
  takenBytes: 3,
  acked: 4,
  nacked: 5,
  buried: 6,
  requeued: 7,
  droppedOldest: 8,
  droppedExpired: 9,
  droppedDead: 10,
  leasesLost: 11,
  claimsFreed: 12,
  corrupt: 13,
  wakes: 14,
} as const;

/** `struct rwq_status`, doubles. */
export const STATUS = {
  stateCountF64: 0,
  readyByPriorityF64: 8,
  oldestMsF64: 12,
  nextDueMsF64: 13,
  memoryBytesF64: 14,
  segmentBytesF64: 15,
  highWaterF64: 16,
  participantsF64: 17,
  totalsF64: 18,
} as const;

/** `struct rwq_participant_info`. */
export const PARTICIPANT = {
  indexU32: 0,
  pidU32: 1,
  startMsF64: 1,
  heartbeatAgeMsF64: 2,
  leasedF64: 3,
  nameByte: 32,
  nameBytes: 32,
  countersF64: 8,
  consumesU32: 48,
} as const;

/** `RWQ_CONSUMES_*`. */
export const CONSUMES = { nothing: 0, shared: 1, alone: 2 } as const;

/** `struct rwq_geometry`. */
export const GEOMETRY = {
  maxMessagesU32: 0,
  maxBodyU32: 1,
  maxHeadersU32: 2,
  maxParticipantsU32: 3,
  maxDeadU32: 4,
  maxDeliverU32: 5,
  leaseMsU32: 6,
  journalU32: 7,
  intervalMsU32: 8,
  indexU32: 9,
  abiMajorU32: 10,
  abiMinorU32: 11,
  createdMsF64: 6,
  totalBytesF64: 7,
  uuidByte: 64,
  uuidBytes: 16,
} as const;
