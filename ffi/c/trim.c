/*
 * Giving memory back. Only the pages of large bodies of free slots are worth it. The slot is claimed first, then it is made sure that
 * nobody is in the middle of a copy or holds a view: a reader announces itself before its lease CAS, so one that is not seen here cannot
 * lease this slot any more. Reading a punched page would allocate it anew, or SIGBUS on a full file system.
 */
#define _GNU_SOURCE
#include <fcntl.h>

#include "queue.h"

static bool somebody_reads(rwq *q) {
    /* SYNC POINT (participant.reading): after the claim's CAS. Who leased before it is seen by that CAS; who snapshots stores `reading`, then
     * looks at the state, both seq_cst: one of the two sees the other. */
    uint32_t high = rw_load_seq(&q->control->participants_high);
    for (uint32_t i = 1; i <= high && i <= q->l.participants; i++)
        if (rw_part_present(q, i) && rw_load_seq(&rw_part(q, i)->active) && rw_load_seq(&rw_part(q, i)->reading)) return true;
    return false;
}

int32_t rwq_trim(rwq *q) {
    if (q->observe) return rw_fail(-EINVAL, "this handle only observes");
    uint64_t released = 0, high = rw_load(&q->control->high_water);
    for (uint64_t n = 0; n < high && n < q->l.slots && q->l.large_stride; n++) {
        uint32_t slot = (uint32_t)n;
        if (!rw_slot_present(q, slot)) continue;
        struct rw_slot *s = &q->slots[slot];
        uint64_t w = rw_load(&s->state), bytes = rw_load(&s->reserved_bytes);
        if (RW_STATE(w) != RWQ_SLOT_FREE || bytes == 0 || bytes > q->l.large_stride) continue;
        uint64_t mine = RW_WORD(RWQ_SLOT_CLAIMED, 0, 0, q->me, 0, RW_GEN(w) + 1);
        if (!rw_cas(&s->state, &w, mine)) continue;
        RW_POINT("trim:claimed");
        rw_used_mark(q, slot);
        if (!somebody_reads(q)) {
            rw_store_seq(&s->reserved_bytes, 0);
            RW_POINT("trim:unreserved");
            if (fallocate(q->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)(q->l.large + (uint64_t)slot * q->l.large_stride), (off_t)bytes) == 0) released += bytes;
            RW_POINT("trim:punched");
        }
        rw_free(q, slot, mine);
    }
    return released / 1024 > INT32_MAX ? INT32_MAX : (int32_t)(released / 1024);
}
