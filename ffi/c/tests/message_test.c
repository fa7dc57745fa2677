/* Sending and taking: order, sizes, priorities, batches, a full queue, zero-copy. */
#include "use_queue.h"

#include "queue.h"

static uint8_t pattern(uint64_t seed, uint64_t i) { return (uint8_t)((seed * 2654435761u + i * 40503u) >> 7); }
static void fill(uint8_t *into, uint32_t n, uint64_t seed) {
    for (uint32_t i = 0; i < n; i++) into[i] = pattern(seed, i);
}
static bool holds(const uint8_t *bytes, uint32_t n, uint64_t seed) {
    for (uint32_t i = 0; i < n; i++)
        if (bytes[i] != pattern(seed, i)) return false;
    return true;
}

static void messages_come_in_order_and_once(void) {
    struct handle h = new_queue((struct rwq_params){.max_messages = 64, .max_body = 100});
    expect_empty(&h);
    CHECK_EQUAL(h.io->out_reason, RWQ_EMPTY_NOW);
    uint64_t last = 0;
    for (int round = 0; round < 100; round++) { /* the ring goes round several times */
        char text[32];
        for (int i = 0; i < 50; i++) {
            snprintf(text, sizeof text, "%d.%d", round, i);
            send_text(&h, text);
            uint64_t id = (uint64_t)h.io->sent_id_hi << 32 | h.io->sent_id_lo;
            CHECK(id > last);
            last = id;
        }
        for (int i = 0; i < 50; i++) {
            snprintf(text, sizeof text, "%d.%d", round, i);
            expect_text(&h, text);
        }
        expect_empty(&h);
    }
    expect_no_leak(&h);
    close_queue(&h);
}

static void a_message_says_when_and_how_it_was_sent(void) {
    struct handle h = new_queue((struct rwq_params){.max_messages = 4, .max_body = 100});
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    double now = (double)t.tv_sec * 1000 + (double)t.tv_nsec / 1e6;
    send_extended(&h, "x", 0, 60000, RWQ_PRIORITY_LOW);
    struct lease l = lease_text(&h, "x", 0);
    const struct rwq_meta *m = &h.io->meta;
    CHECK(m->attempts == 1 && m->priority == RWQ_PRIORITY_LOW && m->flags == 0 && id_of(m) == 1 && m->body_len == 1 && m->headers_len == 0);
    CHECK_NOTE(m->enqueued_ms > now - 50 && m->enqueued_ms < now + 5000, "enqueued %.0f ms off", m->enqueued_ms - now);
    CHECK_NOTE(m->expires_ms > now + 59900 && m->expires_ms < now + 65000, "expires %.0f ms from now", m->expires_ms - now);
    CHECK_EQUAL(rwq_ack(h.q, LEASE(l)), 0);
    CHECK_EQUAL(rwq_ack(h.q, LEASE(l)), -ESTALE);
    close_queue(&h);
}

static void every_size_arrives_whole(void) {
    enum { MOST = 20000 };
    struct handle h = new_queue((struct rwq_params){.max_messages = 8, .max_body = MOST, .max_headers = 100});
    uint8_t *body = malloc(MOST + 1);
    const uint32_t edges[] = {0, 1, 7, 8, 9, 63, 64, 65, 248, 255, 256, 257, 511, 512, 513, 4095, 4096, 4097, 8191, 8192, 8193, MOST - 1, MOST};
    for (uint32_t headers = 0; headers <= 100; headers += 33)
        for (size_t e = 0; e < sizeof edges / sizeof edges[0]; e++) {
            uint32_t n = edges[e];
            fill(body, n, n + 1);
            h.io->in_delay_ms = h.io->in_ttl_ms = 0, h.io->in_headers_len = headers;
            fill((uint8_t *)h.io + RWQ_IO_HEADERS, headers, n + 7);
            CHECK_EQUAL(rwq_send(h.q, body, n, RWQ_SEND_EXTENDED), 0);
            CHECK_EQUAL(rwq_receive(h.q, RWQ_TAKE_ACK, 0), 0);
            CHECK(h.io->meta.body_len == n && h.io->meta.headers_len == headers && holds(h.staging, n, n + 1));
            CHECK(holds(h.staging + ((n + 7) & ~7u), headers, n + 7));
        }
    for (uint32_t n = 0; n <= 600; n++) { /* from the staging area, across the border of the small area */
        fill(h.staging, n, n);
        CHECK_EQUAL(rwq_send(h.q, NULL, n, 0), 0);
        memset(h.staging, 0, n);
        CHECK_EQUAL(rwq_receive(h.q, RWQ_TAKE_ACK, 0), 0);
        CHECK(h.io->meta.body_len == n && holds(h.staging, n, n));
    }
    free(body);
    close_queue(&h);
}

