/* Who may take messages: any number of handles, or one alone. */
#include "use_queue.h"

#include <signal.h>

static const struct rwq_params small = {.max_messages = 64, .max_body = 600, .max_participants = 8, .max_deliver = 3, .max_dead = 8, .lease_ms = 60000};

static void expect_excluded(struct handle *h) {
    CHECK_EQUAL(rwq_receive(h->q, RWQ_TAKE_LEASE, 0), -EBUSY);
    CHECK_EQUAL(rwq_receive(h->q, RWQ_TAKE_ACK, 0), -EBUSY);
    CHECK_EQUAL(rwq_receive(h->q, RWQ_TAKE_POINTER, 0), -EBUSY);
    CHECK_EQUAL(rwq_receive_many(h->q, 4, RWQ_TAKE_ACK, 0), -EBUSY);
}
static void expect_refused(struct handle *h) { CHECK_EQUAL(rwq_consume_alone(h->q), -EBUSY); }
static uint32_t consumes(struct handle *h, uint32_t participant) {
    CHECK_EQUAL(rwq_participant(h->q, participant), 0);
    return ((struct rwq_participant_info *)h->staging)->consumes;
}

static void one_alone_excludes_all_others_and_nothing_else(void) {
    const char *path = fresh_path();
    create_queue(path, small);
    struct handle alone = open_queue(path), other = open_queue(path), observer;
    CHECK_EQUAL(try_open(&observer, path, RWQ_OPEN_OBSERVE, 0), 0);
    CHECK_EQUAL(rwq_consume_alone(observer.q), -EINVAL);
    CHECK_EQUAL(rwq_consume_alone(alone.q), 0);
    CHECK_EQUAL(rwq_consume_alone(alone.q), 0);
    send_text(&other, "a"), send_text(&other, "b");
    expect_excluded(&other), expect_refused(&other);
    char detail[512];
    rwq_receive(other.q, RWQ_TAKE_ACK, 0);
    detail[rwq_error_detail(detail, sizeof detail)] = 0;
    char wanted[64];
    snprintf(wanted, sizeof wanted, "test %d (process %d)", (int)getpid(), (int)getpid());
    CHECK_NOTE(strstr(detail, wanted), "'%s' does not say '%s'", detail, wanted);
    CHECK(consumes(&observer, 1) == RWQ_CONSUMES_ALONE && consumes(&observer, 2) == RWQ_CONSUMES_NOTHING);
    from_the_start(&observer);
    CHECK(rwq_peek(observer.q) == 0 && body_is(&observer, "a"));
    /* Ruling is no consumption. */
    CHECK_EQUAL(bury_it(&alone, lease_text(&alone, "a", 0), "why"), 0);
    from_the_start(&other);
    CHECK_EQUAL(next_dead(&other, NULL), 0);
    CHECK_EQUAL(rwq_revive(other.q, LEASE(lease_of(&other))), 0);
    CHECK_EQUAL(bury_it(&alone, lease_text(&alone, "b", 0), "why"), 0);
    from_the_start(&other);
    CHECK_EQUAL(next_dead(&other, NULL), 0);
    CHECK_EQUAL(rwq_discard(other.q, LEASE(lease_of(&other))), 0);
    CHECK(rwq_sweep(other.q, RWQ_SWEEP_FULL) >= 0 && rwq_trim(other.q) >= 0);
    CHECK_EQUAL(rwq_watch(other.q), 0);
    send_extended(&other, "later", 10, 0, 0);
    sleep_ms(30);
    expect_excluded(&other); /* which promotes it */
    expect_text(&alone, "a"), expect_text(&alone, "later");
    close_queue(&alone);
    CHECK_EQUAL(rwq_receive(other.q, RWQ_TAKE_ACK, 0), -EAGAIN);
    CHECK_EQUAL(consumes(&observer, 2), RWQ_CONSUMES_SHARED);
    expect_no_leak(&other);
    close_queue(&other), close_queue(&observer);
}

static void nobody_may_be_alone_while_another_takes(void) {
    const char *path = fresh_path();
    create_queue(path, small);
    struct handle a = open_queue(path), b = open_queue(path), c = open_queue(path);
    send_text(&a, "x"); /* sending is no taking */
    CHECK_EQUAL(rwq_consume_alone(a.q), 0);
    close_queue(&a);
    expect_text(&b, "x");
    expect_empty(&b), expect_empty(&c); /* nor is one of several alone */
    expect_refused(&b), expect_refused(&c);
    expect_empty(&b); /* who was refused goes on as before */
    close_queue(&c);
    CHECK_EQUAL(rwq_consume_alone(b.q), 0); /* the last one may */
    c = open_queue(path);
    expect_excluded(&c);
    close_queue(&b);
    expect_empty(&c);
    close_queue(&c);
}

