/*
 * For LD_PRELOAD: a wall clock that a test sets while processes run. The file named by SHIFTED_CLOCK holds the offset in
 * seconds, 8 bytes, little-endian; it is mapped, so that a change holds at once for every process. Other clocks stay as they are.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile long *mapped;

__attribute__((constructor)) static void map(void) {
    const char *path = getenv("SHIFTED_CLOCK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *at = mmap(NULL, sizeof *mapped, PROT_READ, MAP_SHARED, file, 0);
    if (at != MAP_FAILED) mapped = at;
    close(file);
}

static long offset(void) { return mapped ? *mapped : 0; }

int clock_gettime(clockid_t clock, struct timespec *t) {
    static int (*next)(clockid_t, struct timespec *);
    if (!next) *(void **)&next = dlsym(RTLD_NEXT, "clock_gettime");
    int status = next(clock, t);
    if (status == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) t->tv_sec += offset();
    return status;
}

int gettimeofday(struct timeval *restrict t, void *restrict zone) {
    static int (*next)(struct timeval *, void *);
    if (!next) *(void **)&next = dlsym(RTLD_NEXT, "gettimeofday");
    int status = next(t, zone);
    if (status == 0) t->tv_sec += offset();
    return status;
}

time_t time(time_t *at) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    if (at) *at = t.tv_sec;
    return t.tv_sec;
}
