/*
 * What there is before a death, what the one that dies is doing, and what is left of it: for the tests that kill at labelled points and for
 * those that kill at every instruction.
 */
#ifndef RW_VICTIMS_H
#define RW_VICTIMS_H
#include "crash_points.h"

static struct lease held;
static struct handle keeper; /* lives in the parent while others die */

static inline void lease_first(struct handle *h) {
    h->q->takes = 0;
    CHECK_EQUAL(rwq_receive(h->q, RWQ_TAKE_LEASE, 0), 0);
    held = lease_of(h);
}
static inline void send_large(struct handle *h, char c) {
    char body[4000];
    memset(body, c, sizeof body);
    CHECK_EQUAL(rwq_send(h->q, body, sizeof body, 0), 0);
}

/* ---- what is there before, accepted and settled by somebody who lives ---- */

static inline void nothing(struct handle *h) { (void)h; }
static inline void one(struct handle *h) { send_text(h, "a"); }
static inline void two(struct handle *h) { send_text(h, "a"), send_text(h, "b"); }
static inline void full(struct handle *h) {
    for (char text[2] = "a"; text[0] <= 'h'; text[0]++) send_text(h, text);
}
static inline void freed_large(struct handle *h) { send_large(h, 'L'), send_text(h, "a"), CHECK_EQUAL(rwq_receive(h->q, RWQ_TAKE_ACK, 0), 0); }
static inline void last_attempt(struct handle *h) {
    two(h);
    for (int i = 0; i < 2; i++) lease_first(h), CHECK_EQUAL(rwq_nack(h->q, LEASE(held), 0, 0), 0);
}
static inline void second_attempt(struct handle *h) { two(h), lease_first(h), CHECK_EQUAL(rwq_nack(h->q, LEASE(held), 0, 0), 0); }
static inline void dead_one(struct handle *h) { one(h), lease_first(h), CHECK_EQUAL(bury_it(h, held, "why"), 0); }
static inline void dead_two(struct handle *h) {
    for (char text[2] = "p"; text[0] <= 'q'; text[0]++) send_text(h, text), lease_first(h), CHECK_EQUAL(bury_it(h, held, "why"), 0);
    two(h);
}
static inline void due_one(struct handle *h) { send_extended(h, "a", 60000, 0, 0), travel_in_time(h), send_text(h, "b"); }
static inline void outlived(struct handle *h) { send_extended(h, "a", 0, 60000, 0), atomic_store(&h->q->slots[0].expires_ms, 1), send_text(h, "b"); }
static inline void expired_lease(struct handle *h) {
    two(h);
    keeper = open_queue(h->q->path);
    lease_first(&keeper);
    CHECK_EQUAL(rwq_touch(keeper.q, LEASE(held), 1), 0);
    sleep_ms(10);
}
static inline void killed_holding(const char *path, const char *point, int leases, const char *send) {
    IN_CHILD(pid, {
        struct handle h = open_queue(path);
        for (int i = 0; i < leases; i++) lease_first(&h);
        if (point) die_at(point, NULL);
        if (send) send_text(&h, send);
        kill(getpid(), SIGKILL);
    });
    CHECK(was_killed(status_of(pid)));
}
static inline void dead_holder(struct handle *h) { two(h), send_text(h, "c"), killed_holding(h->q->path, NULL, 2, NULL); }
static inline void dead_sender(struct handle *h) { one(h), killed_holding(h->q->path, "commit:after", 0, "o"); }
static inline void dead_claimer(struct handle *h) { one(h), killed_holding(h->q->path, "commit:before", 0, "o"); }
static inline void dead_last_attempt(struct handle *h) { last_attempt(h), killed_holding(h->q->path, NULL, 1, NULL); }

/* ---- what the victim has done before, unharmed (see lease_first() too) ---- */

static inline void find_dead(struct handle *h) { CHECK_EQUAL(next_dead(h, NULL), 0), held = lease_of(h); }
static inline void another_waits(struct handle *h) {
    struct handle waiter = open_queue(h->q->path);
    CHECK_EQUAL(rwq_arm(waiter.q, RWQ_FOR_MESSAGE), 0);
}

/* ---- what the victim does; it dies on the way ---- */

