/* What becomes of a lease: settled, lost, given back, dead; and what waits for its time. */
#include "use_queue.h"

#include "queue.h"

static const struct rwq_params small = {.max_messages = 16, .max_body = 600, .max_deliver = 3, .max_dead = 4};

static void a_lease_given_back_comes_first_and_is_flagged(void) {
    struct handle h = new_queue(small);
    send_text(&h, "a"), send_text(&h, "b");
    try_send(&h, "urgent", RWQ_PRIORITY_HIGH);
    struct lease u = lease_text(&h, "urgent", 0), a = lease_text(&h, "a", 0);
    CHECK_EQUAL(rwq_nack(h.q, LEASE(a), 0, 0), 0);
    CHECK_EQUAL(rwq_nack(h.q, LEASE(a), 0, 0), -ESTALE);
    CHECK_EQUAL(rwq_ack(h.q, LEASE(a)), -ESTALE);
    CHECK_EQUAL(rwq_nack(h.q, LEASE(u), 0, 0), 0);
    try_send(&h, "late", RWQ_PRIORITY_HIGH);
    lease_text(&h, "a", 0); /* in the order in which they came back, before any that were never taken */
    CHECK(h.io->meta.flags & RWQ_META_REDELIVERED && h.io->meta.attempts == 2);
    expect_text(&h, "urgent"), expect_text(&h, "late"), expect_text(&h, "b");
    CHECK(!(h.io->meta.flags & RWQ_META_REDELIVERED));
    close_queue(&h);
}

static void after_max_deliver_a_message_is_buried(void) {
    struct handle h = new_queue(small);
    send_text(&h, "poison");
    for (uint32_t i = 1; i <= 3; i++) {
        struct lease l = lease_text(&h, "poison", 0);
        CHECK_EQUAL(h.io->meta.attempts, i);
        CHECK_EQUAL(rwq_nack(h.q, LEASE(l), 0, 0), i == 3);
    }
    expect_empty(&h);
    char note[RWQ_NOTE_BYTES + 1];
    from_the_start(&h);
    CHECK_EQUAL(next_dead(&h, note), 0);
    CHECK(body_is(&h, "poison") && h.io->meta.attempts == 3 && note[0] != 0 && h.io->meta.flags >> 24 == RWQ_SLOT_BURIED);
    CHECK_EQUAL(counted(&h, RWQ_COUNT_BURIED), 1);
    CHECK_EQUAL(counted(&h, RWQ_COUNT_NACKED), 2);
    close_queue(&h);
}

static void an_uncounted_return_is_not_an_attempt(void) {
    struct handle h = new_queue(small);
    send_text(&h, "x");
    for (int i = 0; i < 20; i++) {
        struct lease l = lease_text(&h, "x", 0);
        CHECK_EQUAL(h.io->meta.attempts, 1);
        CHECK_EQUAL(rwq_nack(h.q, LEASE(l), 0, RWQ_NACK_UNCOUNTED), 0);
    }
    close_queue(&h);
}

static void a_delayed_return_waits(void) {
    struct handle h = new_queue(small);
    send_text(&h, "x");
    struct lease l = lease_text(&h, "x", 0);
    double begun = seconds_now();
    CHECK_EQUAL(rwq_nack(h.q, LEASE(l), 150, 0), 0);
    CHECK_EQUAL(in_state(&h, RWQ_SLOT_DELAYED), 1);
    expect_empty(&h);
    CHECK(h.io->out_next_due_ms > 100 && h.io->out_next_due_ms <= 150);
    send_text(&h, "y");
    expect_text(&h, "y");
    CHECK_EQUAL(receive_within(&h, RWQ_TAKE_LEASE, 3000), 0);
    double took = (seconds_now() - begun) * 1000;
    CHECK_NOTE(took >= 140 && took < 5000, "after %.0f ms", took);
    CHECK(body_is(&h, "x") && h.io->meta.attempts == 2 && h.io->meta.flags & RWQ_META_REDELIVERED);
    l = lease_of(&h);
    CHECK_EQUAL(rwq_nack(h.q, LEASE(l), 0.0 / 0.0, RWQ_NACK_UNCOUNTED), 0); /* not a number: at once */
    expect_text(&h, "x");
    close_queue(&h);
}

