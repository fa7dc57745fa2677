/* What the machine itself can do, measured in the same run as everything else: atomics, waking another process, copying memory. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <sys/syscall.h>

#include "measure.h"

static void compare_and_swap(void) {
    enum { ROUNDS = 5000000 };
    _Atomic uint64_t *word = shared(4096);
    for (int run = -1; run < RUNS; run++) {
        double t = now_ns();
        for (uint64_t i = 0; i < ROUNDS; i++) {
            uint64_t expected = atomic_load_explicit(word, memory_order_relaxed);
            atomic_compare_exchange_strong(word, &expected, expected + 1);
        }
        if (run >= 0) emit("limit.cas", (now_ns() - t) / ROUNDS, "ns");
    }
    munmap((void *)word, 4096);
}

/*
 * The locked operations that crash safety takes for each message, on lines of their own, between writing 64 bytes and reading them, and
 * nothing else: claim, mark used, number, commit, hint; lease, free, mark free.
 */
static void eight_locked_operations(void) {
    enum { ROUNDS = 2000000 };
    struct line {
        _Alignas(128) _Atomic uint64_t word;
        uint8_t body[64];
    } *lines = shared(8 * sizeof *lines);
    uint8_t body[64] = {1};
    for (int run = -1; run < RUNS; run++) {
        double t = now_ns();
        for (uint64_t i = 0; i < ROUNDS; i++) {
            for (int k = 0; k < 8; k++) {
                uint64_t expected = atomic_load_explicit(&lines[k].word, memory_order_relaxed);
                if (k == 3) memcpy(lines[0].body, body, sizeof body);
                atomic_compare_exchange_strong(&lines[k].word, &expected, expected + 1);
                if (k == 5) memcpy(body, lines[0].body, sizeof body);
            }
            __asm__ volatile("" ::"r"(body) : "memory");
        }
        if (run >= 0) emit("limit.eight-locked-operations", (now_ns() - t) / ROUNDS, "ns");
    }
    munmap(lines, 8 * sizeof *lines);
}

/* One cache line there and back between two processors, halved. */
static void cache_line(void) {
    enum { ROUNDS = 300000 };
    _Atomic uint32_t *word = shared(4096);
    uint32_t turns = 0;
    pid_t echo = start(1);
    if (echo == 0) {
        for (uint32_t i = 0; i < ROUNDS * (RUNS + 1); i++) {
            while (atomic_load_explicit(word, memory_order_acquire) != 2 * i + 1) idle(&turns);
            atomic_store_explicit(word, 2 * i + 2, memory_order_release);
        }
        _exit(0);
    }
    uint32_t i = 0;
    for (int run = -1; run < RUNS; run++) {
        double t = now_ns();
        for (int n = 0; n < ROUNDS; n++, i++) {
            atomic_store_explicit(word, 2 * i + 1, memory_order_release);
            while (atomic_load_explicit(word, memory_order_acquire) != 2 * i + 2) idle(&turns);
        }
        if (run >= 0) emit("limit.cache-line.one-way", (now_ns() - t) / ROUNDS / 2, "ns");
    }
    finish(echo);
    munmap((void *)word, 4096);
}

/* Until the word has risen to `until`. */
static void futex_wait(_Atomic uint32_t *word, uint32_t until) {
    for (uint32_t seen; (seen = atomic_load(word)) < until;) syscall(SYS_futex, word, FUTEX_WAIT, seen, NULL, NULL, 0);
}
static void futex_set(_Atomic uint32_t *word, uint32_t value) {
    atomic_store(word, value);
    syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static void futex_round_trip(void) {
    enum { ROUNDS = 5000 };
    _Atomic uint32_t *there = shared(4096), *back = there + 512;
    pid_t echo = start(1);
    if (echo == 0) {
        for (uint32_t i = 1; i <= ROUNDS * (RUNS + 1); i++) futex_wait(there, i), futex_set(back, i);
        _exit(0);
    }
    static double took[ROUNDS];
    uint32_t i = 1;
    for (int run = -1; run < RUNS; run++) {
        for (int n = 0; n < ROUNDS; n++, i++) {
            double t = now_ns();
            futex_set(there, i), futex_wait(back, i);
            took[n] = (now_ns() - t) / 1e3;
        }
        if (run >= 0) emit_percentiles("limit.futex.round-trip", took, ROUNDS, "us");
    }
    finish(echo);
    munmap((void *)there, 4096);
}

/* One way to a process that has been asleep for a while, both reading the same clock. */
static void futex_one_way(void) {
    enum { ROUNDS = 600 };
    struct {
        _Atomic uint32_t word;
        double stamp;
        double took[ROUNDS];
    } *s = shared(sizeof *s);
    for (int run = -1; run < RUNS; run++) {
        atomic_store(&s->word, 0);
        pid_t sleeper = start(1);
        if (sleeper == 0) {
            for (uint32_t i = 1; i <= ROUNDS; i++) futex_wait(&s->word, i), s->took[i - 1] = (now_ns() - s->stamp) / 1e3;
            _exit(0);
        }
        for (uint32_t i = 1; i <= ROUNDS; i++) {
            usleep(300);
            s->stamp = now_ns();
            futex_set(&s->word, i);
        }
        finish(sleeper);
        if (run >= 0) emit_percentiles("limit.futex.one-way", s->took, ROUNDS, "us");
    }
    munmap(s, sizeof *s);
}

static void pipe_round_trip(void) {
    enum { ROUNDS = 5000 };
    int there[2], back[2];
    if (pipe(there) || pipe(back)) fail("pipe");
    pid_t echo = start(1);
    char byte = 'x';
    if (echo == 0) {
        for (int i = 0; i < ROUNDS * (RUNS + 1); i++)
            if (read(there[0], &byte, 1) != 1 || write(back[1], &byte, 1) != 1) _exit(1);
        _exit(0);
    }
    static double took[ROUNDS];
    for (int run = -1; run < RUNS; run++) {
        for (int n = 0; n < ROUNDS; n++) {
            double t = now_ns();
            if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1) fail("pipe");
            took[n] = (now_ns() - t) / 1e3;
        }
        if (run >= 0) emit_percentiles("limit.pipe.round-trip", took, ROUNDS, "us");
    }
    finish(echo);
    close(there[0]), close(there[1]), close(back[0]), close(back[1]);
}