static void what_is_too_large_is_refused_and_takes_no_place(void) {
    struct handle h = new_queue((struct rwq_params){.max_messages = 2, .max_body = 1000, .max_headers = 10});
    uint8_t body[1001] = {0};
    for (int i = 0; i < 3; i++) {
        CHECK_EQUAL(rwq_send(h.q, body, 1001, 0), -EMSGSIZE);
        CHECK_EQUAL(rwq_send(h.q, NULL, UINT32_MAX, 0), -EMSGSIZE);
        CHECK_EQUAL(rwq_claim(h.q, 1001, 0), -EMSGSIZE);
        h.io->in_headers_len = 11;
        CHECK_EQUAL(rwq_send(h.q, body, 1, RWQ_SEND_EXTENDED), -EMSGSIZE);
    }
    expect_no_leak(&h);
    close_queue(&h);
    struct handle bare = new_queue((struct rwq_params){.max_messages = 2, .max_body = 1000, .max_headers = UINT32_MAX});
    bare.io->in_headers_len = 1;
    CHECK_EQUAL(rwq_send(bare.q, body, 1, RWQ_SEND_EXTENDED), -EMSGSIZE);
    close_queue(&bare);
}

static void a_message_larger_than_the_staging_area_is_fetched_with_read(void) {
    const char *path = fresh_path();
    create_queue(path, (struct rwq_params){.max_messages = 4, .max_body = 100000});
    struct handle h;
    CHECK_EQUAL(try_open(&h, path, 0, 4096), 0);
    uint8_t *body = malloc(100000);
    fill(body, 100000, 5);
    CHECK_EQUAL(rwq_send(h.q, body, 100000, 0), 0);
    CHECK_EQUAL(rwq_send(h.q, "next", 4, 0), 0);
    CHECK_EQUAL(rwq_receive(h.q, RWQ_TAKE_ACK, 0), 0);
    CHECK(h.io->meta.flags & RWQ_META_BIG);
    struct lease l = lease_of(&h);
    CHECK_EQUAL(in_state(&h, RWQ_SLOT_LEASED), 1); /* not acknowledged, although that was asked for */
    memset(body, 0, 100000);
    CHECK_EQUAL(rwq_read(h.q, LEASE(l), body, 99999), -EMSGSIZE);
    CHECK_EQUAL(rwq_read(h.q, LEASE(l), body, 100000), 100000);
    CHECK(holds(body, 100000, 5));
    CHECK_EQUAL(rwq_ack(h.q, LEASE(l)), 0);
    CHECK_EQUAL(rwq_read(h.q, LEASE(l), body, 100000), -ESTALE);
    expect_text(&h, "next");
    free(body);
    close_queue(&h);
}

