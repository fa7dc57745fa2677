/* The ABI with less ceremony, for the tests. */
#ifndef RW_USE_QUEUE_H
#define RW_USE_QUEUE_H
#include <stdbool.h>

#include "check.h"
#include "queue.h"

struct handle {
    rwq *q;
    struct rwq_io *io;
    uint8_t *staging;
};
struct lease {
    uint32_t slot, lo, hi;
};
#define LEASE(l) (l).slot, (l).lo, (l).hi

static inline void create_queue(const char *path, struct rwq_params params) { CHECK_EQUAL(rwq_create(path, &params, 0), 0); }

static inline int32_t try_open(struct handle *h, const char *path, uint32_t flags, uint32_t staging_bytes) {
    struct rwq_open_options o = {.staging_bytes = staging_bytes, .flags = flags};
    snprintf((char *)o.name, sizeof o.name, "test %d", (int)getpid());
    int32_t status = rwq_open(path, &o);
    if (status == 0) *h = (struct handle){(rwq *)(uintptr_t)o.handle, (struct rwq_io *)(uintptr_t)o.io, (uint8_t *)(uintptr_t)o.io + RWQ_IO_STAGING};
    return status;
}
static inline struct handle open_queue(const char *path) {
    struct handle h = {0};
    CHECK_EQUAL(try_open(&h, path, 0, 0), 0);
    return h;
}
static inline struct handle new_queue(struct rwq_params params) {
    const char *path = fresh_path();
    create_queue(path, params);
    return open_queue(path);
}
static inline void close_queue(struct handle *h) {
    CHECK_EQUAL(rwq_close(h->q), 0);
    h->q = NULL;
}

static inline int32_t try_send(struct handle *h, const char *text, uint32_t options) { return rwq_send(h->q, text, (uint32_t)strlen(text), options); }
static inline void send_text(struct handle *h, const char *text) { CHECK_EQUAL(try_send(h, text, 0), 0); }
static inline int32_t send_extended(struct handle *h, const char *text, double delay_ms, double ttl_ms, uint32_t options) {
    h->io->in_delay_ms = delay_ms, h->io->in_ttl_ms = ttl_ms, h->io->in_headers_len = 0;
    return try_send(h, text, options | RWQ_SEND_EXTENDED);
}

static inline struct lease lease_of(const struct handle *h) { return (struct lease){h->io->meta.slot, h->io->meta.token_lo, h->io->meta.token_hi}; }
static inline uint64_t id_of(const struct rwq_meta *meta) { return (uint64_t)meta->id_hi << 32 | meta->id_lo; }
static inline bool body_is(const struct handle *h, const char *text) {
    return h->io->meta.body_len == strlen(text) && memcmp(h->staging, text, strlen(text)) == 0;
}

/* Takes the next message, which must be `text`. */
#define take_text(h, text, how) take_text_at(__FILE__, __LINE__, h, text, how, 0)
static inline struct lease take_text_at(const char *file, int line, struct handle *h, const char *text, uint32_t how, uint32_t lease_ms) {
    h->q->takes = 0; /* not the turn of the lowest priority */
    int32_t status = rwq_receive(h->q, how, lease_ms);
    if (status != 0) check_failed(file, line, "receiving '%s' answered %d", text, status);
    if (!body_is(h, text)) check_failed(file, line, "received '%.*s' (%u bytes), not '%s'", (int)(h->io->meta.body_len < 80 ? h->io->meta.body_len : 80), h->staging, h->io->meta.body_len, text);
    return lease_of(h);
}
#define expect_text(h, text) ((void)take_text(h, text, RWQ_TAKE_ACK))
static inline struct lease lease_text(struct handle *h, const char *text, uint32_t lease_ms) { return take_text_at(__FILE__, __LINE__, h, text, RWQ_TAKE_LEASE, lease_ms); }
static inline int32_t ack_it(struct handle *h, struct lease l) { return rwq_ack(h->q, LEASE(l)); }
static inline int32_t nack_it(struct handle *h, struct lease l, double delay_ms) { return rwq_nack(h->q, LEASE(l), delay_ms, 0); }
static inline int32_t bury_it(struct handle *h, struct lease l, const char *note) { return rwq_bury(h->q, LEASE(l), note, note ? (uint32_t)strlen(note) : 0); }
#define expect_empty(h) CHECK_EQUAL(rwq_receive((h)->q, RWQ_TAKE_ACK, 0), -EAGAIN)

/* Waits for up to `ms` until a message comes; maintenance happens meanwhile as in any consumer. */
static inline int32_t receive_within(struct handle *h, uint32_t how, double ms) {
    double until = seconds_now() + ms / 1000;
    for (;;) {
        int32_t status = rwq_receive(h->q, how, 0);
        double left = (until - seconds_now()) * 1000;
        if (status != -EAGAIN || left <= 0) return status;
        rwq_wait(h->q, RWQ_FOR_MESSAGE, left < 20 ? left : 20);
    }
}

static inline const struct rwq_status *status_now(struct handle *h) {
    CHECK_EQUAL(rwq_status(h->q), 0);
    return (const struct rwq_status *)h->staging;
}
static inline int in_state(struct handle *h, int state) { return (int)status_now(h)->state_count[state]; }
static inline long counted(struct handle *h, int counter) { return (long)status_now(h)->totals[counter]; }

/* The first dead letter from the cursor on; its note as text. */
static inline int32_t next_dead(struct handle *h, char note[RWQ_NOTE_BYTES + 1]) {
    int32_t status = rwq_inspect(h->q, 1u << RWQ_SLOT_BURIED);
    if (status) return status;
    const struct rwq_meta *meta = &h->io->meta;
    uint32_t at = meta->flags & RWQ_META_BIG ? 0 : ((meta->body_len + 7) & ~7u) + ((meta->headers_len + 7) & ~7u);
    if (note) memcpy(note, h->staging + at, meta->note_len), note[meta->note_len] = 0;
    return 0;
}
static inline void from_the_start(struct handle *h) { h->io->cursor[0] = h->io->cursor[1] = 0; }

/* Everything free, and all of it usable: no slot was lost. */
static inline void expect_no_leak(struct handle *h) {
    rwq_geometry(h->q);
    uint32_t places = ((struct rwq_geometry *)h->staging)->max_messages;
    CHECK_EQUAL(in_state(h, RWQ_SLOT_FREE), places);
    for (uint32_t i = 0; i < places; i++) CHECK_NOTE(rwq_send(h->q, &i, sizeof i, 0) == 0, "place %u of %u was lost", i, places);
    CHECK_EQUAL(rwq_send(h->q, "x", 1, 0), -EAGAIN);
    for (uint32_t i = 0, got; i < places; i++) {
        CHECK_EQUAL(rwq_receive(h->q, RWQ_TAKE_ACK, 0), 0);
        memcpy(&got, h->staging, sizeof got);
        CHECK_EQUAL(got, i);
    }
    expect_empty(h);
    CHECK_EQUAL(in_state(h, RWQ_SLOT_FREE), places);
}
#endif
