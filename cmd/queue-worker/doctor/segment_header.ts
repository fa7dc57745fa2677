/** The first pages of a queue's file, read without opening the queue: opening a journal of an earlier boot rebuilds it. */
import { closeSync, constants, openSync, readSync } from "node:fs";
import { readFileSync } from "node:fs";
import { SEGMENT } from "../../../ffi/shm/segment.ts";

/** What the first pages say; undefined where the file is no segment. */
export interface SegmentHeader {
  readonly abiMajor: number;
  readonly abiMinor: number;
  readonly isJournal: boolean;
  /** Whether the boot that wrote last was this one; always true for a queue in memory. */
  readonly ofThisBoot: boolean;
}

/** Opens a queue's file for looking only. @throws what opening throws */
export function openSegment(path: string): number {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  return openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
}

/** Reads it. @throws what opening throws */
export function readSegmentHeader(path: string): SegmentHeader | undefined {
  const descriptor = openSegment(path);
  try {
    const bytes = new Uint8Array(SEGMENT.bytes);
    if (readSync(descriptor, bytes, 0, SEGMENT.bytes, 0) < SEGMENT.bytes)
      return undefined;
    const view = new DataView(bytes.buffer);
    if (view.getBigUint64(0, true) !== SEGMENT.magic) return undefined;
    const isJournal = view.getUint32(SEGMENT.journalByte, true) !== 0;
    const boot = bytes.subarray(
      SEGMENT.bootIdByte,
      SEGMENT.bootIdByte + SEGMENT.bootIdBytes,
    );
    const now = readFileSync("/proc/sys/kernel/random/boot_id", "utf8");
    return {
      abiMajor: view.getUint16(SEGMENT.abiMajorByte, true),
      abiMinor: view.getUint16(SEGMENT.abiMinorByte, true),
      isJournal,
      ofThisBoot:
        !isJournal ||
        Buffer.from(boot).toString("hex") === now.trim().replaceAll("-", ""),
    };
  } finally {
    closeSync(descriptor);
  }
}
