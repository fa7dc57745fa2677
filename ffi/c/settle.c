/* What ends a lease, by its owner or by whoever recovers it. */
#include "queue.h"

static bool free_state(rwq *q, uint32_t slot, uint64_t word) {
    uint64_t expected = word;
    /* SYNC POINT (slot.state): releases the reads of the body to the claim that writes it anew */
    if (!rw_cas(&q->slots[slot].state, &expected, RW_WORD(RWQ_SLOT_FREE, 0, 0, 0, 0, RW_GEN(word)))) return false;
    RW_POINT("free:state");
    if (rw_is_sync(q)) rw_journal_state(q, slot);
    return true;
}

static void tell_of_room(rwq *q) {
    rw_signal(q, RWQ_FOR_SPACE);
    /* Who waits for the end of a stream waits for the last settlement too.
     * SYNC POINT (lifecycle): settle, then look for the end / end, wake all, who then look at the states: rw_drained() */
    if (__builtin_expect(rw_load_seq(&q->control->lifecycle) & RWQ_ENDED, 0)) rw_wake_all(q);
}

bool rw_free(rwq *q, uint32_t slot, uint64_t word) {
    if (!free_state(q, slot, word)) return false;
    rw_used_clear(q, slot);
    tell_of_room(q);
    return true;
}

/* A death before rw_free_now() leaves what a death between state and bitmap leaves: FREE slots that look used, which sweeps find. */
bool rw_free_later(rwq *q, uint32_t slot, uint64_t word) {
    if (!free_state(q, slot, word)) return false;
    rw_used_clear_later(q, slot);
    return true;
}

void rw_free_now(rwq *q) {
    if (!q->clear_mask) return;
    rw_used_clear_now(q);
    tell_of_room(q);
}

bool rw_make_ready(rwq *q, uint32_t slot, uint64_t word, uint32_t attempts, uint32_t flags) {
    uint64_t expected = word, ready = RW_WORD(RWQ_SLOT_READY, flags, RW_PRIORITY(word), 0, attempts, RW_GEN(word) + 1);
    if (!rw_cas(&q->slots[slot].state, &expected, ready)) return false;
    RW_POINT("ready:state");
    if (rw_is_sync(q)) rw_journal_state(q, slot);
    rw_ring_insert(q, rw_ring_of(ready), slot, RW_GEN(ready));
    rw_signal(q, RWQ_FOR_MESSAGE);
    return true;
}

bool rw_bury(rwq *q, uint32_t slot, uint64_t word, const void *note, uint32_t note_len) {
    struct rw_slot *s = &q->slots[slot];
    uint64_t expected = word, settling = RW_WORD(RWQ_SLOT_SETTLING, RW_FLAGS(word), RW_PRIORITY(word), q->me, RW_ATTEMPTS(word), RW_GEN(word) + 1);
    if (!rw_cas(&s->state, &expected, settling)) return false;
    RW_POINT("bury:settling");
    uint32_t number = rw_note_write(q, slot, settling, note, note_len);
    rw_store(&s->note, number);
    if (rw_is_sync(q)) rw_journal_note(q, number);
    RW_POINT("bury:noted");
    uint64_t buried = RW_WORD(RWQ_SLOT_BURIED, RW_FLAGS(word), RW_PRIORITY(word), 0, RW_ATTEMPTS(word), RW_GEN(settling));
    expected = settling;
    if (!rw_cas(&s->state, &expected, buried)) return false;
    RW_POINT("bury:buried");
    if (rw_is_sync(q)) rw_journal_state(q, slot);
    rw_count(q, RWQ_COUNT_BURIED, 1);
    atomic_fetch_add(&q->control->dead_letters, 1);
    if (rw_load_seq(&q->control->lifecycle) & RWQ_ENDED) rw_wake_all(q); /* SYNC POINT (lifecycle): as in tell_of_room() */
    return true;
}

bool rw_requeue(rwq *q, uint32_t slot, uint64_t word, const char *why) {
    bool lease = RW_STATE(word) == RWQ_SLOT_LEASED;
    bool done;
    if (lease && RW_ATTEMPTS(word) >= q->super.max_deliver) {
        done = rw_bury(q, slot, word, why, (uint32_t)strlen(why));
    } else {
        done = rw_make_ready(q, slot, word, RW_ATTEMPTS(word), RW_FLAGS(word) | RW_REDELIVERED);
    }
    if (done) rw_count(q, RWQ_COUNT_REQUEUED, 1);
    return done;
}

/* ---- the owner's side ---- */

static int32_t lost(rwq *q) {
    rw_count(q, RWQ_COUNT_LEASES_LOST, 1);
    return rw_fail(-ESTALE, "the lease is lost: it expired, or the message was settled before");
}

/* In a sync journal a settlement is on disk when its call returns, or the caller hears of it. */
static int32_t settled(rwq *q) { return rw_is_sync(q) && !rw_load_relaxed(&q->journal_held) ? rw_journal_result(q) : 0; }

