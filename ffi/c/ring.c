/*
 * Rings of hints: entry = {cycle, gen, slot}. An entry of the current cycle whose slot is READY at that gen is live, anything else is
 * dead and anyone may step over it. Once dead, always dead: every way back to READY takes a new gen.
 *
 * Insertion is one CAS on the entry; tail is only help. It is bounded: a ring that is full of hints with a live one at its head does not
 * take another ("enqueuing twice is harmless" is false: two sweepers and two producers can chase duplicates for ever). Then the orphans
 * flag is set and whoever sees a ring empty rebuilds the missing hints.
 */
#include "queue.h"

_Atomic uint64_t *rw_ring_entry(const rwq *q, uint32_t ring, uint64_t position, bool *present) {
    uint64_t at = q->l.rings + ((uint64_t)ring * q->l.ring_entries + (position & (q->l.ring_entries - 1))) * 8;
    *present = rw_present(q, at);
    return (_Atomic uint64_t *)(q->base + at);
}

static bool is_live(const rwq *q, uint64_t entry, uint64_t *word) {
    uint32_t slot = RW_ENTRY_IDX(entry);
    if (!rw_slot_index_ok(q, slot) || !rw_slot_present(q, slot)) return false; /* hostile entry: as good as dead */
    *word = rw_load(&q->slots[slot].state); /* acquire: the state was changed before the hint that was just read, see ring.entry */
    return RW_STATE(*word) == RWQ_SLOT_READY && (RW_GEN(*word) & RW_GEN_MASK) == RW_ENTRY_GEN(entry);
}

/*
 * Head and tail are help only: every handle keeps positions of its own, which are never behind what it has seen, and writes the shared ones
 * once in eight. A walk from a shared one meets a few entries that are taken or dead already.
 */
#define SHARE_EVERY 8u
#define STUCK_MAX 64u /* looks at an entry that fits neither this round nor the last, and no tail is further on */

static void raise(_Atomic uint64_t *position, uint64_t to) {
    uint64_t now = rw_load(position);
    while (now < to && !rw_cas(position, &now, to)) {}
}

static uint64_t later(const _Atomic uint64_t *mine, const _Atomic uint64_t *shared) {
    /* SYNC POINT (ring.tail): acquire: the helper thread may have moved it, and is_full() relies on the entries before it */
    uint64_t a = rw_load(mine), b = rw_load_seq(shared);
    return a > b ? a : b;
}

uint64_t rw_ring_head(const rwq *q, uint32_t ring) { return later(&q->ring_head[ring], &q->control->ring[ring].head); }

void rw_ring_pass(rwq *q, uint32_t ring, uint64_t position) {
    rw_store_relaxed(&q->ring_head[ring], position + 1);
    if (position % SHARE_EVERY == SHARE_EVERY - 1) raise(&q->control->ring[ring].head, position + 1);
}

void rw_ring_share(rwq *q) {
    for (uint32_t ring = 0; ring < RW_RINGS; ring++) {
        raise(&q->control->ring[ring].head, rw_load_relaxed(&q->ring_head[ring]));
        raise(&q->control->ring[ring].tail, rw_load(&q->ring_tail[ring]));
    }
}

/* Is there really no room? A head that is only late is moved on. */
static bool is_full(rwq *q, uint32_t ring, uint64_t tail) {
    _Atomic uint64_t *shared = &q->control->ring[ring].head;
    uint64_t head = rw_load(shared), word;
    for (uint64_t turns = 0; (int64_t)(tail - head) >= (int64_t)q->l.ring_entries; turns++) {
        if (turns > 2ull * q->l.ring_entries) return true; /* hostile values */
        bool present;
        _Atomic uint64_t *oldest = rw_ring_entry(q, ring, head, &present);
        uint64_t entry = present ? rw_load(oldest) : 0;
        if (RW_ENTRY_CYCLE(entry) == rw_ring_cycle(q, head) && is_live(q, entry, &word)) return true;
        if (rw_cas(shared, &head, head + 1)) head++;
    }
    return false;
}

int rw_ring_try_insert(rwq *q, uint32_t ring, uint32_t slot, uint32_t gen) {
    struct rw_ring_words *r = &q->control->ring[ring];
    uint64_t tail = later(&q->ring_tail[ring], &r->tail);
    uint32_t stuck = 0;
    /* Every turn either inserts, gives up, or goes on by one; the bound is for hostile values only. */
    for (uint64_t turns = 0; turns < 8ull * q->l.ring_entries; turns++) {
        if ((int64_t)(tail - rw_load(&r->head)) >= (int64_t)q->l.ring_entries && is_full(q, ring, tail)) break;
        uint64_t at = q->l.rings + ((uint64_t)ring * q->l.ring_entries + (tail & (q->l.ring_entries - 1))) * 8;
        if (rw_reserve(q, at, 8)) break; /* no memory for the hint: the message stands, a sweep will try again */
        _Atomic uint64_t *e = (_Atomic uint64_t *)(q->base + at);
        uint64_t entry = rw_load(e);
        uint32_t cycle = rw_ring_cycle(q, tail);
        if (RW_ENTRY_CYCLE(entry) == cycle) {
            tail++;
            continue;
        }
        if (((RW_ENTRY_CYCLE(entry) + 1) & 0x3ffffu) != cycle) {
            uint64_t now = rw_load(&r->tail); /* overtaken by a whole cycle, it should be */
            if (now <= tail && ++stuck > STUCK_MAX) return rw_poison(q, "a ring's entry is of an impossible cycle"), RW_ORPHANED;
            if (now > tail) tail = now;
            continue;
        }
        RW_POINT("insert:before");
        /* SYNC POINT (ring.entry): releases the state's change to is_live(); before rw_signal()'s look in the one order */
        if (!rw_cas(e, &entry, RW_ENTRY(cycle, gen, slot))) continue;
        RW_POINT("insert:after");
        rw_store(&q->ring_tail[ring], tail + 1); /* SYNC POINT (ring.tail): pairs with later() in another thread of this handle */
        if (tail % SHARE_EVERY == SHARE_EVERY - 1) raise(&r->tail, tail + 1);
        RW_POINT("insert:tail");
        return RW_INSERTED;
    }
    return RW_ORPHANED;
}

