/*
 * Producers and consumers that are killed and stopped at random, against a ledger outside the segment. What was accepted and not settled
 * is there at the end, once; nothing is torn; nothing comes back after its acknowledgement; a duplicate is flagged.
 */
#include "mutants.h"
#include "use_queue.h"

#include <inttypes.h>

#define PRODUCERS 3
#define CONSUMERS 3
#define WORKERS (PRODUCERS + CONSUMERS)
#define MESSAGES_MAX 4000000u
#define BODY_MAX 3000u

enum { UNUSED, TRYING, REFUSED, ACCEPTED };
struct entry {
    _Atomic uint8_t sent;          /* of the enum */
    _Atomic uint8_t settling;      /* somebody began to acknowledge or discard it */
    _Atomic uint64_t delivered_ns; /* when somebody had it for the first time, as far as the consumers lived to tell */
    _Atomic uint64_t settled_ns;   /* when somebody was told that it is done */
};
static struct ledger {
    _Atomic uint32_t next, refused_while_full, redelivered, lost_leases, stop;
    struct entry entries[MESSAGES_MAX];
} *ledger;
static bool dropping; /* producers evict: then only numbers can be checked */

static uint32_t seed;
static uint32_t random_below(uint32_t n) {
    seed ^= seed << 13, seed ^= seed >> 17, seed ^= seed << 5;
    return seed % n;
}

/* ---- bodies ---- */

struct body {
    uint32_t number, length;
    uint8_t rest[BODY_MAX - 8];
};
static uint8_t byte_of(uint32_t number, uint32_t i) { return (uint8_t)(number * 31 + i * 7 + (i >> 8)); }
static uint32_t compose(struct body *b, uint32_t number) {
    uint32_t length = 8 + (random_below(4) ? random_below(200) : random_below(BODY_MAX - 8));
    b->number = number, b->length = length;
    for (uint32_t i = 8; i < length; i++) b->rest[i - 8] = byte_of(number, i);
    return length;
}
static uint32_t check_body(const uint8_t *bytes, uint32_t length) {
    uint32_t number, stated;
    CHECK_NOTE(length >= 8, "a body of %u bytes", length);
    memcpy(&number, bytes, 4), memcpy(&stated, bytes + 4, 4);
    CHECK_NOTE(stated == length && number < MESSAGES_MAX, "torn: %u has %u of %u bytes", number, length, stated);
    for (uint32_t i = 8; i < length; i++) CHECK_NOTE(bytes[i] == byte_of(number, i), "torn: byte %u of %u", i, number);
    return number;
}
static struct entry *next_entry(uint32_t *number) {
    *number = atomic_fetch_add(&ledger->next, 1);
    CHECK(*number < MESSAGES_MAX);
    ledger->entries[*number].sent = TRYING;
    return &ledger->entries[*number];
}

/* ---- workers ---- */

static void note_result(struct entry *e, int32_t status) {
    CHECK_NOTE(status == 0 || status == -EAGAIN, "sending answered %d", status);
    e->sent = status == 0 ? ACCEPTED : REFUSED;
    if (status) atomic_fetch_add(&ledger->refused_while_full, 1);
}

static uint32_t random_options(struct handle *h) {
    uint32_t options = random_below(3) ? 0 : 1 + random_below(3);
    h->io->in_headers_len = 0, h->io->in_ttl_ms = 0, h->io->in_delay_ms = random_below(8) ? 0 : random_below(40);
    return options | RWQ_SEND_EXTENDED | (dropping ? RWQ_SEND_DROP_OLDEST : 0);
}

static void send_batch(struct handle *h) {
    static uint8_t bodies[16 * BODY_MAX];
    uint32_t lengths[16], count = 2 + random_below(15), at = 0;
    struct entry *entries[16];
    for (uint32_t i = 0; i < count; i++) {
        struct body b;
        uint32_t number;
        entries[i] = next_entry(&number);
        lengths[i] = compose(&b, number);
        memcpy(bodies + at, &b, lengths[i]);
        at += lengths[i];
    }
    int32_t accepted = rwq_send_many(h->q, bodies, lengths, count, random_options(h));
    for (uint32_t i = 0; i < count; i++) note_result(entries[i], (int32_t)i < accepted ? 0 : accepted < 0 ? accepted : -EAGAIN);
}

