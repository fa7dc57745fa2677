/* The stream's beginning and end, who takes part, waiting and being woken. */
#include "use_queue.h"

#include <poll.h>

#include "queue.h"

static const struct rwq_params small = {.max_messages = 16, .max_body = 600, .max_participants = 4};

static void an_ended_stream_takes_no_more_and_says_when_nothing_is_left(void) {
    struct handle h = new_queue(small);
    send_text(&h, "a"), send_text(&h, "b"), send_extended(&h, "c", 80, 0, 0);
    CHECK_EQUAL(rwq_claim(h.q, 10, 0), 0);
    struct lease claim = lease_of(&h);
    CHECK_EQUAL(rwq_end(h.q), 0);
    CHECK_EQUAL(rwq_lifecycle(h.q), RWQ_ENDED);
    CHECK_EQUAL(try_send(&h, "x", 0), -EPIPE);
    CHECK_EQUAL(rwq_claim(h.q, 1, 0), -EPIPE);
    uint32_t length = 1;
    CHECK_EQUAL(rwq_send_many(h.q, "x", &length, 1, 0), -EPIPE);
    CHECK_EQUAL(rwq_reopen(h.q), -EBUSY);
    expect_text(&h, "a");
    struct lease b = lease_text(&h, "b", 0);
    expect_empty(&h);
    CHECK_EQUAL(h.io->out_reason, RWQ_EMPTY_NOW); /* leased, delayed, claimed */
    CHECK_EQUAL(rwq_commit(h.q, LEASE(claim), 1, 0), -EPIPE);
    CHECK_EQUAL(rwq_nack(h.q, LEASE(b), 0, 0), 0);
    b = lease_text(&h, "b", 0);
    CHECK_EQUAL(receive_within(&h, RWQ_TAKE_ACK, 2000), 0);
    CHECK(body_is(&h, "c"));
    expect_empty(&h);
    CHECK_EQUAL(h.io->out_reason, RWQ_EMPTY_NOW);
    CHECK_EQUAL(rwq_bury(h.q, LEASE(b), "no", 2), 0);
    expect_empty(&h);
    CHECK_EQUAL(h.io->out_reason, RWQ_EMPTY_ENDED); /* dead letters do not hold a stream open */
    CHECK_EQUAL(rwq_wait(h.q, RWQ_FOR_MESSAGE, 5000), 0);
    CHECK_EQUAL(rwq_reopen(h.q), 0);
    CHECK_EQUAL(rwq_lifecycle(h.q), RWQ_OPEN);
    send_text(&h, "new");
    expect_text(&h, "new");
    CHECK_EQUAL(rwq_reopen(h.q), 0);
    close_queue(&h);
}

static void a_paused_queue_is_filled_but_not_read(void) {
    struct handle h = new_queue(small);
    CHECK_EQUAL(rwq_pause(h.q, 1), 0);
    send_text(&h, "a");
    expect_empty(&h);
    CHECK_EQUAL(h.io->out_reason, RWQ_EMPTY_PAUSED);
    CHECK_EQUAL(rwq_receive_many(h.q, 3, 0, 0), -EAGAIN);
    CHECK_EQUAL(rwq_lifecycle(h.q), RWQ_PAUSED_BIT);
    CHECK_EQUAL(rwq_wait(h.q, RWQ_FOR_MESSAGE, 30), -ETIMEDOUT);
    CHECK_EQUAL(rwq_pause(h.q, 0), 0);
    expect_text(&h, "a");
    close_queue(&h);
}

static void the_last_settlement_wakes_who_waits_for_the_end(void) {
    const char *path = fresh_path();
    create_queue(path, small);
    struct handle h = open_queue(path);
    send_text(&h, "a");
    struct lease l = lease_text(&h, "a", 0);
    rwq_end(h.q);
    IN_CHILD(pid, {
        struct handle c = open_queue(path);
        double begun = seconds_now();
        while (rwq_receive(c.q, 0, 0) == -EAGAIN && c.io->out_reason != RWQ_EMPTY_ENDED) rwq_wait(c.q, RWQ_FOR_MESSAGE, 60000);
        CHECK(c.io->out_reason == RWQ_EMPTY_ENDED && seconds_now() - begun < 0.6);
        close_queue(&c);
    });
    sleep_ms(150);
    rwq_ack(h.q, LEASE(l));
    expect_good(pid);
    close_queue(&h);
}

