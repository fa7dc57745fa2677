/* One more attempt at a message that is kept: the count, the lease, its renewal, and what others see of it. */
#include "use_queue.h"

static const struct rwq_params small = {.max_messages = 16, .max_body = 600, .max_deliver = 4, .max_dead = 4, .lease_ms = 60000};

static struct lease count(struct handle *h, struct lease l, uint32_t attempts) {
    CHECK_EQUAL(rwq_count_attempt(h->q, LEASE(l)), 0);
    CHECK_EQUAL(h->io->meta.slot, l.slot);
    CHECK_EQUAL(h->io->meta.attempts, attempts);
    return lease_of(h);
}

static void the_new_token_replaces_the_old_one(void) {
    struct handle h = new_queue(small);
    send_text(&h, "x");
    struct lease first = lease_text(&h, "x", 0), second = count(&h, first, 2), third = count(&h, second, 3);
    for (int i = 0; i < 2; i++) {
        struct lease old = i ? second : first;
        CHECK_EQUAL(rwq_count_attempt(h.q, LEASE(old)), -ESTALE);
        CHECK_EQUAL(rwq_touch(h.q, LEASE(old), 0), -ESTALE);
        CHECK_EQUAL(rwq_read(h.q, LEASE(old), h.staging, 100), -ESTALE);
        CHECK_EQUAL(rwq_nack(h.q, LEASE(old), 0, 0), -ESTALE);
        CHECK_EQUAL(rwq_bury(h.q, LEASE(old), "x", 1), -ESTALE);
        CHECK_EQUAL(rwq_ack(h.q, LEASE(old)), -ESTALE);
    }
    CHECK_EQUAL(rwq_read(h.q, LEASE(third), h.staging, 100), 1);
    CHECK_EQUAL(rwq_touch(h.q, LEASE(third), 1000), 0);
    CHECK_EQUAL(in_state(&h, RWQ_SLOT_LEASED), 1);
    CHECK_EQUAL(rwq_ack(h.q, LEASE(third)), 0);
    CHECK_EQUAL(rwq_count_attempt(h.q, LEASE(third)), -ESTALE);
    expect_no_leak(&h);
    close_queue(&h);
}

static void at_the_maximum_nothing_is_counted_and_the_lease_stays(void) {
    struct handle h = new_queue(small);
    send_text(&h, "x");
    struct lease l = lease_text(&h, "x", 0);
    for (uint32_t attempts = 2; attempts <= 4; attempts++) l = count(&h, l, attempts);
    for (int i = 0; i < 3; i++) {
        CHECK_EQUAL(rwq_count_attempt(h.q, LEASE(l)), 1);
        CHECK_EQUAL(h.io->meta.attempts, 4);
        struct lease same = lease_of(&h);
        CHECK(same.slot == l.slot && same.lo == l.lo && same.hi == l.hi);
    }
    CHECK_EQUAL(bury_it(&h, l, "four times"), 0);
    from_the_start(&h);
    CHECK_EQUAL(next_dead(&h, NULL), 0);
    CHECK_EQUAL(h.io->meta.attempts, 4);
    CHECK_EQUAL(rwq_revive(h.q, LEASE(lease_of(&h))), 0);
    l = lease_text(&h, "x", 0);
    l = count(&h, l, 2), l = count(&h, l, 3), l = count(&h, l, 4);
    CHECK_EQUAL(rwq_nack(h.q, LEASE(l), 0, 0), 1); /* buried: these were attempts as any others */
    close_queue(&h);
    h = new_queue((struct rwq_params){.max_messages = 4, .max_body = 10, .max_deliver = 255});
    send_text(&h, "y");
    l = lease_text(&h, "y", 0);
    for (uint32_t attempts = 2; attempts <= 255; attempts++) l = count(&h, l, attempts);
    CHECK_EQUAL(rwq_count_attempt(h.q, LEASE(l)), 1);
    CHECK_EQUAL(rwq_ack(h.q, LEASE(l)), 0);
    close_queue(&h);
}

