/* The queue alone, in C, every message acknowledged: what the runtimes' bindings are measured against. */
#define _GNU_SOURCE
#include <stdatomic.h>

#include "queue.h"

enum { BODY = 64, SLOTS = 16384, BATCH_MAX = 64 };

static void uncontended(void) {
    enum { ROUNDS = 1000000 };
    const char *path = make_queue(SLOTS, 1024);
    struct opened o = attach(path);
    uint8_t body[BODY] = {1};
    for (int run = -1; run < RUNS; run++) {
        double t = now_ns();
        for (int i = 0; i < ROUNDS; i++) {
            check("send", rwq_send(o.q, body, BODY, 0));
            check("receive", rwq_receive(o.q, RWQ_TAKE_LEASE, 0));
            acknowledge(&o);
        }
        if (run >= 0) emit("c.uncontended.send+reserve+ack", (now_ns() - t) / ROUNDS, "ns");
        t = now_ns();
        for (int i = 0; i < ROUNDS; i++) {
            check("send", rwq_send(o.q, body, BODY, 0));
            check("receive", rwq_receive(o.q, RWQ_TAKE_ACK, 0));
        }
        if (run >= 0) emit("c.uncontended.send+receive", (now_ns() - t) / ROUNDS, "ns");
    }
    rwq_close(o.q);
    unlink(path);
}

static void produce(const char *path, uint64_t messages, uint32_t batch) {
    struct opened o = attach(path);
    uint8_t body[BODY * BATCH_MAX] = {0};
    uint32_t lengths[BATCH_MAX], turns = 0;
    for (int i = 0; i < BATCH_MAX; i++) lengths[i] = BODY;
    for (uint64_t sent = 0; sent < messages;) {
        uint32_t ask = messages - sent < batch ? (uint32_t)(messages - sent) : batch;
        int status = batch == 1 ? rwq_send(o.q, body, BODY, 0) : rwq_send_many(o.q, body, lengths, ask, 0);
        if (status >= 0) {
            sent += batch == 1 ? 1 : (uint32_t)status;
            continue;
        }
        if (status != -EAGAIN) check("send", status);
        idle(&turns);
    }
    rwq_close(o.q);
}

/* How many messages one turn took; each is acknowledged when this returns. */
static uint32_t consume(struct opened *o, uint32_t batch) {
    int status = batch == 1 ? rwq_receive(o->q, RWQ_TAKE_LEASE, 0) : rwq_receive_many(o->q, batch, RWQ_TAKE_ACK, 0);
    if (status == -EAGAIN) return 0;
    check("receive", status);
    if (batch > 1) return (uint32_t)status;
    acknowledge(o);
    return 1;
}

static void one_to_one(uint32_t batch, uint32_t messages) {
    const char *path = make_queue(SLOTS, 1024);
    pid_t producer = start(1);
    if (producer == 0) {
        produce(path, (uint64_t)messages * (RUNS + 1), batch);
        _exit(0);
    }
    struct opened o = attach(path);
    uint32_t turns = 0, spare = 0;
    for (int run = -1; run < RUNS; run++) {
        double t = now_ns();
        uint32_t got = spare;
        while (got < messages) {
            uint32_t n = consume(&o, batch);
            if (n == 0) idle(&turns);
            got += n;
        }
        spare = got - messages;
        char name[64];
        snprintf(name, sizeof name, "c.1p1c.batch-%u", batch);
        if (run >= 0) emit(name, messages / ((now_ns() - t) / 1e9), "msg/s");
    }
    finish(producer);
    rwq_close(o.q);
    unlink(path);
}

static void two_to_two(void) {
    enum { EACH = 500000 };
    for (int run = -1; run < RUNS; run++) {
        const char *path = make_queue(SLOTS, 1024);
        _Atomic uint32_t *taken = shared(4096);
        pid_t children[3];
        double t = now_ns();
        for (int i = 0; i < 4; i++) {
            if (i < 3 && (children[i] = start(i % 2))) continue;
            if (i < 2) {
                produce(path, EACH, 1);
            } else {
                struct opened o = attach(path);
                uint32_t turns = 0;
                while (atomic_load_explicit(taken, memory_order_relaxed) < 2 * EACH) {
                    uint32_t n = consume(&o, 1);
                    if (n) atomic_fetch_add_explicit(taken, n, memory_order_relaxed);
                    else idle(&turns);
                }
                rwq_close(o.q);
            }
            if (i < 3) _exit(0);
        }
        if (run >= 0) emit("c.2p2c", 2 * EACH / ((now_ns() - t) / 1e9), "msg/s");
        for (int i = 0; i < 3; i++) finish(children[i]);
        unlink(path);
        munmap((void *)taken, 4096);
    }
}

/* There and back through two queues, halved. */
static void one_way_spinning(void) {
    enum { ROUNDS = 50000 };
    const char *there = make_queue(1024, 256), *back = make_queue(1024, 256);
    pid_t echo = start(1);
    struct opened in = attach(echo ? back : there), out = attach(echo ? there : back);
    uint8_t body[BODY] = {1};
    uint32_t turns = 0;
    if (echo == 0) {
        for (int i = 0; i < ROUNDS * (RUNS + 1); i++) {
            while (consume(&in, 1) == 0) idle(&turns);
            check("send", rwq_send(out.q, body, BODY, 0));
        }
        rwq_close(in.q), rwq_close(out.q);
        _exit(0);
    }
    static double took[ROUNDS];
    for (int run = -1; run < RUNS; run++) {
        for (int i = 0; i < ROUNDS; i++) {
            double t = now_ns();
            check("send", rwq_send(out.q, body, BODY, 0));
            while (consume(&in, 1) == 0) idle(&turns);
            took[i] = (now_ns() - t) / 2;
        }
        if (run >= 0) emit_percentiles("c.one-way.spinning", took, ROUNDS, "ns");
    }
    finish(echo);
    rwq_close(in.q), rwq_close(out.q);
    unlink(there), unlink(back);
}

/* One way to a consumer that has been asleep for a while, both reading the same clock. */
static void one_way_blocked(void) {
    enum { ROUNDS = 600 };
    double *took = shared(ROUNDS * sizeof *took);
    for (int run = -1; run < RUNS; run++) {
        const char *path = make_queue(1024, 256);
        pid_t consumer = start(1);
        struct opened o = attach(path);
        if (consumer == 0) {
            for (int i = 0; i < ROUNDS; i++) {
                int status;
                while ((status = rwq_receive(o.q, RWQ_TAKE_ACK, 0)) == -EAGAIN) rwq_wait(o.q, RWQ_FOR_MESSAGE, 1000);
                double now = now_ns(), stamp;
                check("receive", status);
                memcpy(&stamp, o.staging, sizeof stamp);
                took[i] = (now - stamp) / 1e3;
            }
            rwq_close(o.q);
            _exit(0);
        }
        for (int i = 0; i < ROUNDS; i++) {
            usleep(300);
            double stamp = now_ns();
            check("send", rwq_send(o.q, &stamp, sizeof stamp, 0));
        }
        finish(consumer);
        rwq_close(o.q);
        unlink(path);
        if (run >= 0) emit_percentiles("c.one-way.blocked", took, ROUNDS, "us");
    }
    munmap(took, ROUNDS * sizeof *took);
}

int main(void) {
    pin(0);
    uncontended();
    one_to_one(1, 1000000);
    one_to_one(32, 2000000);
    two_to_two();
    one_way_spinning();
    one_way_blocked();
    return 0;
}