static void leaving_gives_leases_back_uncounted_and_in_order(void) {
    const char *path = fresh_path();
    create_queue(path, small);
    struct handle a = open_queue(path), b = open_queue(path);
    send_text(&a, "1"), send_text(&a, "2"), send_text(&a, "3");
    lease_text(&b, "1", 0), lease_text(&b, "2", 0);
    CHECK_EQUAL(rwq_claim(b.q, 10, 0), 0);
    close_queue(&b);
    lease_text(&a, "1", 0);
    CHECK(a.io->meta.attempts == 1 && a.io->meta.flags & RWQ_META_REDELIVERED);
    expect_text(&a, "2"), expect_text(&a, "3");
    CHECK_EQUAL(status_now(&a)->participants, 1);
    CHECK_EQUAL(in_state(&a, RWQ_SLOT_CLAIMED), 0);
    close_queue(&a);
}

static void every_place_taken_refuses_the_next_until_one_leaves_or_dies(void) {
    const char *path = fresh_path();
    create_queue(path, small);
    struct handle h[4], extra;
    for (int i = 0; i < 3; i++) h[i] = open_queue(path);
    int ready[2];
    CHECK(pipe(ready) == 0);
    IN_CHILD(pid, {
        struct handle c = open_queue(path);
        send_text(&c, "of the dead");
        CHECK(rwq_receive(c.q, RWQ_TAKE_LEASE, 0) == 0 && write(ready[1], "x", 1) == 1);
        pause();
    });
    char byte;
    CHECK(read(ready[0], &byte, 1) == 1);
    CHECK_EQUAL(try_open(&extra, path, 0, 0), -EUSERS);
    CHECK_EQUAL(try_open(&extra, path, RWQ_OPEN_OBSERVE, 0), 0); /* looking needs no place */
    close_queue(&extra);
    close_queue(&h[1]);
    h[1] = open_queue(path);
    CHECK_EQUAL(try_open(&extra, path, 0, 0), -EUSERS);
    kill_now(pid);
    CHECK_EQUAL(try_open(&extra, path, 0, 0), 0); /* the dead one's place, after its recovery */
    lease_text(&extra, "of the dead", 0);
    CHECK_EQUAL(extra.io->meta.attempts, 2);
    CHECK_EQUAL(rwq_participant(extra.q, 5), -EINVAL);
    CHECK_EQUAL(rwq_participant(extra.q, 0), -EINVAL);
    close_queue(&extra);
    CHECK_EQUAL(rwq_participant(h[0].q, 4), -ENOENT);
    for (int i = 0; i < 3; i++) close_queue(&h[i]);
}

static void a_participant_is_shown_with_its_counters(void) {
    const char *path = fresh_path();
    create_queue(path, small);
    struct handle a = open_queue(path), b = open_queue(path);
    send_text(&a, "four"), send_text(&a, "seven..");
    lease_text(&b, "four", 0);
    CHECK_EQUAL(rwq_participant(a.q, 2), 0);
    struct rwq_participant_info info = *(struct rwq_participant_info *)a.staging;
    CHECK(info.index == 2 && info.pid == (uint32_t)getpid() && info.leased == 1 && strncmp((char *)info.name, "test ", 5) == 0 && info.start_ms > 1.6e12);
    CHECK(info.counters[RWQ_COUNT_TAKEN] == 1 && info.counters[RWQ_COUNT_TAKEN_BYTES] == 4 && info.counters[RWQ_COUNT_SENT] == 0);
    CHECK_EQUAL(rwq_participant(b.q, 1), 0);
    info = *(struct rwq_participant_info *)b.staging;
    CHECK(info.counters[RWQ_COUNT_SENT] == 2 && info.counters[RWQ_COUNT_SENT_BYTES] == 11);
    close_queue(&b);
    b = open_queue(path); /* in the same place: its own counters begin anew, the sums go on */
    CHECK_EQUAL(rwq_participant(b.q, 2), 0);
    CHECK_EQUAL(((struct rwq_participant_info *)b.staging)->counters[RWQ_COUNT_TAKEN], 0);
    CHECK_EQUAL(counted(&b, RWQ_COUNT_TAKEN), 1);
    close_queue(&a), close_queue(&b);
}

