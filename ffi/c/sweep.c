/*
 * Recovery: what the dead left, hints that are missing, leases and lives that are over. Every step is a CAS from exactly what was seen,
 * so any number of sweepers may be at it; the election only saves work.
 */
#define _GNU_SOURCE
#include <stdlib.h>

#include "queue.h"

#define ROUND_BUDGET_NS 50000u
#define ROUND_STRIDE 256u /* slots between two looks at the clock */

static uint32_t high_water(rwq *q) {
    uint64_t high = rw_load(&q->control->high_water);
    return high > q->l.slots ? q->l.slots : (uint32_t)high;
}

/* An unfinished send: never accepted, so it vanishes. */
static uint32_t free_claim(rwq *q, uint32_t slot, uint64_t w) {
    bool dropped = RW_FLAGS(w) & RW_EVICTED;
    if (dropped) rw_count_drop(rw_part(q, RW_OWNER(w)), slot);
    if (!rw_free(q, slot, w)) return 0;
    RW_POINT("recover:freed");
    if (dropped) rw_drop_is_counted(rw_part(q, RW_OWNER(w)));
    rw_count(q, RWQ_COUNT_CLAIMS_FREED, 1);
    return 1;
}

static uint32_t give_back(rwq *q, uint32_t slot, uint64_t w, bool died) {
    if (died) return rw_requeue(q, slot, w, "its worker died");
    uint32_t attempts = RW_ATTEMPTS(w), counted = attempts && !(RW_FLAGS(w) & RW_UNCOUNTED);
    return rw_make_ready(q, slot, w, attempts - counted, RW_FLAGS(w) | RW_REDELIVERED);
}

uint32_t rw_recover_owned(rwq *q, const struct rw_owners *owners, bool died) {
    uint32_t moved = 0, high = high_water(q);
    struct rw_list leases = {0};
    for (uint32_t slot = 0; slot < high; slot++) {
        if (!rw_slot_present(q, slot)) continue;
        uint64_t w = rw_load(&q->slots[slot].state);
        uint32_t owner = RW_OWNER(w), state = RW_STATE(w);
        if (!(owners->bits[owner / 64] >> (owner & 63) & 1)) continue;
        if (state == RWQ_SLOT_CLAIMED) moved += free_claim(q, slot, w);
        else if (state == RWQ_SLOT_LEASED || state == RWQ_SLOT_SETTLING) {
            if (!rw_remember(q, &leases, slot, w)) moved += give_back(q, slot, w, died);
        }
    }
    rw_sort(&leases);
    for (uint32_t i = 0; i < leases.count; i++) {
        moved += give_back(q, leases.items[i].slot, leases.items[i].word, died);
        RW_POINT("recover:one");
    }
    rw_release_list(&leases);
    return moved;
}

/* Between a commit and its hint, between a free and its bit: whatever half steps the dead died in. Once for any number of them. */
void rw_mend_half_steps(rwq *q) {
    rw_orphans_found(q);
    rw_rehint(q);
    rw_used_repair(q, 0, q->l.slots);
    uint64_t now = rw_now_ms_threadsafe();
    uint32_t high = high_water(q);
    for (uint32_t slot = 0; slot < high; slot++)
        if (rw_slot_present(q, slot)) rw_reschedule(q, slot, rw_load(&q->slots[slot].state), now);
    rw_expire_leases(q, now);
    rw_recount_dead(q);
    rw_limit_dead(q);
}

void rw_recount_dead(rwq *q) {
    uint32_t high = high_water(q), seen = 0;
    for (uint32_t slot = 0; slot < high; slot++) seen += rw_slot_present(q, slot) && RW_STATE(rw_load(&q->slots[slot].state)) == RWQ_SLOT_BURIED;
    rw_store(&q->control->dead_letters, seen);
}

/* The oldest dead letters go when there are more than max_dead, all that are too many in one pass. The counter is a hint: a death may leave
 * it off by one, until it is recovered. */
void rw_limit_dead(rwq *q) {
    if (__builtin_expect(rw_load(&q->control->dead_letters) <= q->super.max_dead, 1)) return;
    struct rw_list dead = {0};
    uint32_t high = high_water(q);
    for (uint32_t slot = 0; slot < high; slot++) {
        if (!rw_slot_present(q, slot)) continue;
        uint64_t w = rw_load(&q->slots[slot].state);
        if (RW_STATE(w) == RWQ_SLOT_BURIED && !rw_remember(q, &dead, slot, w)) break; /* no memory: the next time */
    }
    rw_sort(&dead);
    uint32_t kept = dead.count;
    for (uint32_t i = 0; i < dead.count && kept > q->super.max_dead; i++, kept--)
        if (rw_free(q, dead.items[i].slot, dead.items[i].word)) rw_count(q, RWQ_COUNT_DROPPED_DEAD, 1);
    rw_store(&q->control->dead_letters, kept);
    rw_release_list(&dead);
}

