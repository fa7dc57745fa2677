/**
 * Where the words lie that tell about a segment before it is opened, as declared in `ffi/c/layout.h`. For diagnosis:
 * whoever opens a queue leaves that to the shim, which checks far more.
 */
export const SEGMENT = {
  /** What has to be read: the super block's page and the first of the control pages. */
  bytes: 8192,
  magic: 0x4552_4957_474e_4952n,
  abiMajorByte: 12,
  abiMinorByte: 14,
  journalByte: 76,
  uuidByte: 104,
  uuidBytes: 16,
  /** Not 0 once somebody has found the segment damaged. */
  poisonedByte: 4096 + 1156,
  bootIdByte: 4096 + 1696,
  bootIdBytes: 16,
  /** Participant N holds an open-file-description lock on this byte plus N. */
  lockBase: 1n << 60n,
} as const;