/* ---- cancel and renewal ---- */

static void a_cancel_names_one_message(void) {
    const char *path = fresh_path();
    create_queue(path, small);
    struct handle a = open_queue(path), b = open_queue(path);
    send_text(&a, "x");
    uint32_t slot = a.io->sent_slot, lo = a.io->sent_id_lo, hi = a.io->sent_id_hi;
    CHECK_EQUAL(rwq_cancel(a.q, slot, lo + 1, hi), -ESTALE);
    CHECK_EQUAL(rwq_cancel(a.q, 99, lo, hi), -EINVAL);
    struct lease l = lease_text(&b, "x", 0);
    CHECK(!(b.io->meta.flags & RWQ_META_CANCELLED));
    CHECK_EQUAL(rwq_renewal(b.q, LEASE(l)), RWQ_RENEWAL_NONE);
    CHECK_EQUAL(rwq_cancel(a.q, slot, lo, hi), 0);
    CHECK_EQUAL(rwq_renewal(b.q, LEASE(l)), RWQ_RENEWAL_CANCELLED);
    CHECK_EQUAL(rwq_nack(b.q, LEASE(l), 0, 0), 0);
    lease_text(&b, "x", 0);
    CHECK(b.io->meta.flags & RWQ_META_CANCELLED);
    CHECK_EQUAL(rwq_ack(b.q, LEASE(lease_of(&b))), 0);
    send_text(&a, "next");
    lease_text(&b, "next", 0);
    CHECK(!(b.io->meta.flags & RWQ_META_CANCELLED));
    close_queue(&a), close_queue(&b);
}

static void a_renewed_lease_is_held_until_it_is_settled(void) {
    const char *path = fresh_path();
    create_queue(path, small);
    struct handle a = open_queue(path), b = open_queue(path);
    send_text(&a, "x");
    struct lease l = lease_text(&a, "x", 90);
    CHECK_EQUAL(rwq_renew_start(a.q, LEASE(l), 90, 0, 0), 0);
    for (int i = 0; i < 40; i++) {
        expect_empty(&b);
        rwq_sweep(b.q, RWQ_SWEEP_FULL);
        sleep_ms(10);
    }
    CHECK_EQUAL(rwq_renewal(a.q, LEASE(l)), RWQ_RENEWAL_HELD);
    CHECK_EQUAL(rwq_cancel(b.q, l.slot, id_of(&a.io->meta) & UINT32_MAX, 0), 0);
    CHECK_EQUAL(rwq_renewal(a.q, LEASE(l)), RWQ_RENEWAL_CANCELLED);
    CHECK_EQUAL(rwq_ack(a.q, LEASE(l)), 0);
    CHECK_EQUAL(rwq_renewal(a.q, LEASE(l)), RWQ_RENEWAL_LOST);
    expect_no_leak(&b);
    close_queue(&a), close_queue(&b);
}