static void delayed_messages_come_in_the_order_of_their_times(void) {
    struct handle h = new_queue(small);
    send_extended(&h, "300", 300, 0, 0), send_extended(&h, "100", 100, 0, 0), send_extended(&h, "200", 200, 0, 0);
    send_extended(&h, "never", 1e300, 0, 0);
    send_extended(&h, "now", 0, 0, 0);
    CHECK_EQUAL(in_state(&h, RWQ_SLOT_DELAYED), 4);
    expect_text(&h, "now");
    expect_empty(&h);
    double begun = seconds_now();
    for (int i = 1; i <= 3; i++) {
        CHECK_EQUAL(receive_within(&h, RWQ_TAKE_ACK, 3000), 0);
        double took = (seconds_now() - begun) * 1000;
        CHECK_EQUAL(atoi((char *)h.staging), i * 100);
        CHECK_NOTE(took > i * 100 - 30 && took < i * 100 + 400, "%d ms came after %.0f", i * 100, took);
    }
    CHECK_EQUAL(in_state(&h, RWQ_SLOT_DELAYED), 1);
    close_queue(&h);
}

static void a_sleeping_consumer_learns_of_an_earlier_time(void) {
    const char *path = fresh_path();
    create_queue(path, small);
    struct handle h = open_queue(path);
    send_extended(&h, "late", 60000, 0, 0);
    IN_CHILD(pid, {
        struct handle c = open_queue(path);
        double begun = seconds_now();
        CHECK_EQUAL(receive_within(&c, RWQ_TAKE_ACK, 10) , -EAGAIN);
        while (rwq_receive(c.q, RWQ_TAKE_ACK, 0) == -EAGAIN) rwq_wait(c.q, RWQ_FOR_MESSAGE, 10000);
        double took = (seconds_now() - begun) * 1000;
        CHECK_NOTE(took < 600, "%.0f ms", took);
        CHECK(body_is(&c, "soon"));
        close_queue(&c);
    });
    sleep_ms(100);
    send_extended(&h, "soon", 150, 0, 0);
    expect_good(pid);
    close_queue(&h);
}

static void what_outlives_its_time_is_dropped_and_counted(void) {
    struct handle h = new_queue(small);
    send_extended(&h, "short", 0, 60, 0), send_extended(&h, "long", 0, 60000, 0), send_extended(&h, "endless", 0, 1e300, 0), send_extended(&h, "infinite", 0, 1.0 / 0.0, 0);
    sleep_ms(80);
    h.q->control->sweep_turn = rw_now_ms(h.q); /* found when taken, not by a sweep */
    expect_text(&h, "long"), expect_text(&h, "endless"), expect_text(&h, "infinite");
    CHECK_EQUAL(counted(&h, RWQ_COUNT_DROPPED_EXPIRED), 1);
    h.q->control->sweep_turn = 0;
    send_extended(&h, "swept", 0, 30, 0);
    send_extended(&h, "delayed past its life", 60, 30, 0);
    sleep_ms(50);
    rwq_sweep(h.q, RWQ_SWEEP_FULL);
    CHECK_EQUAL(counted(&h, RWQ_COUNT_DROPPED_EXPIRED), 2);
    sleep_ms(30);
    expect_empty(&h);
    CHECK_EQUAL(counted(&h, RWQ_COUNT_DROPPED_EXPIRED), 3);
    expect_no_leak(&h);
    close_queue(&h);
}

