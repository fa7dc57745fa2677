/* Segments are mapped with nothing beside them, so that an access beyond their end is a fault and not somebody else's memory. */
#ifndef RW_GUARDED_MAPPING_H
#define RW_GUARDED_MAPPING_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define GUARD_BYTES ((size_t)1 << 20)
#define GUARDED_MAX 64

static pthread_mutex_t guarded_mutex = PTHREAD_MUTEX_INITIALIZER;
static void *guarded[GUARDED_MAX];

static inline void *map_really(void *at, size_t length, int protection, int flags, int fd, off_t offset) {
    return (void *)syscall(SYS_mmap, at, length, protection, flags, fd, offset);
}
static inline int note_guarded(void *before, void *after) {
    int found = -1;
    pthread_mutex_lock(&guarded_mutex);
    for (int i = 0; i < GUARDED_MAX && found < 0; i++)
        if (guarded[i] == before) guarded[i] = after, found = i;
    pthread_mutex_unlock(&guarded_mutex);
    return found;
}

/* In place of the C library's. */
void *mmap(void *at, size_t length, int protection, int flags, int fd, off_t offset) {
    if (at || fd < 0 || !(flags & MAP_SHARED)) return map_really(at, length, protection, flags, fd, offset);
    size_t pages = (length + 4095) & ~(size_t)4095;
    uint8_t *room = map_really(NULL, pages + 2 * GUARD_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room == MAP_FAILED) return room;
    void *segment = map_really(room + GUARD_BYTES, length, protection, flags | MAP_FIXED, fd, offset);
    if (segment == MAP_FAILED || note_guarded(NULL, segment) < 0) abort();
    return segment;
}
int munmap(void *at, size_t length) {
    if (note_guarded(at, NULL) < 0) return (int)syscall(SYS_munmap, at, length);
    size_t pages = (length + 4095) & ~(size_t)4095;
    return (int)syscall(SYS_munmap, (uint8_t *)at - GUARD_BYTES, pages + 2 * GUARD_BYTES);
}
#endif
