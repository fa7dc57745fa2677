/*
 * When something is due, without looking at every slot: for each word of 64 slots the earliest lease deadline and the earliest due time
 * (0: none), and one word for the earliest due time of all. They are lower bounds. The scanner exchanges a bound with 0 first, then looks
 * at the slots, then lowers it again; who makes a slot due changes the slot first, then looks at the bound:
 *   SYNC POINT (bounds): state CAS, then load of the bound / exchange of the bound, then load of the states. In the one order of all
 *   seq_cst operations at least one of them sees the other. The high-water mark says which states there are, so it is read after the
 *   exchange too.
 * A scanner that dies or stops in between leaves a bound too high; the sweeper's cursor notes every slot again within seconds.
 */
#include "queue.h"

static _Atomic uint64_t *lease_min(const rwq *q, uint32_t slot) { return (_Atomic uint64_t *)(q->base + q->l.lease_min) + slot / 64; }
static _Atomic uint64_t *due_min(const rwq *q, uint32_t slot) { return (_Atomic uint64_t *)(q->base + q->l.due_min) + slot / 64; }

/* true when the bound was lowered */
static bool lower(_Atomic uint64_t *bound, uint64_t ms) {
    uint64_t now = rw_load_seq(bound);
    while (now == 0 || now > ms)
        if (rw_cas(bound, &now, ms)) return true;
    return false;
}

void rw_lease_note(rwq *q, uint32_t slot, uint64_t ms) { lower(lease_min(q, slot), ms); }

void rw_due_note(rwq *q, uint32_t slot, uint64_t ms) {
    lower(due_min(q, slot), ms);
    RW_POINT("due:noted");
    /* Somebody who sleeps until a later time must learn of it. */
    if (lower(&q->control->next_due, ms)) rw_signal(q, RWQ_FOR_MESSAGE);
}

uint64_t rw_next_due_in(rwq *q) {
    uint64_t due = rw_load(&q->control->next_due), now = rw_due_clock(q);
    return due == 0 ? UINT64_MAX : due > now ? due - now : 0;
}

/* Nearer than a sweep's turn nobody need look at leases. */
#define LEASE_LOOK_AT_LEAST_MS 25u

static uint64_t next_lease_in(rwq *q) {
    uint64_t earliest = UINT64_MAX, high = rw_load(&q->control->high_water);
    for (uint64_t slot = 0; slot < high && slot < q->l.slots; slot += 64) {
        uint64_t bound = rw_load(lease_min(q, (uint32_t)slot));
        if (bound && bound < earliest) earliest = bound;
    }
    if (earliest == UINT64_MAX) return earliest;
    return earliest > q->clock_ms + LEASE_LOOK_AT_LEAST_MS ? earliest - q->clock_ms : LEASE_LOOK_AT_LEAST_MS;
}

uint64_t rw_next_work_in(rwq *q) {
    if (rw_load(&q->control->lifecycle) & RWQ_PAUSED_BIT) return UINT64_MAX; /* what falls due has to wait as well */
    uint64_t due = rw_next_due_in(q), lease = next_lease_in(q);
    return due < lease ? due : lease;
}

/* SYNC POINT (high_water): seq_cst, after the exchange of the bound; raised before the claim, which is before the note. */
static uint32_t high_water(rwq *q) {
    uint64_t high = rw_load_seq(&q->control->high_water);
    return high > q->l.slots ? q->l.slots : (uint32_t)high;
}

static uint32_t promote_word(rwq *q, uint32_t first, uint64_t due_now) {
    uint32_t moved = 0;
    uint64_t earliest = UINT64_MAX;
    atomic_exchange(due_min(q, first), 0);
    RW_POINT("promote:taken");
    uint32_t high = high_water(q);
    for (uint32_t slot = first; slot < first + 64 && slot < high; slot++) {
        if (!rw_slot_present(q, slot)) continue;
        uint64_t w = rw_load_seq(&q->slots[slot].state);
        if (RW_STATE(w) != RWQ_SLOT_DELAYED) continue;
        /* SYNC POINT (slot.due): written before the state became DELAYED; a later one's is of another gen, and the CAS below fails */
        uint64_t due = rw_load(&q->slots[slot].due);
        if (RW_TAG_MATCHES(due, RW_GEN(w)) && RW_TIME(due) > due_now) {
            if (RW_TIME(due) < earliest) earliest = RW_TIME(due);
        } else if (rw_make_ready(q, slot, w, RW_ATTEMPTS(w), RW_FLAGS(w))) {
            moved++;
        }
    }
    if (earliest != UINT64_MAX) lower(due_min(q, first), earliest);
    return moved;
}