static void an_expired_lease_goes_to_another_and_the_late_one_is_told(void) {
    const char *path = fresh_path();
    create_queue(path, small);
    struct handle a = open_queue(path), b = open_queue(path);
    send_text(&a, "x");
    struct lease late = lease_text(&a, "x", 100);
    expect_empty(&b);
    CHECK_EQUAL(receive_within(&b, RWQ_TAKE_LEASE, 3000), 0);
    CHECK(body_is(&b, "x") && b.io->meta.attempts == 2 && b.io->meta.flags & RWQ_META_REDELIVERED);
    struct lease mine = lease_of(&b);
    CHECK_EQUAL(rwq_touch(a.q, LEASE(late), 1000), -ESTALE);
    CHECK_EQUAL(rwq_nack(a.q, LEASE(late), 0, 0), -ESTALE);
    CHECK_EQUAL(rwq_bury(a.q, LEASE(late), "no", 2), -ESTALE);
    CHECK_EQUAL(rwq_ack(a.q, LEASE(late)), -ESTALE);
    CHECK_EQUAL(rwq_read(a.q, LEASE(late), a.staging, 100), -ESTALE);
    CHECK_EQUAL(rwq_ack(a.q, LEASE(mine)), -ESTALE); /* not a's */
    CHECK_EQUAL(rwq_ack(b.q, LEASE(mine)), 0);
    CHECK_EQUAL(counted(&b, RWQ_COUNT_LEASES_LOST), 5);
    CHECK_EQUAL(counted(&b, RWQ_COUNT_REQUEUED), 1);
    close_queue(&a), close_queue(&b);
}

static void a_touched_lease_lasts_longer(void) {
    const char *path = fresh_path();
    create_queue(path, small);
    struct handle a = open_queue(path), b = open_queue(path);
    send_text(&a, "x");
    struct lease l = lease_text(&a, "x", 250);
    for (int i = 0; i < 6; i++) {
        sleep_ms(100);
        CHECK_EQUAL(rwq_touch(a.q, LEASE(l), 250), 0);
        expect_empty(&b);
    }
    CHECK_EQUAL(rwq_ack(a.q, LEASE(l)), 0);
    CHECK_EQUAL(rwq_touch(a.q, LEASE(l), 250), -ESTALE);
    close_queue(&a), close_queue(&b);
}

static void the_usual_lease_expires_too(void) {
    const char *path = fresh_path();
    struct rwq_params brief = small;
    brief.lease_ms = 120;
    create_queue(path, brief);
    struct handle a = open_queue(path), b = open_queue(path);
    send_text(&a, "x");
    lease_text(&a, "x", 0);
    double begun = seconds_now();
    CHECK_EQUAL(receive_within(&b, RWQ_TAKE_ACK, 3000), 0);
    double took = (seconds_now() - begun) * 1000;
    CHECK_NOTE(took > 100 && took < 5000, "%.0f ms", took);
    close_queue(&a), close_queue(&b);
}

static void a_lease_lost_too_often_is_buried(void) {
    struct handle h = new_queue(small);
    send_text(&h, "hangs");
    for (int i = 0; i < 3; i++) {
        CHECK_EQUAL(receive_within(&h, RWQ_TAKE_LEASE, 3000), 0);
        rwq_touch(h.q, LEASE(lease_of(&h)), 1);
        sleep_ms(10);
        rwq_sweep(h.q, RWQ_SWEEP_FULL);
    }
    CHECK_EQUAL(in_state(&h, RWQ_SLOT_BURIED), 1);
    char note[RWQ_NOTE_BYTES + 1];
    from_the_start(&h);
    CHECK_EQUAL(next_dead(&h, note), 0);
    CHECK(strstr(note, "expired"));
    close_queue(&h);
}

static struct lease bury_text(struct handle *h, const char *text, const char *note, uint32_t length) {
    send_text(h, text);
    struct lease l = lease_text(h, text, 0);
    CHECK_EQUAL(rwq_bury(h->q, LEASE(l), note, length), 0);
    return l;
}