static inline void act_send(struct handle *h) { try_send(h, "x", 0); }
static inline void act_send_low(struct handle *h) { try_send(h, "x", RWQ_PRIORITY_LOW); }
static inline void act_send_large(struct handle *h) { send_large(h, 'X'); }
static inline void act_send_later(struct handle *h) { send_extended(h, "x", 60000, 0, 0); }
static inline void act_send_dropping(struct handle *h) { try_send(h, "x", RWQ_SEND_DROP_OLDEST); }
static inline void act_send_many(struct handle *h) {
    const uint32_t lengths[] = {1, 1, 1};
    rwq_send_many(h->q, "xyz", lengths, 3, 0);
}
static inline void act_claim(struct handle *h) {
    CHECK_EQUAL(rwq_claim(h->q, 1, 0), 0);
    *(uint8_t *)(uintptr_t)h->io->out_pointer = 'x';
    rwq_commit(h->q, LEASE(lease_of(h)), 1, 0);
}
static inline void act_abort(struct handle *h) { CHECK_EQUAL(rwq_claim(h->q, 1, 0), 0), rwq_abort(h->q, LEASE(lease_of(h))); }
static inline void act_arm(struct handle *h) { rwq_arm(h->q, RWQ_FOR_MESSAGE); }
static inline void act_lease(struct handle *h) { rwq_receive(h->q, RWQ_TAKE_LEASE, 1000); }
static inline void act_take(struct handle *h) { rwq_receive(h->q, RWQ_TAKE_ACK, 0); }
static inline void act_take_many(struct handle *h) { rwq_receive_many(h->q, 2, RWQ_TAKE_ACK, 0); }
static inline void act_ack(struct handle *h) { rwq_ack(h->q, LEASE(held)); }
static inline void act_nack(struct handle *h) { rwq_nack(h->q, LEASE(held), 0, 0); }
static inline void act_nack_later(struct handle *h) { rwq_nack(h->q, LEASE(held), 60000, 0); }
static inline void act_nack_uncounted(struct handle *h) { rwq_nack(h->q, LEASE(held), 60000, RWQ_NACK_UNCOUNTED); }
static inline void act_bury(struct handle *h) { bury_it(h, held, "why"); }
static inline void act_count(struct handle *h) { rwq_count_attempt(h->q, LEASE(held)); }
static inline void act_touch(struct handle *h) { rwq_touch(h->q, LEASE(held), 60000); }
static inline void act_revive(struct handle *h) { rwq_revive(h->q, LEASE(held)); }
static inline void act_discard(struct handle *h) { rwq_discard(h->q, LEASE(held)); }
static inline void act_sweep_due(struct handle *h) { maintenance_is_due(h), rwq_sweep(h->q, RWQ_SWEEP_DUE); }
static inline void act_sweep_deaths(struct handle *h) { rwq_sweep(h->q, RWQ_SWEEP_DEATHS); }
static inline void act_sweep_full(struct handle *h) { rwq_sweep(h->q, RWQ_SWEEP_FULL); }
static inline void act_trim(struct handle *h) { rwq_trim(h->q); }
static inline void act_leave(struct handle *h) { rwq_close(h->q); }
static inline void act_attach(struct handle *h) {
    struct handle other;
    try_open(&other, h->q->path, 0, 0);
}

/* ---- what is left ---- */

enum { BY_ANOTHER_PROCESS, BY_FULL_SWEEP, BY_THE_WAY, MANNERS };

static inline int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }
static inline void sort_words(char *text) {
    char *words[32], copy[512];
    size_t n = 0;
    snprintf(copy, sizeof copy, "%s", text);
    for (char *word = strtok(copy, " "); word && n < 32; word = strtok(NULL, " ")) words[n++] = word;
    qsort(words, n, sizeof words[0], by_text);
    text[0] = 0;
    for (size_t i = 0; i < n; i++) append(text, 512, "%s ", words[i]);
}
/* "~…": when a delay was recovered decides the order. */
static inline bool is_left(const char *left, const char *expected) {
    char a[512], b[512];
    if (expected[0] != '~') return strcmp(left, expected) == 0;
    snprintf(a, sizeof a, "%s", left), snprintf(b, sizeof b, "%s", expected + 1);
    sort_words(a), sort_words(b);
    return strcmp(a, b) == 0;
}

/* The bodies only, sorted: what a second death may change is how often, in which order, and whether dead. */
static inline void sort_bodies(const char *text, char *into) {
    int counts[128] = {0}, n = 0;
    for (const char *c = text; *c; c++)
        if ((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z')) counts[(int)*c]++;
    for (int c = 0; c < 128; c++)
        while (counts[c]-- > 0) into[n++] = (char)c;
    into[n] = 0;
}
#endif
