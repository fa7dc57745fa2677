/* Children that die at a labelled point of the sources, and what is checked after every death. */
#ifndef RW_CRASH_POINTS_H
#define RW_CRASH_POINTS_H
#include "use_queue.h"

/* From here on this process dies (or, with "STOP", stops) at `point`: label or label:count. */
static inline void die_at(const char *point, const char *signal_name) {
    setenv("RINGWIRE_CRASH_AT", point, 1);
    if (signal_name) setenv("RINGWIRE_CRASH_SIGNAL", signal_name, 1);
}

static inline bool was_killed(int status) { return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL; }

/* Makes what is delayed due, as if its time had come. What was not noted stays unnoted. */
static inline void travel_in_time(struct handle *h) {
    rwq *q = h->q;
    uint64_t high = atomic_load(&q->control->high_water);
    _Atomic uint64_t *due_min = (_Atomic uint64_t *)(q->base + q->l.due_min);
    for (uint32_t slot = 0; slot < high; slot++) {
        uint64_t w = atomic_load(&q->slots[slot].state);
        if (RW_STATE(w) == RWQ_SLOT_DELAYED) atomic_store(&q->slots[slot].due, RW_TAGGED(RW_GEN(w), 1));
        if (atomic_load(&due_min[slot / 64])) atomic_store(&due_min[slot / 64], 1);
    }
    if (atomic_load(&q->control->next_due)) atomic_store(&q->control->next_due, 1);
}

/* The next operation does its maintenance, and looks for deaths, as it would some time later. */
static inline void maintenance_is_due(struct handle *h) {
    atomic_store(&h->q->control->sweep_turn, 0);
    atomic_store(&h->q->control->death_turn, 0);
}

static inline void append(char *text, size_t capacity, const char *format, ...) __attribute__((format(printf, 3, 4)));
static inline void append(char *text, size_t capacity, const char *format, ...) {
    size_t used = strlen(text);
    va_list args;
    va_start(args, format);
    vsnprintf(text + used, capacity - used, format, args);
    va_end(args);
}

/* Takes everything; "body attempts *" of each, the star when it was flagged as redelivered; then " |" and the dead letters, discarded. */
static inline void drain(struct handle *h, char *text, size_t capacity) {
    text[0] = 0;
    for (int idle = 0; idle < 3;) {
        travel_in_time(h);
        h->q->takes = 0;
        int32_t status = rwq_receive(h->q, RWQ_TAKE_ACK, 0);
        if (status == -EAGAIN) {
            maintenance_is_due(h), idle++;
            continue;
        }
        CHECK_EQUAL(status, 0);
        const struct rwq_meta *m = &h->io->meta;
        for (uint32_t i = 1; i < m->body_len; i++) CHECK_NOTE(m->body_len < 8 || h->staging[i] == h->staging[0], "a torn body");
        append(text, capacity, "%s%c%u%s", text[0] ? " " : "", m->body_len ? h->staging[0] : '-', m->attempts, m->flags & RWQ_META_REDELIVERED ? "*" : "");
    }
    for (bool first = true; from_the_start(h), next_dead(h, NULL) == 0; first = false) {
        append(text, capacity, "%s%c", first ? " |" : "", h->staging[0]);
        CHECK_EQUAL(rwq_discard(h->q, LEASE(lease_of(h))), 0);
    }
}

/* What the counters say is there, when nothing is: 0, or what the dead had no time to count. */
static inline long unaccounted(struct handle *h) {
    const double *t = status_now(h)->totals;
    return (long)(t[RWQ_COUNT_SENT] - t[RWQ_COUNT_ACKED] - t[RWQ_COUNT_DROPPED_OLDEST] - t[RWQ_COUNT_DROPPED_EXPIRED] - t[RWQ_COUNT_DROPPED_DEAD]);
}

static inline int count_in(struct handle *h, int state) {
    int count = 0;
    for (uint32_t slot = 0; slot < h->q->l.slots && rw_slot_present(h->q, slot); slot++) count += RW_STATE(atomic_load(&h->q->slots[slot].state)) == (uint32_t)state;
    return count;
}
#endif