static void a_body_goes_into_memory_of_the_callers_and_its_headers_apart(void) {
    struct handle h = new_queue((struct rwq_params){.max_messages = 4, .max_body = 1000, .max_headers = 64});
    uint8_t body[1000], into[1000];
    fill(body, 1000, 7);
    for (uint32_t length = 0; length <= 1000; length += 250) {
        h.io->in_headers_len = 9, h.io->in_delay_ms = h.io->in_ttl_ms = 0;
        memcpy((uint8_t *)h.io + RWQ_IO_HEADERS, "{\"a\":\"b\"}", 9);
        CHECK_EQUAL(rwq_send(h.q, body, length, RWQ_SEND_EXTENDED), 0);
        memset(into, 0xee, sizeof into);
        if (length) {
            CHECK_EQUAL(rwq_receive_into(h.q, into, length - 1, RWQ_TAKE_ACK, 0), 0);
            CHECK(h.io->meta.flags & RWQ_META_BIG);
            CHECK_EQUAL(into[0], 0xee);
            struct lease l = lease_of(&h);
            CHECK_EQUAL(in_state(&h, RWQ_SLOT_LEASED), 1); /* not acknowledged, although that was asked for */
            CHECK_EQUAL(rwq_nack(h.q, LEASE(l), 0, RWQ_NACK_UNCOUNTED), 0);
        }
        CHECK_EQUAL(rwq_receive_into(h.q, length ? into : NULL, length, RWQ_TAKE_ACK, 0), 0);
        CHECK_EQUAL(h.io->meta.flags & RWQ_META_BIG, 0);
        CHECK_EQUAL(h.io->meta.attempts, 1);
        CHECK_EQUAL(h.io->meta.body_len, length);
        CHECK(holds(into, length, 7));
        if (length < 1000) CHECK_EQUAL(into[length], 0xee); /* nothing beyond it is touched */
        CHECK_EQUAL(h.io->meta.headers_len, 9);
        CHECK_EQUAL(memcmp(h.staging, "{\"a\":\"b\"}", 9), 0);
        CHECK_EQUAL(in_state(&h, RWQ_SLOT_LEASED), 0);
    }
    CHECK_EQUAL(rwq_receive_into(h.q, into, 1000, RWQ_TAKE_ACK, 0), -EAGAIN);
    CHECK_EQUAL(rwq_receive_into(h.q, into, 1000, RWQ_TAKE_POINTER, 0), -EINVAL);
    close_queue(&h);
}

static void a_flipped_bit_is_not_handed_out_into_memory_of_the_callers(void) {
    struct handle h = new_queue((struct rwq_params){.max_messages = 4, .max_body = 100});
    uint8_t into[100];
    send_text(&h, "broken"), send_text(&h, "intact");
    rw_body(h.q, 0, 6)[2] ^= 4;
    CHECK_EQUAL(rwq_receive_into(h.q, into, 100, RWQ_TAKE_ACK, 0), 0);
    CHECK_EQUAL(memcmp(into, "intact", 6), 0);
    CHECK_EQUAL(counted(&h, RWQ_COUNT_CORRUPT), 1);
    close_queue(&h);
}

static void higher_priorities_go_first_and_the_lowest_does_not_starve(void) {
    struct handle h = new_queue((struct rwq_params){.max_messages = 512, .max_body = 100});
    h.q->takes = 0;
    try_send(&h, "low", RWQ_PRIORITY_LOW), try_send(&h, "normal", RWQ_PRIORITY_NORMAL), try_send(&h, "high", RWQ_PRIORITY_HIGH), try_send(&h, "usual", 0);
    CHECK_EQUAL(status_now(&h)->ready_by_priority[RWQ_PRIORITY_NORMAL], 2);
    CHECK_EQUAL(status_now(&h)->ready_by_priority[RWQ_PRIORITY_HIGH], 1);
    expect_text(&h, "high"), expect_text(&h, "normal"), expect_text(&h, "usual"), expect_text(&h, "low");
    for (int i = 0; i < 300; i++) try_send(&h, "high", RWQ_PRIORITY_HIGH);
    for (int i = 0; i < 10; i++) try_send(&h, "low", RWQ_PRIORITY_LOW);
    int low = 0;
    for (int i = 0; i < 160; i++) {
        CHECK_EQUAL(rwq_receive(h.q, RWQ_TAKE_ACK, 0), 0);
        low += h.io->meta.priority == RWQ_PRIORITY_LOW;
    }
    CHECK_EQUAL(low, 10);
    close_queue(&h);
}

