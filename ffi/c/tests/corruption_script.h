/*
 * A script of corruptions of a segment, and of operations of two handles that use it. It is made of bytes, so that a fuzzer can make it
 * up: any bytes are a script. In company a third handle works on the segment in another thread meanwhile, so that nonsense appears in the
 * middle of its operations too. No operation may crash, hang, or touch memory that is not its own (the sanitizers watch); each answers with
 * what the ABI allows. What was written over may be lost.
 */
#ifndef RW_CORRUPTION_SCRIPT_H
#define RW_CORRUPTION_SCRIPT_H
#include "guarded_mapping.h"
#include "use_queue.h"

#define SCRIPT_OPERATIONS_MAX 300
#define SCRIPT_SLOTS 24u
#define SCRIPT_BODY_MAX 3000u
#define SCRIPT_PARTICIPANTS 4u

struct script {
    const uint8_t *at, *end;
};
static inline uint64_t next_of(struct script *s, int bytes) {
    uint64_t value = 0;
    for (int i = 0; i < bytes && s->at < s->end; i++) value |= (uint64_t)*s->at++ << (8 * i);
    return value;
}

/* ---- corruptions ---- */

/* A word of one of the classes: page 0, control, chunk map, bitmaps, lease and due minima, participants, slot headers, small bodies, rings, notes, large bodies. */
static inline _Atomic uint64_t *word_of(uint8_t *segment, const struct rw_layout *l, uint32_t class, uint64_t index) {
    const uint64_t regions[][2] = {{0, sizeof(struct rw_super)}, {l->control, l->chunk_map}, {l->chunk_map, l->used}, {l->used, l->lease_min}, {l->lease_min, l->parts}, {l->parts, l->headers}, {l->headers, l->small},
                                   {l->small, l->rings}, {l->rings, l->note_area}, {l->note_area, l->meta_end}, {l->large, l->total}};
    const uint64_t *region = regions[class % (sizeof regions / sizeof regions[0])];
    uint64_t words = (region[1] - region[0]) / 8;
    return words ? (_Atomic uint64_t *)(segment + region[0]) + index % words : NULL;
}
static inline uint64_t value_of(struct script *s, uint64_t now) {
    uint64_t kind = next_of(s, 1);
    switch (kind % 6) {
    case 0: return 0;
    case 1: return ~0ull;
    case 2: return now ^ 1ull << next_of(s, 1) % 64;
    case 3: return now + (uint64_t)(int8_t)next_of(s, 1);
    case 4: return next_of(s, 2);
    default: return next_of(s, 8);
    }
}
static inline void corrupt(struct script *s, uint8_t *segment, const struct rw_layout *l) {
    uint32_t class = (uint32_t)next_of(s, 1);
    _Atomic uint64_t *word = word_of(segment, l, class, next_of(s, 2));
    if (word) atomic_store(word, value_of(s, atomic_load(word)));
}
/* The likely ones: a slot that says something else about itself, lengths that nobody gave it, a hint to somewhere. */
static inline void corrupt_message(struct script *s, uint8_t *segment, const struct rw_layout *l) {
    struct rw_slot *slot = (struct rw_slot *)(segment + l->headers) + next_of(s, 1) % l->slots;
    uint64_t kind = next_of(s, 1), value = next_of(s, 4);
    if (kind % 4 == 0) atomic_store(&slot->state, (atomic_load(&slot->state) & ~0xfffull) | (value & 0xfff));
    else if (kind % 4 == 1) atomic_store(&slot->body_len, (uint32_t)value);
    else if (kind % 4 == 2) atomic_store(&slot->headers_len, (uint32_t)value);
    else atomic_store((_Atomic uint64_t *)(segment + l->rings) + value % (RW_RINGS * l->ring_entries), RW_ENTRY(1 + kind % 3, atomic_load(&slot->state) >> 32, value >> 8 & 0xfffff));
}

/* ---- operations ---- */

static inline void expect_allowed(int32_t status) {
    static const int allowed[] = {EAGAIN, ENOSPC, EMSGSIZE, EPIPE, ESHUTDOWN, ESTALE, EUCLEAN, EUSERS, EPROTO, EPROTONOSUPPORT, EPERM, EINVAL, ENOENT, ETIMEDOUT, EBUSY};
    for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++)
        if (status >= 0 || status == -allowed[i]) return;
    check_failed(__FILE__, __LINE__, "an operation answered %d", status);
}

