/* Private to the shim: the handle and what its files offer each other. Nothing here is exported. */
#ifndef RW_QUEUE_H
#define RW_QUEUE_H
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "crash_point.h"
#include "layout.h"

#define RW_SLICE_MS 1000u      /* no wait is longer than this at a stretch */
#define RW_SWEEP_EVERY_MS 100u /* at most one bounded round per this */
/* Looking for the dead costs a third of a microsecond for each participant: a few are looked at in every round, so that a death is found
 * one slice later at the latest; many only every so often. */
#define RW_FEW_PARTICIPANTS 32u
#define RW_DEATHS_EVERY_MS 500u

struct rw_helper; /* the helper thread's state, background.c */

struct rwq {
    struct rw_layout l;
    struct rw_super super; /* the validated private copy */
    uint8_t *base;         /* shared, read-write */
    const uint8_t *view;   /* the same, read-only: for zero-copy readers; mapped at first use */
    struct rw_control *control;
    struct rw_slot *slots;
    struct rw_participant *me_record;
    struct rwq_io *io;
    uint8_t *staging;
    uint32_t staging_bytes;
    int fd; /* an open file description of its own: the locks hang on it */
    uint32_t me;
    _Atomic uint64_t ring_head[RW_RINGS], ring_tail[RW_RINGS]; /* never behind what this handle has seen; hints, shared with its threads */
    uint32_t clear_word;     /* word of the used bitmap that the bits of clear_mask are to be cleared in */
    uint64_t clear_mask;
    uint32_t rotor;          /* word of the used bitmap where the last claim succeeded */
    uint32_t claims_in_turn; /* claims since the search last began at the bottom */
    uint32_t takes;          /* for the every-16th rule */
    struct {                 /* a waiting message that nobody took, seen by this handle's sweeps */
        uint64_t word, since_ms;
        uint32_t slot;
    } suspect;
    bool orphaned;           /* a message that this handle sent has no hint yet */
    uint64_t rehinted_ms;    /* when this handle last looked for hints that it did not get */
    uint64_t repaired_ms;    /* when this handle last looked for lost free slots */
    struct {                 /* redelivery ring: entries before this position are in the order of their ids, up to this one */
        uint64_t until, last_id;
    } ascending;
    uint32_t armed;          /* bit per event: this participant is in the armed set */
    bool chain[2];           /* per event: was woken, or passed a wait: if there is more, wake the next */
    bool journal, observe, shared_ok;
    bool consumes, alone;    /* holds RW_LOCK_CONSUME; holds it exclusively */
    bool uncounted;          /* the take that is going on is no attempt yet */
    uint64_t clock_ms;       /* last reading */
    int64_t wall_offset_ms;  /* wall clock minus queue clock */
    uint64_t offset_read_ms;
    _Atomic uint64_t *chunk_seen; /* private copy of chunk-map bits known to be set; shared with the helper thread */
    pthread_mutex_t lock_mutex;   /* try-lock … unlock on participants' bytes */
    int wake_socket;              /* receives; -1 none */
    pthread_t pass_on_thread;     /* runs while wake_socket is there */
    uint32_t pass_on_from;        /* its futex word when it was started */
    _Atomic bool pass_on_stop;
    _Atomic int send_socket;      /* sends wake-ups; -1 none */
    _Atomic(struct rw_helper *) helper;
    uint32_t views;               /* zero-copy reads outstanding */
    bool views_given;             /* some caller may still look at the mapping: never unmap */
    _Atomic int32_t journal_error;
    _Atomic bool journal_held;
    char path[4096];
};

/* Shared words. RMW and the loads that must not pass them are seq_cst: docs/memory-order.md argues with one total order, word by word. */
#define rw_load(p) atomic_load_explicit((p), memory_order_acquire)
#define rw_load_seq(p) atomic_load_explicit((p), memory_order_seq_cst)
#define rw_load_relaxed(p) atomic_load_explicit((p), memory_order_relaxed)
#define rw_store(p, v) atomic_store_explicit((p), (v), memory_order_release)
#define rw_store_seq(p, v) atomic_store_explicit((p), (v), memory_order_seq_cst)
#define rw_store_relaxed(p, v) atomic_store_explicit((p), (v), memory_order_relaxed)
#define rw_cas(p, expected, desired) atomic_compare_exchange_strong_explicit((p), (expected), (desired), memory_order_seq_cst, memory_order_acquire)