static void one_shot_consumers_reach_the_lowest_priority_too(void) {
    const char *path = fresh_path();
    create_queue(path, (struct rwq_params){.max_messages = 512, .max_body = 100});
    struct handle sender = open_queue(path);
    for (int i = 0; i < 400; i++) try_send(&sender, "high", RWQ_PRIORITY_HIGH);
    try_send(&sender, "low", RWQ_PRIORITY_LOW);
    bool seen = false;
    for (int i = 0; i < 400 && !seen; i++) { /* misses with a probability of (15/16)^400 */
        struct handle h = open_queue(path);
        CHECK_EQUAL(rwq_receive(h.q, RWQ_TAKE_ACK, 0), 0);
        seen = h.io->meta.priority == RWQ_PRIORITY_LOW;
        close_queue(&h);
    }
    CHECK(seen);
    close_queue(&sender);
}

static void batches_keep_order_and_stop_where_the_queue_is_full(void) {
    struct handle h = new_queue((struct rwq_params){.max_messages = 10, .max_body = 300});
    uint8_t bodies[12 * 300];
    uint32_t lengths[12], at = 0;
    for (uint32_t i = 0; i < 12; i++) {
        lengths[i] = i * 25;
        fill(bodies + at, lengths[i], i);
        at += lengths[i];
    }
    CHECK_EQUAL(rwq_send_many(h.q, bodies, lengths, 0, 0), 0);
    CHECK_EQUAL(rwq_send_many(h.q, bodies, lengths, 12, 0), 10);
    CHECK_EQUAL(rwq_send_many(h.q, bodies, lengths, 12, 0), -EAGAIN);
    int32_t count = rwq_receive_many(h.q, 7, RWQ_TAKE_LEASE, 0);
    CHECK_EQUAL(count, 7);
    CHECK_EQUAL(h.io->out_count, 7);
    uint32_t triples[30], used = 0;
    for (int i = 0; i < 7; i++) {
        const struct rwq_meta *m = (const struct rwq_meta *)(h.staging + used);
        CHECK(m->body_len == lengths[i] && holds((const uint8_t *)(m + 1), m->body_len, (uint64_t)i));
        triples[i * 3] = m->slot, triples[i * 3 + 1] = m->token_lo, triples[i * 3 + 2] = m->token_hi;
        used += m->record_bytes;
    }
    CHECK_EQUAL(h.io->out_bytes, used);
    CHECK_EQUAL(rwq_ack(h.q, triples[3], triples[4], triples[5]), 0);
    CHECK_EQUAL(rwq_ack_many(h.q, triples, 7), 6); /* one was acknowledged before */
    CHECK(triples[0] != UINT32_MAX && triples[3] == UINT32_MAX && triples[6] != UINT32_MAX);
    CHECK_EQUAL(rwq_receive_many(h.q, 100, RWQ_TAKE_ACK, 0), 3);
    CHECK_EQUAL(rwq_receive_many(h.q, 100, RWQ_TAKE_ACK, 0), -EAGAIN);
    lengths[1] = 301;
    CHECK_EQUAL(rwq_send_many(h.q, bodies, lengths, 3, 0), 1);
    CHECK_EQUAL(rwq_receive_many(h.q, 100, RWQ_TAKE_POINTER, 0), -EINVAL);
    CHECK_EQUAL(rwq_receive_many(h.q, 100, RWQ_TAKE_ACK, 0), 1);
    expect_no_leak(&h);
    close_queue(&h);
}