static void a_lost_lease_counts_nothing(void) {
    const char *path = fresh_path();
    create_queue(path, small);
    struct handle a = open_queue(path), b = open_queue(path);
    send_text(&a, "x");
    struct lease late = lease_text(&a, "x", 20);
    CHECK_EQUAL(rwq_count_attempt(b.q, LEASE(late)), -ESTALE); /* not b's */
    sleep_ms(40);
    CHECK_EQUAL(receive_within(&b, RWQ_TAKE_LEASE, 3000), 0);
    CHECK_EQUAL(b.io->meta.attempts, 2);
    CHECK_EQUAL(rwq_count_attempt(a.q, LEASE(late)), -ESTALE);
    CHECK_EQUAL(counted(&a, RWQ_COUNT_LEASES_LOST), 2);
    /* Judged to be over, although it has not been put back yet. */
    struct lease mine = lease_of(&b);
    struct rw_slot *s = &b.q->slots[mine.slot];
    atomic_store(&s->deadline, RW_TAGGED(mine.hi, RW_DEADLINE_EXPIRED));
    CHECK_EQUAL(rwq_count_attempt(b.q, LEASE(mine)), -ESTALE);
    close_queue(&a), close_queue(&b);
}

/* Marked as over by a sweeper that then finds another word than it has seen: the lease is over all the same, and soon. */
static void an_attempt_counted_while_the_lease_expires_does_not_keep_it(void) {
    struct handle h = new_queue(small);
    send_text(&h, "x");
    struct lease l = lease_text(&h, "x", 0);
    CHECK_EQUAL(rwq_touch(h.q, LEASE(l), 1), 0);
    uint64_t now = rw_now_ms(h.q) + 100, seen = rw_token(l.lo, l.hi);
    l = count(&h, l, 2);
    atomic_store(&h.q->slots[l.slot].deadline, RW_TAGGED(l.hi, RW_DEADLINE_EXPIRED));
    CHECK(!rw_requeue(h.q, l.slot, seen, "its lease expired"));
    rw_reschedule(h.q, l.slot, rw_token(l.lo, l.hi), now);
    CHECK_EQUAL(rw_expire_leases(h.q, now), 1);
    CHECK_EQUAL(rwq_ack(h.q, LEASE(l)), -ESTALE);
    lease_text(&h, "x", 0);
    CHECK_EQUAL(h.io->meta.attempts, 3);
    close_queue(&h);
}

static void the_usual_lease_goes_on(void) {
    struct rwq_params lazy = small; /* 60 s: no deadline before a sweep has seen it */
    struct handle h = new_queue(lazy);
    send_text(&h, "x");
    struct lease l = lease_text(&h, "x", 0);
    l = count(&h, l, 2);
    rwq_sweep(h.q, RWQ_SWEEP_FULL);
    uint64_t deadline = atomic_load(&h.q->slots[l.slot].deadline);
    CHECK(RW_TAG_MATCHES(deadline, l.hi));
    l = count(&h, l, 3);
    CHECK_EQUAL(atomic_load(&h.q->slots[l.slot].deadline), deadline);
    rwq_sweep(h.q, RWQ_SWEEP_FULL);
    CHECK_EQUAL(ack_it(&h, l), 0);
    close_queue(&h);
}

