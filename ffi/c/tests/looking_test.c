/* Looking without taking; what memory a queue costs; the counters. */
#include "use_queue.h"

#include "queue.h"

static void peek_shows_what_waits_in_order_and_takes_nothing(void) {
    struct handle h = new_queue((struct rwq_params){.max_messages = 16, .max_body = 100, .max_headers = 32});
    h.q->takes = 0;
    try_send(&h, "n1", 0), try_send(&h, "low", RWQ_PRIORITY_LOW), try_send(&h, "high", RWQ_PRIORITY_HIGH), try_send(&h, "n2", 0), try_send(&h, "back", RWQ_PRIORITY_HIGH);
    expect_text(&h, "high");
    CHECK_EQUAL(nack_it(&h, lease_text(&h, "back", 0), 0), 0);
    send_extended(&h, "later", 60000, 0, 0);
    for (int round = 0; round < 2; round++) {
        const char *expected[] = {"back", "n1", "n2", "low"};
        from_the_start(&h);
        for (int i = 0; i < 4; i++) {
            CHECK_EQUAL(rwq_peek(h.q), 0);
            CHECK(body_is(&h, expected[i]));
        }
        CHECK_EQUAL(rwq_peek(h.q), -EAGAIN);
        CHECK_EQUAL(rwq_peek(h.q), -EAGAIN);
    }
    CHECK_EQUAL(in_state(&h, RWQ_SLOT_READY), 4);
    close_queue(&h);
}

static void inspect_shows_each_state(void) {
    struct handle h = new_queue((struct rwq_params){.max_messages = 16, .max_body = 5000, .max_headers = 32});
    send_text(&h, "leased"), lease_text(&h, "leased", 0);
    send_text(&h, "dead");
    CHECK_EQUAL(bury_it(&h, lease_text(&h, "dead", 0), "reason"), 0);
    h.io->in_headers_len = 5, h.io->in_delay_ms = 50000, h.io->in_ttl_ms = 0;
    memcpy((uint8_t *)h.io + RWQ_IO_HEADERS, "heads", 5);
    CHECK_EQUAL(rwq_send(h.q, "delayed", 7, RWQ_SEND_EXTENDED), 0);
    send_text(&h, "ready");
    rwq_claim(h.q, 10, 0);
    const struct {
        int state;
        const char *text;
    } cases[] = {{RWQ_SLOT_LEASED, "leased"}, {RWQ_SLOT_BURIED, "dead"}, {RWQ_SLOT_DELAYED, "delayed"}, {RWQ_SLOT_READY, "ready"}};
    for (size_t i = 0; i < 4; i++) {
        from_the_start(&h);
        CHECK_EQUAL(rwq_inspect(h.q, 1u << cases[i].state), 0);
        CHECK(body_is(&h, cases[i].text));
        CHECK_EQUAL(h.io->meta.flags >> 24, cases[i].state);
        if (cases[i].state == RWQ_SLOT_DELAYED) {
            struct timespec t;
            clock_gettime(CLOCK_REALTIME, &t);
            double in = h.io->meta.expires_ms - ((double)t.tv_sec * 1000 + (double)t.tv_nsec / 1e6);
            CHECK_NOTE(in > 45000 && in < 51000, "due in %.0f ms", in);
            CHECK(h.io->meta.headers_len == 5 && memcmp(h.staging + 8, "heads", 5) == 0);
        }
        CHECK_EQUAL(rwq_inspect(h.q, 1u << cases[i].state), -EAGAIN);
    }
    from_the_start(&h);
    int seen = 0;
    while (rwq_inspect(h.q, UINT32_MAX) == 0) seen++;
    CHECK_EQUAL(seen, 4);
    const struct rwq_status *s = status_now(&h);
    CHECK(s->state_count[RWQ_SLOT_FREE] == 11 && s->state_count[RWQ_SLOT_CLAIMED] == 1 && s->state_count[RWQ_SLOT_READY] == 1 && s->state_count[RWQ_SLOT_LEASED] == 1 && s->state_count[RWQ_SLOT_DELAYED] == 1 && s->state_count[RWQ_SLOT_BURIED] == 1);
    CHECK(s->next_due_ms > 45000 && s->oldest_ms >= 0 && s->high_water == 5 && s->memory_bytes > 0 && s->segment_bytes >= s->memory_bytes);
    close_queue(&h);
}

