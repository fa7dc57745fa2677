/*
 * Two threads on two processors, each doing one half of a pattern of docs/memory-order.md, through the real functions, at the same instant,
 * many times. What must not come of it never does. The same pattern with weaker stores shows that this would be noticed.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>

#include "use_queue.h"

#define SECONDS_EACH 0.25
#define WEAK_ROUNDS_MAX 1000000u

struct race {
    void (*left)(void), (*right)(void);
    _Atomic uint32_t go, done;
    _Atomic bool over;
    uint32_t rounds;
};

static int two_processors[2] = {-1, -1};

static void pin(int which) {
    if (two_processors[1] < 0) return;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(two_processors[which], &one);
    sched_setaffinity(0, sizeof one, &one);
}

static void find_processors(void) {
    cpu_set_t all;
    if (sched_getaffinity(0, sizeof all, &all) != 0) return;
    for (int cpu = 0, n = 0; cpu < CPU_SETSIZE && n < 2; cpu++)
        if (CPU_ISSET(cpu, &all)) two_processors[n++] = cpu;
    if (two_processors[1] < 0) printf("  note: one processor only, so hardly anything happens at once\n");
}

/* On a busy machine the other side may not be running. */
static void wait_until(_Atomic uint32_t *word, uint32_t value, const _Atomic bool *over) {
    for (uint32_t turn = 1; atomic_load_explicit(word, memory_order_acquire) != value && !(over && *over); turn++)
        if (turn % 2000 == 0 || two_processors[1] < 0) sched_yield();
}

/* Now one side is earlier, now the other. */
static void delay(uint32_t turns) {
    for (volatile uint32_t i = 0; i < turns; i++) {}
}

static void *right_side(void *argument) {
    struct race *r = argument;
    pin(1);
    for (uint32_t round = 1;; round++) {
        wait_until(&r->go, round, &r->over);
        if (r->over) return NULL;
        delay(round / 7 % 13);
        r->right();
        atomic_store_explicit(&r->done, round, memory_order_release);
    }
}

/* Rounds until time is up, or `verify` says stop. */
static uint32_t race(void (*setup)(void), void (*left)(void), void (*right)(void), bool (*verify)(void), double seconds, uint32_t rounds_max) {
    static struct race r;
    r = (struct race){.left = left, .right = right};
    pthread_t thread;
    find_processors();
    pin(0);
    CHECK_EQUAL(pthread_create(&thread, NULL, right_side, &r), 0);
    double until = seconds_now() + seconds;
    bool more = true;
    while (more && r.rounds < rounds_max && (r.rounds % 64 || seconds_now() < until)) {
        setup();
        r.rounds++;
        atomic_store_explicit(&r.go, r.rounds, memory_order_release);
        delay(r.rounds % 13);
        left();
        wait_until(&r.done, r.rounds, NULL);
        more = verify();
    }
    r.over = true;
    pthread_join(thread, NULL);
    return r.rounds;
}

static struct handle a, b;

static void two_handles(struct rwq_params params) {
    const char *path = fresh_path();
    create_queue(path, params);
    a = open_queue(path), b = open_queue(path);
}
static void two_close(uint32_t rounds) {
    printf("  %u rounds\n", rounds);
    close_queue(&b), close_queue(&a);
}

/* ---- store buffering, weakened and as it is in the queue ---- */

static struct {
    alignas(128) _Atomic uint32_t x;
    alignas(128) _Atomic uint32_t y;
    alignas(128) uint32_t left;
    alignas(128) uint32_t right;
} bare;

static void bare_setup(void) { bare.x = bare.y = 0; }
static void weak_left(void) { rw_store_relaxed(&bare.x, 1), bare.left = rw_load_relaxed(&bare.y); }
static void weak_right(void) { rw_store_relaxed(&bare.y, 1), bare.right = rw_load_relaxed(&bare.x); }
static void strong_left(void) {
    uint32_t nothing = 0;
    rw_cas(&bare.x, &nothing, 1);
    bare.left = rw_load_seq(&bare.y);
}
static void strong_right(void) {
    rw_store_seq(&bare.y, 1);
    bare.right = rw_load_seq(&bare.x);
}
static bool one_saw_the_other(void) { return bare.left || bare.right; }
static bool one_must_see_the_other(void) {
    CHECK(one_saw_the_other());
    return true;
}

static void weaker_stores_are_noticed(void) {
    uint32_t rounds = race(bare_setup, weak_left, weak_right, one_saw_the_other, SECONDS_EACH, WEAK_ROUNDS_MAX);
    if (one_saw_the_other()) printf("  note: this machine did not show it in %u rounds\n", rounds);
    else printf("  shown in round %u\n", rounds);
}

static void stores_of_one_order_are_not_passed(void) { printf("  %u rounds\n", race(bare_setup, strong_left, strong_right, one_must_see_the_other, SECONDS_EACH, UINT32_MAX)); }

/* ---- event, armed, ring.entry, used ---- */

static int32_t armed, sent;
static struct lease held;