static void any_number_of_leases_is_renewed(void) {
    enum { MANY = 70000 };
    const char *path = fresh_path();
    struct rwq_params large = small;
    large.max_messages = MANY;
    create_queue(path, large);
    struct handle a = open_queue(path), b = open_queue(path);
    struct lease *leases = calloc(MANY, sizeof *leases);
    for (int i = 0; i < MANY; i++) {
        send_text(&a, "x");
        leases[i] = lease_text(&a, "x", 60000);
        CHECK_EQUAL(rwq_renew_start(a.q, LEASE(leases[i]), 60000, 0, 0), 0);
    }
    for (int i = 0; i < MANY; i += 2) CHECK_EQUAL(rwq_renew_stop(a.q, LEASE(leases[i * 7919 % MANY / 2 * 2])), 0);
    for (int i = 0; i < MANY; i++) CHECK_EQUAL(rwq_renewal(a.q, LEASE(leases[i])), i % 2 ? RWQ_RENEWAL_HELD : RWQ_RENEWAL_NONE);
    CHECK_EQUAL(ack_it(&a, leases[0]), 0);
    send_text(&a, "soon");
    /* The thread sleeps until the others are due. */
    sleep_ms(50);
    struct lease soon = lease_text(&a, "soon", 90);
    CHECK_EQUAL(rwq_renew_start(a.q, LEASE(soon), 90, 0, 0), 0);
    for (int i = 0; i < 40; i++) {
        rwq_sweep(b.q, RWQ_SWEEP_FULL);
        expect_empty(&b);
        sleep_ms(10);
    }
    CHECK_EQUAL(rwq_renewal(a.q, LEASE(soon)), RWQ_RENEWAL_HELD);
    CHECK_EQUAL(ack_it(&a, soon), 0);
    for (int i = 1; i < MANY; i++) CHECK_EQUAL(ack_it(&a, leases[i]), 0);
    expect_no_leak(&b);
    free(leases);
    close_queue(&a), close_queue(&b);
}

static void renewal_stops_with_the_heart_and_after_the_longest_time(void) {
    const char *path = fresh_path();
    create_queue(path, small);
    struct handle a = open_queue(path), b = open_queue(path);
    send_text(&a, "hung"), send_text(&a, "endless");
    struct lease hung = lease_text(&a, "hung", 60), endless = lease_text(&a, "endless", 60);
    CHECK_EQUAL(rwq_renew_start(a.q, LEASE(endless), 60, 200, 0), 0);
    CHECK_EQUAL(rwq_renew_start(a.q, LEASE(hung), 60, 0, 150), 0);
    for (int i = 0; i < 10; i++) sleep_ms(10), rwq_heartbeat(a.q);
    CHECK_EQUAL(rwq_renewal(a.q, LEASE(hung)), RWQ_RENEWAL_HELD);
    /* Nobody sweeps yet, so the leases that are not renewed any more are still there. */
    for (int i = 0; i < 500 && (rwq_renewal(a.q, LEASE(hung)) == RWQ_RENEWAL_HELD || rwq_renewal(a.q, LEASE(endless)) == RWQ_RENEWAL_HELD); i++) sleep_ms(10);
    CHECK_EQUAL(rwq_renewal(a.q, LEASE(hung)), RWQ_RENEWAL_STALLED);
    CHECK_EQUAL(rwq_renewal(a.q, LEASE(endless)), RWQ_RENEWAL_STALLED);
    CHECK_EQUAL(receive_within(&b, RWQ_TAKE_ACK, 2000), 0);
    CHECK_EQUAL(receive_within(&b, RWQ_TAKE_ACK, 2000), 0);
    CHECK_EQUAL(rwq_renewal(a.q, LEASE(hung)), RWQ_RENEWAL_LOST);
    CHECK_EQUAL(rwq_renewal(a.q, LEASE(endless)), RWQ_RENEWAL_LOST);
    CHECK_EQUAL(rwq_ack(a.q, LEASE(hung)), -ESTALE);
    close_queue(&a), close_queue(&b);
}

/* ---- waiting ---- */

/* Less than what is left of a slice: who is not woken looks again only then. */
#define WOKEN_WITHIN_MS 600

