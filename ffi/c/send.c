/* From a free slot to a message that can be taken: claim, fill, commit (one CAS), hint, wake-up. */
#include "queue.h"

/* Is sending allowed? Checked before the claim, and again after it: see rw_drained(). */
static int32_t check_open(rwq *q) {
    uint32_t lifecycle = rw_load_seq(&q->control->lifecycle);
    if (__builtin_expect(lifecycle & (RWQ_ENDED | RWQ_CLOSED), 0)) return lifecycle & RWQ_CLOSED ? rw_fail(-ESHUTDOWN, "the queue was destroyed") : rw_fail(-EPIPE, "the stream has ended");
    if (__builtin_expect(rw_load(&q->control->poisoned), 0)) return rw_fail(-EUCLEAN, "the segment is damaged");
    if (__builtin_expect(q->observe, 0)) return rw_fail(-EINVAL, "this handle only observes");
    return 0;
}

static int32_t check_sizes(rwq *q, uint32_t length, uint32_t headers_len) {
    if (__builtin_expect(length > q->l.max_body, 0)) return rw_fail(-EMSGSIZE, "the message has %u bytes, this queue takes at most %u", length, q->l.max_body);
    if (__builtin_expect(headers_len > q->l.max_headers, 0)) return rw_fail(-EMSGSIZE, "the headers have %u bytes, this queue takes at most %u", headers_len, q->l.max_headers);
    return 0;
}

/* Drop-oldest: the waiting message with the smallest id among the heads of the rings makes room. Nothing is dropped before the
 * memory for its successor is certain. */
static int32_t evict(rwq *q, uint64_t bytes, uint32_t *slot, uint64_t *claimed, uint32_t priority) {
    for (int attempt = 0; attempt < 64; attempt++) {
        uint32_t victim = UINT32_MAX, victim_ring = 0;
        uint64_t victim_word = 0, victim_position = 0, victim_id = UINT64_MAX;
        for (uint32_t ring = 0; ring < RW_RINGS; ring++) {
            uint64_t position = rw_ring_head(q, ring), word;
            uint32_t candidate;
            if (!rw_ring_next(q, ring, &position, &candidate, &word)) continue;
            uint64_t id = rw_load(&q->slots[candidate].id);
            if (id < victim_id) victim = candidate, victim_ring = ring, victim_word = word, victim_position = position, victim_id = id;
        }
        if (victim == UINT32_MAX) return -EAGAIN;
        uint64_t reserved;
        int32_t status = rw_allocate_body(q, victim, bytes, &reserved);
        if (status) return status;
        uint64_t marked = RW_WORD(RWQ_SLOT_CLAIMED, RW_EVICTED, priority, q->me, 0, RW_GEN(victim_word) + 1);
        uint64_t mine = RW_WORD(RWQ_SLOT_CLAIMED, 0, priority, q->me, 0, RW_GEN(victim_word) + 1);
        RW_POINT("evict:before");
        if (!rw_cas(&q->slots[victim].state, &victim_word, marked)) continue;
        RW_POINT("evict:after");
        rw_count_drop(q->me_record, victim);
        if (!rw_cas(&q->slots[victim].state, &marked, mine)) return rw_poison(q, "a claimed slot changed hands");
        RW_POINT("evict:counted");
        rw_drop_is_counted(q->me_record);
        /* SYNC POINT (slot.body): these CASes, then the new message / a copy of the old one, then the look at the state */
        rw_overwrite_barrier();
        if (reserved) rw_store(&q->slots[victim].reserved_bytes, reserved);
        rw_ring_pass(q, victim_ring, victim_position);
        *slot = victim, *claimed = mine;
        return 0;
    }
    return -EAGAIN;
}

/* Full, as far as the hints say. A lost hint (its owner died) must not refuse a message for good. */
static int32_t claim_when_full(rwq *q, uint64_t bytes, uint32_t options, uint32_t *slot, uint64_t *claimed, uint32_t priority) {
    uint64_t now = rw_now_ms(q);
    rw_maintain(q, now);
    if (now != q->repaired_ms) {
        q->repaired_ms = now;
        rw_used_repair(q, 0, q->l.slots);
    }
    int32_t status = rw_used_claim(q, slot, claimed, priority);
    if (status == -EAGAIN && options & RWQ_SEND_DROP_OLDEST) status = evict(q, bytes, slot, claimed, priority);
    return status == -EAGAIN ? rw_fail(-EAGAIN, "all %u places are taken", q->l.slots) : status;
}