static bool is_armed(uint32_t what) { return rw_load_seq(&b.q->control->armed[what][b.q->me / 64]) >> (b.q->me & 63) & 1; }
static void no_setup(void) {}
static void send_one_message(void) { sent = rwq_send(a.q, "x", 1, 0); }
static void arm_for_message(void) { armed = rwq_arm(b.q, RWQ_FOR_MESSAGE); }
static bool not_asleep_beside_a_message(void) {
    CHECK_EQUAL(sent, 0);
    CHECK_NOTE(armed == 1 || !is_armed(RWQ_FOR_MESSAGE), "armed, nothing seen, and not woken");
    rwq_disarm(b.q);
    rwq_drain_wake_fd(b.q);
    expect_text(&b, "x");
    return true;
}

static void a_send_wakes_or_is_seen_by_who_arms(void) {
    two_handles((struct rwq_params){.max_messages = 4, .max_body = 64});
    int fd = rwq_wake_fd(b.q);
    CHECK(fd >= 0);
    uint32_t rounds = race(no_setup, send_one_message, arm_for_message, not_asleep_beside_a_message, SECONDS_EACH, UINT32_MAX);
    rwq_close_fd(fd);
    two_close(rounds);
}

static void fill_and_take(void) {
    send_text(&a, "x");
    held = lease_text(&a, "x", 0);
}
static void acknowledge(void) { sent = rwq_ack(a.q, LEASE(held)); }
static void arm_for_space(void) { armed = rwq_arm(b.q, RWQ_FOR_SPACE); }
static bool not_asleep_beside_room(void) {
    CHECK_EQUAL(sent, 0);
    CHECK_NOTE(armed == 1 || !is_armed(RWQ_FOR_SPACE), "armed, no room seen, and not woken");
    rwq_disarm(b.q);
    rwq_drain_wake_fd(b.q);
    return true;
}

static void room_wakes_or_is_seen_by_who_arms(void) {
    two_handles((struct rwq_params){.max_messages = 1, .max_body = 64});
    int fd = rwq_wake_fd(b.q);
    CHECK(fd >= 0);
    uint32_t rounds = race(fill_and_take, acknowledge, arm_for_space, not_asleep_beside_room, SECONDS_EACH, UINT32_MAX);
    rwq_close_fd(fd);
    two_close(rounds);
}

/* ---- lifecycle ---- */

static bool drained;
static void end_and_look(void) {
    CHECK_EQUAL(rwq_end(b.q), 0);
    drained = rwq_receive(b.q, RWQ_TAKE_ACK, 0) == -EAGAIN && b.io->out_reason == RWQ_EMPTY_ENDED;
}
static bool nothing_accepted_after_drained(void) {
    CHECK_NOTE(!(sent == 0 && drained), "accepted, and the stream had ended without it");
    CHECK(sent == 0 || sent == -EPIPE);
    while (rwq_receive(b.q, RWQ_TAKE_ACK, 0) == 0) {}
    CHECK_EQUAL(rwq_reopen(b.q), 0);
    return true;
}

static void nothing_is_accepted_after_the_stream_was_drained(void) {
    two_handles((struct rwq_params){.max_messages = 4, .max_body = 64});
    two_close(race(no_setup, send_one_message, end_and_look, nothing_accepted_after_drained, SECONDS_EACH, UINT32_MAX));
}

/* ---- slot.state and slot.body ---- */

#define BODY_WORDS 60u
static uint64_t number;
static uint32_t words_of(uint64_t n) { return 1 + (uint32_t)(n % BODY_WORDS); }
static void check_whole(const struct handle *h, const char *what) {
    const uint64_t *body = (const uint64_t *)h->staging;
    CHECK_NOTE(h->io->meta.body_len == 8 * words_of(body[0]), "%s: the length of another message", what);
    for (uint32_t i = 1; i < words_of(body[0]); i++) CHECK_NOTE(body[i] == body[0], "%s: a body of two messages", what);
}

/* Zero-copy: without a checksum, the commit alone must order the body. */
static void commit_next(void) {
    number++;
    CHECK_EQUAL(rwq_claim(a.q, 8 * words_of(number), 0), 0);
    uint64_t *body = (uint64_t *)(uintptr_t)a.io->out_pointer;
    for (uint32_t i = 0; i < words_of(number); i++) body[i] = number;
    CHECK_EQUAL(rwq_commit(a.q, LEASE(lease_of(&a)), 8 * words_of(number), 0), 0);
}
static void receive_next(void) {
    while (rwq_receive(b.q, RWQ_TAKE_ACK, 0) != 0) {}
}
static bool received_is_whole(void) {
    check_whole(&b, "received");
    CHECK_EQUAL(*(const uint64_t *)b.staging, number);
    return true;
}

static void what_is_received_was_written_before(void) {
    two_handles((struct rwq_params){.max_messages = 2, .max_body = 8 * BODY_WORDS});
    two_close(race(no_setup, commit_next, receive_next, received_is_whole, SECONDS_EACH, UINT32_MAX));
}

