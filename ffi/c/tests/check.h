/*
 * What every C test here starts from. Each test runs in a process of its own, so that a crash, a hang or a leftover of one is not the
 * next one's: the parent collects it, kills what it left running and removes the segments it made.
 */
#ifndef RW_CHECK_H
#define RW_CHECK_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ringwire_shm.h"

/* ---- checking ---- */

static inline void check_failed(const char *file, int line, const char *format, ...) __attribute__((format(printf, 3, 4), noreturn));
static inline void check_failed(const char *file, int line, const char *format, ...) {
    char detail[512];
    va_list args;
    va_start(args, format);
    fprintf(stderr, "  %s:%d: ", file, line);
    vfprintf(stderr, format, args);
    va_end(args);
    rwq_error_detail(detail, sizeof detail);
    fprintf(stderr, " (last detail: %s)\n", detail);
    _exit(1);
}
static inline void check_equal(const char *file, int line, const char *what, long long actual, const char *wanted, long long expected) {
    if (actual != expected) check_failed(file, line, "%s is %lld, not %lld (%s)", what, actual, expected, wanted);
}
#define CHECK(condition) ((condition) ? (void)0 : check_failed(__FILE__, __LINE__, "%s", #condition))
#define CHECK_NOTE(condition, ...) ((condition) ? (void)0 : check_failed(__FILE__, __LINE__, __VA_ARGS__))
#define CHECK_EQUAL(actual, expected) check_equal(__FILE__, __LINE__, #actual, (long long)(actual), #expected, (long long)(expected))

/* ---- names ---- */

#define SEGMENT_DIRECTORY "/dev/shm"
static const char *segment_directory = SEGMENT_DIRECTORY;
static char segment_prefix[64]; /* of this test's segments */

static inline const char *fresh_path(void) {
    static char paths[64][4200];
    static unsigned made;
    char *path = paths[made % 64];
    snprintf(path, sizeof paths[0], "%s/%s-%u-%d", segment_directory, segment_prefix, made++, (int)getpid());
    return path;
}

static inline void remove_segments_in(const char *path) {
    DIR *directory = opendir(path);
    if (!directory) return;
    for (struct dirent *entry; (entry = readdir(directory));)
        if (strncmp(entry->d_name, segment_prefix, strlen(segment_prefix)) == 0 && unlinkat(dirfd(directory), entry->d_name, 0) != 0)
            unlinkat(dirfd(directory), entry->d_name, AT_REMOVEDIR);
    closedir(directory);
}
static inline void remove_segments(void) {
    remove_segments_in(SEGMENT_DIRECTORY);
    if (strcmp(segment_directory, SEGMENT_DIRECTORY) != 0) remove_segments_in(segment_directory);
}

/* ---- tests ---- */

struct test {
    const char *name;
    void (*run)(void);
};
#define TEST(name) {#name, name}
#define TEST_SECONDS_MAX 120u

/* A test that lacks a privilege says so and counts as neither passed nor failed. */
#define LEFT_OUT_STATUS 77
static inline void leave_out(const char *name, const char *privilege, const char *reason) {
    const char *file = getenv("RINGWIRE_TEST_LEFT_OUT");
    FILE *out = file ? fopen(file, "a") : NULL;
    if (out) {
        fprintf(out, "{\"name\":\"%s\",\"privilege\":\"%s\",\"reason\":\"%s\"}\n", name, privilege, reason);
        fclose(out);
    }
    printf("  left out: %s: needs %s %s\n", name, privilege, reason);
    fflush(stdout);
    _exit(LEFT_OUT_STATUS);
}

static inline double seconds_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}
static inline void sleep_ms(double ms) {
    struct timespec t = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)((ms - (double)(time_t)(ms / 1000) * 1000) * 1e6)};
    while (nanosleep(&t, &t) != 0 && errno == EINTR) {}
}

static inline int run_one(const struct test *t) {
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        setpgid(0, 0);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        alarm(TEST_SECONDS_MAX);
        t->run();
        exit(0); /* not _exit(): the leak check belongs to the test */
    }
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
    kill(-pid, SIGKILL); /* children that it left */
    return status;
}

/* `./some_test NAME` runs that test only. */
static inline int run_tests(const struct test *tests, size_t count, int argc, char **argv) {
    int passed = 0, failed = 0;
    snprintf(segment_prefix, sizeof segment_prefix, "ringwire-test-%d", (int)getpid());
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < count; i++) {
        if (argc > 1 && strcmp(argv[1], tests[i].name) != 0) continue;
        double begun = seconds_now();
        int status = run_one(&tests[i]);
        remove_segments();
        bool left_out = WIFEXITED(status) && WEXITSTATUS(status) == LEFT_OUT_STATUS, good = WIFEXITED(status) && WEXITSTATUS(status) == 0;
        passed += good, failed += !good && !left_out;
        if (WIFSIGNALED(status)) printf("  killed by signal %d\n", WTERMSIG(status));
        printf("%s %s (%.0f ms)\n", good ? "ok" : left_out ? "--" : "FAILED", tests[i].name, (seconds_now() - begun) * 1000);
        fflush(stdout);
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed > 0;
}
#define RUN_TESTS(tests, argc, argv) run_tests(tests, sizeof(tests) / sizeof(tests)[0], argc, argv)

/* ---- children ---- */

/* Runs `body` in a child that ends by exit 0, 1 (a CHECK) or a signal. */
#define IN_CHILD(pid, ...)                                                     \
    pid_t pid = (fflush(NULL), fork());                                        \
    if (pid == 0) {                                                            \
        prctl(PR_SET_PDEATHSIG, SIGKILL);                                      \
        __VA_ARGS__;                                                            \
        _exit(0);                                                              \
    }
static inline int status_of(pid_t pid) {
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
    return status;
}
static inline void expect_good(pid_t pid) {
    int status = status_of(pid);
    CHECK_NOTE(WIFEXITED(status) && WEXITSTATUS(status) == 0, "a child ended with status %#x", status);
}
static inline void kill_now(pid_t pid) {
    kill(pid, SIGKILL);
    status_of(pid);
}

static inline void *shared_memory(size_t bytes) {
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED);
    return memory;
}
#endif
