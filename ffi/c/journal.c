/*
 * A queue in a file. Within one boot it is the same memory as any other segment: page cache, shared by all, untouched by SIGKILL. What is
 * on disk after a power cut depends on the mode; the first to open the file in a new boot rebuilds from what is there:
 *   kept: READY, LEASED, SETTLING (as READY), DELAYED and BURIED slots whose checksum holds, in the order of their ids
 *   ignored: rings, bitmaps, bounds, participants, locks, leases
 * process   nothing is written out before the kernel does so by itself
 * interval  the last interval_ms may be missing
 * sync      a message is on disk before send returns, its acknowledgement before ack returns
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "queue.h"

static void sync_range(rwq *q, const void *at, uint64_t bytes) {
    if (rw_load_relaxed(&q->journal_held)) return;
    uintptr_t from = (uintptr_t)at & ~(uintptr_t)(RW_PAGE - 1), to = (uintptr_t)at + bytes;
    if (msync((void *)from, to - from, MS_SYNC) != 0) rw_store_relaxed(&q->journal_error, errno);
}

void rw_journal_hold(rwq *q, bool on) { rw_store_relaxed(&q->journal_held, on); }

void rw_journal_flush(rwq *q) {
    if (fdatasync(q->fd) != 0) rw_store_relaxed(&q->journal_error, errno);
}

int32_t rw_journal_result(rwq *q) {
    int32_t error = atomic_exchange(&q->journal_error, 0);
    return error ? rw_fail(error, "the change is made, but %s could not be written out: %s", q->path, strerror(error)) : 0;
}

/* Also what failed between calls: the kernel says so once only, and the helper thread may have heard it. */
int32_t rw_journal_write_out(rwq *q) {
    int error = fdatasync(q->fd) == 0 ? 0 : errno;
    int earlier = q->super.journal == RWQ_JOURNAL_INTERVAL ? atomic_exchange(&q->journal_error, 0) : 0;
    if (error == 0) error = earlier;
    return error ? rw_fail(error, "writing the journal out: %s", strerror(error)) : 0;
}

void rw_journal_state(rwq *q, uint32_t slot) { sync_range(q, &q->slots[slot], sizeof(struct rw_slot)); }

void rw_journal_body(rwq *q, uint32_t slot) {
    struct rw_slot *s = &q->slots[slot];
    uint32_t body_len = rw_load_relaxed(&s->body_len), headers_len = rw_load_relaxed(&s->headers_len);
    uint64_t bytes = headers_len ? rw_pad8(body_len) + headers_len : body_len;
    rw_journal_state(q, slot); /* lengths and sum, while the state still says CLAIMED */
    if (bytes) sync_range(q, rw_body(q, slot, bytes), bytes);
}

void rw_journal_note(rwq *q, uint32_t number) {
    if (number) sync_range(q, q->base + q->l.note_area + (uint64_t)(number - 1) * sizeof(struct rw_note), sizeof(struct rw_note));
}

/* ---- after a new boot ---- */

static bool read_at(int fd, void *into, size_t n, uint64_t at) {
    uint8_t *p = into;
    while (n) {
        ssize_t got = pread(fd, p, n, (off_t)at);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        p += got, n -= (size_t)got, at += (uint64_t)got;
    }
    return true;
}
static bool write_at(int fd, const void *from, size_t n, uint64_t at) {
    const uint8_t *p = from;
    while (n) {
        ssize_t done = pwrite(fd, p, n, (off_t)at);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) return false;
        p += done, n -= (size_t)done, at += (uint64_t)done;
    }
    return true;
}

struct rebuild {
    rwq *q;
    uint8_t *body; /* room for the largest message */
    uint64_t map[RW_PAGE / 8];
    uint64_t last_id, high_water;
    uint32_t kept, dead, unreadable;
};

static void need_chunks(struct rebuild *r, uint64_t offset, uint64_t bytes) {
    for (uint64_t chunk = offset / RW_CHUNK; chunk <= (offset + bytes - 1) / RW_CHUNK; chunk++) r->map[chunk / 64] |= 1ull << (chunk % 64);
}