static void a_wait_ends_with_the_message_or_with_its_time(void) {
    const char *path = fresh_path();
    create_queue(path, small);
    struct handle h = open_queue(path);
    double begun = seconds_now();
    CHECK_EQUAL(rwq_wait(h.q, RWQ_FOR_MESSAGE, 60), -ETIMEDOUT);
    double took = (seconds_now() - begun) * 1000;
    CHECK_NOTE(took >= 55 && took < 5000, "%.0f ms", took);
    CHECK_EQUAL(rwq_wait(h.q, RWQ_FOR_MESSAGE, 0), -ETIMEDOUT);
    CHECK_EQUAL(rwq_wait(h.q, RWQ_FOR_SPACE, 60000), 0);
    CHECK_EQUAL(rwq_wait(h.q, 2, 1), -EINVAL);
    double *sent_at = shared_memory(sizeof *sent_at);
    IN_CHILD(pid, {
        struct handle c = open_queue(path);
        while (rwq_receive(c.q, RWQ_TAKE_ACK, 0) == -EAGAIN) rwq_wait(c.q, RWQ_FOR_MESSAGE, 10000);
        double late = (seconds_now() - *sent_at) * 1000;
        CHECK_NOTE(late < WOKEN_WITHIN_MS, "woken %.1f ms late", late);
        close_queue(&c);
    });
    sleep_ms(300);
    *sent_at = seconds_now();
    send_text(&h, "x");
    expect_good(pid);
    close_queue(&h);
}

static void who_waits_for_room_is_woken(void) {
    const char *path = fresh_path();
    create_queue(path, (struct rwq_params){.max_messages = 2, .max_body = 100});
    struct handle h = open_queue(path);
    send_text(&h, "1"), send_text(&h, "2");
    double *freed_at = shared_memory(sizeof *freed_at);
    IN_CHILD(pid, {
        struct handle c = open_queue(path);
        while (rwq_send(c.q, "3", 1, 0) == -EAGAIN) rwq_wait(c.q, RWQ_FOR_SPACE, 10000);
        double late = (seconds_now() - *freed_at) * 1000;
        CHECK_NOTE(late < WOKEN_WITHIN_MS, "woken %.1f ms late", late);
        close_queue(&c);
    });
    sleep_ms(300);
    *freed_at = seconds_now();
    expect_text(&h, "1");
    expect_good(pid);
    expect_text(&h, "2"), expect_text(&h, "3");
    close_queue(&h);
}

static void many_places_at_once_wake_everybody_who_waits_for_one(void) {
    enum { PLACES = 16, SENDERS = 3 };
    const char *path = fresh_path();
    create_queue(path, (struct rwq_params){.max_messages = PLACES, .max_body = 100});
    struct handle h = open_queue(path);
    uint32_t leases[PLACES * 3];
    for (int i = 0; i < PLACES; i++) send_text(&h, "full");
    for (int i = 0; i < PLACES; i++) {
        struct lease l = lease_text(&h, "full", 0);
        leases[i * 3] = l.slot, leases[i * 3 + 1] = l.lo, leases[i * 3 + 2] = l.hi;
    }
    double *freed_at = shared_memory(sizeof *freed_at);
    pid_t senders[SENDERS];
    for (int i = 0; i < SENDERS; i++) {
        IN_CHILD(pid, {
            struct handle c = open_queue(path);
            while (rwq_send(c.q, "in", 2, 0) == -EAGAIN) rwq_wait(c.q, RWQ_FOR_SPACE, 10000);
            double late = (seconds_now() - *freed_at) * 1000;
            CHECK_NOTE(late < WOKEN_WITHIN_MS, "woken %.1f ms late", late);
            close_queue(&c);
        });
        senders[i] = pid;
    }
    sleep_ms(300);
    *freed_at = seconds_now();
    CHECK_EQUAL(rwq_ack_many(h.q, leases, PLACES), PLACES);
    for (int i = 0; i < SENDERS; i++) expect_good(senders[i]);
    close_queue(&h);
}

static void waiting_for_room_sleeps_although_a_bit_is_wrong(void) {
    struct handle h = new_queue((struct rwq_params){.max_messages = 2, .max_body = 100});
    send_text(&h, "1"), send_text(&h, "2");
    /* As a freer leaves it that stops between its CAS and the bit until the slot is taken again. */
    rw_used_clear(h.q, 0);
    for (int i = 0; i < 3; i++) CHECK_EQUAL(try_send(&h, "3", 0), -EAGAIN);
    double begun = seconds_now();
    CHECK_EQUAL(rwq_wait(h.q, RWQ_FOR_SPACE, 100), -ETIMEDOUT);
    CHECK(seconds_now() - begun > 0.09);
    close_queue(&h);
}