int rw_ring_insert(rwq *q, uint32_t ring, uint32_t slot, uint32_t gen) {
    int result = rw_ring_try_insert(q, ring, slot, gen);
    if (result == RW_ORPHANED) rw_orphans_found(q);
    return result;
}

void rw_orphans_found(rwq *q) {
    uint32_t seen = rw_load_seq(&q->control->orphans);
    /* SYNC POINT (orphans): after the state; pairs with the load at which rw_rehint() begins */
    while (!rw_cas(&q->control->orphans, &seen, RW_ORPHANS_NEXT(seen, RW_ORPHANS_NEW))) {}
}

bool rw_ring_next(rwq *q, uint32_t ring, uint64_t *position, uint32_t *slot, uint64_t *word) {
    uint64_t at = *position;
    for (uint64_t turns = 0; turns < 4ull * q->l.ring_entries; turns++) {
        bool present;
        _Atomic uint64_t *e = rw_ring_entry(q, ring, at, &present);
        if (!present) return false;
        /* SYNC POINT (ring.entry): seq_cst: behind dead hints this is the look at the queue that follows arm() */
        uint64_t entry = rw_load_seq(e);
        uint32_t cycle = rw_ring_cycle(q, at);
        if (RW_ENTRY_CYCLE(entry) == cycle) {
            if (is_live(q, entry, word)) {
                *position = at;
                *slot = RW_ENTRY_IDX(entry);
                return true;
            }
            rw_ring_pass(q, ring, at);
            at++;
            continue;
        }
        if (((RW_ENTRY_CYCLE(entry) + 1) & 0x3ffffu) == cycle) return false;
        uint64_t head = rw_load(&q->control->ring[ring].head); /* overtaken by a whole cycle */
        if (head <= at) return false;
        at = head;
    }
    return false;
}

/*
 * An exclusive consumer takes what was given back by its age, whoever gave it back when. Entries are looked at once as long as they are in
 * order, which they nearly always are; else each take looks at all of them again from the first that is not.
 */
void rw_ring_oldest(rwq *q, uint32_t ring, uint64_t *position, uint32_t *slot, uint64_t *word) {
    uint64_t at = *position, id = rw_load_relaxed(&q->slots[*slot].id), last_id = id, oldest = id;
    bool ordered = true;
    if (q->ascending.until > at) at = q->ascending.until, last_id = q->ascending.last_id;
    else at++;
    for (uint32_t n = 0; n <= q->l.ring_entries; n++, at++) {
        bool present;
        _Atomic uint64_t *e = rw_ring_entry(q, ring, at, &present);
        uint64_t entry = present ? rw_load(e) : 0, w;
        if (!present || RW_ENTRY_CYCLE(entry) != rw_ring_cycle(q, at)) break;
        if (is_live(q, entry, &w)) {
            id = rw_load_relaxed(&q->slots[RW_ENTRY_IDX(entry)].id);
            if (id < last_id) ordered = false;
            if (id < oldest) oldest = id, *position = at, *slot = RW_ENTRY_IDX(entry), *word = w;
            last_id = id;
        }
        if (ordered) q->ascending.until = at + 1, q->ascending.last_id = last_id;
    }
}

/*
 * The shared positions may be late by what is written once in eight, and by what stopped and dead processes did not write; more is damage.
 * Each bound is checked against a value that was read on the right side of the tail: positions only grow, so a sweeper that was stopped
 * between two of these loads, while thousands of messages went by, still sees a healthy ring as one.
 */
bool rw_ring_plausible(const rwq *q, uint32_t ring) {
    const struct rw_ring_words *r = &q->control->ring[ring];
    uint64_t slack = 1024 + SHARE_EVERY * (q->l.participants + 2ull);
    uint64_t head_before = rw_load_seq(&r->head);
    RW_POINT("sweep:positions");
    uint64_t tail = rw_load_seq(&r->tail);
    RW_POINT("sweep:positions");
    uint64_t head_after = rw_load_seq(&r->head);
    return head_before >= q->l.ring_entries && tail >= q->l.ring_entries && tail < 1ull << 62 && head_before <= tail + slack &&
           tail <= head_after + q->l.ring_entries + slack;
}

bool rw_ring_empty(rwq *q, uint32_t ring) {
    if (rw_ring_looks_empty(q, ring)) return true;
    uint64_t position = rw_ring_head(q, ring), word;
    uint32_t slot;
    return !rw_ring_next(q, ring, &position, &slot, &word);
}

bool rw_anything_ready(rwq *q) {
    for (uint32_t ring = 0; ring < RW_RINGS; ring++)
        if (!rw_ring_empty(q, ring)) return true;
    return false;
}