static inline void rw_count(rwq *q, uint32_t counter, uint64_t by) {
    _Atomic uint64_t *c = &q->me_record->counters[counter];
    if (counter <= RWQ_COUNT_NACKED) {
        rw_store_relaxed(c, rw_load_relaxed(c) + by); /* only the owner's thread writes these */
    } else {
        atomic_fetch_add_explicit(c, by, memory_order_relaxed); /* recovery counts too, on the helper thread */
    }
}
static inline bool rw_slot_index_ok(const rwq *q, uint32_t i) { return i < q->l.slots; }
static inline uint64_t rw_token(uint32_t lo, uint32_t hi) { return (uint64_t)hi << 32 | lo; }
/* Between the copy of what somebody else might be changing and the second look at the word that says whether anybody did. (A no-op on
 * x86; ThreadSanitizer does not know fences, so it is told nothing.)
 * SYNC POINT (slot.body, note.text): pairs with rw_overwrite_barrier(): who copied a byte of the new owner's sees the new owner's word. */
static inline void rw_copy_barrier(void) {
#ifndef __SANITIZE_THREAD__
    atomic_thread_fence(memory_order_acquire);
#endif
}
/* Between the CAS that takes something over and the first plain write into it, which the CAS alone does not hold back.
 * SYNC POINT (slot.body, note.text): pairs with rw_copy_barrier() */
static inline void rw_overwrite_barrier(void) {
#ifndef __SANITIZE_THREAD__
    atomic_thread_fence(memory_order_release);
#endif
}
/* A caller's span of time: beyond some thirty years it is all the same, and infinity has no integer. */
static inline double rw_bounded_ms(double ms) { return ms > 1e12 ? 1e12 : ms; }
static inline uint64_t rw_pad8(uint64_t n) { return (n + 7) & ~7ull; }

/* detail.c */
int32_t rw_fail(int32_t error, const char *format, ...) __attribute__((format(printf, 2, 3)));
int32_t rw_poison(rwq *q, const char *what); /* marks the queue damaged; -EUCLEAN */

/* clock.c */
uint64_t rw_now_ms(rwq *q);    /* reads the monotonic clock (coarse) into clock_ms */
uint64_t rw_wall_ms(rwq *q);   /* clock_ms as wall time */
uint64_t rw_due_clock(rwq *q); /* clock_ms in the clock of due times and times to live */
uint64_t rw_now_ms_threadsafe(void);
uint64_t rw_precise_ns(void);

/* reserve.c: memory that is really there */
int rw_reserve_slow(rwq *q, uint64_t offset, uint64_t bytes);
bool rw_present_slow(const rwq *q, uint64_t offset);
static inline bool rw_chunk_seen(const rwq *q, uint64_t chunk) {
    return rw_load_relaxed(&q->chunk_seen[chunk >> 6]) >> (chunk & 63) & 1;
}
/* Makes metadata bytes usable; 0 or -ENOSPC. */
static inline int rw_reserve(rwq *q, uint64_t offset, uint64_t bytes) {
    uint64_t first = offset / RW_CHUNK, last = (offset + bytes - 1) / RW_CHUNK;
    if (__builtin_expect(rw_chunk_seen(q, first) && (first == last || rw_chunk_seen(q, last)), 1)) return 0;
    return rw_reserve_slow(q, offset, bytes);
}
/* May this metadata be read without allocating it? No means: it is all zero. */
static inline bool rw_present(const rwq *q, uint64_t offset) {
    return __builtin_expect(rw_chunk_seen(q, offset / RW_CHUNK), 1) || rw_present_slow(q, offset);
}
int rw_reserve_body(rwq *q, uint32_t slot, uint64_t bytes); /* by the owner of the claim */
int rw_allocate_body(rwq *q, uint32_t slot, uint64_t bytes, uint64_t *reserved);
int rw_allocate(int fd, uint64_t offset, uint64_t bytes);
static inline struct rw_participant *rw_part(const rwq *q, uint32_t i) { return (struct rw_participant *)(q->base + q->l.parts) + i; }
static inline bool rw_part_present(const rwq *q, uint32_t i) {
    uint64_t at = q->l.parts + (uint64_t)i * sizeof(struct rw_participant);
    return rw_present(q, at) && rw_present(q, at + sizeof(struct rw_participant) - 1);
}
static inline bool rw_slot_present(const rwq *q, uint32_t i) { return rw_present(q, q->l.headers + (uint64_t)i * sizeof(struct rw_slot)); }
static inline uint8_t *rw_body(const rwq *q, uint32_t slot, uint64_t bytes) {
    return bytes <= q->l.small_bytes ? q->base + q->l.small + (uint64_t)slot * q->l.small_bytes : q->base + q->l.large + (uint64_t)slot * q->l.large_stride;
}

