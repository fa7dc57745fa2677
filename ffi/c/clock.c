#define _GNU_SOURCE
#include <time.h>

#include "queue.h"

/* Two precise clock reads a message cost as much as the rest of the queue together; the coarse clocks tick every 1-4 ms, which is
 * what leases, delays and ages need. */
static uint64_t read_ms(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

uint64_t rw_now_ms_threadsafe(void) { return read_ms(CLOCK_MONOTONIC_COARSE); }

uint64_t rw_now_ms(rwq *q) { return q->clock_ms = rw_now_ms_threadsafe(); }

uint64_t rw_wall_ms(rwq *q) {
    if (q->offset_read_ms == 0 || q->clock_ms - q->offset_read_ms >= 1000) {
        q->wall_offset_ms = (int64_t)read_ms(CLOCK_REALTIME_COARSE) - (int64_t)read_ms(CLOCK_MONOTONIC_COARSE);
        q->offset_read_ms = q->clock_ms;
    }
    return q->clock_ms + (uint64_t)q->wall_offset_ms;
}

/* Due times and times to live outlast a boot in a journal, so they are wall time there. */
uint64_t rw_due_clock(rwq *q) { return q->journal ? rw_wall_ms(q) : q->clock_ms; }

uint64_t rw_precise_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}
