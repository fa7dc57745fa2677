/* Taking a message: one CAS from READY to LEASED(me), then the copy, then a second look at the state word. */
#define _GNU_SOURCE
#include <sys/mman.h>

#include "queue.h"

#define LOWEST_FIRST_EVERY 16u /* strict priorities would starve the lowest */
#define LAZY_LEASE_MS 5000u    /* shorter leases are kept to the tick */

uint32_t rw_fill_meta(rwq *q, struct rwq_meta *meta, uint32_t slot, uint64_t word, uint32_t body_len, uint32_t headers_len) {
    struct rw_slot *s = &q->slots[slot];
    uint64_t id = rw_load_relaxed(&s->id), expires = rw_load_relaxed(&s->expires_ms);
    uint32_t flags = RW_FLAGS(word) & RW_REDELIVERED ? RWQ_META_REDELIVERED : 0;
    if (rw_load_relaxed(&s->cancel) == id) flags |= RWQ_META_CANCELLED;
    meta->slot = slot;
    meta->token_lo = (uint32_t)word, meta->token_hi = (uint32_t)(word >> 32);
    meta->body_len = body_len, meta->headers_len = headers_len;
    meta->attempts = RW_ATTEMPTS(word), meta->priority = RW_PRIORITY(word), meta->flags = flags;
    meta->id_lo = (uint32_t)id, meta->id_hi = (uint32_t)(id >> 32);
    meta->enqueued_ms = (double)rw_load_relaxed(&s->enqueued_ms);
    meta->note_len = 0;
    meta->expires_ms = expires ? (double)expires + (q->journal ? 0 : (double)(int64_t)(rw_wall_ms(q) - q->clock_ms)) : 0;
    return meta->record_bytes = (uint32_t)(sizeof *meta + rw_pad8(body_len) + rw_pad8(headers_len));
}

bool rw_drained(rwq *q) {
    /* SYNC POINT (high_water, lifecycle): after the look that saw the end; a claim that did not see it is before it in the one order */
    uint64_t high = rw_load_seq(&q->control->high_water);
    for (uint64_t slot = 0; slot < high && slot < q->l.slots; slot++) {
        if (!rw_slot_present(q, (uint32_t)slot)) continue;
        uint32_t state = RW_STATE(rw_load_seq(&q->slots[slot].state));
        if (state != RWQ_SLOT_FREE && state != RWQ_SLOT_BURIED) return false;
    }
    return true;
}

static void reading(rwq *q, bool on) {
    /* SYNC POINT (participant.reading): relaxed is enough, the lease CAS releases it: a trimmer's CAS on this slot either comes later in the
     * order of its state, and acquires it, or has come, and then this lease's body is a later one. */
    rw_store_relaxed(&q->me_record->reading, q->views + on);
}
/* SYNC POINT (participant.reading): release: the copy is done before a trimmer sees it. */
static void reading_done(rwq *q) { rw_store(&q->me_record->reading, q->views); }

/* The commit of every receive. */
static bool lease(rwq *q, uint32_t slot, uint64_t word, uint64_t *leased) {
    uint32_t attempts = RW_ATTEMPTS(word) + !q->uncounted;
    if (attempts > 255) attempts = 255;
    uint32_t flags = (RW_FLAGS(word) & ~RW_UNCOUNTED) | (q->uncounted ? RW_UNCOUNTED : 0);
    *leased = RW_WORD(RWQ_SLOT_LEASED, flags, RW_PRIORITY(word), q->me, attempts, RW_GEN(word));
    reading(q, true);
    RW_POINT("lease:before");
    /* SYNC POINT (slot.state): acquires header and body from commit(), or from who put it back */
    if (!rw_cas(&q->slots[slot].state, &word, *leased)) return false;
    RW_POINT("lease:after");
    return true;
}

/* Its time to live is over: it goes, and is counted. */
static bool has_expired(rwq *q, uint32_t slot, uint64_t leased) {
    uint64_t expires = rw_load_relaxed(&q->slots[slot].expires_ms);
    if (expires == 0 || expires > rw_due_clock(q)) return false;
    if (rw_free(q, slot, leased)) rw_count(q, RWQ_COUNT_DROPPED_EXPIRED, 1);
    return true;
}