static void send_in_place(struct handle *h) {
    struct body b;
    uint32_t number, options = random_options(h);
    struct entry *e = next_entry(&number);
    uint32_t length = compose(&b, number);
    int32_t status = rwq_claim(h->q, length + random_below(BODY_MAX - length + 1), options);
    if (status == 0) {
        memcpy((void *)(uintptr_t)h->io->out_pointer, &b, length);
        if (random_below(4) == 0) sleep_ms(random_below(20)); /* some are killed with it */
        status = rwq_commit(h->q, LEASE(lease_of(h)), length, options);
    }
    note_result(e, status);
}

static void produce(const char *path) {
    struct handle h = open_queue(path);
    for (unsigned round = 0; !ledger->stop; round++) {
        uint32_t kind = random_below(10);
        if (kind == 0) send_batch(&h);
        else if (kind == 1) send_in_place(&h);
        else {
            struct body b;
            uint32_t number;
            struct entry *e = next_entry(&number);
            uint32_t length = compose(&b, number);
            note_result(e, rwq_send(h.q, &b, length, random_options(&h)));
        }
        if (!dropping && random_below(4) == 0) rwq_wait(h.q, RWQ_FOR_SPACE, 5);
        if (dropping && round % 64 == 0) sleep_ms(1);
    }
    close_queue(&h);
}

static void settle(struct handle *h, struct entry *e, struct lease l) {
    uint32_t kind = random_below(20);
    int32_t status;
    if (kind == 0) status = rwq_nack(h->q, LEASE(l), 0, random_below(2) ? RWQ_NACK_UNCOUNTED : 0);
    else if (kind == 1) status = rwq_nack(h->q, LEASE(l), random_below(30), 0);
    else if (kind == 2) status = rwq_bury(h->q, LEASE(l), "buried by the torture", 21);
    else {
        if (kind == 3) rwq_touch(h->q, LEASE(l), 1000);
        if (kind == 4) sleep_ms(random_below(3));
        if (kind == 5 && random_below(8) == 0) sleep_ms(80); /* longer than its lease */
        e->settling = 1;
        status = rwq_ack(h->q, LEASE(l));
        if (status == 0) e->settled_ns = rw_precise_ns();
    }
    CHECK_NOTE(status == 0 || status == 1 || status == -ESTALE, "settling answered %d", status);
    if (status == -ESTALE) atomic_fetch_add(&ledger->lost_leases, 1);
}

/* `since`: before the call that took it. A consumer may be stopped between that call and this line, and others go on. */
static struct entry *delivered(const struct rwq_meta *m, const uint8_t *bytes, uint64_t since) {
    uint32_t number = check_body(bytes, m->body_len);
    struct entry *e = &ledger->entries[number];
    CHECK_NOTE(e->sent != REFUSED, "%u was refused, and came", number);
    uint64_t settled = e->settled_ns, before = 0;
    CHECK_NOTE(settled == 0 || settled > since, "%u came back after its acknowledgement", number);
    if (!atomic_compare_exchange_strong(&e->delivered_ns, &before, rw_precise_ns())) CHECK_NOTE(before > since || m->flags & RWQ_META_REDELIVERED, "%u came again without being flagged", number);
    if (m->flags & RWQ_META_REDELIVERED) atomic_fetch_add(&ledger->redelivered, 1);
    return e;
}

/* Dead letters are settled here, so that they do not fill the queue. */
static void bury_the_dead(struct handle *h) {
    for (from_the_start(h); next_dead(h, NULL) == 0;) {
        struct entry *e = &ledger->entries[check_body(h->staging, h->io->meta.body_len)];
        e->settling = 1;
        if (rwq_discard(h->q, LEASE(lease_of(h))) == 0) e->settled_ns = rw_precise_ns();
    }
}

/* Some end by themselves; others only by recovery, when their holder is dead. */
static uint32_t some_lease_ms(void) { return random_below(3) ? 0 : 600000; }

