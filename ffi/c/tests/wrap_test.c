/* Counters that go round: ring cycles (18 bits), generations (32 bits; 26 in hints, 22 in deadlines and due times). */
#include "use_queue.h"

/* All rings as they are after `cycle` whole turns. */
static void turn_rings_to(struct handle *h, uint64_t cycle) {
    rwq *q = h->q;
    send_text(h, "x"), expect_text(h, "x"); /* so that the memory is there */
    for (uint32_t ring = 0; ring < RW_RINGS; ring++) {
        uint64_t at = q->l.rings + (uint64_t)ring * q->l.ring_entries * 8;
        CHECK_EQUAL(rw_reserve(q, at, q->l.ring_entries * 8ull), 0);
        _Atomic uint64_t *entries = (_Atomic uint64_t *)(q->base + at);
        for (uint32_t i = 0; i < q->l.ring_entries; i++) entries[i] = RW_ENTRY((uint32_t)(cycle - 1), 1, 0);
        uint64_t position = cycle * q->l.ring_entries;
        q->control->ring[ring].head = q->control->ring[ring].tail = q->ring_head[ring] = q->ring_tail[ring] = position;
    }
}

static void set_generations(struct handle *h, uint32_t gen) {
    for (uint32_t slot = 0; slot < h->q->l.slots; slot++) h->q->slots[slot].state = RW_WORD(RWQ_SLOT_FREE, 0, 0, 0, 0, gen);
}

static void exercise(struct handle *h, struct handle *other) {
    char text[16];
    for (int i = 0; i < 8; i++) snprintf(text, sizeof text, "%d", i), send_text(h, text);
    CHECK_EQUAL(try_send(h, "full", 0), -EAGAIN);
    struct lease back = lease_text(other, "0", 20000), later = lease_text(h, "1", 20000), gone = lease_text(h, "2", 20000), dead = lease_text(h, "3", 20000);
    CHECK_EQUAL(nack_it(other, back, 0), 0);
    CHECK_EQUAL(nack_it(h, later, 1), 0);
    CHECK_EQUAL(rwq_touch(h->q, LEASE(gone), 1), 0); /* expires */
    CHECK_EQUAL(bury_it(h, dead, "note"), 0);
    sleep_ms(12);
    rwq_sweep(h->q, RWQ_SWEEP_FULL);
    CHECK_EQUAL(ack_it(h, gone), -ESTALE);
    char note[RWQ_NOTE_BYTES + 1];
    from_the_start(h);
    CHECK(next_dead(h, note) == 0 && strcmp(note, "note") == 0);
    CHECK_EQUAL(rwq_revive(h->q, LEASE(lease_of(h))), 0);
    int seen = 0;
    for (struct handle *turn = h;; turn = turn == h ? other : h) {
        if (rwq_receive(turn->q, RWQ_TAKE_LEASE, 20000) != 0) break;
        seen |= 1 << (turn->staging[0] - '0');
        CHECK_EQUAL(rwq_touch(turn->q, LEASE(lease_of(turn)), 20000), 0);
        CHECK_EQUAL(ack_it(turn, lease_of(turn)), 0);
    }
    CHECK_EQUAL(seen, 255);
    expect_no_leak(h);
}

static void generations_go_round(void) {
    const uint32_t edges[] = {(1u << 22) - 8, (1u << 26) - 8, UINT32_MAX - 8};
    for (size_t e = 0; e < 3; e++)
        for (uint32_t more = 0; more < 12; more++) {
            const char *path = fresh_path();
            create_queue(path, (struct rwq_params){.max_messages = 8, .max_body = 100, .max_dead = 8, .lease_ms = 30000});
            struct handle h = open_queue(path), other = open_queue(path);
            send_text(&h, "x"), expect_text(&h, "x");
            set_generations(&h, edges[e] + more);
            exercise(&h, &other);
            close_queue(&h), close_queue(&other);
            unlink(path);
        }
}