/* No memory for hints (a full file system, for instance): the slots themselves say what is there, and which of it is next. */
static int32_t take_unhinted(rwq *q, uint32_t *slot_out, uint64_t *leased_out) {
    for (;;) {
        uint64_t high = rw_load(&q->control->high_water), next = 0, next_id = 0;
        uint32_t next_slot = UINT32_MAX;
        for (uint32_t slot = 0; slot < high && slot < q->l.slots; slot++) {
            if (!rw_slot_present(q, slot)) continue;
            uint64_t word = rw_load(&q->slots[slot].state), id = rw_load_relaxed(&q->slots[slot].id);
            if (RW_STATE(word) != RWQ_SLOT_READY) continue;
            if (next_slot != UINT32_MAX && (rw_ring_of(word) > rw_ring_of(next) || (rw_ring_of(word) == rw_ring_of(next) && id > next_id))) continue;
            next = word, next_id = id, next_slot = slot;
        }
        if (next_slot == UINT32_MAX) break;
        if (!lease(q, next_slot, next, leased_out) || has_expired(q, next_slot, *leased_out)) continue;
        *slot_out = next_slot;
        return 0;
    }
    reading_done(q);
    return -EAGAIN;
}

/* The next message that is live, fits `room` (0: any size) and has not outlived its time. -ENOBUFS: the next one does not fit. */
static int32_t take(rwq *q, uint64_t room, uint32_t *slot_out, uint64_t *leased_out) {
    static const uint8_t usual[RW_RINGS] = {RW_RING_REDELIVERY, RW_RING_HIGH, RW_RING_NORMAL, RW_RING_LOW};
    static const uint8_t lowest_first[RW_RINGS] = {RW_RING_LOW, RW_RING_NORMAL, RW_RING_HIGH, RW_RING_REDELIVERY};
    const uint8_t *order = ++q->takes % LOWEST_FIRST_EVERY == 0 && !q->alone ? lowest_first : usual;
    for (uint32_t i = 0; i < RW_RINGS; i++) {
        uint32_t ring = order[i], slot;
        if (rw_ring_looks_empty(q, ring)) continue;
        uint64_t position = rw_ring_head(q, ring), word;
        while (rw_ring_next(q, ring, &position, &slot, &word)) {
            uint64_t first = position;
            if (__builtin_expect(q->alone, 0) && ring == RW_RING_REDELIVERY) rw_ring_oldest(q, ring, &position, &slot, &word);
            struct rw_slot *s = &q->slots[slot];
            if (room && sizeof(struct rwq_meta) + rw_pad8(rw_load_relaxed(&s->body_len)) + rw_pad8(rw_load_relaxed(&s->headers_len)) > room) {
                if (rw_load(&s->state) == word) return -ENOBUFS;
                position = first;
                continue;
            }
            bool leased = lease(q, slot, word, leased_out), passed = position == first;
            position = first; /* what lies before an older one stays */
            if (!leased) continue;
            if (passed) rw_ring_pass(q, ring, position);
            RW_POINT("lease:passed");
            if (__builtin_expect(has_expired(q, slot, *leased_out), 0)) continue;
            *slot_out = slot;
            return 0;
        }
    }
    reading_done(q);
    return -EAGAIN;
}

/*
 * The usual lease needs no deadline yet: the first sweep that meets a lease without one starts its clock. So it lasts lease_ms and a
 * little more, and messages that are settled before a sweep sees them, nearly all, cost no write here.
 */
static bool set_deadline(rwq *q, uint32_t slot, uint64_t leased, uint32_t lease_ms) {
    if (lease_ms == 0) lease_ms = q->super.lease_ms;
    if (lease_ms == q->super.lease_ms && lease_ms >= LAZY_LEASE_MS) return true;
    _Atomic uint64_t *deadline = &q->slots[slot].deadline;
    uint64_t until = q->clock_ms + lease_ms, d = rw_load_relaxed(deadline);
    do {
        if (RW_TAG_MATCHES(d, RW_GEN(leased)) && RW_TIME(d) == RW_DEADLINE_EXPIRED) return false; /* stopped for a whole lease between two lines */
    } while (!rw_cas(deadline, &d, RW_TAGGED(RW_GEN(leased), until))); /* SYNC POINT (slot.deadline): pairs with mark_expired() */
    RW_POINT("lease:deadline");
    rw_lease_note(q, slot, until);
    return true;
}

