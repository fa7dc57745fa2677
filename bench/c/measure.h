/* What the C benches share: clocks, pinning, pairs of processes, and results as one JSON object per line. Nothing of the queue. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RUNS 5 /* of every bench, after one that is not counted; who reads the lines takes the median */

static inline double now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static inline void emit(const char *name, double value, const char *unit) {
    printf("{\"name\":\"%s\",\"value\":%.6g,\"unit\":\"%s\"}\n", name, value, unit);
    fflush(stdout);
}

static inline void fail(const char *what) {
    perror(what);
    exit(1);
}

/* The n-th processor that this process may use, if there are as many; else it stays where it is. Counted from the mask it started with. */
static inline void pin(int n) {
    static cpu_set_t allowed;
    static bool known;
    if (!known) known = sched_getaffinity(0, sizeof allowed, &allowed) == 0;
    if (!known || CPU_COUNT(&allowed) <= n) return;
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &allowed) || n-- > 0) continue;
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        sched_setaffinity(0, sizeof one, &one);
        return;
    }
}

/* fork() whose child ends with its parent, on processor `cpu`. */
static inline pid_t start(int cpu) {
    pid_t parent = getpid();
    fflush(stdout);
    pid_t child = fork();
    if (child < 0) fail("fork");
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) _exit(1);
        pin(cpu);
    }
    return child;
}

/* Waits for a child that must have succeeded. */
static inline void finish(pid_t child) {
    int status;
    if (waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status)) {
        fprintf(stderr, "a bench's child failed\n");
        exit(1);
    }
}

/* Zeroed memory that children share. */
static inline void *shared(size_t bytes) {
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) fail("mmap");
    memset(at, 0, bytes);
    return at;
}

static inline void relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* For loops that wait for another process: spins, and yields now and then, so that they end on one processor too. */
static inline void idle(uint32_t *turns) {
    relax();
    if (++*turns % 4096 == 0) sched_yield();
}

static inline int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Sorts, and emits the median and the 99th percentile as NAME.p50 and NAME.p99. */
static inline void emit_percentiles(const char *name, double *samples, size_t count, const char *unit) {
    char text[96];
    qsort(samples, count, sizeof *samples, by_value);
    snprintf(text, sizeof text, "%s.p50", name);
    emit(text, samples[count / 2], unit);
    snprintf(text, sizeof text, "%s.p99", name);
    emit(text, samples[count * 99 / 100], unit);
}
#endif
