/*
 * The machine's limit for send + receive: a bounded ring for many producers and many consumers (Dmitry Vyukov's design) with the same
 * 64-byte messages, and nothing else. No leases, no recovery, no checksum, no priorities: a process that is killed between two lines of
 * it wedges it for good.
 */
#define _GNU_SOURCE
#include <stdatomic.h>

#include "measure.h"

enum { CELLS = 1024, BODY = 64 };
struct cell {
    _Alignas(128) _Atomic uint64_t sequence;
    uint8_t body[BODY];
};
struct ring {
    _Alignas(128) _Atomic uint64_t head;
    _Alignas(128) _Atomic uint64_t tail;
    _Alignas(128) struct cell cells[CELLS];
};

static struct ring *make(void) {
    struct ring *r = shared(sizeof *r);
    for (uint64_t i = 0; i < CELLS; i++) atomic_store(&r->cells[i].sequence, i);
    return r;
}
static void drop(struct ring *r) { munmap(r, sizeof *r); }

/* Not inlined, as the queue's calls are not. */
__attribute__((noinline)) static bool put(struct ring *r, const void *body) {
    uint64_t at = atomic_load_explicit(&r->tail, memory_order_relaxed);
    for (;;) {
        struct cell *c = &r->cells[at & (CELLS - 1)];
        int64_t ahead = (int64_t)(atomic_load_explicit(&c->sequence, memory_order_acquire) - at);
        if (ahead < 0) return false;
        if (ahead > 0) {
            at = atomic_load_explicit(&r->tail, memory_order_relaxed);
        } else if (atomic_compare_exchange_weak_explicit(&r->tail, &at, at + 1, memory_order_relaxed, memory_order_relaxed)) {
            memcpy(c->body, body, BODY);
            atomic_store_explicit(&c->sequence, at + 1, memory_order_release);
            return true;
        }
    }
}
__attribute__((noinline)) static bool take(struct ring *r, void *body) {
    uint64_t at = atomic_load_explicit(&r->head, memory_order_relaxed);
    for (;;) {
        struct cell *c = &r->cells[at & (CELLS - 1)];
        int64_t ahead = (int64_t)(atomic_load_explicit(&c->sequence, memory_order_acquire) - (at + 1));
        if (ahead < 0) return false;
        if (ahead > 0) {
            at = atomic_load_explicit(&r->head, memory_order_relaxed);
        } else if (atomic_compare_exchange_weak_explicit(&r->head, &at, at + 1, memory_order_relaxed, memory_order_relaxed)) {
            memcpy(body, c->body, BODY);
            atomic_store_explicit(&c->sequence, at + CELLS, memory_order_release);
            return true;
        }
    }
}

static void uncontended(void) {
    enum { ROUNDS = 2000000 };
    struct ring *r = make();
    uint8_t body[BODY] = {1};
    for (int run = -1; run < RUNS; run++) {
        double t = now_ns();
        for (int i = 0; i < ROUNDS; i++)
            if (!put(r, body) || !take(r, body)) exit(1);
        if (run >= 0) emit("limit.bare-ring.uncontended", (now_ns() - t) / ROUNDS, "ns");
    }
    drop(r);
}

static void produce(struct ring *r, uint64_t messages) {
    uint8_t body[BODY] = {1};
    uint32_t turns = 0;
    for (uint64_t i = 0; i < messages; i++)
        while (!put(r, body)) idle(&turns);
}

static void one_to_one(void) {
    enum { MESSAGES = 2000000 };
    struct ring *r = make();
    pid_t producer = start(1);
    if (producer == 0) {
        produce(r, (uint64_t)MESSAGES * (RUNS + 1));
        _exit(0);
    }
    uint8_t body[BODY];
    uint32_t turns = 0;
    for (int run = -1; run < RUNS; run++) {
        double t = now_ns();
        for (int i = 0; i < MESSAGES; i++)
            while (!take(r, body)) idle(&turns);
        if (run >= 0) emit("limit.bare-ring.1p1c", MESSAGES / ((now_ns() - t) / 1e9), "msg/s");
    }
    finish(producer);
    drop(r);
}

static void two_to_two(void) {
    enum { EACH = 1000000 };
    for (int run = -1; run < RUNS; run++) {
        struct ring *r = make();
        _Atomic uint64_t *taken = shared(4096);
        pid_t children[3];
        double t = now_ns();
        for (int i = 0; i < 3; i++) {
            children[i] = start(i);
            if (children[i]) continue;
            if (i < 2) produce(r, EACH);
            uint8_t body[BODY];
            uint32_t turns = 0;
            while (i == 2 && atomic_load_explicit(taken, memory_order_relaxed) < 2 * EACH) {
                if (take(r, body)) atomic_fetch_add_explicit(taken, 1, memory_order_relaxed);
                else idle(&turns);
            }
            _exit(0);
        }
        uint8_t body[BODY];
        uint32_t turns = 0;
        while (atomic_load_explicit(taken, memory_order_relaxed) < 2 * EACH) {
            if (take(r, body)) atomic_fetch_add_explicit(taken, 1, memory_order_relaxed);
            else idle(&turns);
        }
        if (run >= 0) emit("limit.bare-ring.2p2c", 2 * EACH / ((now_ns() - t) / 1e9), "msg/s");
        for (int i = 0; i < 3; i++) finish(children[i]);
        munmap((void *)taken, 4096);
        drop(r);
    }
}

/* There and back through two rings, halved: one way, both sides spinning. */
static void one_way(void) {
    enum { ROUNDS = 50000 };
    struct ring *there = make(), *back = make();
    pid_t echo = start(1);
    uint8_t body[BODY] = {0};
    uint32_t turns = 0;
    if (echo == 0) {
        for (int i = 0; i < ROUNDS * (RUNS + 1); i++) {
            while (!take(there, body)) idle(&turns);
            put(back, body);
        }
        _exit(0);
    }
    static double took[ROUNDS];
    for (int run = -1; run < RUNS; run++) {
        for (int i = 0; i < ROUNDS; i++) {
            double t = now_ns();
            put(there, body);
            while (!take(back, body)) idle(&turns);
            took[i] = (now_ns() - t) / 2;
        }
        if (run >= 0) emit_percentiles("limit.bare-ring.one-way", took, ROUNDS, "ns");
    }
    finish(echo);
    drop(there), drop(back);
}

int main(void) {
    pin(0);
    uncontended();
    one_to_one();
    two_to_two();
    one_way();
    return 0;
}