/* memcpy within one process; and from one process to another through shared memory, handed over with one word a message. */
static const struct {
    const char *name;
    size_t bytes;
    int rounds;
    uint32_t buffers; /* in flight; as many as let both sides work at the same time */
} sizes[] = {{"1KiB", 1 << 10, 200000, 128}, {"64KiB", 64 << 10, 20000, 8}, {"1MiB", 1 << 20, 1000, 4}, {"64MiB", 64 << 20, 8, 3}};
enum { SIZES = sizeof sizes / sizeof *sizes };

static uint8_t *filled(size_t bytes) {
    uint8_t *at = malloc(bytes);
    if (!at) fail("malloc");
    memset(at, 1, bytes);
    return at;
}

static void copy(void) {
    char name[64];
    for (int s = 0; s < SIZES; s++) {
        uint8_t *from = filled(sizes[s].bytes), *to = filled(sizes[s].bytes);
        snprintf(name, sizeof name, "limit.memcpy.%s", sizes[s].name);
        for (int run = -1; run < RUNS; run++) {
            double t = now_ns();
            for (int i = 0; i < sizes[s].rounds; i++) {
                memcpy(to, from, sizes[s].bytes);
                __asm__ volatile("" ::"r"(to) : "memory");
            }
            if (run >= 0) emit(name, (double)sizes[s].bytes * sizes[s].rounds / (now_ns() - t), "GB/s");
        }
        free(from), free(to);
    }
}

/* `copied`: memcpy in and memcpy out. Otherwise memcpy in, and the reader looks at one byte of every page. */
static void hand_over(bool copied) {
    char name[64];
    for (int s = 0; s < SIZES; s++) {
        size_t bytes = sizes[s].bytes;
        uint32_t count = sizes[s].buffers;
        struct words {
            _Alignas(128) _Atomic uint64_t sent;
            _Alignas(128) _Atomic uint64_t taken;
        } *words = shared(sizeof *words);
        uint8_t *buffers = shared(bytes * count), *own = filled(bytes);
        uint64_t total = (uint64_t)sizes[s].rounds * (RUNS + 1);
        uint32_t turns = 0;
        pid_t producer = start(1);
        if (producer == 0) {
            for (uint64_t i = 0; i < total; i++) {
                while (i - atomic_load_explicit(&words->taken, memory_order_acquire) >= count) idle(&turns);
                memcpy(buffers + i % count * bytes, own, bytes);
                atomic_store_explicit(&words->sent, i + 1, memory_order_release);
            }
            _exit(0);
        }
        snprintf(name, sizeof name, "limit.hand-over.%s.%s", copied ? "copied" : "zero-copy", sizes[s].name);
        uint64_t i = 0;
        uint32_t sum = 0;
        for (int run = -1; run < RUNS; run++) {
            double t = now_ns();
            for (int n = 0; n < sizes[s].rounds; n++, i++) {
                while (atomic_load_explicit(&words->sent, memory_order_acquire) <= i) idle(&turns);
                const volatile uint8_t *at = buffers + i % count * bytes;
                if (copied) memcpy(own, (const uint8_t *)at, bytes);
                else
                    for (size_t b = 0; b < bytes; b += 4096) sum += at[b];
                __asm__ volatile("" ::"r"(own), "r"(sum) : "memory");
                atomic_store_explicit(&words->taken, i + 1, memory_order_release);
            }
            if (run >= 0) emit(name, (double)bytes * sizes[s].rounds / (now_ns() - t), "GB/s");
        }
        finish(producer);
        free(own);
        munmap(buffers, bytes * count), munmap(words, sizeof *words);
    }
}

/* `limits distance`: only how far the processors are from each other just now, which on a virtual machine changes. */
int main(int argc, char **argv) {
    pin(0);
    if (argc == 2 && strcmp(argv[1], "distance") == 0) {
        cache_line();
        return 0;
    }
    compare_and_swap();
    eight_locked_operations();
    cache_line();
    futex_round_trip();
    futex_one_way();
    pipe_round_trip();
    copy();
    hand_over(true);
    hand_over(false);
    return 0;
}