static void several_sleepers_share_a_batch(void) {
    const char *path = fresh_path();
    create_queue(path, small);
    struct handle h = open_queue(path);
    pid_t pids[3];
    for (int i = 0; i < 3; i++) {
        IN_CHILD(pid, {
            struct handle c = open_queue(path);
            while (rwq_receive(c.q, RWQ_TAKE_LEASE, 0) == -EAGAIN) rwq_wait(c.q, RWQ_FOR_MESSAGE, 10000);
            sleep_ms(1000); /* works: the others must have been woken too */
            CHECK_EQUAL(rwq_ack(c.q, LEASE(lease_of(&c))), 0);
            close_queue(&c);
        });
        pids[i] = pid;
    }
    sleep_ms(300);
    const uint32_t lengths[] = {1, 1, 1};
    CHECK_EQUAL(rwq_send_many(h.q, "abc", lengths, 3, 0), 3);
    double begun = seconds_now();
    while (in_state(&h, RWQ_SLOT_LEASED) < 3 && seconds_now() - begun < 0.8) sleep_ms(5);
    CHECK_EQUAL(in_state(&h, RWQ_SLOT_LEASED), 3);
    for (int i = 0; i < 3; i++) expect_good(pids[i]);
    close_queue(&h);
}

static void an_event_loop_is_woken_through_its_descriptor(void) {
    const char *path = fresh_path();
    create_queue(path, small);
    struct handle a = open_queue(path), b = open_queue(path);
    int fd = rwq_wake_fd(a.q);
    CHECK(fd >= 0);
    CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    CHECK_EQUAL(rwq_arm(a.q, RWQ_FOR_MESSAGE), 0);
    CHECK_EQUAL(rwq_poll_wake_fd(fd, 20), 0);
    send_text(&b, "x");
    CHECK_EQUAL(rwq_poll_wake_fd(fd, 1000), 1);
    CHECK_EQUAL(rwq_drain_wake_fd(a.q), 1);
    CHECK_EQUAL(rwq_poll_wake_fd(fd, 0), 0);
    CHECK_EQUAL(rwq_arm(a.q, RWQ_FOR_MESSAGE), 1); /* something is there: do not sleep */
    expect_text(&a, "x");
    CHECK_EQUAL(rwq_arm(a.q, RWQ_FOR_MESSAGE), 0);
    CHECK_EQUAL(rwq_disarm(a.q), 0);
    send_text(&b, "y");
    CHECK_EQUAL(rwq_poll_wake_fd(fd, 20), 0);
    expect_text(&a, "y");
    send_extended(&b, "z", 100, 0, 0);
    CHECK_EQUAL(rwq_arm(a.q, RWQ_FOR_MESSAGE), 0);
    CHECK(a.io->out_next_due_ms > 50 && a.io->out_next_due_ms <= 100);
    rwq_close_fd(fd);
    close_queue(&a), close_queue(&b);
}

static void a_busy_event_loop_has_its_wake_passed_on(void) {
    const char *path = fresh_path();
    create_queue(path, small);
    struct handle busy = open_queue(path), idle = open_queue(path), sender = open_queue(path);
    int busy_fd = rwq_wake_fd(busy.q), idle_fd = rwq_wake_fd(idle.q);
    CHECK_EQUAL(rwq_arm(busy.q, RWQ_FOR_MESSAGE), 0);
    CHECK_EQUAL(rwq_arm(idle.q, RWQ_FOR_MESSAGE), 0);
    send_text(&sender, "x");
    struct pollfd p[2] = {{.fd = busy_fd, .events = POLLIN}, {.fd = idle_fd, .events = POLLIN}};
    double begun = seconds_now();
    /* Neither looks at the queue: within some milliseconds both have been asked. */
    while ((rwq_poll_wake_fd(busy_fd, 0) != 1 || rwq_poll_wake_fd(idle_fd, 0) != 1) && seconds_now() - begun < 2) poll(p, 0, 1);
    CHECK(seconds_now() - begun < 1);
    rwq_close_fd(busy_fd), rwq_close_fd(idle_fd);
    close_queue(&busy), close_queue(&idle), close_queue(&sender);
}

