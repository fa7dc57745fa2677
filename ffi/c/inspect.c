/* Looking without taking: counts, participants, snapshots of messages. */
#define _GNU_SOURCE
#include <sys/stat.h>
#include <unistd.h>

#include "queue.h"

static uint32_t high_water(rwq *q) {
    uint64_t high = rw_load(&q->control->high_water);
    return high > q->l.slots ? q->l.slots : (uint32_t)high;
}

static void count_slots(rwq *q, struct rwq_status *s) {
    uint32_t high = high_water(q);
    uint64_t oldest = UINT64_MAX;
    for (uint32_t slot = 0; slot < high; slot++) {
        if (!rw_slot_present(q, slot)) continue;
        uint64_t w = rw_load(&q->slots[slot].state);
        uint32_t state = RW_STATE(w);
        if (state > RWQ_SLOT_BURIED) continue;
        if (state != RWQ_SLOT_FREE) s->state_count[state]++;
        if (state != RWQ_SLOT_READY) continue;
        s->ready_by_priority[RW_PRIORITY(w)]++;
        uint64_t enqueued = rw_load_relaxed(&q->slots[slot].enqueued_ms);
        if (enqueued < oldest) oldest = enqueued;
    }
    double taken = 0;
    for (int state = 1; state < 8; state++) taken += s->state_count[state];
    s->state_count[RWQ_SLOT_FREE] = (double)q->l.slots - taken;
    uint64_t wall = rw_wall_ms(q);
    s->oldest_ms = oldest == UINT64_MAX ? -1 : wall > oldest ? (double)(wall - oldest) : 0;
    s->high_water = high;
}

int32_t rwq_status(rwq *q) {
    struct rwq_status *s = (struct rwq_status *)q->staging;
    memset(s, 0, sizeof *s);
    rw_now_ms(q);
    count_slots(q, s);
    uint64_t due = rw_next_due_in(q);
    s->next_due_ms = due == UINT64_MAX ? -1 : (double)due;
    struct stat st;
    if (fstat(q->fd, &st) == 0) s->memory_bytes = (double)st.st_blocks * 512, s->segment_bytes = (double)st.st_size;
    uint32_t high = rw_load(&q->control->participants_high);
    for (uint32_t i = 1; i <= high && i <= q->l.participants; i++) {
        if (!rw_part_present(q, i)) continue;
        struct rw_participant *p = rw_part(q, i);
        s->participants += rw_load(&p->active) != 0;
        for (int c = 0; c < RWQ_COUNTERS; c++) s->totals[c] += (double)rw_load_relaxed(&p->counters[c]);
    }
    return 0;
}

int32_t rwq_participant(rwq *q, uint32_t i) {
    if (i < 1 || i > q->l.participants) return rw_fail(-EINVAL, "participant %u of %u", i, q->l.participants);
    if (!rw_part_present(q, i) || !rw_load(&rw_part(q, i)->active)) return -ENOENT;
    struct rw_participant *p = rw_part(q, i);
    struct rwq_participant_info *info = (struct rwq_participant_info *)q->staging;
    memset(info, 0, sizeof *info);
    uint64_t now = rw_now_ms(q), beat = rw_load_relaxed(&p->heartbeat_ms);
    info->index = i, info->pid = rw_load_relaxed(&p->pid);
    info->start_ms = (double)rw_load_relaxed(&p->start_ms);
    info->heartbeat_age_ms = beat && beat <= now ? (double)(now - beat) : -1;
    memcpy(info->name, p->name, sizeof info->name);
    info->name[sizeof info->name - 1] = 0;
    for (int c = 0; c < RWQ_COUNTERS; c++) info->counters[c] = (double)(rw_load_relaxed(&p->counters[c]) - rw_load_relaxed(&p->base[c]));
    info->consumes = rw_load(&p->consumes);
    uint32_t high = high_water(q);
    for (uint32_t slot = 0; slot < high; slot++) {
        if (!rw_slot_present(q, slot)) continue;
        uint64_t w = rw_load(&q->slots[slot].state);
        info->leased += RW_STATE(w) == RWQ_SLOT_LEASED && RW_OWNER(w) == i;
    }
    return 0;
}

int32_t rwq_geometry(rwq *q) {
    const struct rw_super *s = &q->super;
    struct rwq_geometry *g = (struct rwq_geometry *)q->staging;
    *g = (struct rwq_geometry){
        .max_messages = s->slots, .max_body = s->max_body, .max_headers = s->max_headers, .max_participants = s->participants, .max_dead = s->max_dead,
        .max_deliver = s->max_deliver, .lease_ms = s->lease_ms, .journal = s->journal, .interval_ms = s->interval_ms, .index = q->me,
        .abi_major = s->abi_major, .abi_minor = s->abi_minor, .created_ms = (double)s->created_ms, .total_bytes = (double)s->total_bytes,
    };
    memcpy(g->uuid, s->uuid, sizeof g->uuid);
    return 0;
}

/* An observer has no place where it could announce that it reads, so it must not touch pages that a trimmer might take: read(2) on a hole
 * gives zeros, a memory access could be a SIGBUS. */