static void a_note_is_shown_beside_a_body_of_any_size(void) {
    const char *path = fresh_path();
    create_queue(path, (struct rwq_params){.max_messages = 4, .max_body = 5000, .max_dead = 4});
    struct handle h = open_queue(path), tight;
    char note[RWQ_NOTE_BYTES + 1], long_note[RWQ_NOTE_BYTES];
    memset(long_note, 'n', sizeof long_note);
    uint8_t body[5000] = {0};
    const uint32_t sizes[] = {0, 24, 25, 5000};
    for (int i = 0; i < 4; i++) {
        CHECK_EQUAL(rwq_send(h.q, body, sizes[i], 0), 0);
        CHECK_EQUAL(rwq_receive(h.q, 0, 0), 0);
        CHECK_EQUAL(rwq_bury(h.q, LEASE(lease_of(&h)), long_note, sizeof long_note), 0);
    }
    CHECK_EQUAL(try_open(&tight, path, RWQ_OPEN_OBSERVE, 4096), 0);
    for (int i = 0; i < 4; i++) {
        CHECK_EQUAL(next_dead(&tight, note), 0);
        CHECK_EQUAL(tight.io->meta.body_len, sizes[i]);
        CHECK_EQUAL(!!(tight.io->meta.flags & RWQ_META_BIG), i >= 2);
        CHECK(tight.io->meta.note_len == RWQ_NOTE_BYTES && note[0] == 'n' && note[RWQ_NOTE_BYTES - 1] == 'n');
    }
    close_queue(&h), close_queue(&tight);
}

static void counters_add_up(void) {
    struct handle h = new_queue((struct rwq_params){.max_messages = 8, .max_body = 100, .max_deliver = 2});
    for (int i = 0; i < 6; i++) send_text(&h, "12345");
    expect_text(&h, "12345");
    ack_it(&h, lease_text(&h, "12345", 0));
    nack_it(&h, lease_text(&h, "12345", 0), 0);
    nack_it(&h, lease_text(&h, "12345", 0), 0); /* the second time: buried */
    bury_it(&h, lease_text(&h, "12345", 0), NULL);
    double totals[RWQ_COUNTERS];
    memcpy(totals, status_now(&h)->totals, sizeof totals);
    CHECK(totals[RWQ_COUNT_SENT] == 6 && totals[RWQ_COUNT_SENT_BYTES] == 30 && totals[RWQ_COUNT_TAKEN] == 5 && totals[RWQ_COUNT_TAKEN_BYTES] == 25);
    CHECK(totals[RWQ_COUNT_ACKED] == 2 && totals[RWQ_COUNT_NACKED] == 1 && totals[RWQ_COUNT_BURIED] == 2 && totals[RWQ_COUNT_REQUEUED] == 0 && totals[RWQ_COUNT_LEASES_LOST] == 0);
    close_queue(&h);
}

/* ---- memory ---- */

static double kib_of(const char *path) {
    struct stat st;
    CHECK(stat(path, &st) == 0);
    return (double)st.st_blocks / 2;
}

static void an_empty_queue_of_a_million_places_costs_little(void) {
    const char *path = fresh_path();
    create_queue(path, (struct rwq_params){.max_messages = RWQ_MAX_SLOTS, .max_participants = RWQ_MAX_PARTICIPANTS, .max_body = 1 << 20});
    CHECK_NOTE(kib_of(path) < 1024, "%.0f KiB before anybody opened it", kib_of(path));
    struct handle h = open_queue(path);
    expect_empty(&h);
    rwq_sweep(h.q, RWQ_SWEEP_FULL);
    for (int i = 0; i < 100; i++) send_text(&h, "x"), expect_text(&h, "x");
    from_the_start(&h);
    rwq_peek(h.q), rwq_inspect(h.q, UINT32_MAX), status_now(&h);
    CHECK_NOTE(kib_of(path) < 1024, "%.0f KiB after use", kib_of(path));
    close_queue(&h);
    const char *usual = fresh_path();
    create_queue(usual, (struct rwq_params){0});
    CHECK_NOTE(kib_of(usual) < 100, "%.0f KiB for the default", kib_of(usual));
}