static void dead_letters_have_notes_revive_and_can_be_discarded(void) {
    struct handle h = new_queue(small);
    struct lease stale = bury_text(&h, "a", "why a", 5);
    bury_text(&h, "b", NULL, 0);
    bury_text(&h, "c", "why c", 5);
    CHECK_EQUAL(rwq_bury(h.q, LEASE(stale), "x", 1), -ESTALE);
    CHECK_EQUAL(rwq_revive(h.q, LEASE(stale)), -ESTALE); /* a lease's token is not a dead letter's */
    char note[RWQ_NOTE_BYTES + 1];
    from_the_start(&h);
    CHECK_EQUAL(next_dead(&h, note), 0);
    CHECK(body_is(&h, "a") && strcmp(note, "why a") == 0);
    struct lease a = lease_of(&h);
    CHECK_EQUAL(next_dead(&h, note), 0);
    CHECK(body_is(&h, "b") && note[0] == 0);
    struct lease b = lease_of(&h);
    CHECK_EQUAL(next_dead(&h, note), 0);
    CHECK(body_is(&h, "c") && strcmp(note, "why c") == 0);
    CHECK_EQUAL(next_dead(&h, note), -EAGAIN);
    CHECK_EQUAL(rwq_revive(h.q, LEASE(a)), 0);
    CHECK_EQUAL(rwq_revive(h.q, LEASE(a)), -ESTALE);
    CHECK_EQUAL(rwq_discard(h.q, LEASE(b)), 0);
    CHECK_EQUAL(rwq_discard(h.q, LEASE(b)), -ESTALE);
    CHECK_EQUAL(counted(&h, RWQ_COUNT_DROPPED_DEAD), 1);
    CHECK_EQUAL(atomic_load(&h.q->control->dead_letters), 1);
    lease_text(&h, "a", 0);
    CHECK_EQUAL(h.io->meta.attempts, 1); /* the count begins anew */
    close_queue(&h);
}

static void a_long_note_keeps_its_end(void) {
    struct handle h = new_queue(small);
    char long_note[RWQ_NOTE_BYTES + 100], note[RWQ_NOTE_BYTES + 1];
    for (size_t i = 0; i < sizeof long_note; i++) long_note[i] = (char)('a' + i % 23);
    bury_text(&h, "x", long_note, sizeof long_note);
    bury_text(&h, "y", long_note, RWQ_NOTE_BYTES);
    from_the_start(&h);
    CHECK_EQUAL(next_dead(&h, note), 0);
    CHECK_EQUAL(h.io->meta.note_len, RWQ_NOTE_BYTES);
    CHECK(memcmp(note, long_note + 100, RWQ_NOTE_BYTES) == 0);
    CHECK_EQUAL(next_dead(&h, note), 0);
    CHECK(memcmp(note, long_note, RWQ_NOTE_BYTES) == 0);
    close_queue(&h);
}

static void dead_letters_beyond_the_note_places_have_none_and_places_are_reused(void) {
    struct handle h = new_queue((struct rwq_params){.max_messages = 1200, .max_body = 16, .max_dead = 1200});
    char text[16], note[RWQ_NOTE_BYTES + 1];
    for (int i = 0; i < 1100; i++) snprintf(text, sizeof text, "%d", i), bury_text(&h, text, text, (uint32_t)strlen(text));
    int with = 0, without = 0;
    for (from_the_start(&h); next_dead(&h, note) == 0;) {
        if (note[0]) with++;
        else without++;
        CHECK(note[0] == 0 || body_is(&h, note));
    }
    CHECK(with == 1024 && without == 76);
    from_the_start(&h);
    for (int i = 0; i < 10; i++) CHECK_EQUAL(next_dead(&h, note), 0), CHECK_EQUAL(rwq_discard(h.q, LEASE(lease_of(&h))), 0);
    for (int i = 0; i < 10; i++) bury_text(&h, "again", "noted", 5);
    with = 0;
    for (from_the_start(&h); next_dead(&h, note) == 0;) with += note[0] != 0;
    CHECK_EQUAL(with, 1024);
    close_queue(&h);
}

static void above_max_dead_the_oldest_goes(void) {
    struct handle h = new_queue(small);
    char text[16], note[RWQ_NOTE_BYTES + 1];
    for (int i = 0; i < 10; i++) snprintf(text, sizeof text, "%d", i), bury_text(&h, text, text, 1);
    CHECK_EQUAL(counted(&h, RWQ_COUNT_DROPPED_DEAD), 6);
    CHECK_EQUAL(in_state(&h, RWQ_SLOT_BURIED), 4);
    int seen = 0;
    for (from_the_start(&h); next_dead(&h, note) == 0; seen++) CHECK(note[0] >= '6');
    CHECK_EQUAL(seen, 4);
    close_queue(&h);
}