static void a_first_lease_at_any_generation_is_no_expired_one(void) {
    struct handle h = new_queue((struct rwq_params){.max_messages = 8, .max_body = 100});
    send_text(&h, "x"), expect_text(&h, "x");
    for (uint32_t gen = (1u << 22) - 3; gen < (1u << 22) + 3; gen++) {
        set_generations(&h, gen);
        for (uint32_t slot = 0; slot < 8; slot++) h.q->slots[slot].deadline = 0; /* never leased with a deadline */
        send_text(&h, "y");
        struct lease l = lease_text(&h, "y", 1000);
        CHECK_EQUAL(h.io->meta.attempts, 1);
        rwq_sweep(h.q, RWQ_SWEEP_FULL);
        CHECK_EQUAL(ack_it(&h, l), 0);
        send_text(&h, "z");
        l = lease_text(&h, "z", 0); /* the usual lease, whose clock a sweep starts */
        rwq_sweep(h.q, RWQ_SWEEP_FULL);
        CHECK_EQUAL(ack_it(&h, l), 0);
    }
    close_queue(&h);
}

static void ring_cycles_go_round(void) {
    const uint64_t cycles[] = {(1u << 18) - 2, (1u << 18) - 1, 1u << 18, (2u << 18) - 2};
    for (size_t c = 0; c < 4; c++) {
        const char *path = fresh_path();
        create_queue(path, (struct rwq_params){.max_messages = 8, .max_body = 100, .max_dead = 8});
        struct handle first = open_queue(path);
        turn_rings_to(&first, cycles[c]);
        struct handle h = open_queue(path), other = open_queue(path);
        for (uint32_t i = 0; i < 4000; i++) {
            CHECK_EQUAL(rwq_send((i & 1 ? &h : &other)->q, &i, sizeof i, 0), 0);
            if (i % 5 < 3) continue;
            for (int n = 0; n < (i % 5 == 3 ? 1 : 4); n++) CHECK_EQUAL(rwq_receive((n & 1 ? &h : &other)->q, RWQ_TAKE_ACK, 0), 0);
        }
        rwq_sweep(h.q, RWQ_SWEEP_FULL);
        CHECK(rwq_lifecycle(h.q) >= 0);
        while (rwq_receive(h.q, RWQ_TAKE_ACK, 0) == 0) {}
        exercise(&h, &other);
        close_queue(&first), close_queue(&h), close_queue(&other);
    }
}

static void what_was_given_back_comes_by_age_around_every_edge(void) {
    const uint64_t cycles[] = {1, (1u << 18) - 2, (1u << 18) - 1, 1u << 18};
    for (size_t c = 0; c < 4; c++) {
        const char *path = fresh_path();
        create_queue(path, (struct rwq_params){.max_messages = 8, .max_body = 100});
        struct handle first = open_queue(path);
        turn_rings_to(&first, cycles[c]);
        close_queue(&first);
        struct handle h = open_queue(path);
        CHECK_EQUAL(rwq_consume_alone(h.q), 0);
        for (int round = 0; round < 1000; round++) {
            struct lease l[3];
            char text[2] = "a";
            for (int i = 0; i < 3; i++) text[0] = (char)('a' + i), send_text(&h, text);
            for (int i = 0; i < 3; i++) text[0] = (char)('a' + i), l[i] = lease_text(&h, text, 0);
            for (int i = 0; i < 3; i++) CHECK_EQUAL(rwq_nack(h.q, LEASE(l[(round + 2 * i) % 3]), 0, 0), 0);
            for (int i = 0; i < 3; i++) text[0] = (char)('a' + i), expect_text(&h, text);
        }
        CHECK(rw_load(&h.q->control->ring[RW_RING_REDELIVERY].tail) > (cycles[c] + 2) * h.q->l.ring_entries);
        expect_empty(&h);
        close_queue(&h);
    }
}

static const struct test tests[] = {TEST(what_was_given_back_comes_by_age_around_every_edge), TEST(generations_go_round), TEST(a_first_lease_at_any_generation_is_no_expired_one), TEST(ring_cycles_go_round)};
int main(int argc, char **argv) { return RUN_TESTS(tests, argc, argv); }
