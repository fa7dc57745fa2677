/*
 * What drop-oldest dropped is counted exactly once, whoever dies. A claim that took the place of a message is marked RW_EVICTED until its
 * drop is counted; who recovers a claim with that mark counts it. The count and the mark are two words, so before the count changes, the
 * dropper's record says what it is to be, and for which slot: who finds the mark and that note writes the same count again.
 *   note, count, mark away, note away
 * A record has one writer: its participant, and when that is dead whoever holds the lock on its byte.
 */
#include "queue.h"

#define SLOT_BITS 21 /* slot + 1 */
#define NOTE_SLOT(note) ((uint32_t)((note) & ((1u << SLOT_BITS) - 1)))
#define NOTE(slot, count) ((count) << SLOT_BITS | ((slot) + 1))

void rw_count_drop(struct rw_participant *dropper, uint32_t slot) {
    _Atomic uint64_t *count = &dropper->counters[RWQ_COUNT_DROPPED_OLDEST];
    uint64_t note = rw_load(&dropper->dropping);
    if (NOTE_SLOT(note) != slot + 1) {
        note = NOTE(slot, rw_load(count) + 1);
        rw_store(&dropper->dropping, note);
        RW_POINT("drop:noted");
    }
    rw_store(count, note >> SLOT_BITS);
    RW_POINT("drop:counted");
}

void rw_drop_is_counted(struct rw_participant *dropper) { rw_store(&dropper->dropping, 0); }