static void a_batch_takes_only_what_fits_the_staging_area(void) {
    const char *path = fresh_path();
    create_queue(path, (struct rwq_params){.max_messages = 16, .max_body = 8000});
    struct handle h;
    CHECK_EQUAL(try_open(&h, path, 0, 4096), 0);
    uint8_t body[8000];
    const uint32_t sizes[] = {1000, 2000, 1000, 8000, 10, 3968, 3976, 0};
    for (int i = 0; i < 8; i++) fill(body, sizes[i], (uint64_t)i), CHECK_EQUAL(rwq_send(h.q, body, sizes[i], 0), 0);
    const int expected[] = {2, 1, 1, 1, 1, 1, 1}; /* 1000+2000 | 1000 | 8000 alone and BIG | 10 | … */
    int next = 0;
    for (size_t batch = 0; next < 8; batch++) {
        int32_t n = rwq_receive_many(h.q, 16, RWQ_TAKE_ACK, 0);
        CHECK_NOTE(n > 0 && (batch > 2 || n == expected[batch]), "batch %zu had %d", batch, n);
        uint32_t used = 0;
        for (int i = 0; i < n; i++, next++) {
            const struct rwq_meta *m = (const struct rwq_meta *)(h.staging + used);
            CHECK_EQUAL(m->body_len, sizes[next]);
            if (m->flags & RWQ_META_BIG) {
                CHECK_EQUAL(n, 1);
                struct rwq_meta big = *m;
                CHECK_EQUAL(rwq_read(h.q, big.slot, big.token_lo, big.token_hi, body, sizeof body), big.body_len);
                CHECK(holds(body, big.body_len, (uint64_t)next));
                CHECK_EQUAL(rwq_ack(h.q, big.slot, big.token_lo, big.token_hi), 0);
                used += sizeof *m;
            } else {
                CHECK(holds((const uint8_t *)(m + 1), m->body_len, (uint64_t)next));
                used += m->record_bytes;
            }
            CHECK(used <= 4096);
        }
    }
    expect_empty(&h);
    close_queue(&h);
}

static void a_full_queue_refuses_until_there_is_room(void) {
    struct handle h = new_queue((struct rwq_params){.max_messages = 3, .max_body = 100});
    send_text(&h, "1"), send_text(&h, "2"), send_text(&h, "3");
    CHECK_EQUAL(try_send(&h, "4", 0), -EAGAIN);
    struct lease l = lease_text(&h, "1", 0);
    CHECK_EQUAL(try_send(&h, "4", 0), -EAGAIN); /* a lease keeps its place */
    rwq_ack(h.q, LEASE(l));
    send_text(&h, "4");
    expect_text(&h, "2"), expect_text(&h, "3"), expect_text(&h, "4");
    close_queue(&h);
}

static void drop_oldest_makes_room_and_counts(void) {
    struct handle h = new_queue((struct rwq_params){.max_messages = 4, .max_body = 100});
    char text[16];
    for (int i = 0; i < 10; i++) snprintf(text, sizeof text, "%d", i), CHECK_EQUAL(try_send(&h, text, RWQ_SEND_DROP_OLDEST), 0);
    CHECK_EQUAL(counted(&h, RWQ_COUNT_DROPPED_OLDEST), 6);
    CHECK_EQUAL(counted(&h, RWQ_COUNT_SENT), 10);
    struct lease l = lease_text(&h, "6", 0);
    CHECK_EQUAL(try_send(&h, "10", RWQ_SEND_DROP_OLDEST), 0); /* a lease is never evicted: 7 goes */
    expect_text(&h, "8"), expect_text(&h, "9"), expect_text(&h, "10");
    rwq_ack(h.q, LEASE(l));
    CHECK_EQUAL(counted(&h, RWQ_COUNT_DROPPED_OLDEST), 7);
    try_send(&h, "old low", RWQ_PRIORITY_LOW), try_send(&h, "b", 0), try_send(&h, "c", RWQ_PRIORITY_HIGH), try_send(&h, "d", 0);
    CHECK_EQUAL(try_send(&h, "new", RWQ_SEND_DROP_OLDEST | RWQ_PRIORITY_HIGH), 0); /* the oldest, whatever its priority */
    h.q->takes = 0;
    expect_text(&h, "c"), expect_text(&h, "new"), expect_text(&h, "b"), expect_text(&h, "d");
    for (int i = 0; i < 4; i++) send_extended(&h, "later", 60000, 0, 0);
    CHECK_EQUAL(try_send(&h, "x", RWQ_SEND_DROP_OLDEST), -EAGAIN); /* nothing waits that could go */
    close_queue(&h);
}