static void consume(const char *path) {
    struct handle h = open_queue(path);
    while (!ledger->stop) {
        if (random_below(50) == 0) bury_the_dead(&h);
        uint64_t since = rw_precise_ns();
        if (random_below(4) == 0) {
            int32_t count = rwq_receive_many(h.q, 1 + random_below(8), RWQ_TAKE_LEASE, some_lease_ms());
            const uint8_t *at = h.staging;
            for (int32_t i = 0; i < count; i++) {
                const struct rwq_meta *m = (const struct rwq_meta *)at;
                settle(&h, delivered(m, at + sizeof *m, since), (struct lease){m->slot, m->token_lo, m->token_hi});
                at += m->record_bytes;
            }
        } else if (rwq_receive(h.q, RWQ_TAKE_LEASE, some_lease_ms()) == 0) {
            settle(&h, delivered(&h.io->meta, h.staging, since), lease_of(&h));
        } else {
            rwq_wait(h.q, RWQ_FOR_MESSAGE, 5);
        }
    }
    close_queue(&h);
}

static pid_t start(const char *path, int worker) {
    IN_CHILD(pid, {
        seed = (uint32_t)getpid() * 2654435761u | 1;
        if (worker < PRODUCERS) produce(path);
        else consume(path);
    });
    return pid;
}

/* ---- the killer ---- */

static int torture(const char *path, double seconds, uint32_t round) {
    pid_t workers[WORKERS];
    bool stopped[WORKERS] = {0};
    int kills = 0;
    seed = 4711 + round;
    for (int i = 0; i < WORKERS; i++) workers[i] = start(path, i);
    for (double until = seconds_now() + seconds; seconds_now() < until;) {
        sleep_ms(1 + random_below(15));
        int i = (int)random_below(WORKERS), status;
        if (random_below(4) == 0) {
            stopped[i] = !stopped[i];
            kill(workers[i], stopped[i] ? SIGSTOP : SIGCONT);
            continue;
        }
        kill(workers[i], SIGKILL);
        status = status_of(workers[i]);
        CHECK_NOTE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "worker %d ended by itself (%#x)", i, status);
        stopped[i] = false, kills++;
        workers[i] = start(path, i);
    }
    for (int i = 0; i < WORKERS; i++) kill_now(workers[i]), kills++;
    return kills;
}

struct totals {
    uint32_t accepted, unknown, settled, settling, left;
    uint32_t missing, undecided; /* gone; gone or never accepted, nobody lived to tell */
};

/* What is left, and what should be. */
static struct totals take_stock(struct handle *h) {
    struct totals t = {0};
    static uint8_t seen[MESSAGES_MAX];
    memset(seen, 0, ledger->next);
    CHECK(rwq_sweep(h->q, RWQ_SWEEP_DEATHS) >= 0);
    for (int idle = 0; idle < 2;) {
        uint64_t since = rw_precise_ns();
        int32_t status = receive_within(h, RWQ_TAKE_ACK, 100);
        CHECK(status == 0 || status == -EAGAIN);
        idle = status ? idle + 1 : 0;
        if (status) continue;
        delivered(&h->io->meta, h->staging, since);
        CHECK_NOTE(seen[check_body(h->staging, h->io->meta.body_len)]++ == 0, "there twice");
        t.left++;
    }
    for (from_the_start(h); next_dead(h, NULL) == 0; t.left++) {
        CHECK_NOTE(seen[check_body(h->staging, h->io->meta.body_len)]++ == 0, "there twice");
        CHECK_EQUAL(rwq_discard(h->q, LEASE(lease_of(h))), 0);
    }
    for (uint32_t number = 0; number < ledger->next; number++) {
        const struct entry *e = &ledger->entries[number];
        t.accepted += e->sent == ACCEPTED, t.unknown += e->sent == TRYING;
        t.settled += e->settled_ns != 0, t.settling += e->settling && !e->settled_ns && !seen[number];
        bool owed = e->sent == ACCEPTED && !e->settling;
        t.undecided += !owed && e->sent != REFUSED && !e->settled_ns && !seen[number];
        if (owed && !seen[number]) {
            CHECK_NOTE(dropping, "message %u was accepted and is lost (%s)", number, e->delivered_ns ? "it was delivered once" : "it was never delivered");
            t.missing++;
        }
        CHECK_NOTE(!(e->settled_ns && seen[number]), "message %u was settled and is still there", number);
    }
    return t;
}

static struct {
    uint64_t rounds, kills, accepted, unknown, settled, undecided_ends, left, dropped, redelivered, leases_lost;
} sum;