static int32_t check_takeable(rwq *q) {
    uint32_t lifecycle = rw_load(&q->control->lifecycle);
    if (__builtin_expect(lifecycle & RWQ_CLOSED, 0)) return rw_fail(-ESHUTDOWN, "the queue was destroyed");
    if (__builtin_expect(rw_load(&q->control->poisoned), 0)) return rw_fail(-EUCLEAN, "the segment is damaged");
    if (__builtin_expect(lifecycle & RWQ_PAUSED_BIT, 0)) {
        q->io->out_reason = RWQ_EMPTY_PAUSED;
        return -EAGAIN;
    }
    return 0;
}

/* What every receive does first: the clock, due messages, and a bounded piece of maintenance. */
static int32_t begin(rwq *q, uint32_t how) {
    if (__builtin_expect(!q->consumes, 0) && q->observe) return rw_fail(-EINVAL, "this handle only observes");
    q->uncounted = how & RWQ_TAKE_UNCOUNTED;
    uint64_t now = rw_now_ms(q);
    if (__builtin_expect(rw_load_relaxed(&q->control->next_due) != 0, 0)) rw_promote_due(q, rw_due_clock(q));
    rw_maintain(q, now);
    int32_t status = check_takeable(q);
    return __builtin_expect(q->consumes, 1) || status ? status : rw_start_consuming(q);
}

static int32_t nothing(rwq *q) {
    q->io->out_reason = rw_load(&q->control->lifecycle) & RWQ_ENDED && rw_drained(q) ? RWQ_EMPTY_ENDED : RWQ_EMPTY_NOW;
    uint64_t due = rw_next_due_in(q);
    q->io->out_next_due_ms = due == UINT64_MAX ? -1 : (double)due;
    return -EAGAIN;
}

static int32_t take_or_rebuild(rwq *q, uint64_t room, uint32_t *slot, uint64_t *leased) {
    /* To an exclusive consumer the order matters more than the time: what has no hint may be older than all that has one. */
    if (__builtin_expect(q->alone, 0) && rw_orphans(q) != RW_ORPHANS_NONE) {
        rw_rehint(q);
        if (rw_orphans(q) != RW_ORPHANS_NONE) return room ? -EAGAIN : take_unhinted(q, slot, leased);
    }
    int32_t status = take(q, room, slot, leased);
    if (__builtin_expect(status == -EAGAIN && rw_orphans(q) != RW_ORPHANS_NONE, 0)) {
        if (rw_rehint(q)) status = take(q, room, slot, leased);
        if (status == -EAGAIN && room == 0 && rw_orphans(q) == RW_ORPHANS_TRIED) status = take_unhinted(q, slot, leased);
    }
    return status;
}

static bool lengths_possible(const rwq *q, uint32_t body_len, uint32_t headers_len) { return body_len <= q->l.max_body && headers_len <= q->l.max_headers; }

/* Copies and verifies; the sum is taken over the copy, which nobody else can change any more. */
static bool copy_out(rwq *q, uint32_t slot, uint64_t word, uint8_t *into, uint8_t *headers_into, uint32_t body_len, uint32_t headers_len) {
    const uint8_t *from = rw_body(q, slot, headers_len ? rw_pad8(body_len) + headers_len : body_len);
    struct rw_slot *s = &q->slots[slot];
    if (!(RW_FLAGS(word) & RW_UNSUMMED)) return rw_message_copy(rw_load_relaxed(&s->id), into, from, body_len, headers_into, from + rw_pad8(body_len), headers_len) == rw_load_relaxed(&s->crc);
    if (body_len) memcpy(into, from, body_len);
    if (headers_len) memcpy(headers_into, from + rw_pad8(body_len), headers_len);
    return true;
}

static void bury_corrupt(rwq *q, uint32_t slot, uint64_t leased) {
    static const char why[] = "its checksum is wrong";
    if (rw_bury(q, slot, leased, why, sizeof why - 1)) rw_count(q, RWQ_COUNT_CORRUPT, 1);
    rw_limit_dead(q);
}

enum { DELIVERED = 0, GONE = 1 };

