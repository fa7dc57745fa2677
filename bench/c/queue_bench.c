/* The ring alone, in C: what the runtimes' bindings are measured against. Prints one JSON object per line. */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../ffi/c/ringwire_shm.h"

static char path[256];
static double now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}
static void die(const char *what, int status) {
    char text[256];
    rwq_error_detail(text, sizeof text);
    fprintf(stderr, "%s: %d %s\n", what, status, text);
    unlink(path);
    exit(1);
}
static void emit(const char *name, double value, const char *unit) { printf("{\"name\":\"%s\",\"value\":%.6g,\"unit\":\"%s\"}\n", name, value, unit), fflush(stdout); }

struct opened {
    rwq *q;
    struct rwq_io *io;
    uint8_t *staging;
};
static struct opened attach(void) {
    struct rwq_open_options o = {.name = "bench"};
    int status = rwq_open(path, &o);
    if (status) die("open", status);
    return (struct opened){(rwq *)(uintptr_t)o.handle, (struct rwq_io *)(uintptr_t)o.io, (uint8_t *)(uintptr_t)o.io + RWQ_IO_STAGING};
}
static void make(uint32_t slots, uint32_t body) {
    snprintf(path, sizeof path, "/dev/shm/ringwire.bench-%d", getpid());
    struct rwq_params p = {.max_messages = slots, .max_body = body};
    unlink(path);
    int status = rwq_create(path, &p, 0);
    if (status) die("create", status);
}

static void uncontended(void) {
    make(16384, 1024);
    struct opened o = attach();
    uint8_t body[64] = {1};
    enum { ROUNDS = 3000000 };
    double best = 1e18, best_ack = 1e18;
    for (int run = 0; run < 5; run++) {
        double t = now_ns();
        for (int i = 0; i < ROUNDS / 5; i++) {
            if (rwq_send(o.q, body, 64, 0)) die("send", 0);
            if (rwq_receive(o.q, RWQ_TAKE_LEASE, 0)) die("receive", 0);
            if (rwq_ack(o.q, o.io->meta.slot, o.io->meta.token_lo, o.io->meta.token_hi)) die("ack", 0);
        }
        double each = (now_ns() - t) / (ROUNDS / 5);
        if (each < best) best = each;
        t = now_ns();
        for (int i = 0; i < ROUNDS / 5; i++) {
            if (rwq_send(o.q, body, 64, 0)) die("send", 0);
            if (rwq_receive(o.q, RWQ_TAKE_ACK, 0)) die("receive", 0);
        }
        each = (now_ns() - t) / (ROUNDS / 5);
        if (each < best_ack) best_ack = each;
    }
    emit("c.uncontended.send+reserve+ack", best, "ns");
    emit("c.uncontended.send+receive", best_ack, "ns");
    rwq_close(o.q);
    unlink(path);
}

static void one_to_one(uint32_t batch, uint32_t messages) {
    make(16384, 1024);
    int ready[2];
    if (pipe(ready)) exit(1);
    pid_t producer = fork();
    if (producer == 0) {
        struct opened o = attach();
        uint8_t body[64 * 64] = {0};
        uint32_t lengths[64];
        for (int i = 0; i < 64; i++) lengths[i] = 64;
        char go;
        if (read(ready[0], &go, 1) != 1) _exit(1);
        for (uint32_t sent = 0; sent < messages;) {
            int n;
            if (batch == 1) {
                memcpy(body, &sent, 4);
                n = rwq_send(o.q, body, 64, 0);
                if (n == 0) n = 1;
            } else {
                n = rwq_send_many(o.q, body, lengths, batch, 0);
            }
            if (n > 0) sent += (uint32_t)n;
            else if (n == -EAGAIN) sched_yield();
            else die("send", n);
        }
        rwq_close(o.q);
        _exit(0);
    }
    struct opened o = attach();
    double t = now_ns();
    if (write(ready[1], "g", 1) != 1) exit(1);
    uint32_t idle = 0;
    for (uint32_t got = 0; got < messages;) {
        int n;
        if (batch == 1) {
            n = rwq_receive(o.q, RWQ_TAKE_LEASE, 0);
            if (n == 0) {
                if (rwq_ack(o.q, o.io->meta.slot, o.io->meta.token_lo, o.io->meta.token_hi)) die("ack", 0);
                got++;
            }
        } else {
            n = rwq_receive_many(o.q, batch, RWQ_TAKE_ACK, 0);
            if (n > 0) got += (uint32_t)n;
        }
        if (n == -EAGAIN) {
            if (++idle % 64 == 0) sched_yield();
        } else if (n < 0) die("receive", n);
    }
    double rate = messages / ((now_ns() - t) / 1e9);
    waitpid(producer, NULL, 0);
    char name[64];
    snprintf(name, sizeof name, "c.one-to-one.batch-%u", batch);
    emit(name, rate, "msg/s");
    rwq_close(o.q);
    unlink(path);
    close(ready[0]), close(ready[1]);
}

static int by_value(const void *a, const void *b) { return *(const double *)a < *(const double *)b ? -1 : 1; }

/* One way: the sender's clock is in the message; both run on one machine. */
static void latency(bool blocked, int rounds) {
    make(1024, 256);
    char there[300];
    snprintf(there, sizeof there, "%s-back", path);
    unlink(there);
    struct rwq_params p = {.max_messages = 1024, .max_body = 256};
    int status = rwq_create(there, &p, 0);
    if (status) die("create", status);
    pid_t child = fork();
    struct opened out, in;
    if (child == 0) {
        in = attach();
        strcpy(path, there);
        out = attach();
    } else {
        out = attach();
        char keep[256];
        strcpy(keep, path), strcpy(path, there);
        in = attach();
        strcpy(path, keep);
    }
    double *took = calloc((size_t)rounds, sizeof *took);
    for (int i = 0; i < rounds; i++) {
        double stamp;
        if (child) {
            if (blocked) usleep(200);
            stamp = now_ns();
            if (rwq_send(out.q, &stamp, sizeof stamp, 0)) die("send", 0);
        }
        while ((status = rwq_receive(in.q, RWQ_TAKE_ACK, 0)) == -EAGAIN)
            if (blocked) rwq_wait(in.q, RWQ_FOR_MESSAGE, 1000);
        if (status) die("receive", status);
        memcpy(&stamp, in.staging, sizeof stamp);
        took[i] = child ? (now_ns() - stamp) / 2 : 0;
        if (!child && rwq_send(out.q, &stamp, sizeof stamp, 0)) die("send", 0);
    }
    rwq_close(in.q), rwq_close(out.q);
    if (child == 0) _exit(0);
    waitpid(child, NULL, 0);
    qsort(took, (size_t)rounds, sizeof *took, by_value);
    emit(blocked ? "c.one-way.blocked.p50" : "c.one-way.spinning.p50", took[rounds / 2], "ns");
    emit(blocked ? "c.one-way.blocked.p99" : "c.one-way.spinning.p99", took[rounds * 99 / 100], "ns");
    unlink(path), unlink(there);
}

int main(void) {
    uncontended();
    for (int i = 0; i < 3; i++) one_to_one(1, 3000000);
    for (int i = 0; i < 3; i++) one_to_one(32, 6000000);
    latency(false, 100000);
    latency(true, 5000);
    return 0;
}