/* used.c: which slots are taken, as hints */
int32_t rw_used_claim(rwq *q, uint32_t *slot, uint64_t *word, uint32_t flags_and_priority); /* a CLAIMED slot, or -EAGAIN / -ENOSPC */
void rw_used_clear(rwq *q, uint32_t slot);
void rw_used_clear_later(rwq *q, uint32_t slot); /* of a batch: one access for neighbours */
void rw_used_clear_now(rwq *q);                  /* those that wait for it */
void rw_used_mark(rwq *q, uint32_t slot);
bool rw_used_any_free(rwq *q);
int32_t rw_used_repair(rwq *q, uint32_t from, uint32_t to); /* FREE slots whose bit is set */

/* ring.c */
enum { RW_INSERTED = 0, RW_ORPHANED = 1 };
int rw_ring_insert(rwq *q, uint32_t ring, uint32_t slot, uint32_t gen);     /* says so when it could not */
int rw_ring_try_insert(rwq *q, uint32_t ring, uint32_t slot, uint32_t gen); /* leaves that to the caller */
void rw_orphans_found(rwq *q);
static inline uint32_t rw_orphans(const rwq *q) { return RW_ORPHANS_STATE(rw_load_seq(&q->control->orphans)); }
/* Next live hint: true with slot and its state word as read; false when the ring is empty. *position continues a walk. */
bool rw_ring_next(rwq *q, uint32_t ring, uint64_t *position, uint32_t *slot, uint64_t *word);
uint64_t rw_ring_head(const rwq *q, uint32_t ring);          /* where to begin */
void rw_ring_pass(rwq *q, uint32_t ring, uint64_t position); /* nothing at or before this position will ever be live again */
/* From the first live hint, as rw_ring_next() gave it, to that of the oldest message of the ring; nothing is passed. */
void rw_ring_oldest(rwq *q, uint32_t ring, uint64_t *position, uint32_t *slot, uint64_t *word);
bool rw_ring_plausible(const rwq *q, uint32_t ring);
void rw_ring_share(rwq *q);                                  /* before leaving: tell the others how far it is */
bool rw_ring_empty(rwq *q, uint32_t ring);
_Atomic uint64_t *rw_ring_entry(const rwq *q, uint32_t ring, uint64_t position, bool *present);
static inline uint32_t rw_ring_cycle(const rwq *q, uint64_t position) { return (uint32_t)(position >> q->l.ring_shift) & 0x3ffffu; }
/* One load: positions are filled in order, so an entry of the previous cycle at our head says that there is nothing behind it either. */
static inline bool rw_ring_looks_empty(const rwq *q, uint32_t ring) {
    uint64_t at = rw_load_relaxed(&q->ring_head[ring]);
    uint64_t offset = q->l.rings + ((uint64_t)ring * q->l.ring_entries + (at & (q->l.ring_entries - 1))) * 8;
    if (!rw_present(q, offset)) return true;
    /* SYNC POINT (ring.entry): after arm()'s CAS in the one order; pairs with the CAS of rw_ring_try_insert() and the look of rw_signal() */
    uint64_t entry = rw_load_seq((_Atomic uint64_t *)(q->base + offset));
    return ((RW_ENTRY_CYCLE(entry) + 1) & 0x3ffffu) == rw_ring_cycle(q, at);
}
bool rw_anything_ready(rwq *q);