static void a_claim_is_invisible_until_it_is_committed(void) {
    struct handle h = new_queue((struct rwq_params){.max_messages = 4, .max_body = 5000, .max_headers = 64});
    for (uint32_t length = 0; length <= 5000; length += 500)
        for (uint32_t shorter = 0; shorter <= length; shorter += 250) { /* also from the large area into the small one */
            CHECK_EQUAL(rwq_claim(h.q, length, 0), 0);
            struct lease claim = lease_of(&h);
            fill((uint8_t *)(uintptr_t)h.io->out_pointer, length, shorter);
            expect_empty(&h);
            CHECK_EQUAL(rwq_commit(h.q, LEASE(claim), shorter, 0), 0);
            CHECK_EQUAL(rwq_commit(h.q, LEASE(claim), shorter, 0), -ESTALE);
            CHECK_EQUAL(rwq_receive(h.q, RWQ_TAKE_ACK, 0), 0);
            CHECK(h.io->meta.body_len == shorter && holds(h.staging, shorter, shorter));
        }
    CHECK_EQUAL(rwq_claim(h.q, 10, 0), 0);
    struct lease claim = lease_of(&h);
    CHECK_EQUAL(rwq_commit(h.q, LEASE(claim), 11, 0), -EMSGSIZE); /* still claimed */
    CHECK_EQUAL(rwq_abort(h.q, LEASE(claim)), 0);
    CHECK_EQUAL(rwq_abort(h.q, LEASE(claim)), -ESTALE);
    CHECK_EQUAL(rwq_commit(h.q, LEASE(claim), 10, 0), -ESTALE);
    h.io->in_headers_len = 20, h.io->in_delay_ms = 0, h.io->in_ttl_ms = 0;
    CHECK_EQUAL(rwq_claim(h.q, 300, RWQ_SEND_EXTENDED), 0);
    claim = lease_of(&h);
    fill((uint8_t *)(uintptr_t)h.io->out_pointer, 300, 9);
    fill((uint8_t *)h.io + RWQ_IO_HEADERS, 20, 10);
    CHECK_EQUAL(rwq_commit(h.q, LEASE(claim), 290, RWQ_SEND_EXTENDED), 0);
    CHECK_EQUAL(rwq_receive(h.q, RWQ_TAKE_ACK, 0), 0);
    CHECK(h.io->meta.headers_len == 20 && holds(h.staging, 290, 9) && holds(h.staging + 296, 20, 10));
    expect_no_leak(&h);
    close_queue(&h);
}

static void a_claim_ends_with_its_handle(void) {
    const char *path = fresh_path();
    create_queue(path, (struct rwq_params){.max_messages = 2, .max_body = 5000});
    struct handle a = open_queue(path), b = open_queue(path);
    send_text(&b, "waiting");
    CHECK_EQUAL(rwq_claim(a.q, 5000, 0), 0);
    struct lease claim = lease_of(&a);
    CHECK_EQUAL(rwq_commit(b.q, LEASE(claim), 1, 0), -ESTALE); /* somebody else's */
    CHECK_EQUAL(try_send(&b, "x", 0), -EAGAIN);
    close_queue(&a);
    send_text(&b, "x");
    expect_text(&b, "waiting"), expect_text(&b, "x");
    expect_no_leak(&b);
    close_queue(&b);
}

