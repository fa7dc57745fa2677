/*
 * Handles in one process, used by several threads at once. Under ThreadSanitizer they share one mapping (RW_TEST_SHARED_MAPPING), so that
 * it sees what they do to each other. A body whose lease is lost may be copied while it is written anew, which the second look at the
 * state word discovers: so no lease expires here, and nobody peeks.
 */
#include "use_queue.h"

#include <pthread.h>

enum { PER_PRODUCER = 40000, PRODUCERS = 2, CONSUMERS = 2, ALL = PER_PRODUCER * PRODUCERS };

static struct handle handles[PRODUCERS + CONSUMERS + 1];
static _Atomic uint32_t received[ALL];
static _Atomic int settled, finished;

struct body {
    uint32_t number;
    uint8_t rest[700];
};

static void *produce(void *argument) {
    int me = (int)(intptr_t)argument;
    struct handle *h = &handles[me];
    struct body b;
    for (uint32_t i = 0; i < PER_PRODUCER; i++) {
        b.number = (uint32_t)me * PER_PRODUCER + i;
        uint32_t length = 4 + i * 7 % 700;
        memset(b.rest, (int)b.number & 255, sizeof b.rest);
        h->io->in_headers_len = i % 3 ? 0 : 8, h->io->in_delay_ms = i % 97 ? 0 : 3, h->io->in_ttl_ms = 0;
        memset((uint8_t *)h->io + RWQ_IO_HEADERS, (int)b.number & 255, 8);
        for (;;) {
            int32_t status;
            if (i % 11 == 0) {
                status = rwq_claim(h->q, length, i % 4);
                if (status == 0) {
                    memcpy((void *)(uintptr_t)h->io->out_pointer, &b, length);
                    status = rwq_commit(h->q, LEASE(lease_of(h)), length, 0);
                }
            } else {
                status = rwq_send(h->q, &b, length, RWQ_SEND_EXTENDED | i % 4);
            }
            if (status == 0) break;
            CHECK_EQUAL(status, -EAGAIN);
            rwq_wait(h->q, RWQ_FOR_SPACE, 100);
        }
    }
    return NULL;
}

static void take(struct handle *h, const struct rwq_meta *m, const uint8_t *bytes, uint32_t turn) {
    uint32_t number;
    memcpy(&number, bytes, 4);
    CHECK(number < ALL);
    for (uint32_t i = 4; i < m->body_len; i++) CHECK(bytes[i] == (number & 255));
    const uint8_t *headers = bytes + ((m->body_len + 7) & ~7u);
    for (uint32_t i = 0; i < m->headers_len; i++) CHECK(headers[i] == (number & 255));
    struct lease l = {m->slot, m->token_lo, m->token_hi};
    if (turn % 13 == 0 && m->attempts < 3) {
        CHECK_EQUAL(rwq_nack(h->q, LEASE(l), turn % 2 ? 0 : 2, 0), 0);
        return;
    }
    if (turn % 101 == 0) {
        CHECK_EQUAL(rwq_bury(h->q, LEASE(l), "buried", 6), 0);
        return;
    }
    if (turn % 17 == 0) CHECK_EQUAL(rwq_renew_start(h->q, LEASE(l), 30000, 0, 0), 0);
    if (turn % 7 == 0) CHECK_EQUAL(rwq_touch(h->q, LEASE(l), 30000), 0);
    CHECK_EQUAL(rwq_ack(h->q, LEASE(l)), 0);
    atomic_fetch_add(&received[number], 1);
    atomic_fetch_add(&settled, 1);
}

static void *consume(void *argument) {
    struct handle *h = &handles[(int)(intptr_t)argument];
    for (uint32_t turn = 1; settled < ALL; turn++) {
        if (turn % 5 == 0) {
            int32_t count = rwq_receive_many(h->q, 6, RWQ_TAKE_LEASE, 0);
            const uint8_t *at = h->staging;
            for (int32_t i = 0; i < count; i++) {
                const struct rwq_meta *m = (const struct rwq_meta *)at;
                take(h, m, at + sizeof *m, turn * 8 + (uint32_t)i);
                at += m->record_bytes;
            }
        } else if (turn % 9 == 0) {
            if (rwq_receive(h->q, RWQ_TAKE_POINTER, 0) != 0) continue;
            take(h, &h->io->meta, (const uint8_t *)(uintptr_t)h->io->out_pointer, 1);
            rwq_release_view(h->q);
        } else if (rwq_receive(h->q, RWQ_TAKE_LEASE, 0) == 0) {
            take(h, &h->io->meta, h->staging, turn);
        } else {
            rwq_wait(h->q, RWQ_FOR_MESSAGE, 20);
        }
    }
    return NULL;
}