static void mark_hinted(rwq *q, uint64_t *hinted) {
    for (uint32_t ring = 0; ring < RW_RINGS; ring++) {
        uint64_t position = rw_load_seq(&q->control->ring[ring].head);
        for (uint32_t n = 0; n <= q->l.ring_entries; n++, position++) {
            bool present;
            _Atomic uint64_t *e = rw_ring_entry(q, ring, position, &present);
            if (!present) break;
            uint64_t entry = rw_load(e);
            if (RW_ENTRY_CYCLE(entry) != rw_ring_cycle(q, position)) break; /* only the current cycle counts, up to the real tail */
            uint32_t slot = RW_ENTRY_IDX(entry);
            if (!rw_slot_index_ok(q, slot) || !rw_slot_present(q, slot)) continue;
            uint64_t w = rw_load(&q->slots[slot].state);
            if (RW_STATE(w) == RWQ_SLOT_READY && (RW_GEN(w) & RW_GEN_MASK) == RW_ENTRY_GEN(entry)) hinted[slot / 64] |= 1ull << (slot & 63);
        }
    }
}

/* false when there was no memory for all of them */
static bool find_missing(rwq *q, uint64_t *hinted, struct rw_list *missing) {
    uint32_t high = high_water(q);
    bool all = true;
    missing->count = 0;
    memset(hinted, 0, q->l.words * sizeof *hinted);
    mark_hinted(q, hinted);
    for (uint32_t slot = 0; slot < high; slot++) {
        if (hinted[slot / 64] >> (slot & 63) & 1 || !rw_slot_present(q, slot)) continue;
        uint64_t w = rw_load(&q->slots[slot].state);
        if (RW_STATE(w) == RWQ_SLOT_READY && !rw_remember(q, missing, slot, w)) all = false;
    }
    rw_sort(missing);
    return all;
}

#define SCANS_MAX 4

uint32_t rw_rehint(rwq *q) {
    uint64_t *hinted = malloc(q->l.words * sizeof *hinted);
    if (!hinted) return 0; /* the flag stays: next time */
    struct rw_list missing = {0};
    uint32_t begun, inserted = 0;
    bool tried;
    /* Of two that one sender left during a scan, it may have passed the place of the first before it was there, and found the second. */
    for (int scan = 1;; scan++) {
        /* Taken down at the end only, and only if nothing was added meanwhile: who is stopped in here must not hide from the others that
         * there is something to do. */
        begun = rw_load_seq(&q->control->orphans);
        RW_POINT("rehint:begun");
        tried = !find_missing(q, hinted, &missing);
        if (scan == SCANS_MAX || rw_load_seq(&q->control->orphans) == begun) break;
    }
    for (uint32_t i = 0; i < missing.count; i++) {
        struct rw_found *f = &missing.items[i];
        RW_POINT("rehint:one");
        if (rw_load(&q->control->poisoned)) break;
        if (rw_load(&q->slots[f->slot].state) != f->word) continue;
        if (rw_ring_try_insert(q, rw_ring_of(f->word), f->slot, RW_GEN(f->word)) == RW_INSERTED) inserted++;
        else tried = true;
    }
    /* SYNC POINT (orphans): fails if anything was found since; what was found before is seen, as the load acquired it */
    rw_cas(&q->control->orphans, &begun, RW_ORPHANS_NEXT(begun, tried ? RW_ORPHANS_TRIED : RW_ORPHANS_NONE));
    rw_release_list(&missing);
    free(hinted);
    if (inserted) rw_signal(q, RWQ_FOR_MESSAGE);
    return inserted;
}

/*
 * A message whose mover was stopped between the state and the hint: nobody died, so nobody recovers, and no ring shows it. A READY slot
 * that stays as it is while all rings are empty is such a one; so may be one that stays for long while they are not.
 */
#define SUSPICIOUS_AFTER_MS 10000u

static void suspect(rwq *q, uint32_t slot, uint64_t w, uint64_t now) {
    if (q->suspect.word == 0) q->suspect.word = w, q->suspect.slot = slot, q->suspect.since_ms = now;
}