struct user {
    struct handle h; /* q NULL: it could not be opened */
    struct lease lease, claim;
    uint32_t claimed;
};

static inline int32_t receive_one(struct user *u, uint32_t how) {
    int32_t status = rwq_receive(u->h.q, how, 40);
    if (status != 0) return status;
    const struct rwq_meta *m = &u->h.io->meta;
    CHECK_NOTE(m->body_len <= SCRIPT_BODY_MAX && m->headers_len <= 64, "a message of %u and %u bytes", m->body_len, m->headers_len);
    if (how != RWQ_TAKE_ACK || m->flags & RWQ_META_BIG) u->lease = lease_of(&u->h);
    if (how == RWQ_TAKE_POINTER) { /* all of it may be looked at */
        const volatile uint8_t *body = (const volatile uint8_t *)(uintptr_t)u->h.io->out_pointer;
        for (uint32_t i = 0; i < m->body_len; i++) (void)body[i];
        rwq_release_view(u->h.q);
    }
    return 0;
}
static inline int32_t look_at_all(struct user *u) {
    rwq *q = u->h.q;
    from_the_start(&u->h);
    for (int i = 0; i < 100 && rwq_peek(q) == 0; i++) {}
    from_the_start(&u->h);
    for (int i = 0; i < 100 && rwq_inspect(q, 0x7e) == 0; i++)
        if (u->h.io->meta.flags >> 24 == RWQ_SLOT_BURIED) u->lease = lease_of(&u->h);
    for (uint32_t i = 0; i <= SCRIPT_PARTICIPANTS; i++) rwq_participant(q, i);
    return rwq_status(q);
}
static inline int32_t claim_some(struct user *u, uint32_t length) {
    int32_t status = rwq_claim(u->h.q, length, 0);
    if (status == 0) u->claim = lease_of(&u->h), u->claimed = length, memset((void *)(uintptr_t)u->h.io->out_pointer, 7, length);
    return status;
}
static inline void reopen(struct user *u, const char *path) {
    if (u->h.q) {
        u->h.q->views_given = false; /* this script is done with its views, and must not fill the address space with mappings */
        rwq_close(u->h.q);
    }
    memset(u, 0, sizeof *u);
    expect_allowed(try_open(&u->h, path, 0, 8192));
}

static inline int32_t operate(struct script *s, struct user *u) {
    static const uint8_t body[SCRIPT_BODY_MAX + 100];
    static _Thread_local uint8_t room[2 * SCRIPT_BODY_MAX];
    static const uint8_t note[RWQ_NOTE_BYTES + 100];
    rwq *q = u->h.q;
    uint64_t kind = next_of(s, 1), n = next_of(s, 2);
    uint32_t length = (uint32_t)(kind & 0x80 ? n % sizeof body : n % 200);
    switch (kind % 28) {
    case 0: case 1: return rwq_send(q, body, length, (uint32_t)(n >> 12) & 7);
    case 2:
        u->h.io->in_headers_len = (uint32_t)n % 70, u->h.io->in_delay_ms = (double)(n % 3), u->h.io->in_ttl_ms = (double)(n / 3 % 3);
        return rwq_send(q, body, length, RWQ_SEND_EXTENDED);
    case 3: return rwq_send_many(q, body, (const uint32_t[]){100, 0, 300, 64}, 4, (uint32_t)n & 7);
    case 4: return claim_some(u, length);
    case 5: return rwq_commit(q, LEASE(u->claim), length < u->claimed ? length : u->claimed, 0);
    case 6: return rwq_abort(q, LEASE(u->claim));
    case 7: case 8: return receive_one(u, RWQ_TAKE_ACK);
    case 9: case 10: return receive_one(u, RWQ_TAKE_LEASE);
    case 11: return receive_one(u, RWQ_TAKE_POINTER);
    case 12: return rwq_receive_many(q, (uint32_t)n % 6, n & 64 ? RWQ_TAKE_ACK : RWQ_TAKE_LEASE, 40);
    case 13: return rwq_ack(q, LEASE(u->lease));
    case 14: return rwq_nack(q, LEASE(u->lease), (double)(n % 3), (uint32_t)n & 1);
    case 15: return rwq_bury(q, LEASE(u->lease), note, (uint32_t)n % sizeof note);
    case 16: return rwq_touch(q, LEASE(u->lease), (uint32_t)n);
    case 17: return rwq_count_attempt(q, LEASE(u->lease));
    case 18: return rwq_revive(q, LEASE(u->lease));
    case 19: return rwq_discard(q, LEASE(u->lease));
    case 20: return rwq_read(q, LEASE(u->lease), room, sizeof room);
    case 21: case 22: return rwq_sweep(q, (uint32_t)n % 3);
    case 23: return look_at_all(u);
    case 24: return rwq_trim(q);
    case 25: return rwq_arm(q, (uint32_t)n & 1);
    case 26: return n % 16 ? rwq_cancel(q, (uint32_t)n % 32, (uint32_t)n >> 8, 0) : n & 16 ? rwq_end(q) : rwq_pause(q, (uint32_t)n & 32);
    default:
        atomic_store(&q->control->sweep_turn, 0), atomic_store(&q->control->death_turn, 0); /* as if time had passed */
        return rwq_wait(q, (uint32_t)n & 1, 0);
    }
}