static void a_wrong_count_of_dead_letters_is_set_right_by_a_full_sweep(void) {
    struct handle h = new_queue(small);
    char text[16];
    for (int i = 0; i < 4; i++) snprintf(text, sizeof text, "%d", i), bury_text(&h, text, text, 1);
    atomic_store(&h.q->control->dead_letters, 1); /* as deaths between a burial and its count leave it */
    rwq_sweep(h.q, RWQ_SWEEP_FULL);
    CHECK_EQUAL(atomic_load(&h.q->control->dead_letters), 4);
    for (int i = 4; i < 8; i++) snprintf(text, sizeof text, "%d", i), bury_text(&h, text, text, 1);
    CHECK_EQUAL(in_state(&h, RWQ_SLOT_BURIED), 4);
    atomic_store(&h.q->control->dead_letters, 100);
    rwq_sweep(h.q, RWQ_SWEEP_FULL);
    CHECK_EQUAL(atomic_load(&h.q->control->dead_letters), 4);
    close_queue(&h);
}

static void tokens_that_nobody_was_given_are_refused(void) {
    struct handle h = new_queue(small);
    send_text(&h, "x");
    struct lease l = lease_text(&h, "x", 0);
    const struct lease wrong[] = {{l.slot + 1, l.lo, l.hi}, {UINT32_MAX, l.lo, l.hi}, {1000000, l.lo, l.hi}, {l.slot, l.lo, l.hi + 1}, {l.slot, l.lo ^ 1, l.hi}, {l.slot, 0, 0}, {l.slot, UINT32_MAX, UINT32_MAX}, {15, l.lo, l.hi}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        CHECK_EQUAL(rwq_ack(h.q, LEASE(wrong[i])), -ESTALE);
        CHECK_EQUAL(rwq_nack(h.q, LEASE(wrong[i]), 10, 0), -ESTALE);
        CHECK_EQUAL(rwq_touch(h.q, LEASE(wrong[i]), 0), -ESTALE);
        CHECK_EQUAL(rwq_bury(h.q, LEASE(wrong[i]), "x", 1), -ESTALE);
        CHECK_EQUAL(rwq_revive(h.q, LEASE(wrong[i])), -ESTALE);
        CHECK_EQUAL(rwq_discard(h.q, LEASE(wrong[i])), -ESTALE);
        CHECK_EQUAL(rwq_commit(h.q, LEASE(wrong[i]), 0, 0), -ESTALE);
        CHECK_EQUAL(rwq_abort(h.q, LEASE(wrong[i])), -ESTALE);
        CHECK_EQUAL(rwq_read(h.q, LEASE(wrong[i]), h.staging, 10), -ESTALE);
        CHECK(rwq_renew_start(h.q, LEASE(wrong[i]), 0, 0, 0) == -ESTALE);
    }
    CHECK_EQUAL(rwq_ack(h.q, LEASE(l)), 0);
    expect_no_leak(&h);
    close_queue(&h);
}

static const struct test tests[] = {
    TEST(a_lease_given_back_comes_first_and_is_flagged), TEST(after_max_deliver_a_message_is_buried), TEST(an_uncounted_return_is_not_an_attempt), TEST(a_delayed_return_waits),
    TEST(delayed_messages_come_in_the_order_of_their_times), TEST(a_sleeping_consumer_learns_of_an_earlier_time), TEST(what_outlives_its_time_is_dropped_and_counted),
    TEST(an_expired_lease_goes_to_another_and_the_late_one_is_told), TEST(a_touched_lease_lasts_longer), TEST(the_usual_lease_expires_too), TEST(a_lease_lost_too_often_is_buried),
    TEST(dead_letters_have_notes_revive_and_can_be_discarded), TEST(a_long_note_keeps_its_end), TEST(dead_letters_beyond_the_note_places_have_none_and_places_are_reused),
    TEST(above_max_dead_the_oldest_goes), TEST(a_wrong_count_of_dead_letters_is_set_right_by_a_full_sweep), TEST(tokens_that_nobody_was_given_are_refused),
};
int main(int argc, char **argv) { return RUN_TESTS(tests, argc, argv); }