static bool body_holds(struct rebuild *r, const struct rw_slot *s, uint32_t slot, uint64_t bytes, bool small) {
    const struct rw_layout *l = &r->q->l;
    uint64_t at = small ? l->small + (uint64_t)slot * l->small_bytes : l->large + (uint64_t)slot * l->large_stride;
    uint32_t body_len = rw_load_relaxed(&s->body_len), headers_len = rw_load_relaxed(&s->headers_len);
    if (bytes && !read_at(r->q->fd, r->body, bytes, at)) return false;
    return rw_message_crc(rw_load_relaxed(&s->id), r->body, body_len, r->body + rw_pad8(body_len), headers_len) == rw_load_relaxed(&s->crc);
}

/* The slot as it shall be; its body is checked, its memory accounted for. */
static void judge(struct rebuild *r, struct rw_slot *s, uint32_t slot) {
    const struct rw_layout *l = &r->q->l;
    uint64_t w = rw_load_relaxed(&s->state);
    uint32_t state = RW_STATE(w), body_len = rw_load_relaxed(&s->body_len), headers_len = rw_load_relaxed(&s->headers_len);
    uint64_t freed = RW_WORD(RWQ_SLOT_FREE, 0, 0, 0, 0, RW_GEN(w) + 1);
    rw_store_relaxed(&s->deadline, 0);
    rw_store_relaxed(&s->cancel, 0);
    /* Also of what is gone: an id is never given twice, or who looks for duplicates would drop a new message. */
    if (rw_load_relaxed(&s->id) > r->last_id) r->last_id = rw_load_relaxed(&s->id);
    rw_store_relaxed(&s->reserved_bytes, 0);
    if (state != RWQ_SLOT_READY && state != RWQ_SLOT_LEASED && state != RWQ_SLOT_SETTLING && state != RWQ_SLOT_DELAYED && state != RWQ_SLOT_BURIED) {
        rw_store_relaxed(&s->state, freed);
        return;
    }
    uint64_t bytes = headers_len ? rw_pad8(body_len) + headers_len : body_len;
    bool small = bytes <= l->small_bytes;
    if (body_len > l->max_body || headers_len > l->max_headers || !body_holds(r, s, slot, bytes, small)) {
        r->unreadable++;
        rw_store_relaxed(&s->state, freed);
        return;
    }
    uint32_t flags = RW_FLAGS(w), gen = RW_GEN(w);
    if (state == RWQ_SLOT_LEASED || state == RWQ_SLOT_SETTLING) state = RWQ_SLOT_READY, flags |= RW_REDELIVERED;
    if (state == RWQ_SLOT_READY) gen++; /* DELAYED keeps the gen its due time is tagged with, BURIED the one of its note */
    rw_store_relaxed(&s->state, RW_WORD(state, flags, RW_PRIORITY(w), 0, RW_ATTEMPTS(w), gen));
    if (small) need_chunks(r, l->small + (uint64_t)slot * l->small_bytes, l->small_bytes);
    else rw_store_relaxed(&s->reserved_bytes, (bytes + RW_PAGE - 1) / RW_PAGE * RW_PAGE);
    uint32_t note = rw_load_relaxed(&s->note);
    if (state == RWQ_SLOT_BURIED && note && note <= l->notes) need_chunks(r, l->note_area + (uint64_t)(note - 1) * sizeof(struct rw_note), sizeof(struct rw_note));
    r->high_water = slot + 1;
    r->kept++;
    if (state == RWQ_SLOT_BURIED) r->dead++;
}

static int judge_all(struct rebuild *r) {
    rwq *q = r->q;
    enum { AT_ONCE = RW_CHUNK / sizeof(struct rw_slot) };
    struct rw_slot *some = malloc(AT_ONCE * sizeof *some);
    if (!some) return rw_fail(-ENOMEM, "out of memory");
    int status = 0;
    for (uint32_t slot = 0; slot < q->l.slots && status == 0; slot += AT_ONCE) {
        uint32_t n = q->l.slots - slot < AT_ONCE ? q->l.slots - slot : AT_ONCE;
        uint64_t at = q->l.headers + (uint64_t)slot * sizeof *some;
        /* A hole reads as zeros, which is a free slot that was never used. */
        off_t data = lseek(q->fd, (off_t)at, SEEK_DATA);
        if (data < 0 || (uint64_t)data >= at + n * sizeof *some) continue;
        if (!read_at(q->fd, some, n * sizeof *some, at)) status = rw_fail(-EIO, "%s cannot be read", q->path);
        for (uint32_t i = 0; i < n && status == 0; i++) judge(r, &some[i], slot + i);
        if (status) break;
        need_chunks(r, at, n * sizeof *some);
        if (!write_at(q->fd, some, n * sizeof *some, at)) status = rw_fail(errno ? errno : EIO, "%s cannot be written: %s", q->path, strerror(errno));
    }
    free(some);
    return status;
}