struct company {
    pthread_t thread;
    const char *path;
    uint64_t random;
    _Atomic bool ready, stop;
};
static inline void *work_in_company(void *argument) {
    struct company *c = argument;
    struct user u = {0};
    for (uint32_t n = 0; !atomic_load(&c->stop); n++) {
        uint8_t bytes[16];
        for (size_t i = 0; i < sizeof bytes; i++) c->random = c->random * 6364136223846793005ull + 1442695040888963407ull, bytes[i] = (uint8_t)(c->random >> 56);
        struct script s = {bytes, bytes + sizeof bytes};
        if (n % 64 == 0) reopen(&u, c->path);
        atomic_store(&c->ready, true);
        if (u.h.q) expect_allowed(operate(&s, &u));
    }
    if (u.h.q) u.h.q->views_given = false, rwq_close(u.h.q);
    return NULL;
}

static inline void run_script(const char *path, const uint8_t *bytes, size_t size, bool in_company) {
    struct script s = {bytes, bytes + size};
    struct user users[2] = {0};
    struct rw_layout l;
    create_queue(path, (struct rwq_params){.max_messages = SCRIPT_SLOTS, .max_body = SCRIPT_BODY_MAX, .max_headers = 64, .max_participants = SCRIPT_PARTICIPANTS, .max_dead = 3, .max_deliver = 3, .lease_ms = 50});
    CHECK(rw_layout_compute(&l, SCRIPT_SLOTS, SCRIPT_PARTICIPANTS, SCRIPT_BODY_MAX, 64));
    int fd = open(path, O_RDWR | O_CLOEXEC);
    uint8_t *segment = mmap(NULL, l.total, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(fd >= 0 && segment != MAP_FAILED);
    for (int i = 0; i < 2; i++) reopen(&users[i], path);
    struct company company = {.path = path, .random = size};
    for (size_t i = 0; i < size; i++) company.random = company.random * 31 + bytes[i];
    if (in_company) {
        CHECK_EQUAL(pthread_create(&company.thread, NULL, work_in_company, &company), 0);
        while (!atomic_load(&company.ready)) sleep_ms(0.01);
    }
    for (int n = 0; n < SCRIPT_OPERATIONS_MAX && s.at < s.end; n++) {
        uint64_t what = next_of(&s, 1);
        struct user *u = &users[what >> 7];
        /* Who writes nonsense may take back the mark that others set when they found some: then they meet more of it. */
        if (what & 64) atomic_store(&((struct rw_control *)(segment + l.control))->poisoned, 0);
        if (what % 8 == 0) corrupt(&s, segment, &l);
        else if (what % 8 == 1) corrupt_message(&s, segment, &l);
        else if (what % 128 == 127) reopen(u, path);
        else if (u->h.q) expect_allowed(operate(&s, u));
    }
    atomic_store(&company.stop, true);
    if (in_company) CHECK_EQUAL(pthread_join(company.thread, NULL), 0);
    for (int i = 0; i < 2; i++)
        if (users[i].h.q) users[i].h.q->views_given = false, rwq_close(users[i].h.q);
    munmap(segment, l.total);
    close(fd);
    unlink(path);
}
#endif