static bool copy_body(rwq *q, uint32_t slot, uint64_t bytes, uint8_t *into) {
    const uint8_t *from = rw_body(q, slot, bytes);
    if (q->observe && bytes > q->l.small_bytes) return pread(q->fd, into, bytes, from - q->base) == (ssize_t)bytes;
    memcpy(into, from, bytes);
    return true;
}

/*
 * A consistent copy of a slot that is not ours: the header and body of a message do not change while its state word does not, so what was
 * copied between two equal looks at the word is one message. false: it moved on meanwhile.
 */
static bool snapshot(rwq *q, uint32_t slot, uint64_t word, uint64_t room, struct rwq_meta *meta, uint8_t *into) {
    struct rw_slot *s = &q->slots[slot];
    uint32_t body_len = rw_load(&s->body_len), headers_len = rw_load(&s->headers_len);
    /* Lengths of two messages would lead to memory that neither of them has reserved. */
    if (rw_load_seq(&s->state) != word || body_len > q->l.max_body || headers_len > q->l.max_headers) return false;
    rw_fill_meta(q, meta, slot, word, body_len, headers_len);
    meta->flags |= RW_STATE(word) << 24;
    uint64_t bytes = headers_len ? rw_pad8(body_len) + headers_len : body_len, due = rw_load_relaxed(&s->due);
    if (RW_STATE(word) == RWQ_SLOT_DELAYED) meta->expires_ms = (double)RW_TIME(due) + (q->journal ? 0 : (double)(int64_t)(rw_wall_ms(q) - q->clock_ms));
    if (bytes > room) meta->flags |= RWQ_META_BIG;
    else if (!copy_body(q, slot, bytes, into)) return false;
    rw_copy_barrier(); /* SYNC POINT (slot.body): copy, then the state / claim, then the next message */
    return rw_load_seq(&s->state) == word;
}

static void reading(rwq *q, bool on) {
    if (!q->observe) rw_store_seq(&q->me_record->reading, q->views + on);
}

static bool snapshot_guarded(rwq *q, uint32_t slot, uint64_t word, uint64_t room) {
    reading(q, true);
    /* SYNC POINT (participant.reading): a page may only be read while the slot is not FREE: `reading`, then the state / the trimmer's CAS,
     * then `reading`, all seq_cst. */
    bool done = snapshot(q, slot, word, room, &q->io->meta, q->staging);
    reading(q, false);
    return done;
}

int32_t rwq_peek(rwq *q) {
    static const uint8_t order[RW_RINGS] = {RW_RING_REDELIVERY, RW_RING_HIGH, RW_RING_NORMAL, RW_RING_LOW};
    uint64_t *cursor = q->io->cursor; /* {ring, position + 1} */
    rw_now_ms(q);
    for (uint64_t ring = cursor[0]; ring < RW_RINGS; ring++) {
        uint64_t position = ring == cursor[0] && cursor[1] ? cursor[1] - 1 : rw_load(&q->control->ring[order[ring]].head);
        for (uint32_t n = 0; n <= q->l.ring_entries; n++, position++) {
            bool present;
            _Atomic uint64_t *e = rw_ring_entry(q, order[ring], position, &present);
            if (!present) break;
            uint64_t entry = rw_load(e);
            if (RW_ENTRY_CYCLE(entry) != rw_ring_cycle(q, position)) break;
            uint32_t slot = RW_ENTRY_IDX(entry);
            if (!rw_slot_index_ok(q, slot) || !rw_slot_present(q, slot)) continue;
            uint64_t w = rw_load(&q->slots[slot].state);
            if (RW_STATE(w) != RWQ_SLOT_READY || (RW_GEN(w) & RW_GEN_MASK) != RW_ENTRY_GEN(entry)) continue;
            if (!snapshot_guarded(q, slot, w, q->staging_bytes)) continue;
            cursor[0] = ring, cursor[1] = position + 2;
            return 0;
        }
    }
    cursor[0] = RW_RINGS, cursor[1] = 0;
    return -EAGAIN;
}

int32_t rwq_inspect(rwq *q, uint32_t mask) {
    uint32_t high = high_water(q);
    rw_now_ms(q);
    for (uint64_t slot = q->io->cursor[0]; slot < high; slot++) {
        uint32_t i = (uint32_t)slot;
        if (!rw_slot_present(q, i)) continue;
        uint64_t w = rw_load(&q->slots[i].state);
        if (RW_STATE(w) == RWQ_SLOT_FREE || RW_STATE(w) == RWQ_SLOT_CLAIMED || !(mask >> RW_STATE(w) & 1)) continue;
        uint64_t room = q->staging_bytes > RWQ_NOTE_BYTES ? q->staging_bytes - RWQ_NOTE_BYTES - 8 : 0;
        if (!snapshot_guarded(q, i, w, room)) continue;
        struct rwq_meta *meta = &q->io->meta;
        if (RW_STATE(w) == RWQ_SLOT_BURIED) {
            uint64_t at = meta->flags & RWQ_META_BIG ? 0 : rw_pad8(meta->body_len) + rw_pad8(meta->headers_len);
            meta->note_len = rw_note_read(q, i, w, q->staging + at, RWQ_NOTE_BYTES);
            if (rw_load_seq(&q->slots[i].state) != w) continue;
        }
        q->io->cursor[0] = slot + 1;
        return 0;
    }
    q->io->cursor[0] = high;
    return -EAGAIN;
}