static void run_once(double seconds, bool with_dropping, uint32_t round) {
    const char *path = fresh_path();
    dropping = with_dropping;
    ledger = shared_memory(sizeof *ledger);
    /* Places to spare: one that is stopped while it recovers the dead keeps theirs. */
    create_queue(path, (struct rwq_params){.max_messages = 256, .max_body = BODY_MAX, .max_participants = 64, .max_dead = 256, .max_deliver = 4, .lease_ms = 60});
    int kills = torture(path, seconds, round);
    struct handle h = open_queue(path);
    struct totals t = take_stock(&h);
    uint32_t dropped = (uint32_t)counted(&h, RWQ_COUNT_DROPPED_OLDEST); /* the last of them by who recovered */
    printf("  %d kills; %u accepted (%u unknown), %u settled (%u unknown), %u left, %u dropped, %u missing; %u refusals, %u redeliveries, %u leases lost\n", kills, t.accepted, t.unknown, t.settled, t.settling, t.left,
           dropped, t.missing, ledger->refused_while_full, ledger->redelivered, ledger->lost_leases);
    CHECK(t.accepted > 1000 && t.settled > 1000);
    /* Each drop is counted once. Of a message that was dropped, it may be unknown whether it was accepted, or done. */
    CHECK_NOTE(!with_dropping || (t.missing <= dropped && dropped <= t.missing + t.undecided), "%u are missing, %u more may be; %u were dropped", t.missing, t.undecided, dropped);
    CHECK_EQUAL(status_now(&h)->participants, 1);
    expect_no_leak(&h);
    close_queue(&h);
    unlink(path);
    sum.rounds++, sum.kills += (uint64_t)kills, sum.accepted += t.accepted, sum.unknown += t.unknown, sum.settled += t.settled, sum.undecided_ends += t.settling;
    sum.left += t.left, sum.dropped += dropped, sum.redelivered += ledger->redelivered, sum.leases_lost += ledger->lost_leases;
    munmap(ledger, sizeof *ledger);
}

/* RINGWIRE_TORTURE_ROUNDS goes on for longer, RINGWIRE_TORTURE_SECONDS is the length of one. */
static void run(double seconds, bool with_dropping) {
    const char *rounds = getenv("RINGWIRE_TORTURE_ROUNDS"), *length = getenv("RINGWIRE_TORTURE_SECONDS");
    if (length) seconds = strtod(length, NULL);
    for (uint32_t round = 0; round < (rounds ? strtoul(rounds, NULL, 10) : 1); round++) {
        alarm(TEST_SECONDS_MAX);
        run_once(seconds, with_dropping, round);
    }
    printf("  %" PRIu64 " rounds: %" PRIu64 " kills; accepted %" PRIu64 " (%" PRIu64 " unknown), settled %" PRIu64 " (%" PRIu64 " unknown), redelivered %" PRIu64 ", dropped %" PRIu64 ", left %" PRIu64 ", leases lost %" PRIu64
           "; lost 0, torn 0, unflagged duplicates 0\n",
           sum.rounds, sum.kills, sum.accepted, sum.unknown, sum.settled, sum.undecided_ends, sum.redelivered, sum.dropped, sum.left, sum.leases_lost);
}

static void nothing_accepted_is_lost_under_random_kills(void) { run(6, false); }
static void drops_are_counted_under_random_kills(void) { run(2, true); }

/* The reckoning would tell. */
static void each_deliberate_bug_is_found(void) {
    static const struct {
        const char *bug, *complaint;
        bool dropping;
    } mutants[] = {
        {"recovery_skipped", "is lost", false}, {"leases_not_recovered", "is lost", false},         {"claims_not_recovered", "in_state(h, RWQ_SLOT_FREE)", false},
        {"half_recovered", "is lost", false},   {"redelivery_unmarked", "without being flagged", false}, {"drops_not_counted", "are missing", true},
    };
    setenv("RINGWIRE_TORTURE_SECONDS", "3", 1), unsetenv("RINGWIRE_TORTURE_ROUNDS");
    for (size_t m = 0; m < sizeof mutants / sizeof mutants[0]; m++)
        expect_found(mutants[m].bug, mutants[m].dropping ? "drops_are_counted_under_random_kills" : "nothing_accepted_is_lost_under_random_kills", mutants[m].complaint);
}

static const struct test tests[] = {TEST(nothing_accepted_is_lost_under_random_kills), TEST(drops_are_counted_under_random_kills), TEST(each_deliberate_bug_is_found)};
int main(int argc, char **argv) { return RUN_TESTS(tests, argc, argv); }