static int clear_range(rwq *q, uint64_t from, uint64_t to) {
    if (fallocate(q->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)from, (off_t)(to - from)) == 0) return 0;
    static const uint8_t zeros[RW_CHUNK];
    for (uint64_t at = from; at < to; at += RW_CHUNK)
        if (!write_at(q->fd, zeros, to - at < RW_CHUNK ? to - at : RW_CHUNK, at)) return rw_fail(errno ? errno : EIO, "%s cannot be written: %s", q->path, strerror(errno));
    return 0;
}

static int rebuild(rwq *q, const uint8_t boot[16]) {
    struct rebuild r = {.q = q};
    r.body = malloc(q->l.large_stride ? q->l.large_stride : q->l.small_bytes);
    if (!r.body) return rw_fail(-ENOMEM, "out of memory");
    struct rw_control before;
    bool control_read = read_at(q->fd, &before, sizeof before, q->l.control);
    int status = judge_all(&r);
    /* Bitmaps, bounds and participants lie together; rings by themselves. All of it is rebuilt from the slots. */
    if (status == 0) status = clear_range(q, q->l.used, q->l.headers);
    if (status == 0) status = clear_range(q, q->l.rings, q->l.note_area);
    RW_POINT("rebuild:cleared");
    uint64_t base_chunks = rw_base_chunks(&q->l);
    if (status == 0) status = rw_allocate(q->fd, 0, base_chunks * RW_CHUNK);
    for (uint64_t chunk = 0; chunk < q->l.meta_end / RW_CHUNK && status == 0; chunk++)
        if (chunk < base_chunks) r.map[chunk / 64] |= 1ull << (chunk % 64);
        else if (r.map[chunk / 64] >> (chunk % 64) & 1) status = rw_allocate(q->fd, chunk * RW_CHUNK, RW_CHUNK);
    if (status == 0 && !(control_read && write_at(q->fd, r.map, sizeof r.map, q->l.chunk_map))) status = rw_fail(-EIO, "%s cannot be rebuilt", q->path);
    if (status == 0) {
        struct rw_control fresh;
        rw_fresh_control(&fresh, &q->l);
        uint64_t sequence = atomic_load(&before.sequence);
        atomic_init(&fresh.sequence, sequence > r.last_id ? sequence : r.last_id);
        atomic_init(&fresh.high_water, r.high_water);
        atomic_init(&fresh.dead_letters, r.dead);
        atomic_init(&fresh.lifecycle, atomic_load(&before.lifecycle) & (RWQ_ENDED | RWQ_CLOSED | RWQ_PAUSED_BIT));
        atomic_init(&fresh.orphans, RW_ORPHANS_NEW); /* whoever opens it hints everything, in order */
        memcpy(fresh.boot_id, boot, sizeof fresh.boot_id);
        /* Everything else first. The old control words stand until they are replaced whole, with the boot id in them: until then the next
         * one begins anew. */
        RW_POINT("rebuild:before-control");
        if (fdatasync(q->fd) != 0 || !write_at(q->fd, &fresh, sizeof fresh, q->l.control) || fdatasync(q->fd) != 0) status = rw_fail(errno ? errno : EIO, "%s cannot be written: %s", q->path, strerror(errno));
    }
    free(r.body);
    return status;
}

/* Called before the file is mapped, so that nobody of this boot uses it yet. */
int rw_journal_open(rwq *q) {
    uint8_t now[16], then[16];
    uint64_t at = q->l.control + offsetof(struct rw_control, boot_id);
    int status = rw_boot_id(now);
    if (status) return status;
    if (!read_at(q->fd, then, sizeof then, at)) return rw_fail(-EIO, "%s cannot be read", q->path);
    if (memcmp(now, then, sizeof now) == 0) return 0;
    if ((status = rw_lock_byte(q->fd, RW_LOCK_REBUILD, true))) return rw_fail(status, "locking %s: %s", q->path, strerror(-status));
    if (!read_at(q->fd, then, sizeof then, at)) status = rw_fail(-EIO, "%s cannot be read", q->path);
    else if (memcmp(now, then, sizeof now) != 0) status = rebuild(q, now);
    rw_unlock_byte(q->fd, RW_LOCK_REBUILD);
    return status;
}
