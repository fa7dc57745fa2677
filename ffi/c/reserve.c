/*
 * Memory that is really there. On tmpfs even reading a hole allocates a page, and when the file system is full that access is a SIGBUS.
 * So every part of the segment is allocated with fallocate(2) before its first access, in chunks of 64 KiB (large bodies: as much as the
 * message needs), and a shared bit remembers it. Nothing is read whose bit is clear.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "queue.h"

/* The raw system call: glibc's posix_fallocate() falls back to writing, which races with the other processes. */
int rw_allocate(int fd, uint64_t offset, uint64_t bytes) {
    for (;;) {
        if (syscall(SYS_fallocate, fd, 0, (off_t)offset, (off_t)bytes) == 0) return 0;
        if (errno == EINTR) continue;
        if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG || errno == ENOMEM) return rw_fail(-ENOSPC, "no space for %llu more bytes (%s)", (unsigned long long)bytes, strerror(errno));
        if (errno == EOPNOTSUPP) return rw_fail(-EOPNOTSUPP, "this file system cannot reserve space (fallocate is not supported)");
        return rw_fail(errno, "fallocate: %s", strerror(errno));
    }
}

static _Atomic uint64_t *shared_map(const rwq *q) { return (_Atomic uint64_t *)(q->base + q->l.chunk_map); }

static void remember(const rwq *q, uint64_t chunk) { atomic_fetch_or_explicit(&q->chunk_seen[chunk >> 6], 1ull << (chunk & 63), memory_order_relaxed); }

int rw_reserve_slow(rwq *q, uint64_t offset, uint64_t bytes) {
    for (uint64_t chunk = offset / RW_CHUNK; chunk <= (offset + bytes - 1) / RW_CHUNK; chunk++) {
        if (rw_chunk_seen(q, chunk)) continue;
        _Atomic uint64_t *word = &shared_map(q)[chunk >> 6];
        uint64_t bit = 1ull << (chunk & 63);
        if (!(rw_load(word) & bit)) {
            int status = rw_allocate(q->fd, chunk * RW_CHUNK, RW_CHUNK);
            if (status) return status;
            RW_POINT("reserve:allocated");
            /* Twice is harmless: fallocate keeps what is there. */
            /* SYNC POINT (chunk_map): pairs with rw_present_slow(), before whatever is published in that memory */
            atomic_fetch_or(word, bit);
        }
        remember(q, chunk);
    }
    return 0;
}

bool rw_present_slow(const rwq *q, uint64_t offset) {
    uint64_t chunk = offset / RW_CHUNK;
    /* SYNC POINT (chunk_map): "not there" stands for the look at a word that is 0, so it is seq_cst where that look is */
    if (!(rw_load_seq(&shared_map(q)[chunk >> 6]) >> (chunk & 63) & 1)) return false;
    remember(q, chunk);
    return true;
}

/*
 * The body's own pages; a slot keeps what it once got until it is trimmed. *reserved is what the owner of the slot is to note, 0 nothing:
 * somebody who does not own it yet must not write that word, a trimmer could take the pages at the same moment.
 */
int rw_allocate_body(rwq *q, uint32_t slot, uint64_t bytes, uint64_t *reserved) {
    *reserved = 0;
    if (bytes <= q->l.small_bytes) return rw_reserve(q, q->l.small + (uint64_t)slot * q->l.small_bytes, q->l.small_bytes);
    uint64_t have = rw_load(&q->slots[slot].reserved_bytes);
    if (have >= bytes && have <= q->l.large_stride) return 0;
    uint64_t pages = (bytes + RW_PAGE - 1) / RW_PAGE * RW_PAGE, from = have / RW_PAGE * RW_PAGE;
    if (from > q->l.large_stride) from = 0; /* a hostile value costs nothing but a repeated reservation */
    int status = rw_allocate(q->fd, q->l.large + (uint64_t)slot * q->l.large_stride + from, pages - from);
    if (status) return status;
    RW_POINT("reserve:body");
    *reserved = pages;
    return 0;
}

int rw_reserve_body(rwq *q, uint32_t slot, uint64_t bytes) {
    uint64_t reserved;
    int status = rw_allocate_body(q, slot, bytes, &reserved);
    if (status == 0 && reserved) rw_store(&q->slots[slot].reserved_bytes, reserved);
    return status;
}