static void a_view_that_outlives_its_handle_excludes_nobody(void) {
    const char *path = fresh_path();
    create_queue(path, small);
    for (int alone = 0; alone < 2; alone++) {
        struct handle a = open_queue(path), b = open_queue(path);
        if (alone) CHECK_EQUAL(rwq_consume_alone(a.q), 0);
        send_text(&a, "x");
        CHECK_EQUAL(rwq_receive(a.q, RWQ_TAKE_POINTER, 0), 0);
        close_queue(&a); /* its mapping stays */
        CHECK_EQUAL(rwq_consume_alone(b.q), 0);
        expect_text(&b, "x");
        close_queue(&b);
    }
}

static pid_t start_holder(const char *path, bool alone, int leases) {
    int *ready = shared_memory(sizeof *ready);
    IN_CHILD(pid, {
        struct handle h = open_queue(path);
        if (alone) CHECK_EQUAL(rwq_consume_alone(h.q), 0);
        for (int i = 0; i < leases; i++) CHECK_EQUAL(rwq_receive(h.q, RWQ_TAKE_LEASE, 0), 0);
        if (!alone && leases == 0) expect_empty(&h);
        __atomic_store_n(ready, 1, __ATOMIC_SEQ_CST);
        for (;;) pause();
    });
    for (int i = 0; i < 10000 && !__atomic_load_n(ready, __ATOMIC_SEQ_CST); i++) sleep_ms(1);
    CHECK(__atomic_load_n(ready, __ATOMIC_SEQ_CST));
    return pid;
}

static void a_killed_holder_excludes_nobody(void) {
    const char *path = fresh_path();
    create_queue(path, small);
    struct handle h = open_queue(path);
    pid_t pid = start_holder(path, true, 0);
    expect_excluded(&h), expect_refused(&h);
    kill(pid, SIGSTOP); /* a stopped one does */
    expect_excluded(&h), expect_refused(&h);
    kill_now(pid);
    expect_empty(&h);
    close_queue(&h);
    pid = start_holder(path, false, 0);
    h = open_queue(path);
    expect_refused(&h);
    kill_now(pid);
    CHECK_EQUAL(rwq_consume_alone(h.q), 0);
    close_queue(&h);
}

/* Before the first message is taken alone, everything that the dead held is back. */
static void what_the_dead_held_comes_first(void) {
    const char *path = fresh_path();
    create_queue(path, small);
    struct handle sender = open_queue(path);
    for (char text[2] = "a"; text[0] <= 'h'; text[0]++) send_text(&sender, text);
    pid_t one = start_holder(path, false, 2), two = start_holder(path, false, 2), three = start_holder(path, false, 1);
    kill_now(two), kill_now(three), kill_now(one);
    struct handle h = open_queue(path);
    CHECK_EQUAL(rwq_consume_alone(h.q), 0);
    for (char text[2] = "a"; text[0] <= 'h'; text[0]++) expect_text(&h, text);
    close_queue(&h), close_queue(&sender);
}

static void alone_the_priorities_are_strict(void) {
    const char *path = fresh_path();
    create_queue(path, small);
    struct handle h = open_queue(path);
    CHECK_EQUAL(rwq_consume_alone(h.q), 0);
    for (int i = 0; i < 20; i++) try_send(&h, "low", RWQ_PRIORITY_LOW), try_send(&h, "normal", RWQ_PRIORITY_NORMAL), try_send(&h, "high", RWQ_PRIORITY_HIGH);
    const char *const order[] = {"high", "normal", "low"};
    for (int i = 0; i < 60; i++) {
        CHECK_EQUAL(rwq_receive(h.q, RWQ_TAKE_ACK, 0), 0);
        CHECK_NOTE(body_is(&h, order[i / 20]), "take %d gave '%.6s'", i, h.staging);
    }
    close_queue(&h);
}

static void a_destroyed_queue_says_so_first(void) {
    const char *path = fresh_path();
    create_queue(path, small);
    struct handle alone = open_queue(path), other = open_queue(path);
    CHECK_EQUAL(rwq_consume_alone(alone.q), 0);
    CHECK_EQUAL(rwq_destroy(alone.q), 0);
    CHECK_EQUAL(rwq_receive(other.q, RWQ_TAKE_ACK, 0), -ESHUTDOWN);
    close_queue(&alone), close_queue(&other);
}

static const struct test tests[] = {
    TEST(one_alone_excludes_all_others_and_nothing_else), TEST(nobody_may_be_alone_while_another_takes), TEST(a_view_that_outlives_its_handle_excludes_nobody), TEST(a_killed_holder_excludes_nobody),
    TEST(what_the_dead_held_comes_first), TEST(alone_the_priorities_are_strict), TEST(a_destroyed_queue_says_so_first),
};
int main(int argc, char **argv) { return RUN_TESTS(tests, argc, argv); }