static void replace_some(void) {
    uint64_t body[BODY_WORDS];
    for (int n = 0; n < 8; n++) {
        number++;
        for (uint32_t i = 0; i < words_of(number); i++) body[i] = number;
        CHECK_EQUAL(rwq_send(a.q, body, 8 * words_of(number), RWQ_SEND_DROP_OLDEST), 0);
    }
}
static uint32_t copies;
static void peek_some(void) {
    for (int n = 0; n < 8; n++) {
        from_the_start(&b);
        if (rwq_peek(b.q) != 0) continue;
        check_whole(&b, "peeked");
        copies++;
    }
}
static bool go_on(void) { return true; }

static void a_copy_is_of_one_message(void) {
    two_handles((struct rwq_params){.max_messages = 1, .max_body = 8 * BODY_WORDS});
    two_close(race(no_setup, replace_some, peek_some, go_on, SECONDS_EACH, UINT32_MAX));
    CHECK(copies > 0);
}

/* ---- participant.reading ---- */

static uint8_t large[8192];
static uint64_t free_word;
static bool still_free;
static void free_with_pages(void) {
    CHECK_EQUAL(rwq_send(a.q, large, sizeof large, 0), 0);
    CHECK_EQUAL(rwq_receive(a.q, RWQ_TAKE_ACK, 0), 0);
    free_word = rw_load(&a.q->slots[0].state);
    CHECK(rw_load(&a.q->slots[0].reserved_bytes) > 0);
}
static void announce_and_look(void) {
    rw_store_seq(&a.q->me_record->reading, 1);
    still_free = rw_load_seq(&a.q->slots[0].state) == free_word;
}
static void trim(void) { CHECK(rwq_trim(b.q) >= 0); }
static bool not_trimmed_under_a_reader(void) {
    CHECK_NOTE(!(still_free && rw_load(&a.q->slots[0].reserved_bytes) == 0), "the pages went although the reader saw the slot as it was");
    rw_store_seq(&a.q->me_record->reading, 0);
    return true;
}

static void no_page_goes_under_who_reads(void) {
    two_handles((struct rwq_params){.max_messages = 1, .max_body = sizeof large});
    two_close(race(free_with_pages, announce_and_look, trim, not_trimmed_under_a_reader, SECONDS_EACH, UINT32_MAX));
}

/* ---- slot.deadline ---- */

static bool touched;
static uint64_t token;
static void lease_for_a_second(void) {
    send_text(&a, "x");
    held = lease_text(&a, "x", 1000);
    token = rw_token(held.lo, held.hi);
}
static void touch(void) { touched = rw_touch(a.q, held.slot, token, 60000); }
static void expire(void) { rw_expire_leases(b.q, rw_now_ms(b.q) + 2000); }
static bool a_touched_lease_stands(void) {
    bool stands = rw_load(&a.q->slots[held.slot].state) == token;
    CHECK_NOTE(!touched || stands, "renewed, and expired all the same");
    CHECK_NOTE(touched || !stands, "neither renewed nor expired");
    if (stands) CHECK_EQUAL(ack_it(&a, held), 0);
    else expect_text(&a, "x");
    return true;
}

static void a_lease_is_renewed_or_expires(void) {
    two_handles((struct rwq_params){.max_messages = 2, .max_body = 64});
    two_close(race(lease_for_a_second, touch, expire, a_touched_lease_stands, SECONDS_EACH, UINT32_MAX));
}

/* ---- bounds, high_water ---- */

/* As if the slot had never been used. */
static void below_high_water(void) {
    rw_store_seq(&a.q->control->high_water, 0);
    rw_store_seq(&a.q->control->next_due, 1);
}
static void send_delayed(void) { sent = send_extended(&a, "x", 50000, 0, 0); }
static void promote(void) { rw_promote_due(b.q, rw_due_clock(b.q)); }
static bool noted(void) {
    CHECK_EQUAL(sent, 0);
    CHECK_EQUAL(RW_STATE(rw_load(&a.q->slots[0].state)), RWQ_SLOT_DELAYED);
    CHECK_NOTE(rw_load(&a.q->control->next_due) != 0, "a delayed message that nobody looks for");
    rw_promote_due(b.q, RW_TIME_MASK - 1);
    expect_text(&a, "x");
    return true;
}

static void what_is_delayed_is_noted(void) {
    two_handles((struct rwq_params){.max_messages = 1, .max_body = 64});
    rw_now_ms(b.q);
    two_close(race(below_high_water, send_delayed, promote, noted, SECONDS_EACH, UINT32_MAX));
}

int main(int argc, char **argv) {
    static const struct test tests[] = {
        TEST(weaker_stores_are_noticed), TEST(stores_of_one_order_are_not_passed), TEST(a_send_wakes_or_is_seen_by_who_arms),
        TEST(room_wakes_or_is_seen_by_who_arms), TEST(nothing_is_accepted_after_the_stream_was_drained), TEST(what_is_received_was_written_before),
        TEST(a_copy_is_of_one_message), TEST(no_page_goes_under_who_reads), TEST(a_lease_is_renewed_or_expires), TEST(what_is_delayed_is_noted),
    };
    return RUN_TESTS(tests, argc, argv);
}