static void renewal_goes_on_without_a_gap(void) {
    const char *path = fresh_path();
    struct rwq_params many = small;
    many.max_deliver = 255;
    create_queue(path, many);
    struct handle a = open_queue(path), b = open_queue(path);
    send_text(&a, "x");
    struct lease l = lease_text(&a, "x", 600);
    CHECK_EQUAL(rwq_renew_start(a.q, LEASE(l), 600, 0, 0), 0);
    /* Much longer than the lease, counting all the time: the helper thread renews what it finds in between. */
    double until = seconds_now() + 1.5;
    for (uint32_t attempts = 2; seconds_now() < until; attempts++) {
        struct lease old = l;
        if (attempts <= 250) l = count(&a, l, attempts);
        CHECK_EQUAL(rwq_renewal(a.q, LEASE(l)), RWQ_RENEWAL_HELD);
        if (attempts <= 250) CHECK_EQUAL(rwq_renewal(a.q, LEASE(old)), RWQ_RENEWAL_LOST);
        rwq_sweep(b.q, RWQ_SWEEP_FULL);
        expect_empty(&b);
        sleep_ms(3);
    }
    CHECK_EQUAL(rwq_renew_stop(a.q, LEASE(l)), 0);
    CHECK_EQUAL(rwq_renewal(a.q, LEASE(l)), RWQ_RENEWAL_NONE);
    CHECK_EQUAL(ack_it(&a, l), 0);
    expect_no_leak(&b);
    close_queue(&a), close_queue(&b);
}

static void what_the_dead_counted_is_kept(void) {
    for (int times = 1; times <= 3; times++) {
        const char *path = fresh_path();
        create_queue(path, small);
        struct handle h = open_queue(path);
        send_text(&h, "x");
        IN_CHILD(pid, {
            struct handle c = open_queue(path);
            struct lease l = lease_text(&c, "x", 0);
            for (int i = 0; i < times; i++) l = count(&c, l, (uint32_t)i + 2);
            kill(getpid(), SIGKILL);
        });
        status_of(pid);
        CHECK_EQUAL(rwq_sweep(h.q, RWQ_SWEEP_DEATHS), 1);
        if (times < 3) {
            lease_text(&h, "x", 0);
            CHECK_EQUAL(h.io->meta.attempts, times + 2);
        } else {
            CHECK_EQUAL(in_state(&h, RWQ_SLOT_BURIED), 1);
        }
        close_queue(&h);
    }
}

static void take_uncounted(struct handle *h, uint32_t attempts) {
    CHECK_EQUAL(receive_within(h, RWQ_TAKE_LEASE | RWQ_TAKE_UNCOUNTED, 3000), 0);
    CHECK_EQUAL(h->io->meta.attempts, attempts);
}

/* Closing takes off what the lease has added, and no attempt that somebody made before. */
static void closing_takes_off_only_what_was_counted(void) {
    const char *path = fresh_path();
    create_queue(path, small);
    struct handle watcher = open_queue(path), a = open_queue(path);
    send_text(&a, "x");
    take_uncounted(&a, 0);
    close_queue(&a), a = open_queue(path);
    struct lease l = lease_text(&a, "x", 0);
    CHECK_EQUAL(a.io->meta.attempts, 1);
    CHECK_EQUAL(rwq_nack(a.q, LEASE(l), 0, 0), 0);
    take_uncounted(&a, 1);
    close_queue(&a), a = open_queue(path);
    take_uncounted(&a, 1);
    count(&a, lease_of(&a), 2);
    close_queue(&a), a = open_queue(path);
    take_uncounted(&a, 1); /* counted and then not done, as any lease that is closed */
    l = lease_of(&a);
    CHECK_EQUAL(rwq_nack(a.q, LEASE(l), 0, RWQ_NACK_UNCOUNTED), 0);
    lease_text(&a, "x", 0);
    close_queue(&a);
    take_uncounted(&watcher, 1);
    CHECK_EQUAL(ack_it(&watcher, lease_of(&watcher)), 0);
    expect_no_leak(&watcher);
    close_queue(&watcher);
}

static const struct test tests[] = {
    TEST(the_new_token_replaces_the_old_one), TEST(at_the_maximum_nothing_is_counted_and_the_lease_stays), TEST(a_lost_lease_counts_nothing),
    TEST(an_attempt_counted_while_the_lease_expires_does_not_keep_it), TEST(the_usual_lease_goes_on), TEST(renewal_goes_on_without_a_gap), TEST(what_the_dead_counted_is_kept),
    TEST(closing_takes_off_only_what_was_counted),
};
int main(int argc, char **argv) { return RUN_TESTS(tests, argc, argv); }