/* Which ring a READY word belongs into: what was taken before goes first. */
static inline uint32_t rw_ring_of(uint64_t word) {
    return RW_FLAGS(word) & RW_REDELIVERED ? RW_RING_REDELIVERY : RW_PRIORITY(word) ? RW_PRIORITY(word) : RW_RING_NORMAL;
}

/* schedule.c: minima of lease deadlines and due times per 64 slots */
void rw_due_note(rwq *q, uint32_t slot, uint64_t ms);
void rw_lease_note(rwq *q, uint32_t slot, uint64_t ms);
uint32_t rw_promote_due(rwq *q, uint64_t due_now);
uint32_t rw_expire_leases(rwq *q, uint64_t now);
void rw_reschedule(rwq *q, uint32_t slot, uint64_t word, uint64_t now); /* notes again what the slot's own words say; moves nothing */
uint64_t rw_next_due_in(rwq *q);  /* ms until the next delayed message, UINT64_MAX none */
uint64_t rw_next_work_in(rwq *q); /* … or the next lease that may expire: how long a waiter may sleep at most */

/* settle.c: each is one CAS from exactly `word`; false when somebody else was faster */
bool rw_free(rwq *q, uint32_t slot, uint64_t word);                 /* → FREE, and room for a sender */
bool rw_free_later(rwq *q, uint32_t slot, uint64_t word);           /* the same, but others learn of the room by rw_free_now() */
void rw_free_now(rwq *q);
bool rw_make_ready(rwq *q, uint32_t slot, uint64_t word, uint32_t attempts, uint32_t flags); /* → READY at a new gen, hinted */
bool rw_requeue(rwq *q, uint32_t slot, uint64_t word, const char *why); /* the caller ends with rw_limit_dead() */
                /* a lease of the dead or an expired one → READY, or BURIED after max_deliver */
bool rw_bury(rwq *q, uint32_t slot, uint64_t word, const void *note, uint32_t note_len);
void rw_limit_dead(rwq *q);
void rw_recount_dead(rwq *q);

/* receive.c */
uint32_t rw_fill_meta(rwq *q, struct rwq_meta *meta, uint32_t slot, uint64_t word, uint32_t body_len, uint32_t headers_len);
bool rw_drained(rwq *q); /* nothing left that could still become a delivery */

/* consume.c: who may take messages */
int32_t rw_start_consuming(rwq *q); /* at the first take */
void rw_stop_consuming(rwq *q);     /* after the last lease was given back */

/* notes.c */
uint32_t rw_note_write(rwq *q, uint32_t slot, uint64_t settling, const void *text, uint32_t length);
uint32_t rw_note_read(rwq *q, uint32_t slot, uint64_t word, uint8_t *into, uint32_t capacity);

/* drops.c */
void rw_count_drop(struct rw_participant *dropper, uint32_t slot); /* then take the mark RW_EVICTED away, then: */
void rw_drop_is_counted(struct rw_participant *dropper);

/* participant.c */
int rw_attach(rwq *q, const uint8_t *name);
void rw_detach(rwq *q);
bool rw_process_is_here(const struct rw_participant *p); /* same pid namespace, same process as registered */
int rw_lock_byte(int fd, uint64_t at, bool exclusive_try);
void rw_unlock_byte(int fd, uint64_t at);
int rw_share_byte(int fd, uint64_t at);             /* many may hold it so, or one by rw_lock_byte() */
bool rw_byte_is_locked(int fd, uint64_t at);
uint32_t rw_recover_deaths(rwq *q);                 /* looks at every registered participant */
uint32_t rw_recover_participant(rwq *q, uint32_t i); /* if it is dead */