static void a_pointer_shows_the_message_where_it_lies(void) {
    struct handle h = new_queue((struct rwq_params){.max_messages = 4, .max_body = 100000, .max_headers = 64});
    uint8_t *body = malloc(100000);
    fill(body, 100000, 3);
    h.io->in_headers_len = 9, h.io->in_delay_ms = h.io->in_ttl_ms = 0;
    memcpy((uint8_t *)h.io + RWQ_IO_HEADERS, "key=value", 9);
    CHECK_EQUAL(rwq_send(h.q, body, 99999, RWQ_SEND_EXTENDED), 0);
    CHECK_EQUAL(rwq_send(h.q, body, 100, 0), 0);
    CHECK_EQUAL(rwq_receive(h.q, RWQ_TAKE_POINTER, 0), 0);
    struct lease l = lease_of(&h);
    const uint8_t *at = (const uint8_t *)(uintptr_t)h.io->out_pointer;
    CHECK(memcmp(at, body, 99999) == 0 && h.io->meta.headers_len == 9 && memcmp(at + 100000, "key=value", 9) == 0);
    CHECK_EQUAL(rwq_ack(h.q, LEASE(l)), 0);
    CHECK_EQUAL(rwq_trim(h.q), 0); /* somebody may still look */
    CHECK(memcmp(at, body, 99999) == 0);
    CHECK_EQUAL(rwq_release_view(h.q), 0);
    CHECK_EQUAL(rwq_trim(h.q), 100);
    CHECK_EQUAL(rwq_receive(h.q, RWQ_TAKE_POINTER, 0), 0);
    CHECK(memcmp((const void *)(uintptr_t)h.io->out_pointer, body, 100) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGSEGV, SIG_DFL);
        *(volatile uint8_t *)(uintptr_t)h.io->out_pointer = 1; /* a reader must not change what others see */
        _exit(0);
    }
    int status = status_of(pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    free(body);
    close_queue(&h);
}

static void a_batch_from_the_staging_area_must_lie_in_it(void) {
    const char *path = fresh_path();
    create_queue(path, (struct rwq_params){.max_messages = 16, .max_body = 4000});
    struct handle h;
    CHECK_EQUAL(try_open(&h, path, 0, 4096), 0);
    const uint32_t lengths[] = {4000, 96, 1};
    CHECK_EQUAL(rwq_send_many(h.q, NULL, lengths, 3, 0), 2);
    CHECK_EQUAL(in_state(&h, RWQ_SLOT_READY), 2);
    close_queue(&h);
}

static void a_flipped_bit_is_buried_and_counted(void) {
    struct handle h = new_queue((struct rwq_params){.max_messages = 4, .max_body = 100});
    send_text(&h, "intact"), send_text(&h, "broken"), send_text(&h, "intact too");
    expect_text(&h, "intact");
    rw_body(h.q, 1, 6)[2] ^= 4;
    expect_text(&h, "intact too");
    CHECK_EQUAL(counted(&h, RWQ_COUNT_CORRUPT), 1);
    char note[RWQ_NOTE_BYTES + 1];
    from_the_start(&h);
    CHECK_EQUAL(next_dead(&h, note), 0);
    CHECK(strstr(note, "checksum"));
    close_queue(&h);
}

static const struct test tests[] = {
    TEST(messages_come_in_order_and_once), TEST(a_message_says_when_and_how_it_was_sent), TEST(every_size_arrives_whole), TEST(what_is_too_large_is_refused_and_takes_no_place),
    TEST(a_message_larger_than_the_staging_area_is_fetched_with_read), TEST(a_body_goes_into_memory_of_the_callers_and_its_headers_apart),
    TEST(a_flipped_bit_is_not_handed_out_into_memory_of_the_callers), TEST(higher_priorities_go_first_and_the_lowest_does_not_starve), TEST(one_shot_consumers_reach_the_lowest_priority_too),
    TEST(batches_keep_order_and_stop_where_the_queue_is_full), TEST(a_batch_takes_only_what_fits_the_staging_area), TEST(a_full_queue_refuses_until_there_is_room),
    TEST(drop_oldest_makes_room_and_counts), TEST(a_claim_is_invisible_until_it_is_committed), TEST(a_claim_ends_with_its_handle), TEST(a_pointer_shows_the_message_where_it_lies),
    TEST(a_batch_from_the_staging_area_must_lie_in_it), TEST(a_flipped_bit_is_buried_and_counted),
};
int main(int argc, char **argv) { return RUN_TESTS(tests, argc, argv); }