/* Where a message goes. */
struct target {
    uint8_t *into;
    uint64_t room;
    uint8_t *headers; /* NULL: behind the body, and they need room there too */
};

/* A leased message into `meta` and its target; big ones stay where they are. The caller ends with rw_free_now(). */
static int32_t deliver(rwq *q, uint32_t slot, uint64_t leased, uint32_t how, uint32_t lease_ms, struct rwq_meta *meta, struct target to) {
    struct rw_slot *s = &q->slots[slot];
    uint32_t body_len = rw_load(&s->body_len), headers_len = rw_load(&s->headers_len);
    /* Lengths of two messages, read around an expiry, would lead to memory that neither of them has reserved. */
    if (__builtin_expect(rw_load(&s->state) != leased, 0)) return GONE;
    if (__builtin_expect(!lengths_possible(q, body_len, headers_len), 0)) return rw_poison(q, "a message is longer than the queue allows");
    bool fits = (to.headers ? body_len : rw_pad8(body_len) + rw_pad8(headers_len)) <= to.room, pointer = how & RWQ_TAKE_POINTER;
    bool ack = how & RWQ_TAKE_ACK && fits && !pointer;
    if (!ack && !set_deadline(q, slot, leased, lease_ms)) return GONE;
    rw_fill_meta(q, meta, slot, leased, body_len, headers_len);
    if (!fits && !pointer) {
        meta->flags |= RWQ_META_BIG;
    } else if (pointer) {
        q->io->out_pointer = (uint64_t)(uintptr_t)(rw_body(q, slot, headers_len ? rw_pad8(body_len) + headers_len : body_len) - q->base + q->view);
    } else {
        bool intact = copy_out(q, slot, leased, to.into, to.headers ? to.headers : to.into + rw_pad8(body_len), body_len, headers_len);
        RW_POINT("receive:copied");
        rw_copy_barrier(); /* SYNC POINT (slot.body): copy, then the state / claim, then the next message: an expired lease shows */
        if (__builtin_expect(rw_load(&s->state) != leased, 0)) return GONE;
        if (__builtin_expect(!intact, 0)) {
            bury_corrupt(q, slot, leased);
            return GONE;
        }
        if (ack) {
            RW_POINT("receive:before-ack");
            if (!rw_free_later(q, slot, leased)) return GONE;
            rw_count(q, RWQ_COUNT_ACKED, 1);
        }
    }
    rw_count(q, RWQ_COUNT_TAKEN, 1);
    rw_count(q, RWQ_COUNT_TAKEN_BYTES, body_len);
    return DELIVERED;
}

static void pass_on(rwq *q) {
    /* One wake-up may stand for several messages. */
    if (__builtin_expect(q->chain[RWQ_FOR_MESSAGE], 0)) {
        q->chain[RWQ_FOR_MESSAGE] = false;
        rw_wake_seen(q);
        if (rw_load_seq(&q->control->event[RWQ_FOR_MESSAGE]) & 1u && rw_anything_ready(q)) rw_wake_one(q, RWQ_FOR_MESSAGE);
    }
}

static int32_t map_view(rwq *q) {
    if (q->view) return 0;
    /* Read-only: a reader that writes by mistake must not change what others see. */
    void *view = mmap(NULL, q->l.total, PROT_READ, MAP_SHARED | MAP_NORESERVE, q->fd, 0);
    if (view == MAP_FAILED) return rw_fail(errno, "mapping the segment read-only: %s", strerror(errno));
    q->view = view;
    return 0;
}

static int32_t receive_one(rwq *q, uint32_t how, uint32_t lease_ms, struct target to) {
    int32_t status = begin(q, how);
    if (status) return status;
    if (how & RWQ_TAKE_POINTER && (status = map_view(q))) return status;
    for (;;) {
        uint32_t slot;
        uint64_t leased;
        status = take_or_rebuild(q, 0, &slot, &leased);
        if (status) return nothing(q);
        status = deliver(q, slot, leased, how, lease_ms, &q->io->meta, to);
        rw_free_now(q);
        if (status == DELIVERED && how & RWQ_TAKE_POINTER) q->views++, q->views_given = true;
        reading_done(q);
        if (status == GONE) continue;
        pass_on(q);
        return status;
    }
}