/* ---- watching ---- */

static pid_t start_holder(const char *path) {
    int ready[2];
    CHECK(pipe(ready) == 0);
    IN_CHILD(pid, {
        struct handle c = open_queue(path);
        CHECK(rwq_receive(c.q, RWQ_TAKE_LEASE, 0) == 0 && write(ready[1], "x", 1) == 1);
        pause();
    });
    char byte;
    close(ready[1]);
    CHECK(read(ready[0], &byte, 1) == 1);
    close(ready[0]);
    return pid;
}

/* How long the helper thread takes; nobody else does any maintenance meanwhile. */
static double ms_until_ready(struct handle *h) {
    double begun = seconds_now();
    while (in_state(h, RWQ_SLOT_READY) == 0 && seconds_now() - begun < 2) sleep_ms(1);
    return (seconds_now() - begun) * 1000;
}

static void a_watched_death_is_recovered_within_milliseconds(void) {
    const char *path = fresh_path();
    create_queue(path, small);
    struct handle h = open_queue(path);
    send_text(&h, "x");
    CHECK_EQUAL(rwq_watch(h.q), 0);
    pid_t pid = start_holder(path);
    sleep_ms(200); /* newcomers are noticed within 100 ms */
    kill(pid, SIGKILL);
    double took = ms_until_ready(&h);
    status_of(pid);
    CHECK_NOTE(took < WOKEN_WITHIN_MS, "%.1f ms", took);
    lease_text(&h, "x", 0);
    CHECK_EQUAL(h.io->meta.attempts, 2);
    close_queue(&h);
}

static void a_place_that_changes_hands_is_watched_again(void) {
    const char *path = fresh_path();
    create_queue(path, small);
    struct handle h = open_queue(path);
    CHECK_EQUAL(rwq_watch(h.q), 0);
    int left[2];
    CHECK(pipe(left) == 0);
    IN_CHILD(first, { /* holds the place for a while, leaves it, and lives on */
        struct handle c = open_queue(path);
        sleep_ms(250);
        close_queue(&c);
        CHECK(write(left[1], "x", 1) == 1);
        pause();
    });
    char byte;
    CHECK(read(left[0], &byte, 1) == 1);
    send_text(&h, "x");
    pid_t second = start_holder(path);
    sleep_ms(250);
    kill(second, SIGKILL);
    double took = ms_until_ready(&h);
    status_of(second);
    kill_now(first);
    CHECK_NOTE(took < WOKEN_WITHIN_MS, "%.1f ms", took);
    close_queue(&h);
}

static const struct test tests[] = {
    TEST(an_ended_stream_takes_no_more_and_says_when_nothing_is_left), TEST(a_paused_queue_is_filled_but_not_read), TEST(the_last_settlement_wakes_who_waits_for_the_end),
    TEST(leaving_gives_leases_back_uncounted_and_in_order), TEST(every_place_taken_refuses_the_next_until_one_leaves_or_dies), TEST(a_participant_is_shown_with_its_counters),
    TEST(a_cancel_names_one_message), TEST(a_renewed_lease_is_held_until_it_is_settled), TEST(any_number_of_leases_is_renewed), TEST(renewal_stops_with_the_heart_and_after_the_longest_time),
    TEST(a_wait_ends_with_the_message_or_with_its_time), TEST(who_waits_for_room_is_woken), TEST(many_places_at_once_wake_everybody_who_waits_for_one), TEST(waiting_for_room_sleeps_although_a_bit_is_wrong), TEST(several_sleepers_share_a_batch),
    TEST(an_event_loop_is_woken_through_its_descriptor), TEST(a_busy_event_loop_has_its_wake_passed_on), TEST(a_watched_death_is_recovered_within_milliseconds),
    TEST(a_place_that_changes_hands_is_watched_again),
};
int main(int argc, char **argv) { return RUN_TESTS(tests, argc, argv); }