static void a_million_tiny_messages_do_not_cost_a_million_largest_ones(void) {
    const char *path = fresh_path();
    create_queue(path, (struct rwq_params){.max_messages = RWQ_MAX_SLOTS, .max_body = 65536});
    struct handle h = open_queue(path);
    enum { AT_ONCE = 4096 };
    static uint32_t bodies[AT_ONCE], lengths[AT_ONCE];
    for (uint32_t sent = 0; sent < RWQ_MAX_SLOTS; sent += AT_ONCE) {
        for (uint32_t i = 0; i < AT_ONCE; i++) bodies[i] = sent + i, lengths[i] = 4;
        CHECK_EQUAL(rwq_send_many(h.q, bodies, lengths, AT_ONCE, 0), AT_ONCE);
    }
    CHECK_EQUAL(rwq_send(h.q, "x", 1, 0), -EAGAIN);
    double kib = kib_of(path);
    CHECK_NOTE(kib < 512 * 1024, "%.0f KiB", kib); /* a million times 64 KiB would be 64 GiB */
    uint32_t next = 0;
    for (int32_t n; (n = rwq_receive_many(h.q, AT_ONCE, RWQ_TAKE_ACK, 0)) > 0;)
        for (uint32_t used = 0; n > 0; n--, next++) {
            const struct rwq_meta *m = (const struct rwq_meta *)(h.staging + used);
            uint32_t value;
            memcpy(&value, m + 1, 4);
            CHECK_EQUAL(value, next);
            used += m->record_bytes;
        }
    CHECK_EQUAL(next, RWQ_MAX_SLOTS);
    close_queue(&h);
}

static void trim_gives_back_large_bodies_only_while_nobody_reads(void) {
    const char *path = fresh_path();
    create_queue(path, (struct rwq_params){.max_messages = 64, .max_body = 1 << 20});
    struct handle a = open_queue(path), b = open_queue(path);
    uint8_t *body = calloc(1, 1 << 20);
    for (int i = 0; i < 8; i++) CHECK_EQUAL(rwq_send(a.q, body, 1 << 20, 0), 0);
    for (int i = 0; i < 6; i++) CHECK_EQUAL(rwq_receive(a.q, RWQ_TAKE_LEASE, 0), 0), CHECK_EQUAL(rwq_ack(a.q, LEASE(lease_of(&a))), 0);
    double before = kib_of(path);
    CHECK(before > 8 * 1024);
    CHECK_EQUAL(rwq_receive(b.q, RWQ_TAKE_POINTER, 0), 0);
    CHECK_EQUAL(rwq_trim(a.q), 0);
    rwq_ack(b.q, LEASE(lease_of(&b)));
    CHECK_EQUAL(rwq_trim(a.q), 0);
    rwq_release_view(b.q);
    CHECK_EQUAL(rwq_trim(a.q), 7 * 1024);
    CHECK_NOTE(kib_of(path) < before - 7 * 1024 + 8, "%.0f KiB left of %.0f", kib_of(path), before);
    CHECK_EQUAL(rwq_trim(a.q), 0);
    memset(body, 7, 1 << 20);
    CHECK_EQUAL(rwq_send(a.q, body, 1 << 20, 0), 0); /* what was given back is had again */
    CHECK_EQUAL(rwq_receive(a.q, RWQ_TAKE_LEASE, 0), 0);
    CHECK_EQUAL(rwq_receive(a.q, RWQ_TAKE_LEASE, 0), 0);
    uint8_t *copy = malloc(1 << 20);
    CHECK_EQUAL(rwq_read(a.q, LEASE(lease_of(&a)), copy, 1 << 20), 1 << 20);
    CHECK(memcmp(body, copy, 1 << 20) == 0);
    free(body), free(copy);
    close_queue(&a), close_queue(&b);
}

static const struct test tests[] = {
    TEST(peek_shows_what_waits_in_order_and_takes_nothing), TEST(inspect_shows_each_state), TEST(a_note_is_shown_beside_a_body_of_any_size), TEST(counters_add_up),
    TEST(an_empty_queue_of_a_million_places_costs_little), TEST(a_million_tiny_messages_do_not_cost_a_million_largest_ones), TEST(trim_gives_back_large_bodies_only_while_nobody_reads),
};
int main(int argc, char **argv) { return RUN_TESTS(tests, argc, argv); }
