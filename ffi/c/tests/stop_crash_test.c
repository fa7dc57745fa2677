/* A process that is stopped (SIGSTOP), anywhere: nobody waits for it, what it owns stays its own, and when it goes on it does no harm. */
#include "crash_points.h"
#include "mutants.h"

static const struct rwq_params small = {.max_messages = 8, .max_body = 5000, .max_participants = 8, .max_deliver = 5, .lease_ms = 60000};

static pid_t stop_child(const char *path, const char *point, void (*prepare)(struct handle *h), void (*act)(struct handle *h)) {
    IN_CHILD(pid, {
        struct handle h = open_queue(path);
        if (prepare) prepare(&h);
        die_at(point, "STOP");
        act(&h);
        rwq_close(h.q);
    });
    int status;
    while (waitpid(pid, &status, WUNTRACED) < 0 && errno == EINTR) {}
    CHECK_NOTE(WIFSTOPPED(status), "'%s' was not reached", point);
    return pid;
}
static void go_on(pid_t pid) {
    kill(pid, SIGCONT);
    expect_good(pid);
}

static struct lease held;
static void lease_first(struct handle *h) {
    CHECK_EQUAL(rwq_receive(h->q, RWQ_TAKE_LEASE, 0), 0);
    held = lease_of(h);
}
static void act_send(struct handle *h) { try_send(h, "x", 0); }
static void act_send_dropping(struct handle *h) { try_send(h, "x", RWQ_SEND_DROP_OLDEST); }
static void act_send_later(struct handle *h) { send_extended(h, "x", 60000, 0, 0); }
static void act_take(struct handle *h) { rwq_receive(h->q, RWQ_TAKE_ACK, 0); }
static void act_lease(struct handle *h) { rwq_receive(h->q, RWQ_TAKE_LEASE, 1000); }
static void act_ack(struct handle *h) { rwq_ack(h->q, LEASE(held)); }
static void act_nack(struct handle *h) { rwq_nack(h->q, LEASE(held), 0, 0); }
static void act_nack_later(struct handle *h) { rwq_nack(h->q, LEASE(held), 60000, 0); }
static void act_count(struct handle *h) { rwq_count_attempt(h->q, LEASE(held)); }
static void act_bury(struct handle *h) { bury_it(h, held, "why"); }
static void act_sweep(struct handle *h) { maintenance_is_due(h), rwq_sweep(h->q, RWQ_SWEEP_DUE), rwq_sweep(h->q, RWQ_SWEEP_FULL); }
static void act_expire(struct handle *h) { rw_expire_leases(h->q, rw_now_ms(h->q)); }
static void act_trim(struct handle *h) { rwq_trim(h->q); }

struct stop {
    const char *point;
    void (*prepare)(struct handle *h), (*act)(struct handle *h);
    int places; /* that it holds meanwhile */
};
/* One place is free before, two messages wait ("a", "b"), the rest is leased by the parent. */
static const struct stop stops[] = {
    {"claim:before", NULL, act_send, 0}, {"claim:after", NULL, act_send, 1}, {"send:copied", NULL, act_send, 1}, {"commit:before", NULL, act_send, 1},
    {"commit:after", NULL, act_send, 1}, {"insert:before", NULL, act_send, 1}, {"insert:after", NULL, act_send, 1}, {"due:noted", NULL, act_send_later, 1},
    {"evict:before", act_send, act_send_dropping, 1}, {"evict:after", act_send, act_send_dropping, 2},
    {"lease:before", NULL, act_take, 0}, {"lease:after", NULL, act_take, 1}, {"lease:passed", NULL, act_lease, 1}, {"lease:deadline", NULL, act_lease, 1},
    {"receive:copied", NULL, act_take, 1}, {"receive:before-ack", NULL, act_take, 1}, {"free:state", NULL, act_take, 0},
    {"ack:before", lease_first, act_ack, 1}, {"nack:before", lease_first, act_nack, 1}, {"ready:state", lease_first, act_nack, 0},
    {"nack:settling", lease_first, act_nack_later, 1}, {"nack:due", lease_first, act_nack_later, 1}, {"nack:delayed", lease_first, act_nack_later, 1},
    {"count:before", lease_first, act_count, 1}, {"count:after", lease_first, act_count, 1},
    {"bury:settling", lease_first, act_bury, 1}, {"bury:noted", lease_first, act_bury, 1}, {"bury:buried", lease_first, act_bury, 1},
    {"sweep:elected", NULL, act_sweep, 0}, {"rehint:begun", NULL, act_sweep, 0}, {"trim:claimed", NULL, act_trim, 0},
};