/* in_order.c: a list that grows; what does not fit because memory is short (false) is handled at once, out of order */
struct rw_found {
    uint64_t id, word;
    uint32_t slot;
};
struct rw_list {
    struct rw_found *items;
    uint32_t count, capacity;
};
bool rw_remember(rwq *q, struct rw_list *list, uint32_t slot, uint64_t word);
void rw_sort(struct rw_list *list); /* oldest first */
void rw_release_list(struct rw_list *list);

/* sweep.c */
void rw_mend_half_steps(rwq *q); /* after the owned slots of the dead: hints, bits, bounds, counts */
struct rw_owners {
    uint64_t bits[RW_ARMED_WORDS]; /* one for each participant */
};
uint32_t rw_recover_owned(rwq *q, const struct rw_owners *owners, bool died); /* the caller holds the owners' bytes */
uint32_t rw_rehint(rwq *q);                        /* READY slots without a hint get one */
uint32_t rw_sweep_round(rwq *q, uint64_t now);     /* elected, bounded */
uint32_t rw_sweep_full(rwq *q);
static inline void rw_maintain(rwq *q, uint64_t now) {
    if (__builtin_expect(now - rw_load_relaxed(&q->control->sweep_turn) >= RW_SWEEP_EVERY_MS, 0)) rw_sweep_round(q, now);
}

/* wait.c */
void rw_wake_one(rwq *q, uint32_t what);
void rw_wake_all(rwq *q);
static inline void rw_signal(rwq *q, uint32_t what) {
    /* SYNC POINT (event): pairs with arm() in wait.c: publish, then look for waiters / announce, then look for messages */
    if (__builtin_expect(rw_load_seq(&q->control->event[what]) & 1u, 0)) rw_wake_one(q, what);
}
void rw_wake_seen(rwq *q);
void rw_pass_on_room(rwq *q);
void rw_wake_cleanup(rwq *q);
void rw_wake_forget(rwq *q, uint32_t participant); /* what a dead participant left in the file system */

/* background.c */
struct rw_helper *rw_helper_start(rwq *q); /* NULL with the reason in rwq_error_detail() */
void rw_helper_stop(rwq *q);
void rw_renew_forget(rwq *q, uint32_t slot, uint64_t token);
bool rw_renew_as(rwq *q, uint32_t slot, uint64_t token, uint64_t next); /* changes the lease's word, and its renewal with it */
bool rw_touch(rwq *q, uint32_t slot, uint64_t token, uint32_t lease_ms); /* settle.c */

/* segment.c */
int rw_boot_id(uint8_t id[16]);
void rw_fresh_control(struct rw_control *control, const struct rw_layout *l);
static inline uint64_t rw_base_chunks(const struct rw_layout *l) { return (l->parts + RW_CHUNK - 1) / RW_CHUNK; } /* there from the beginning */

/* journal.c */
int rw_journal_open(rwq *q);                       /* rebuild after a new boot */
/* Sync mode. Failures are kept for rw_journal_result(); while held (a batch), nothing is written: rw_journal_flush() does it for all. */
void rw_journal_body(rwq *q, uint32_t slot);  /* header and payload, before the commit */
void rw_journal_state(rwq *q, uint32_t slot); /* the state word, after it */
void rw_journal_note(rwq *q, uint32_t number); /* number + 1, as in the slot */
void rw_journal_hold(rwq *q, bool on);
void rw_journal_flush(rwq *q);
int32_t rw_journal_write_out(rwq *q); /* at the caller's wish, or at the end */
int32_t rw_journal_result(rwq *q); /* 0, or the error of what was written since the last call */
static inline bool rw_is_sync(const rwq *q) { return __builtin_expect(q->super.journal == RWQ_JOURNAL_SYNC, 0); }

/* checksum.c */
uint32_t rw_crc32c(uint32_t crc, const void *data, size_t length);
uint32_t rw_message_crc(uint64_t id, const uint8_t *body, uint32_t body_len, const uint8_t *headers, uint32_t headers_len);
/* Copies a body, and its headers to `headers_into`; the sum is taken over the copy. */
uint32_t rw_message_copy(uint64_t id, uint8_t *into, const uint8_t *body, uint32_t body_len, uint8_t *headers_into, const uint8_t *headers, uint32_t headers_len);
#endif