static void *sweep(void *argument) {
    struct handle *h = &handles[(int)(intptr_t)argument];
    while (!finished) {
        CHECK(rwq_sweep(h->q, RWQ_SWEEP_FULL) >= 0);
        CHECK(rwq_trim(h->q) >= 0);
        for (from_the_start(h); rwq_inspect(h->q, 1u << RWQ_SLOT_BURIED) == 0;) CHECK(rwq_revive(h->q, LEASE(lease_of(h))) <= 0);
        CHECK_EQUAL(rwq_status(h->q), 0);
        sleep_ms(1);
    }
    return NULL;
}

static void producers_consumers_and_a_sweeper_share_a_queue(void) {
    const char *path = fresh_path();
    create_queue(path, (struct rwq_params){.max_messages = 128, .max_body = 2000, .max_headers = 16, .max_participants = 8, .max_deliver = 100, .max_dead = 100});
    pthread_t threads[PRODUCERS + CONSUMERS + 1];
    for (int i = 0; i < PRODUCERS + CONSUMERS + 1; i++) handles[i] = open_queue(path);
    CHECK_EQUAL(rwq_watch(handles[PRODUCERS].q), 0);
    for (intptr_t i = 0; i < PRODUCERS + CONSUMERS + 1; i++)
        CHECK_EQUAL(pthread_create(&threads[i], NULL, i < PRODUCERS ? produce : i < PRODUCERS + CONSUMERS ? consume : sweep, (void *)i), 0);
    for (int i = 0; i < PRODUCERS + CONSUMERS; i++) pthread_join(threads[i], NULL);
    finished = 1;
    pthread_join(threads[PRODUCERS + CONSUMERS], NULL);
    for (int i = 0; i < ALL; i++) CHECK_NOTE(received[i] == 1, "message %d was acknowledged %u times", i, received[i]);
    expect_no_leak(&handles[0]);
    for (int i = 0; i < PRODUCERS + CONSUMERS + 1; i++) close_queue(&handles[i]);
}

/* ---- event loops, opening and closing ---- */

static const char *shared_path;
static _Atomic int taken;

static void *wait_for_descriptor(void *argument) {
    (void)argument;
    struct handle h = open_queue(shared_path);
    int fd = rwq_wake_fd(h.q);
    CHECK(fd >= 0);
    while (taken < 400) {
        if (rwq_receive(h.q, RWQ_TAKE_ACK, 0) == 0) {
            atomic_fetch_add(&taken, 1);
            continue;
        }
        if (rwq_arm(h.q, RWQ_FOR_MESSAGE) == 0) rwq_poll_wake_fd(fd, 20);
        rwq_drain_wake_fd(h.q);
    }
    rwq_disarm(h.q);
    rwq_close_fd(fd);
    close_queue(&h);
    return NULL;
}

static void *come_and_go(void *argument) {
    (void)argument;
    for (int i = 0; i < 100; i++) {
        struct handle h = open_queue(shared_path);
        CHECK_EQUAL(rwq_watch(h.q), 0);
        for (int n = 0; n < 2; n++) CHECK_EQUAL(try_send(&h, "x", 0), 0);
        if (rwq_receive(h.q, RWQ_TAKE_LEASE, 0) == 0) rwq_renew_start(h.q, LEASE(lease_of(&h)), 1000, 0, 0);
        close_queue(&h);
    }
    return NULL;
}

static void participants_come_and_go_while_others_wait(void) {
    shared_path = fresh_path();
    create_queue(shared_path, (struct rwq_params){.max_messages = 512, .max_body = 100, .max_participants = 8});
    struct handle first = open_queue(shared_path); /* maps it before the threads do */
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) CHECK_EQUAL(pthread_create(&threads[i], NULL, i < 2 ? wait_for_descriptor : come_and_go, NULL), 0);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    CHECK_EQUAL(taken, 400);
    expect_no_leak(&first);
    close_queue(&first);
}

static const struct test tests[] = {TEST(producers_consumers_and_a_sweeper_share_a_queue), TEST(participants_come_and_go_while_others_wait)};
int main(int argc, char **argv) { return RUN_TESTS(tests, argc, argv); }