uint32_t rw_promote_due(rwq *q, uint64_t due_now) {
    uint64_t next = rw_load(&q->control->next_due);
    if (next == 0 || next > due_now) return 0;
    uint32_t moved = 0;
    uint64_t earliest = UINT64_MAX;
    RW_POINT("promote:due");
    atomic_exchange(&q->control->next_due, 0);
    RW_POINT("promote:begun");
    uint32_t high = high_water(q);
    for (uint32_t slot = 0; slot < high; slot += 64) {
        uint64_t bound = rw_load_seq(due_min(q, slot));
        if (bound && bound <= due_now) {
            moved += promote_word(q, slot, due_now);
            bound = rw_load_seq(due_min(q, slot));
        }
        if (bound && bound < earliest) earliest = bound;
    }
    if (earliest != UINT64_MAX) lower(&q->control->next_due, earliest);
    return moved;
}

/* When a lease ends, perhaps in the past. One that its owner wrote no deadline for has its clock started. */
static uint64_t lease_until(rwq *q, uint32_t slot, uint64_t w, uint64_t now) {
    _Atomic uint64_t *deadline = &q->slots[slot].deadline;
    uint64_t d = rw_load(deadline);
    uint32_t gen = RW_GEN(w);
    if (RW_TAG_MATCHES(d, gen) && RW_TIME(d) != 0) return RW_TIME(d);
    uint64_t until = now + q->super.lease_ms;
    return rw_cas(deadline, &d, RW_TAGGED(gen, until)) ? until : now + 1;
}

/* First the deadline, so that a touch that comes now fails; the lease itself later. */
static bool mark_expired(rwq *q, uint32_t slot, uint64_t w, uint64_t now) {
    _Atomic uint64_t *deadline = &q->slots[slot].deadline;
    uint64_t d = rw_load(deadline);
    if (!RW_TAG_MATCHES(d, RW_GEN(w)) || RW_TIME(d) > now) return false;
    if (RW_TIME(d) != RW_DEADLINE_EXPIRED && !rw_cas(deadline, &d, RW_TAGGED(RW_GEN(w), RW_DEADLINE_EXPIRED))) return false;
    /* SYNC POINT (slot.deadline): a touch and the mark are CASes of one word, so the order of that word alone decides which came first */
    RW_POINT("expire:marked");
    return true;
}

static uint32_t expire(rwq *q, uint32_t slot, uint64_t w, uint64_t now) {
    if (rw_requeue(q, slot, w, "its lease expired")) return 1;
    rw_lease_note(q, slot, now + 1); /* settled, or its owner has counted an attempt at this moment: then the lease is still over */
    return 0;
}

/* All that are over, in the order in which they were sent. Who is stopped before the end leaves some that are marked: the cursor notes them. */
uint32_t rw_expire_leases(rwq *q, uint64_t now) {
    uint32_t moved = 0, high = high_water(q);
    struct rw_list over = {0};
    for (uint32_t first = 0; first < high; first += 64) {
        uint64_t bound = rw_load_seq(lease_min(q, first));
        if (bound == 0 || bound > now) continue;
        RW_POINT("expire:due");
        atomic_exchange(lease_min(q, first), 0);
        uint64_t earliest = UINT64_MAX;
        high = high_water(q);
        for (uint32_t slot = first; slot < first + 64 && slot < high; slot++) {
            if (!rw_slot_present(q, slot)) continue;
            uint64_t w = rw_load_seq(&q->slots[slot].state);
            if (RW_STATE(w) != RWQ_SLOT_LEASED) continue;
            uint64_t until = lease_until(q, slot, w, now);
            if (until <= now && mark_expired(q, slot, w, now)) {
                if (!rw_remember(q, &over, slot, w)) moved += expire(q, slot, w, now);
            } else if (until < earliest) {
                earliest = until > now ? until : now + 1;
            }
        }
        if (earliest != UINT64_MAX) lower(lease_min(q, first), earliest);
    }
    rw_sort(&over);
    for (uint32_t i = 0; i < over.count; i++) moved += expire(q, over.items[i].slot, over.items[i].word, now);
    rw_release_list(&over);
    rw_limit_dead(q);
    return moved;
}

void rw_reschedule(rwq *q, uint32_t slot, uint64_t w, uint64_t now) {
    if (RW_STATE(w) == RWQ_SLOT_DELAYED) {
        uint64_t due = rw_load(&q->slots[slot].due);
        uint64_t ms = RW_TAG_MATCHES(due, RW_GEN(w)) && RW_TIME(due) ? RW_TIME(due) : 1;
        rw_due_note(q, slot, ms);
    } else if (RW_STATE(w) == RWQ_SLOT_LEASED) {
        rw_lease_note(q, slot, lease_until(q, slot, w, now));
    }
}