/* A token is the whole state word as the lease made it. */
static bool is_mine(const rwq *q, uint32_t slot, uint64_t token) {
    return rw_slot_index_ok(q, slot) && RW_STATE(token) == RWQ_SLOT_LEASED && RW_OWNER(token) == q->me;
}
static int32_t refuse(rwq *q) {
    if (q->observe) return rw_fail(-EINVAL, "this handle only observes");
    return 0;
}

static int32_t ack(rwq *q, uint32_t slot, uint64_t token, bool (*make_free)(rwq *, uint32_t, uint64_t)) {
    int32_t status = refuse(q);
    if (status) return status;
    if (!is_mine(q, slot, token)) return lost(q);
    if (rw_load_relaxed(&q->helper)) rw_renew_forget(q, slot, token);
    RW_POINT("ack:before");
    if (!make_free(q, slot, token)) return lost(q);
    rw_count(q, RWQ_COUNT_ACKED, 1);
    return settled(q);
}

int32_t rwq_ack(rwq *q, uint32_t slot, uint32_t lo, uint32_t hi) { return ack(q, slot, rw_token(lo, hi), rw_free); }

static int32_t ack_each(rwq *q, uint32_t *t, uint32_t count) {
    int32_t done = 0, status = 0;
    for (uint32_t i = 0; i < count; i++, t += 3) {
        status = ack(q, t[0], rw_token(t[1], t[2]), rw_free_later);
        if (status == 0) done++;
        else if (status == -ESTALE) t[0] = UINT32_MAX, status = 0;
        else break;
    }
    rw_free_now(q);
    return status ? status : done;
}

int32_t rwq_ack_many(rwq *q, void *triples, uint32_t count) {
    if (!rw_is_sync(q)) return ack_each(q, triples, count);
    rw_journal_hold(q, true); /* one write for all */
    int32_t done = ack_each(q, triples, count);
    rw_journal_hold(q, false);
    rw_journal_flush(q);
    int32_t written = rw_journal_result(q);
    return written ? written : done;
}

int32_t rwq_nack(rwq *q, uint32_t slot, uint32_t lo, uint32_t hi, double delay_ms, uint32_t flags) {
    int32_t status = refuse(q);
    if (status) return status;
    uint64_t token = rw_token(lo, hi);
    if (!is_mine(q, slot, token)) return lost(q);
    if (rw_load_relaxed(&q->helper)) rw_renew_forget(q, slot, token);
    uint32_t attempts = RW_ATTEMPTS(token);
    bool counted = !(flags & RWQ_NACK_UNCOUNTED);
    if (!counted && attempts && !(RW_FLAGS(token) & RW_UNCOUNTED)) attempts--;
    if (counted && attempts >= q->super.max_deliver) {
        static const char why[] = "given back too often";
        if (!rw_bury(q, slot, token, why, sizeof why - 1)) return lost(q);
        rw_limit_dead(q);
        int32_t written = settled(q);
        return written ? written : 1;
    }
    uint32_t keep = RW_FLAGS(token) | RW_REDELIVERED;
    if (!(delay_ms >= 1)) {
        RW_POINT("nack:before");
        if (!rw_make_ready(q, slot, token, attempts, keep)) return lost(q);
        rw_count(q, RWQ_COUNT_NACKED, 1);
        return settled(q);
    }
    /* SETTLING first: a due time written under a lease that is lost meanwhile would be the successor's. */
    struct rw_slot *s = &q->slots[slot];
    uint64_t expected = token, settling = RW_WORD(RWQ_SLOT_SETTLING, keep, RW_PRIORITY(token), q->me, attempts, RW_GEN(token) + 1);
    if (!rw_cas(&s->state, &expected, settling)) return lost(q);
    RW_POINT("nack:settling");
    rw_now_ms(q);
    uint64_t due = rw_due_clock(q) + (uint64_t)rw_bounded_ms(delay_ms);
    /* SYNC POINT (slot.due): release, and before the CAS to DELAYED: promote_word() reads it after the state */
    rw_store(&s->due, RW_TAGGED(RW_GEN(settling), due));
    RW_POINT("nack:due");
    expected = settling;
    if (!rw_cas(&s->state, &expected, RW_WORD(RWQ_SLOT_DELAYED, keep, RW_PRIORITY(token), 0, attempts, RW_GEN(settling)))) return lost(q);
    RW_POINT("nack:delayed");
    if (rw_is_sync(q)) rw_journal_state(q, slot);
    rw_due_note(q, slot, due);
    rw_count(q, RWQ_COUNT_NACKED, 1);
    return settled(q);
}