static void everybody_else_works_on_while_one_is_stopped(void) {
    for (size_t i = 0; i < sizeof stops / sizeof stops[0]; i++) {
        const struct stop *s = &stops[i];
        const char *path = fresh_path();
        create_queue(path, small);
        struct handle h = open_queue(path);
        if (s->act == act_trim) {
            char large[5000] = {0};
            CHECK_EQUAL(rwq_send(h.q, large, sizeof large, 0), 0);
            CHECK_EQUAL(rwq_send(h.q, large, sizeof large, 0), 0); /* keeps the lower places taken, so that a large one stays free */
        }
        send_text(&h, "a"), send_text(&h, "b");
        if (s->act == act_trim) CHECK(rwq_receive(h.q, RWQ_TAKE_ACK, 0) == 0 && rwq_receive(h.q, RWQ_TAKE_ACK, 0) == 0);
        else while (in_state(&h, RWQ_SLOT_FREE) > 1) send_text(&h, "c");
        pid_t pid = stop_child(path, s->point, s->prepare, s->act);
        /* Everything by others, several times round: with what the stopped one does not hold. */
        for (int round = 0; round < 3; round++) {
            maintenance_is_due(&h);
            rwq_sweep(h.q, RWQ_SWEEP_FULL);
            char left[512];
            drain(&h, left, sizeof left);
            int taken = 8 - in_state(&h, RWQ_SLOT_FREE);
            CHECK_NOTE(taken <= s->places + (s->act == act_trim), "'%s': %d places are held", s->point, taken);
            for (int n = 0; n < 8 - taken; n++) CHECK_NOTE(try_send(&h, "y", 0) == 0, "'%s': no room for %d", s->point, n);
            CHECK_EQUAL(try_send(&h, "y", 0), -EAGAIN);
        }
        char left[512];
        drain(&h, left, sizeof left);
        go_on(pid);
        drain(&h, left, sizeof left);
        rwq_sweep(h.q, RWQ_SWEEP_FULL);
        expect_no_leak(&h);
        close_queue(&h);
        unlink(path);
    }
}

static void a_stopped_consumer_loses_its_lease_in_time_and_is_told(void) {
    const char *path = fresh_path();
    create_queue(path, small);
    struct handle h = open_queue(path);
    send_text(&h, "x");
    int32_t *late = shared_memory(sizeof *late);
    IN_CHILD(pid, {
        struct handle c = open_queue(path);
        CHECK_EQUAL(rwq_receive(c.q, RWQ_TAKE_LEASE, 100), 0);
        raise(SIGSTOP);
        *late = rwq_ack(c.q, LEASE(lease_of(&c)));
        rwq_close(c.q);
    });
    int status;
    waitpid(pid, &status, WUNTRACED);
    expect_empty(&h);
    CHECK_EQUAL(receive_within(&h, RWQ_TAKE_LEASE, 3000), 0);
    CHECK(body_is(&h, "x") && h.io->meta.attempts == 2 && h.io->meta.flags & RWQ_META_REDELIVERED);
    struct lease mine = lease_of(&h);
    go_on(pid);
    CHECK_EQUAL(*late, -ESTALE);
    CHECK_EQUAL(rwq_ack(h.q, LEASE(mine)), 0);
    expect_no_leak(&h);
    close_queue(&h);
}