static int32_t claim(rwq *q, uint64_t bytes, uint32_t options, uint32_t *slot, uint64_t *claimed) {
    uint32_t priority = options & RWQ_SEND_PRIORITY_MASK ? options & RWQ_SEND_PRIORITY_MASK : RWQ_PRIORITY_NORMAL;
    int32_t status = rw_used_claim(q, slot, claimed, priority);
    if (__builtin_expect(status == -EAGAIN, 0)) status = claim_when_full(q, bytes, options, slot, claimed, priority);
    if (status) return status;
    /* SYNC POINT (lifecycle): claim, then look at the lifecycle / end the stream, then look for claims: rw_drained() */
    status = check_open(q);
    if (status == 0) status = rw_reserve_body(q, *slot, bytes);
    if (__builtin_expect(q->chain[RWQ_FOR_SPACE], 0)) rw_pass_on_room(q);
    if (status == 0) return 0;
    rw_free(q, *slot, *claimed);
    return status;
}

static uint64_t message_bytes(uint32_t length, uint32_t headers_len) { return headers_len ? rw_pad8(length) + headers_len : length; }

/* Everything but the body and the state word. */
static void fill_header(rwq *q, uint32_t slot, uint64_t id, uint32_t length, uint32_t headers_len, bool extended) {
    struct rw_slot *s = &q->slots[slot];
    uint64_t expires = 0;
    if (extended && q->io->in_ttl_ms > 0) expires = rw_due_clock(q) + (q->io->in_ttl_ms < 1 ? 1 : (uint64_t)rw_bounded_ms(q->io->in_ttl_ms));
    rw_store_relaxed(&s->id, id);
    rw_store_relaxed(&s->enqueued_ms, rw_wall_ms(q));
    rw_store_relaxed(&s->body_len, length);
    rw_store_relaxed(&s->headers_len, headers_len);
    rw_store_relaxed(&s->note, 0);
    rw_store_relaxed(&s->expires_ms, expires);
}

static const uint8_t *given_headers(const rwq *q) { return (const uint8_t *)q->io + RWQ_IO_HEADERS; }

/*
 * A message that found no place in its ring (full of hints behind a message that nobody takes, or no memory) waits for a sweep. Until that has
 * been, those that this handle sends afterwards wait with it: the sweep hints them all, in order.
 */
static void hint(rwq *q, uint64_t word, uint32_t slot) {
    if (__builtin_expect(q->orphaned, 0)) {
        bool look = rw_orphans(q) != RW_ORPHANS_NONE && q->clock_ms - q->rehinted_ms >= RW_SWEEP_EVERY_MS;
        if (look) q->rehinted_ms = q->clock_ms, rw_rehint(q);
        q->orphaned = rw_orphans(q) != RW_ORPHANS_NONE;
        if (q->orphaned) rw_orphans_found(q);
        if (q->orphaned || look) return; /* one of them, or hinted with them */
    }
    q->orphaned = rw_ring_insert(q, rw_ring_of(word), slot, RW_GEN(word)) == RW_ORPHANED;
}

static int32_t commit(rwq *q, uint32_t slot, uint64_t claimed, bool summed, bool extended) {
    struct rw_slot *s = &q->slots[slot];
    uint32_t flags = summed ? 0 : RW_UNSUMMED, gen = RW_GEN(claimed), length = rw_load_relaxed(&s->body_len);
    uint64_t due = 0;
    if (extended && q->io->in_delay_ms >= 1) {
        due = rw_due_clock(q) + (uint64_t)rw_bounded_ms(q->io->in_delay_ms);
        rw_store(&s->due, RW_TAGGED(gen, due));
    }
    if (rw_is_sync(q)) {
        rw_journal_body(q, slot);
        int32_t status = rw_journal_result(q);
        if (status) {
            rw_free(q, slot, claimed); /* not accepted */
            return status;
        }
    }
    uint64_t expected = claimed, word = RW_WORD(due ? RWQ_SLOT_DELAYED : RWQ_SLOT_READY, flags, RW_PRIORITY(claimed), 0, 0, gen);
    RW_POINT("commit:before");
    /* SYNC POINT (slot.state): releases header and body to the CAS of lease() */
    if (!rw_cas(&s->state, &expected, word)) return rw_poison(q, "a claimed slot changed hands");
    RW_POINT("commit:after");
    if (rw_is_sync(q)) rw_journal_state(q, slot);
    if (due) rw_due_note(q, slot, due);
    else hint(q, word, slot);
    rw_count(q, RWQ_COUNT_SENT, 1);
    rw_count(q, RWQ_COUNT_SENT_BYTES, length);
    return rw_is_sync(q) ? rw_journal_result(q) : 0;
}

