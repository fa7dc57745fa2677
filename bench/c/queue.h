/* Opening queues for a bench. Segments lie in BENCH_DIR, which whoever starts a bench removes afterwards, whatever happened. */
#ifndef BENCH_QUEUE_H
#define BENCH_QUEUE_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>

#include "../../ffi/c/ringwire_shm.h"
#include "measure.h"

struct opened {
    rwq *q;
    struct rwq_io *io;
    uint8_t *staging;
};

static inline void check(const char *what, int status) {
    if (status >= 0) return;
    char text[256] = "";
    rwq_error_detail(text, sizeof text);
    fprintf(stderr, "%s: %d %s\n", what, status, text);
    exit(1);
}

/* A new empty queue; its path is valid until the second next call. */
static inline const char *make_queue(uint32_t slots, uint32_t body) {
    static char paths[2][256];
    static unsigned count;
    const char *directory = getenv("BENCH_DIR");
    char *path = paths[count++ % 2];
    snprintf(path, sizeof paths[0], "%s/ringwire.bench-%d-%u", directory ? directory : "/dev/shm", getpid(), count);
    struct rwq_params p = {.max_messages = slots, .max_body = body};
    check("create", rwq_create(path, &p, 0));
    return path;
}

static inline struct opened attach(const char *path) {
    struct rwq_open_options o = {.name = "bench"};
    check("open", rwq_open(path, &o));
    return (struct opened){(rwq *)(uintptr_t)o.handle, (struct rwq_io *)(uintptr_t)o.io, (uint8_t *)(uintptr_t)o.io + RWQ_IO_STAGING};
}

static inline void acknowledge(struct opened *o) { check("ack", rwq_ack(o->q, o->io->meta.slot, o->io->meta.token_lo, o->io->meta.token_hi)); }
#endif