/* Stopped between its lease CAS and its deadline, and for longer than the lease: it must not deliver what another has by now. */
static void a_consumer_stopped_before_its_deadline_does_not_deliver_late(void) {
    const char *const points[] = {"lease:after", "lease:passed", "lease:deadline", "receive:copied", "receive:before-ack"};
    for (size_t p = 0; p < 5; p++) {
        const char *path = fresh_path();
        struct rwq_params brief = small;
        brief.lease_ms = 60;
        create_queue(path, brief);
        struct handle h = open_queue(path);
        send_text(&h, "x"), send_text(&h, "y");
        char *got = shared_memory(16);
        IN_CHILD(pid, {
            struct handle c = open_queue(path);
            die_at(points[p], "STOP");
            if (rwq_receive(c.q, p == 4 ? RWQ_TAKE_ACK : RWQ_TAKE_LEASE, 0) == 0 && (p == 4 || rwq_ack(c.q, LEASE(lease_of(&c))) == 0)) got[0] = (char)c.staging[0];
            rwq_close(c.q);
        });
        int status;
        while (waitpid(pid, &status, WUNTRACED) < 0 && errno == EINTR) {}
        CHECK_NOTE(WIFSTOPPED(status), "'%s' was not reached", points[p]);
        char taken[3] = "";
        for (double begun = seconds_now(); strlen(taken) < 2 && seconds_now() - begun < 3;) {
            if (receive_within(&h, RWQ_TAKE_ACK, 100) != 0) continue;
            taken[strlen(taken)] = (char)h.staging[0];
            if (h.staging[0] == 'x') CHECK(h.io->meta.flags & RWQ_META_REDELIVERED);
        }
        CHECK_NOTE(strlen(taken) == 2, "'%s': only '%s' came", points[p], taken);
        go_on(pid);
        CHECK_NOTE(got[0] == 0, "'%s': '%c' was delivered twice", points[p], got[0]);
        expect_no_leak(&h);
        close_queue(&h);
        unlink(path);
    }
}

/* T2: whoever recovers is stopped with the dead one's place locked. */
static void a_stopped_sweeper_delays_only_that_place(void) {
    const char *path = fresh_path();
    create_queue(path, small);
    struct handle h = open_queue(path);
    send_text(&h, "a"), send_text(&h, "b");
    pid_t dead[2];
    for (int i = 0; i < 2; i++) {
        IN_CHILD(pid, {
            struct handle c = open_queue(path);
            CHECK_EQUAL(rwq_receive(c.q, RWQ_TAKE_LEASE, 0), 0);
            raise(SIGSTOP);
        });
        int status;
        waitpid(pid, &status, WUNTRACED);
        dead[i] = pid;
    }
    kill_now(dead[0]);
    IN_CHILD(sweeper, {
        struct handle c = open_queue(path);
        die_at("recover:locked", "STOP");
        rwq_sweep(c.q, RWQ_SWEEP_DEATHS);
        rwq_close(c.q);
    });
    int status;
    waitpid(sweeper, &status, WUNTRACED);
    CHECK(WIFSTOPPED(status));
    kill_now(dead[1]);
    CHECK_EQUAL(rwq_sweep(h.q, RWQ_SWEEP_DEATHS), 1); /* the second one's, not the first one's */
    expect_text(&h, "b");
    expect_empty(&h);
    struct handle more = open_queue(path); /* and newcomers find a place */
    close_queue(&more);
    kill_now(sweeper);
    CHECK(rwq_sweep(h.q, RWQ_SWEEP_DEATHS) >= 1);
    expect_text(&h, "a");
    expect_no_leak(&h);
    close_queue(&h);
}

static void a_stopped_owner_that_dies_is_recovered_at_last(void) {
    const char *path = fresh_path();
    create_queue(path, small);
    struct handle h = open_queue(path);
    send_text(&h, "a");
    pid_t pid = stop_child(path, "receive:copied", NULL, act_lease);
    CHECK_EQUAL(rwq_sweep(h.q, RWQ_SWEEP_DEATHS), 0);
    kill_now(pid);
    CHECK_EQUAL(rwq_sweep(h.q, RWQ_SWEEP_DEATHS), 1);
    lease_first(&h);
    CHECK_EQUAL(h.io->meta.attempts, 2);
    close_queue(&h);
}

/* A sweeper that is stopped between two looks at a ring's positions, while more messages than the ring has places go by. */
static void a_sweeper_stopped_between_two_looks_takes_nothing_for_damage(void) {
    const char *const points[] = {"sweep:positions:1", "sweep:positions:2", "sweep:positions:3", "sweep:positions:4", "sweep:positions:5", "sweep:positions:6"};
    for (size_t p = 0; p < sizeof points / sizeof points[0]; p++) {
        const char *path = fresh_path();
        create_queue(path, small);
        struct handle h = open_queue(path);
        pid_t pid = stop_child(path, points[p], NULL, act_sweep);
        for (int i = 0; i < 4000; i++) CHECK(try_send(&h, "x", 0) == 0 && rwq_receive(h.q, RWQ_TAKE_ACK, 0) == 0);
        go_on(pid);
        CHECK_NOTE(try_send(&h, "x", 0) == 0, "'%s' poisoned the queue", points[p]);
        close_queue(&h);
        unlink(path);
    }
}