/* A claimed slot with everything in it but the state word. */
static int32_t prepare(rwq *q, const uint8_t *body, uint32_t length, uint32_t options, uint64_t id, uint32_t *slot_out, uint64_t *claimed) {
    bool extended = options & RWQ_SEND_EXTENDED;
    uint32_t headers_len = extended ? q->io->in_headers_len : 0, slot;
    int32_t status = check_sizes(q, length, headers_len);
    if (status) return status;
    status = claim(q, message_bytes(length, headers_len), options, &slot, claimed);
    if (status) return status;
    if (id == 0) id = atomic_fetch_add(&q->control->sequence, 1) + 1;
    fill_header(q, slot, id, length, headers_len, extended);
    uint8_t *at = rw_body(q, slot, message_bytes(length, headers_len));
    uint32_t crc = rw_message_copy(id, at, body, length, at + rw_pad8(length), given_headers(q), headers_len);
    RW_POINT("send:copied");
    rw_store_relaxed(&q->slots[slot].crc, crc);
    *slot_out = slot;
    return 0;
}

static void tell_sent(rwq *q, uint32_t slot) {
    uint64_t id = rw_load_relaxed(&q->slots[slot].id);
    q->io->sent_slot = slot;
    q->io->sent_id_lo = (uint32_t)id, q->io->sent_id_hi = (uint32_t)(id >> 32);
}

static int32_t send_one(rwq *q, const uint8_t *body, uint32_t length, uint32_t options, uint64_t id) {
    uint32_t slot;
    uint64_t claimed;
    int32_t status = prepare(q, body, length, options, id, &slot, &claimed);
    if (status) return status;
    tell_sent(q, slot); /* before the commit: afterwards the slot may be anybody's */
    return commit(q, slot, claimed, true, options & RWQ_SEND_EXTENDED);
}

/*
 * A sync journal writes a group out twice instead of each message twice: first all bodies, while their states still say CLAIMED, then all
 * states. A power cut in between loses the whole group, which nobody was told to be accepted.
 */
#define GROUP 256u

static int32_t send_group(rwq *q, const uint8_t *at, const uint32_t *length, uint32_t count, uint32_t options, uint64_t first_id) {
    uint32_t slot[GROUP], n = 0;
    uint64_t claimed[GROUP];
    int32_t status = 0;
    for (; n < count && n < GROUP; at += length[n], n++) {
        status = prepare(q, at, length[n], options, first_id + n, &slot[n], &claimed[n]);
        if (status) break;
    }
    if (n == 0) return status;
    rw_journal_flush(q);
    status = rw_journal_result(q);
    if (status) {
        for (uint32_t i = 0; i < n; i++) rw_free(q, slot[i], claimed[i]);
        rw_journal_result(q); /* of giving them up: not the next operation's */
        return status;
    }
    tell_sent(q, slot[n - 1]);
    rw_journal_hold(q, true);
    uint32_t committed = 0;
    while (committed < n && (status = commit(q, slot[committed], claimed[committed], true, options & RWQ_SEND_EXTENDED)) == 0) committed++;
    for (uint32_t i = committed + 1; i < n; i++) rw_free(q, slot[i], claimed[i]);
    rw_journal_hold(q, false);
    rw_journal_flush(q);
    int32_t written = rw_journal_result(q);
    return written ? written : committed ? (int32_t)committed : status;
}

int32_t rwq_send(rwq *q, const void *body, uint32_t length, uint32_t options) {
    rw_now_ms(q);
    if (!body && length > q->staging_bytes) return rw_fail(-EMSGSIZE, "%u bytes do not fit the staging area of %u", length, q->staging_bytes);
    int32_t status = check_open(q);
    if (status == 0) status = send_one(q, body ? body : q->staging, length, options, 0);
    if (status == 0) rw_signal(q, RWQ_FOR_MESSAGE);
    RW_POINT("send:woken");
    return status;
}

int32_t rwq_send_many(rwq *q, const void *bodies, const void *lengths, uint32_t count, uint32_t options) {
    rw_now_ms(q);
    const uint8_t *at = bodies ? bodies : q->staging;
    const uint32_t *length = lengths;
    int32_t status = check_open(q);
    if (status || count == 0) return status;
    if (count > INT32_MAX) return rw_fail(-EINVAL, "%u messages at once", count);
    if (!bodies) {
        uint32_t fit = 0;
        for (uint64_t total = 0; fit < count && (total += length[fit]) <= q->staging_bytes;) fit++;
        if (fit == 0) return rw_fail(-EMSGSIZE, "%u bytes do not fit the staging area of %u", length[0], q->staging_bytes);
        count = fit;
    }
    /* One contended increment for all of them; ids of messages that find no room are never used. */
    uint64_t first_id = atomic_fetch_add(&q->control->sequence, count) + 1;
    uint32_t accepted = 0;
    while (accepted < count) {
        uint32_t done = 1;
        if (rw_is_sync(q)) {
            status = send_group(q, at, length + accepted, count - accepted, options, first_id + accepted);
            if (status <= 0) break;
            done = (uint32_t)status;
        } else if ((status = send_one(q, at, length[accepted], options, first_id + accepted))) {
            break;
        }
        for (; done; done--) at += length[accepted++];
    }
    if (accepted) rw_signal(q, RWQ_FOR_MESSAGE);
    return accepted ? (int32_t)accepted : status;
}

