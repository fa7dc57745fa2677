/*
 * What the kernel offers between two processes, in C: a stream over a unix socket, each message behind its length, and a POSIX message
 * queue. Nothing is acknowledged, and what lies in either is lost or stuck with its reader.
 *
 *   streams             messages per second, one a call and (the socket) 100 a call
 *   streams rate N      one way at N messages a second, and the processors' time for each
 */
#define _GNU_SOURCE
#include <errno.h>
#include <mqueue.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "measure.h"

enum { BODY = 64, FRAME = BODY + sizeof(uint32_t), BATCH = 100, CHUNK = 64 << 10 };
#define WARM_UP_NS 300e6
#define ROUND_NS 400e6

/* A pair of ends, and how they move messages; `take` gives each one to `note` and says how many there were. */
typedef struct {
    const char *name;
    int ends[2];
    mqd_t queue;
    char incoming[CHUNK];
    size_t length;
} stream;

static void socket_open(stream *s) {
    s->name = "unix-socket-c";
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, s->ends)) fail("socketpair");
}

static void queue_open(stream *s) {
    char name[64];
    /* The largest that needs no right and no setting: /proc/sys/fs/mqueue/msg_max is 10 by default. */
    struct mq_attr attributes = {.mq_maxmsg = 10, .mq_msgsize = BODY};
    s->name = "posix-mq-c";
    snprintf(name, sizeof name, "/ringwire-bench-%d", (int)getpid());
    s->queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attributes);
    if (s->queue < 0) fail("mq_open");
    mq_unlink(name);
}

/* All of it, however often it takes. */
static void write_all(int end, const char *at, size_t length) {
    while (length > 0) {
        ssize_t n = write(end, at, length);
        if (n < 0) fail("write");
        at += n, length -= (size_t)n;
    }
}

static void socket_put(stream *s, const char *body, int count) {
    static char frames[BATCH * FRAME];
    uint32_t length = BODY;
    for (int i = 0; i < count; i++) {
        memcpy(frames + i * FRAME, &length, sizeof length);
        memcpy(frames + i * FRAME + sizeof length, body, BODY);
    }
    write_all(s->ends[1], frames, (size_t)count * FRAME);
}

static void queue_put(stream *s, const char *body, int count) {
    for (int i = 0; i < count; i++)
        if (mq_send(s->queue, body, BODY, 0)) fail("mq_send");
}

static int socket_take(stream *s, void (*note)(const char *body)) {
    ssize_t n = read(s->ends[0], s->incoming + s->length, CHUNK - s->length);
    if (n <= 0) fail("read");
    s->length += (size_t)n;
    size_t at = 0;
    int count = 0;
    for (uint32_t length; s->length - at >= sizeof length; at += sizeof length + length, count++) {
        memcpy(&length, s->incoming + at, sizeof length);
        if (s->length - at < sizeof length + length) break;
        note(s->incoming + at + sizeof length);
    }
    memmove(s->incoming, s->incoming + at, s->length - at);
    s->length -= at;
    return count;
}

static int queue_take(stream *s, void (*note)(const char *body)) {
    char body[BODY];
    if (mq_receive(s->queue, body, sizeof body, NULL) != BODY) fail("mq_receive");
    note(body);
    return 1;
}

typedef struct {
    void (*open)(stream *s);
    void (*put)(stream *s, const char *body, int count);
    int (*take)(stream *s, void (*note)(const char *body));
    bool batches;
} kind;
static const kind kinds[] = {{socket_open, socket_put, socket_take, true}, {queue_open, queue_put, queue_take, false}};

/* User and system time of this process and of another one that still runs. */
static double cpu_ns(pid_t other) {
    struct timespec own, theirs;
    clockid_t clock;
    if (clock_getcpuclockid(other, &clock) || clock_gettime(clock, &theirs)) fail("clock_getcpuclockid");
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &own);
    return (double)(own.tv_sec + theirs.tv_sec) * 1e9 + (double)(own.tv_nsec + theirs.tv_nsec);
}

static void end(pid_t child) {
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

static void look(const char *body) { __asm__ volatile("" ::"r"(*body) : "memory"); }

static void throughput(const kind *k, int batch) {
    char report[64], cpu[80];
    stream s = {0};
    k->open(&s);
    snprintf(report, sizeof report, "peer.%s.%s", s.name, batch == 1 ? "messages" : "message-batches");
    snprintf(cpu, sizeof cpu, "%s.cpu", report);
    pid_t producer = start(1);
    if (producer == 0)
        for (char body[BODY] = {1};;) k->put(&s, body, batch);
    for (int run = -1; run < RUNS; run++) {
        double t = now_ns(), used = cpu_ns(producer), until = t + (run < 0 ? WARM_UP_NS : ROUND_NS);
        uint64_t taken = 0;
        do taken += (uint64_t)k->take(&s, look);
        while (now_ns() < until);
        if (run < 0) continue;
        emit(report, (double)taken / ((now_ns() - t) / 1e9), "msg/s");
        emit(cpu, (cpu_ns(producer) - used) / 1e3 / (double)taken, "us");
    }
    end(producer);
}

/* Each message carries the time at which it was sent. */
static double *took_us;
static size_t took;
static void note_time(const char *body) {
    double sent;
    memcpy(&sent, body, sizeof sent);
    took_us[took++] = (now_ns() - sent) / 1e3;
}

static void send_at_rate(const kind *k, stream *s, int rate) {
    struct timespec next;
    char body[BODY] = {0};
    clock_gettime(CLOCK_MONOTONIC, &next);
    for (;;) {
        next.tv_nsec += 1000000000 / rate;
        if (next.tv_nsec >= 1000000000) next.tv_sec++, next.tv_nsec -= 1000000000;
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
        double now = now_ns();
        memcpy(body, &now, sizeof now);
        k->put(s, body, 1);
    }
}

static void at_rate(const kind *k, int rate) {
    char report[64], cpu[80];
    size_t per_round = (size_t)rate * 6 / 10;
    stream s = {0};
    k->open(&s);
    snprintf(report, sizeof report, "peer.%s.at-rate", s.name);
    snprintf(cpu, sizeof cpu, "%s.cpu", report);
    /* One take may give a few more than the round wants. */
    took_us = calloc(per_round + CHUNK, sizeof *took_us);
    if (!took_us) fail("calloc");
    pid_t producer = start(1);
    if (producer == 0) send_at_rate(k, &s, rate);
    for (int run = -1; run < RUNS; run++) {
        double used = cpu_ns(producer);
        took = 0;
        while (took < per_round) k->take(&s, note_time);
        if (run < 0) continue;
        emit(cpu, (cpu_ns(producer) - used) / 1e3 / (double)took, "us");
        emit_percentiles(report, took_us, took, "us");
    }
    end(producer);
    free(took_us);
}

int main(int argc, char **argv) {
    pin(0);
    int rate = argc == 3 && strcmp(argv[1], "rate") == 0 ? atoi(argv[2]) : 0;
    if (argc > 1 && rate <= 0) {
        fprintf(stderr, "%s: 'rate N' or nothing\n", argv[1]);
        return 2;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (rate > 0) {
            at_rate(&kinds[i], rate);
            continue;
        }
        throughput(&kinds[i], 1);
        if (kinds[i].batches) throughput(&kinds[i], BATCH);
    }
    return 0;
}