/* Nobody has died, so nobody recovers: the message itself must be noticed. */
static void a_message_whose_mover_is_stopped_comes_all_the_same(void) {
    const char *path = fresh_path();
    create_queue(path, small);
    struct handle h = open_queue(path);
    CHECK_EQUAL(send_extended(&h, "late", 20, 0, 0), 0);
    sleep_ms(40);
    pid_t pid = stop_child(path, "ready:state", NULL, act_take);
    CHECK_EQUAL(receive_within(&h, RWQ_TAKE_ACK, 10000), 0);
    CHECK(body_is(&h, "late"));
    go_on(pid);
    expect_no_leak(&h);
    close_queue(&h);
}

static void a_sweeper_stopped_while_it_looks_for_hints_hides_no_message(void) {
    const char *path = fresh_path();
    create_queue(path, small);
    struct handle h = open_queue(path);
    IN_CHILD(sender, {
        struct handle c = open_queue(path);
        die_at("commit:after", "KILL");
        try_send(&c, "orphan", 0);
    });
    status_of(sender);
    rw_orphans_found(h.q);
    pid_t pid = stop_child(path, "rehint:begun", NULL, act_sweep);
    CHECK_EQUAL(receive_within(&h, RWQ_TAKE_ACK, 10000), 0);
    CHECK(body_is(&h, "orphan"));
    go_on(pid);
    expect_no_leak(&h);
    close_queue(&h);
}

/* The sweeper has judged the lease, and its owner, which has not seen that, counts an attempt: the lease is over all the same. */
static void an_attempt_counted_behind_a_sweepers_back_does_not_keep_the_lease(void) {
    const char *path = fresh_path();
    create_queue(path, small);
    struct handle h = open_queue(path);
    send_text(&h, "x");
    int32_t *counted = shared_memory(2 * sizeof *counted);
    IN_CHILD(owner, {
        struct handle c = open_queue(path);
        lease_first(&c);
        CHECK_EQUAL(rwq_touch(c.q, LEASE(held), 1), 0);
        die_at("count:before", "STOP");
        counted[0] = rwq_count_attempt(c.q, LEASE(held));
        raise(SIGSTOP);
        counted[1] = rwq_ack(c.q, LEASE(lease_of(&c)));
        rwq_close(c.q);
    });
    int status;
    waitpid(owner, &status, WUNTRACED);
    CHECK(WIFSTOPPED(status));
    sleep_ms(10);
    pid_t sweeper = stop_child(path, "expire:marked", NULL, act_expire);
    kill(owner, SIGCONT);
    while (waitpid(owner, &status, WUNTRACED) < 0 && errno == EINTR) {}
    CHECK(WIFSTOPPED(status) && counted[0] == 0);
    go_on(sweeper);
    sleep_ms(10);
    CHECK_EQUAL(rw_expire_leases(h.q, rw_now_ms(h.q)), 1); /* soon, not when the cursor comes by */
    lease_first(&h);
    CHECK_EQUAL(h.io->meta.attempts, 3);
    go_on(owner);
    CHECK_EQUAL(counted[1], -ESTALE);
    CHECK_EQUAL(rwq_ack(h.q, LEASE(held)), 0);
    expect_no_leak(&h);
    close_queue(&h);
}

static void act_promote(struct handle *h) { rw_now_ms(h->q), rw_promote_due(h->q, rw_due_clock(h->q)); }
static uint32_t promoted(struct handle *h) {
    rw_now_ms(h->q);
    return rw_promote_due(h->q, rw_due_clock(h->q));
}

/*
 * Somebody looks for what is due, and is stopped before it takes a bound away. Another delays a message, in a slot that nobody has used
 * before: the bound is low enough already, so it is left as it is. Who took it away must have seen that message.
 */