bool rw_touch(rwq *q, uint32_t slot, uint64_t token, uint32_t lease_ms) {
    struct rw_slot *s = &q->slots[slot];
    uint64_t until = rw_now_ms_threadsafe() + (lease_ms ? lease_ms : q->super.lease_ms), deadline = rw_load(&s->deadline);
    do {
        if (rw_load(&s->state) != token) return false;
        /* A stale tag: no sweep has started this lease's clock yet. */
        if (RW_TAG_MATCHES(deadline, RW_GEN(token)) && RW_TIME(deadline) == RW_DEADLINE_EXPIRED) return false;
        RW_POINT("touch:before");
    } while (!rw_cas(&s->deadline, &deadline, RW_TAGGED(RW_GEN(token), until))); /* SYNC POINT (slot.deadline): pairs with mark_expired() */
    RW_POINT("touch:after");
    /* The lease may have gone, and the slot have a new one, between the look and the CAS: then this deadline carries an old tag, which
     * starts the successor's clock anew and does no other harm; the loss is reported all the same. */
    if (rw_load_seq(&s->state) != token) return false;
    rw_lease_note(q, slot, until);
    return true;
}

int32_t rwq_touch(rwq *q, uint32_t slot, uint32_t lo, uint32_t hi, uint32_t lease_ms) {
    int32_t status = refuse(q);
    if (status) return status;
    uint64_t token = rw_token(lo, hi);
    return is_mine(q, slot, token) && rw_touch(q, slot, token, lease_ms) ? 0 : lost(q);
}

/* The generation stays, and with it everything that is tagged with it: the lease's deadline above all. */
int32_t rwq_count_attempt(rwq *q, uint32_t slot, uint32_t lo, uint32_t hi) {
    int32_t status = refuse(q);
    if (status) return status;
    uint64_t token = rw_token(lo, hi);
    if (!is_mine(q, slot, token) || rw_load(&q->slots[slot].state) != token) return lost(q);
    uint64_t deadline = rw_load(&q->slots[slot].deadline), next = token;
    if (RW_TAG_MATCHES(deadline, RW_GEN(token)) && RW_TIME(deadline) == RW_DEADLINE_EXPIRED) return lost(q);
    bool counts = RW_ATTEMPTS(token) < q->super.max_deliver;
    if (counts) {
        next = RW_WORD(RWQ_SLOT_LEASED, RW_FLAGS(token) & ~RW_UNCOUNTED, RW_PRIORITY(token), q->me, RW_ATTEMPTS(token) + 1, RW_GEN(token));
        RW_POINT("count:before");
        if (!rw_renew_as(q, slot, token, next)) return lost(q);
        RW_POINT("count:after");
        if (rw_is_sync(q)) rw_journal_state(q, slot);
    }
    q->io->meta.slot = slot, q->io->meta.attempts = RW_ATTEMPTS(next);
    q->io->meta.token_lo = (uint32_t)next, q->io->meta.token_hi = (uint32_t)(next >> 32);
    return counts ? settled(q) : 1;
}

int32_t rwq_bury(rwq *q, uint32_t slot, uint32_t lo, uint32_t hi, const void *note, uint32_t note_len) {
    int32_t status = refuse(q);
    if (status) return status;
    uint64_t token = rw_token(lo, hi);
    if (!is_mine(q, slot, token)) return lost(q);
    if (rw_load_relaxed(&q->helper)) rw_renew_forget(q, slot, token);
    if (!rw_bury(q, slot, token, note, note ? note_len : 0)) return lost(q);
    rw_limit_dead(q);
    return settled(q);
}

static int32_t gone(void) { return rw_fail(-ESTALE, "this dead letter is not there any more"); }

/* Its note needs no release: it names this slot at this gen, and is free as soon as that is not a dead letter any more. */
static int32_t check_dead_letter(rwq *q, uint32_t slot, uint64_t token) {
    int32_t status = refuse(q);
    if (status) return status;
    if (!rw_slot_index_ok(q, slot) || RW_STATE(token) != RWQ_SLOT_BURIED || !rw_slot_present(q, slot)) return gone();
    return 0;
}

int32_t rwq_revive(rwq *q, uint32_t slot, uint32_t lo, uint32_t hi) {
    uint64_t token = rw_token(lo, hi);
    int32_t status = check_dead_letter(q, slot, token);
    if (status) return status;
    RW_POINT("revive:before");
    if (!rw_make_ready(q, slot, token, 0, RW_FLAGS(token))) return gone();
    atomic_fetch_sub(&q->control->dead_letters, 1);
    return settled(q);
}

int32_t rwq_discard(rwq *q, uint32_t slot, uint32_t lo, uint32_t hi) {
    uint64_t token = rw_token(lo, hi);
    int32_t status = check_dead_letter(q, slot, token);
    if (status) return status;
    if (!rw_free(q, slot, token)) return gone();
    atomic_fetch_sub(&q->control->dead_letters, 1);
    rw_count(q, RWQ_COUNT_DROPPED_DEAD, 1);
    return settled(q);
}