int32_t rwq_receive(rwq *q, uint32_t how, uint32_t lease_ms) {
    return receive_one(q, how, lease_ms, (struct target){.into = q->staging, .room = q->staging_bytes});
}

int32_t rwq_receive_into(rwq *q, void *into, uint32_t capacity, uint32_t how, uint32_t lease_ms) {
    if (how & RWQ_TAKE_POINTER) return rw_fail(-EINVAL, "pointers are not copied");
    return receive_one(q, how, lease_ms, (struct target){.into = into, .room = capacity, .headers = q->staging});
}

int32_t rwq_receive_many(rwq *q, uint32_t max, uint32_t how, uint32_t lease_ms) {
    if (how & RWQ_TAKE_POINTER) return rw_fail(-EINVAL, "pointers are taken one at a time");
    int32_t status = begin(q, how);
    if (status) return status;
    uint32_t used = 0, count = 0;
    bool group = rw_is_sync(q) && how & RWQ_TAKE_ACK;
    if (group) rw_journal_hold(q, true); /* one write for all acknowledgements */
    while (count < max && count < INT32_MAX) {
        uint32_t slot;
        uint64_t leased;
        uint64_t room = q->staging_bytes - used;
        if (count && room < sizeof(struct rwq_meta)) break;
        /* The first one is taken in any case: alone it may be big. */
        status = take_or_rebuild(q, count ? room : 0, &slot, &leased);
        if (status) break;
        struct rwq_meta *meta = (struct rwq_meta *)(q->staging + used);
        status = deliver(q, slot, leased, how, lease_ms, meta, (struct target){.into = (uint8_t *)(meta + 1), .room = room - sizeof *meta});
        reading_done(q);
        if (status == GONE) continue;
        if (status < 0) break;
        count++;
        used += meta->flags & RWQ_META_BIG ? (uint32_t)sizeof *meta : meta->record_bytes;
        if (meta->flags & RWQ_META_BIG) break;
    }
    rw_free_now(q);
    reading_done(q);
    if (group) {
        rw_journal_hold(q, false);
        rw_journal_flush(q);
        int32_t written = rw_journal_result(q);
        if (written && !count) status = written; /* what was taken is handed out all the same: it will come again after a power cut */
    }
    q->io->out_count = count, q->io->out_bytes = used;
    if (count == 0) return status == -EAGAIN ? nothing(q) : status;
    pass_on(q);
    return (int32_t)count;
}

int32_t rwq_read(rwq *q, uint32_t slot, uint32_t lo, uint32_t hi, void *into, uint32_t capacity) {
    uint64_t token = rw_token(lo, hi);
    if (q->observe || !rw_slot_index_ok(q, slot) || RW_STATE(token) != RWQ_SLOT_LEASED || RW_OWNER(token) != q->me) return rw_fail(-ESTALE, "this is not a lease of this handle");
    struct rw_slot *s = &q->slots[slot];
    /* SYNC POINT (participant.reading): seq_cst, as no CAS follows: `reading`, then the state / the trimmer's CAS, then `reading` */
    rw_store_seq(&q->me_record->reading, q->views + 1);
    int32_t result = rw_fail(-ESTALE, "the lease is lost");
    uint32_t body_len = rw_load(&s->body_len), headers_len = rw_load(&s->headers_len);
    if (rw_load_seq(&s->state) == token) {
        uint64_t bytes = headers_len ? rw_pad8(body_len) + headers_len : body_len;
        if (!lengths_possible(q, body_len, headers_len)) result = rw_poison(q, "a message is longer than the queue allows");
        else if (bytes > capacity) result = rw_fail(-EMSGSIZE, "the message has %llu bytes, there is room for %u", (unsigned long long)bytes, capacity);
        else {
            bool intact = copy_out(q, slot, token, into, (uint8_t *)into + rw_pad8(body_len), body_len, headers_len);
            rw_copy_barrier();
            if (rw_load(&s->state) == token) {
                if (intact) result = (int32_t)bytes;
                else bury_corrupt(q, slot, token);
            }
        }
    }
    reading_done(q);
    return result;
}

int32_t rwq_release_view(rwq *q) {
    if (q->observe) return 0;
    if (q->views) q->views--;
    reading_done(q);
    return 0;
}