static void a_message_delayed_while_another_promotes_is_not_overlooked(void) {
    static const struct {
        const char *point;
        int before; /* messages: the delayed one gets a slot of the same word of 64, or of the next one */
    } cases[] = {{"promote:due", 63}, {"promote:begun", 0}, {"promote:due", 0}, {"promote:taken", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *path = fresh_path();
        create_queue(path, (struct rwq_params){.max_messages = 200, .max_body = 100, .max_participants = 8});
        struct handle h = open_queue(path);
        CHECK_EQUAL(send_extended(&h, "a", 1, 0, 0), 0);
        for (int n = 0; n < cases[i].before; n++) send_text(&h, "c");
        sleep_ms(20);
        pid_t pid = stop_child(path, cases[i].point, NULL, act_promote);
        CHECK_EQUAL(send_extended(&h, "b", 50, 0, 0), 0);
        go_on(pid);
        CHECK_EQUAL(in_state(&h, RWQ_SLOT_DELAYED), 1);
        CHECK_NOTE(rw_next_due_in(h.q) != UINT64_MAX, "'%s': nobody knows when the message is due", cases[i].point);
        sleep_ms(100);
        CHECK_NOTE(promoted(&h) == 1, "'%s': the message is due and was overlooked", cases[i].point);
        close_queue(&h);
        unlink(path);
    }
}

/* The same of leases. */
static void a_lease_taken_while_another_looks_for_expired_ones_is_not_overlooked(void) {
    const char *path = fresh_path();
    create_queue(path, small);
    struct handle h = open_queue(path);
    send_text(&h, "a");
    lease_text(&h, "a", 1);
    sleep_ms(20);
    pid_t pid = stop_child(path, "expire:due", NULL, act_expire);
    send_text(&h, "b");
    lease_text(&h, "b", 50);
    go_on(pid);
    CHECK(in_state(&h, RWQ_SLOT_READY) == 1 && in_state(&h, RWQ_SLOT_LEASED) == 1);
    sleep_ms(100);
    CHECK_NOTE(rw_expire_leases(h.q, rw_now_ms(h.q)) == 1, "the lease is over and was overlooked");
    close_queue(&h);
}

static void each_deliberate_bug_is_found(void) {
    expect_found("promoted_by_an_old_mark", "a_message_delayed_while_another_promotes_is_not_overlooked", "overlooked");
    expect_found("expired_by_an_old_mark", "a_lease_taken_while_another_looks_for_expired_ones_is_not_overlooked", "overlooked");
}

/* Whoever is to take alone waits for what is being put back, and gives up rather than overtake it. */
static void nobody_takes_alone_while_a_stopped_sweeper_keeps_messages_back(void) {
    const char *path = fresh_path();
    create_queue(path, small);
    struct handle h = open_queue(path), other = open_queue(path);
    send_text(&h, "a"), send_text(&h, "b");
    IN_CHILD(holder, {
        struct handle c = open_queue(path);
        lease_first(&c);
        kill(getpid(), SIGKILL);
    });
    status_of(holder);
    IN_CHILD(sweeper, {
        struct handle c = open_queue(path);
        die_at("recover:locked", "STOP");
        rwq_sweep(c.q, RWQ_SWEEP_DEATHS);
        rwq_close(c.q);
    });
    int status;
    waitpid(sweeper, &status, WUNTRACED);
    CHECK(WIFSTOPPED(status));
    CHECK_EQUAL(rwq_consume_alone(h.q), -EBUSY);
    CHECK_EQUAL(rwq_receive(other.q, RWQ_TAKE_LEASE, 0), 0); /* which excludes nobody */
    CHECK_EQUAL(rwq_nack(other.q, LEASE(lease_of(&other)), 0, RWQ_NACK_UNCOUNTED), 0);
    close_queue(&other);
    go_on(sweeper);
    CHECK_EQUAL(rwq_consume_alone(h.q), 0);
    expect_text(&h, "a"), expect_text(&h, "b");
    close_queue(&h);
}

static const struct test tests[] = {
    TEST(a_message_delayed_while_another_promotes_is_not_overlooked), TEST(a_lease_taken_while_another_looks_for_expired_ones_is_not_overlooked),
    TEST(an_attempt_counted_behind_a_sweepers_back_does_not_keep_the_lease), TEST(nobody_takes_alone_while_a_stopped_sweeper_keeps_messages_back),
    TEST(a_sweeper_stopped_between_two_looks_takes_nothing_for_damage), TEST(a_message_whose_mover_is_stopped_comes_all_the_same),
    TEST(a_sweeper_stopped_while_it_looks_for_hints_hides_no_message),
    TEST(everybody_else_works_on_while_one_is_stopped), TEST(a_stopped_consumer_loses_its_lease_in_time_and_is_told), TEST(a_consumer_stopped_before_its_deadline_does_not_deliver_late),
    TEST(a_stopped_sweeper_delays_only_that_place), TEST(a_stopped_owner_that_dies_is_recovered_at_last), TEST(each_deliberate_bug_is_found),
};
int main(int argc, char **argv) { return RUN_TESTS(tests, argc, argv); }