static void judge_suspect(rwq *q, uint64_t now) {
    if (q->suspect.word == 0 || now == q->suspect.since_ms) return;
    if (rw_load(&q->slots[q->suspect.slot].state) != q->suspect.word) {
        q->suspect.word = 0;
    } else if (!rw_anything_ready(q) || now - q->suspect.since_ms >= SUSPICIOUS_AFTER_MS) {
        rw_orphans_found(q);
        q->suspect.word = 0;
    }
}

/* What only shows when one looks at the slot itself. */
static uint32_t look_at(rwq *q, uint32_t slot, uint64_t now, uint64_t due_now) {
    struct rw_slot *s = &q->slots[slot];
    uint64_t w = rw_load(&s->state);
    if (RW_STATE(w) == RWQ_SLOT_READY) {
        uint64_t expires = rw_load(&s->expires_ms);
        /* The header does not change while the word does not: a value read before a CAS that succeeds belongs to it. */
        if (expires && expires <= due_now && rw_load(&s->state) == w && rw_free(q, slot, w)) {
            rw_count(q, RWQ_COUNT_DROPPED_EXPIRED, 1);
            return 1;
        }
        suspect(q, slot, w, now);
    } else {
        rw_reschedule(q, slot, w, now);
    }
    return 0;
}

static uint32_t advance_cursor(rwq *q, uint64_t now, bool everything) {
    uint32_t high = high_water(q), moved = 0;
    if (high == 0) return 0;
    uint64_t due_now = rw_due_clock(q), begun = rw_precise_ns();
    uint32_t slot = everything ? 0 : rw_load(&q->control->cursor) % high, start = slot;
    for (uint32_t n = 0; n < high; n++) {
        if (rw_slot_present(q, slot)) moved += look_at(q, slot, now, due_now);
        slot = slot + 1 == high ? 0 : slot + 1;
        if (!everything && n % ROUND_STRIDE == ROUND_STRIDE - 1 && rw_precise_ns() - begun > ROUND_BUDGET_NS) break;
    }
    if (slot > start) rw_used_repair(q, start, slot);
    else rw_used_repair(q, 0, high);
    rw_store(&q->control->cursor, slot);
    rw_limit_dead(q);
    return moved;
}

static bool elected(_Atomic uint64_t *turn, uint64_t now, uint64_t every_ms) {
    uint64_t last = rw_load(turn);
    return now - last >= every_ms && rw_cas(turn, &last, now); /* saves work only: what a round does is safe in any number of them */
}

uint32_t rw_sweep_round(rwq *q, uint64_t now) {
    if (!elected(&q->control->sweep_turn, now, RW_SWEEP_EVERY_MS)) return 0;
    RW_POINT("sweep:elected");
    for (uint32_t ring = 0; ring < RW_RINGS; ring++)
        if (!rw_ring_plausible(q, ring)) {
            rw_poison(q, "a ring's positions are impossible");
            return 0;
        }
    rw_store_relaxed(&q->me_record->heartbeat_ms, now);
    judge_suspect(q, now);
    uint32_t moved = rw_promote_due(q, rw_due_clock(q));
    moved += advance_cursor(q, now, false);
    moved += rw_expire_leases(q, now);
    bool few = rw_load(&q->control->participants_high) <= RW_FEW_PARTICIPANTS;
    if (elected(&q->control->death_turn, now, few ? 0 : RW_DEATHS_EVERY_MS)) moved += rw_recover_deaths(q);
    if (rw_orphans(q)) rw_rehint(q);
    return moved;
}

uint32_t rw_sweep_full(rwq *q) {
    uint64_t now = rw_now_ms(q);
    uint32_t moved = advance_cursor(q, now, true);
    moved += rw_promote_due(q, rw_due_clock(q)) + rw_expire_leases(q, now) + rw_recover_deaths(q);
    rw_rehint(q);
    rw_used_repair(q, 0, q->l.slots);
    rw_recount_dead(q);
    rw_limit_dead(q);
    return moved;
}

int32_t rwq_sweep(rwq *q, uint32_t how) {
    if (q->observe) return rw_fail(-EINVAL, "this handle only observes");
    uint64_t now = rw_now_ms(q);
    uint32_t moved = how == RWQ_SWEEP_FULL ? rw_sweep_full(q) : how == RWQ_SWEEP_DEATHS ? rw_recover_deaths(q) : rw_sweep_round(q, now);
    return moved > INT32_MAX ? INT32_MAX : (int32_t)moved;
}
