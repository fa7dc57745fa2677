/** The offsets in `layout.ts` against the structures of the C header, as the compiler lays them out. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as layout from "../../../ffi/shm/layout.ts";
import { SEGMENT } from "../../../ffi/shm/segment.ts";
import { shimPollSymbols, shimSymbols } from "../../../ffi/shm/symbols.ts";
import { describe, expect, test } from "../../support/testing.ts";

const includes = fileURLToPath(new URL("../../../ffi/c", import.meta.url));

/** Values of C expressions. */
function evaluate(expressions: readonly string[]): number[] {
  const directory = mkdtempSync(join(tmpdir(), "ringwire-layout-"));
  try {
    const source = join(directory, "probe.c");
    writeFileSync(
      source,
      `#include <stddef.h>\n#include <stdio.h>\n#include "layout.h"\nint main(void) {\n${expressions
        .map((each) => `printf("%llu\\n", (unsigned long long)(${each}));`)
        .join("\n")}\n}\n`,
    );
    const program = join(directory, "probe");
    execFileSync("cc", ["-std=c11", `-I${includes}`, "-o", program, source]);
    return execFileSync(program, { encoding: "utf8" })
      .trim()
      .split("\n")
      .map(Number);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** [C expression in bytes or as a value, what TypeScript believes]. */
type Belief = readonly [string, number];

function offsets(
  struct: string,
  fields: Readonly<Record<string, number>>,
): Belief[] {
  return Object.entries(fields).map(([field, bytes]) => [
    `offsetof(struct ${struct}, ${field})`,
    bytes,
  ]);
}

const { PARAMS, OPEN, IO, META, STATUS, PARTICIPANT, GEOMETRY } = layout;

/** Of the first pages of a segment; the lock base is compared by its upper half. */
const segmentBeliefs: readonly Belief[] = [
  ["RW_PAGE * 2", SEGMENT.bytes],
  ["RW_MAGIC >> 32", Number(SEGMENT.magic >> 32n)],
  ["(uint32_t)RW_MAGIC", Number(SEGMENT.magic & 0xffff_ffffn)],
  ...offsets("rw_super", {
    abi_major: SEGMENT.abiMajorByte,
    abi_minor: SEGMENT.abiMinorByte,
    journal: SEGMENT.journalByte,
    uuid: SEGMENT.uuidByte,
  }),
  ["sizeof ((struct rw_super *)0)->uuid", SEGMENT.uuidBytes],
  ["RW_PAGE + offsetof(struct rw_control, boot_id)", SEGMENT.bootIdByte],
  ["RW_PAGE + offsetof(struct rw_control, poisoned)", SEGMENT.poisonedByte],
  ["sizeof ((struct rw_control *)0)->boot_id", SEGMENT.bootIdBytes],
  ["RW_LOCK_BASE >> 32", Number(SEGMENT.lockBase >> 32n)],
];

const beliefs: readonly Belief[] = [
  ...segmentBeliefs,
  ["sizeof(struct rwq_params)", PARAMS.bytes],
  ...offsets("rwq_params", {
    max_messages: PARAMS.maxMessagesU32 * 4,
    max_body: PARAMS.maxBodyU32 * 4,
    max_headers: PARAMS.maxHeadersU32 * 4,
    max_participants: PARAMS.maxParticipantsU32 * 4,
    max_dead: PARAMS.maxDeadU32 * 4,
    max_deliver: PARAMS.maxDeliverU32 * 4,
    lease_ms: PARAMS.leaseMsU32 * 4,
    journal: PARAMS.journalU32 * 4,
    interval_ms: PARAMS.intervalMsU32 * 4,
    mode: PARAMS.modeU32 * 4,
  }),
  ["sizeof(struct rwq_open_options)", OPEN.bytes],
  ...offsets("rwq_open_options", {
    staging_bytes: OPEN.stagingBytesU32 * 4,
    flags: OPEN.flagsU32 * 4,
    handle: OPEN.handleU64 * 8,
    io: OPEN.ioU64 * 8,
    name: OPEN.nameByte,
  }),
  ["RWQ_NAME_BYTES", OPEN.nameBytes],
  ["RWQ_OPEN_OBSERVE", OPEN.observe],
  ["RWQ_OPEN_SHARED", OPEN.shared],
  ["RWQ_IO_STAGING", IO.stagingByte],
  ["RWQ_IO_HEADERS", IO.headersByte],
  ["RWQ_MAX_HEADERS", IO.headersBytesMax],
  ...offsets("rwq_io", {
    in_delay_ms: IO.inDelayMsF64 * 8,
    in_ttl_ms: IO.inTtlMsF64 * 8,
    in_headers_len: IO.inHeadersLengthU32 * 4,
    out_bytes: IO.outBytesU32 * 4,
    out_reason: IO.outReasonU32 * 4,
    out_next_due_ms: IO.outNextDueMsF64 * 8,
    out_pointer: IO.outPointerU32 * 4,
    sent_id_lo: IO.sentIdLoU32 * 4,
    sent_slot: IO.sentSlotU32 * 4,
    cursor: IO.cursorU32 * 4,
  }),
  ["sizeof(struct rwq_meta)", META.bytes],
  ...offsets("rwq_meta", {
    slot: META.slot * 4,
    token_lo: META.tokenLo * 4,
    token_hi: META.tokenHi * 4,
    body_len: META.bodyLength * 4,
    headers_len: META.headersLength * 4,
    attempts: META.attempts * 4,
    priority: META.priority * 4,
    flags: META.flags * 4,
    id_lo: META.idLo * 4,
    id_hi: META.idHi * 4,
    record_bytes: META.recordBytes * 4,
    note_len: META.noteLength * 4,
    enqueued_ms: META.enqueuedMsF64 * 8,
  }),
  ["RWQ_META_REDELIVERED", layout.META_FLAG.redelivered],
  ["RWQ_META_BIG", layout.META_FLAG.big],
  ["RWQ_META_CANCELLED", layout.META_FLAG.cancelled],
  ["RWQ_SEND_DROP_OLDEST", layout.SEND.dropOldest],
  ["RWQ_SEND_EXTENDED", layout.SEND.extended],
  ["RWQ_TAKE_ACK", layout.TAKE.ack],
  ["RWQ_TAKE_POINTER", layout.TAKE.pointer],
  ["RWQ_EMPTY_PAUSED", layout.EMPTY.paused],
  ["RWQ_EMPTY_ENDED", layout.EMPTY.ended],
  ["RWQ_FOR_SPACE", layout.WAIT_FOR.space],
  ["RWQ_RENEWAL_LOST", layout.RENEWAL.lost],
  ["RWQ_RENEWAL_CANCELLED", layout.RENEWAL.cancelled],
  ["RWQ_RENEWAL_STALLED", layout.RENEWAL.stalled],
  ["RWQ_SLOT_READY", layout.SLOT_STATE.ready],
  ["RWQ_SLOT_BURIED", layout.SLOT_STATE.buried],
  ["RWQ_ENDED", layout.LIFECYCLE.ended],
  ["RWQ_CLOSED", layout.LIFECYCLE.closed],
  ["RWQ_PAUSED_BIT", layout.LIFECYCLE.pausedBit],
  ["RWQ_CONSUMES_SHARED", layout.CONSUMES.shared],
  ["RWQ_CONSUMES_ALONE", layout.CONSUMES.alone],
  ["RWQ_COUNT_SENT", layout.COUNT.sent],
  ["RWQ_COUNT_DROPPED_DEAD", layout.COUNT.droppedDead],
  ["RWQ_COUNT_WAKES", layout.COUNT.wakes],
  ...offsets("rwq_status", {
    state_count: STATUS.stateCountF64 * 8,
    ready_by_priority: STATUS.readyByPriorityF64 * 8,
    oldest_ms: STATUS.oldestMsF64 * 8,
    next_due_ms: STATUS.nextDueMsF64 * 8,
    memory_bytes: STATUS.memoryBytesF64 * 8,
    segment_bytes: STATUS.segmentBytesF64 * 8,
    high_water: STATUS.highWaterF64 * 8,
    participants: STATUS.participantsF64 * 8,
    totals: STATUS.totalsF64 * 8,
  }),
  ...offsets("rwq_participant_info", {
    pid: PARTICIPANT.pidU32 * 4,
    start_ms: PARTICIPANT.startMsF64 * 8,
    heartbeat_age_ms: PARTICIPANT.heartbeatAgeMsF64 * 8,
    leased: PARTICIPANT.leasedF64 * 8,
    name: PARTICIPANT.nameByte,
    counters: PARTICIPANT.countersF64 * 8,
    consumes: PARTICIPANT.consumesU32 * 4,
  }),
  ...offsets("rwq_geometry", {
    max_messages: GEOMETRY.maxMessagesU32 * 4,
    index: GEOMETRY.indexU32 * 4,
    abi_minor: GEOMETRY.abiMinorU32 * 4,
    created_ms: GEOMETRY.createdMsF64 * 8,
    total_bytes: GEOMETRY.totalBytesF64 * 8,
    uuid: GEOMETRY.uuidByte,
  }),
];

describe("the shim's layout", () => {
  test("offsets and numbers are those of the C header", () => {
    const values = evaluate(beliefs.map(([expression]) => expression));
    for (const [index, [expression, bytes]] of beliefs.entries()) {
      expect(`${expression} = ${bytes}`).toBe(
        `${expression} = ${values[index]}`,
      );
    }
  });

  test("the symbol table names every function of the header, no others", () => {
    const header = readFileSync(join(includes, "ringwire_shm.h"), "utf8");
    const declared = [
      ...header.matchAll(/^RWQ_API \w+ (rwq_\w+)\(([^)]*)\);/gm),
    ].map(([, name, parameters]) => [
      name,
      parameters === "void" ? 0 : (parameters?.split(",").length ?? 0),
    ]);
    const bound = Object.entries({ ...shimSymbols, ...shimPollSymbols }).map(
      ([name, { parameters }]) => [name, parameters.length],
    );
    const byName = (a: unknown[], b: unknown[]): number =>
      String(a[0]) < String(b[0]) ? -1 : 1;
    expect(bound.sort(byName)).toEqual(declared.sort(byName));
  });
});