int32_t rwq_claim(rwq *q, uint32_t length, uint32_t options) {
    rw_now_ms(q);
    uint32_t headers_len = options & RWQ_SEND_EXTENDED ? q->io->in_headers_len : 0;
    int32_t status = check_open(q);
    if (status == 0) status = check_sizes(q, length, headers_len);
    if (status) return status;
    uint32_t slot;
    uint64_t claimed, bytes = message_bytes(length, headers_len);
    status = claim(q, bytes, options, &slot, &claimed);
    if (status) return status;
    /* Where the body lies follows from the size, so the size that was claimed is kept until the commit. */
    rw_store_relaxed(&q->slots[slot].body_len, length);
    rw_store_relaxed(&q->slots[slot].headers_len, headers_len);
    q->io->meta = (struct rwq_meta){.slot = slot, .token_lo = (uint32_t)claimed, .token_hi = (uint32_t)(claimed >> 32), .body_len = length, .headers_len = headers_len};
    q->io->out_pointer = (uint64_t)(uintptr_t)rw_body(q, slot, bytes);
    q->views_given = true;
    return 0;
}

static int32_t check_claim(rwq *q, uint32_t slot, uint64_t token) {
    if (q->observe) return rw_fail(-EINVAL, "this handle only observes");
    if (!rw_slot_index_ok(q, slot) || RW_STATE(token) != RWQ_SLOT_CLAIMED || RW_OWNER(token) != q->me || rw_load(&q->slots[slot].state) != token)
        return rw_fail(-ESTALE, "this claim was committed or given up before");
    return 0;
}

int32_t rwq_commit(rwq *q, uint32_t slot, uint32_t lo, uint32_t hi, uint32_t length, uint32_t options) {
    uint64_t token = rw_token(lo, hi);
    int32_t status = check_claim(q, slot, token);
    if (status) return status;
    bool extended = options & RWQ_SEND_EXTENDED;
    uint32_t claimed_len = rw_load_relaxed(&q->slots[slot].body_len), claimed_headers = rw_load_relaxed(&q->slots[slot].headers_len);
    uint32_t headers_len = extended ? q->io->in_headers_len : 0;
    if (length > claimed_len || headers_len > claimed_headers) return rw_fail(-EMSGSIZE, "%u + %u bytes were claimed, %u + %u are committed", claimed_len, claimed_headers, length, headers_len);
    rw_now_ms(q);
    status = check_open(q);
    if (status) {
        rw_free(q, slot, token);
        return status;
    }
    uint64_t before = message_bytes(claimed_len, claimed_headers), after = message_bytes(length, headers_len);
    uint8_t *from = rw_body(q, slot, before), *at = rw_body(q, slot, after);
    if (from != at) {
        /* Shortened so much that it belongs into the small area. */
        if ((status = rw_reserve_body(q, slot, after))) return status;
        memcpy(at, from, length);
    }
    uint64_t id = atomic_fetch_add(&q->control->sequence, 1) + 1;
    fill_header(q, slot, id, length, headers_len, extended);
    if (headers_len) memcpy(at + rw_pad8(length), given_headers(q), headers_len);
    /* The sum guards against torn pages in a journal. In memory the commit itself orders the body before the state, and a pass over the
     * whole body would double the cost of what is called zero-copy. */
    if (q->journal) rw_store_relaxed(&q->slots[slot].crc, rw_message_crc(id, at, length, at + rw_pad8(length), headers_len));
    tell_sent(q, slot);
    status = commit(q, slot, token, q->journal, extended);
    if (status == 0) rw_signal(q, RWQ_FOR_MESSAGE);
    return status;
}

int32_t rwq_abort(rwq *q, uint32_t slot, uint32_t lo, uint32_t hi) {
    uint64_t token = rw_token(lo, hi);
    int32_t status = check_claim(q, slot, token);
    if (status == 0) rw_free(q, slot, token);
    return status;
}

int32_t rwq_cancel(rwq *q, uint32_t slot, uint32_t lo, uint32_t hi) {
    if (!rw_slot_index_ok(q, slot) || !rw_slot_present(q, slot)) return rw_fail(-EINVAL, "slot %u of %u", slot, q->l.slots);
    uint64_t id = rw_token(lo, hi);
    struct rw_slot *s = &q->slots[slot];
    /* The mark names the message, not the slot: one that arrives late hits nobody. */
    if (rw_load(&s->id) != id) return rw_fail(-ESTALE, "this message is not there any more");
    rw_store_seq(&s->cancel, id);
    return 0;
}
