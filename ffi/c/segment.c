/* Creating, opening and removing a segment. A name never shows a half-built one; nothing of a foreign file is trusted before it was checked. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "queue.h"

#define STAGING_DEFAULT 262144u
#define STAGING_LIMIT (1u << 30)

/* ---- create ---- */

static uint32_t or_default(uint32_t value, uint32_t standard) { return value ? value : standard; }

static uint64_t wall_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int describe(struct rw_super *s, struct rw_layout *l, const struct rwq_params *p) {
    uint32_t slots = or_default(p->max_messages, 16384), body = or_default(p->max_body, 65536), participants = or_default(p->max_participants, 256);
    uint32_t headers = p->max_headers == UINT32_MAX ? 0 : or_default(p->max_headers, 256), deliver = or_default(p->max_deliver, 5);
    if (slots > RWQ_MAX_SLOTS) return rw_fail(-EINVAL, "max_messages is %u, at most %u are possible", slots, RWQ_MAX_SLOTS);
    if (body > RWQ_MAX_BODY) return rw_fail(-EINVAL, "max_body is %u bytes, at most %u are possible", body, RWQ_MAX_BODY);
    if (headers > RWQ_MAX_HEADERS) return rw_fail(-EINVAL, "max_headers is %u bytes, at most %u are possible", headers, RWQ_MAX_HEADERS);
    if (participants > RWQ_MAX_PARTICIPANTS) return rw_fail(-EINVAL, "max_participants is %u, at most %u are possible", participants, RWQ_MAX_PARTICIPANTS);
    if (deliver > RWQ_MAX_DELIVER) return rw_fail(-EINVAL, "max_deliver is %u, at most %u are possible", deliver, RWQ_MAX_DELIVER);
    if (p->journal > RWQ_JOURNAL_SYNC) return rw_fail(-EINVAL, "journal mode %u is unknown", p->journal);
    if (!rw_layout_compute(l, slots, participants, body, headers)) return rw_fail(-EINVAL, "a queue of %u messages with %u bytes each is too large", slots, body);
    *s = (struct rw_super){
        .magic = RW_MAGIC, .endian = RW_ENDIAN, .abi_major = RWQ_ABI_MAJOR, .abi_minor = RWQ_ABI_MINOR, .super_bytes = sizeof *s,
        .incompat = p->journal ? RW_INCOMPAT_JOURNAL : 0, .total_bytes = l->total,
        .slots = slots, .ring_entries = l->ring_entries, .participants = participants, .notes = l->notes,
        .max_body = body, .max_headers = headers, .max_dead = or_default(p->max_dead, slots / 10 ? slots / 10 : 1), .max_deliver = deliver,
        .lease_ms = or_default(p->lease_ms, 30000), .journal = p->journal, .interval_ms = or_default(p->interval_ms, 100), .creator_uid = geteuid(),
        .small_bytes = l->small_bytes, .large_stride_pages = (uint32_t)(l->large_stride / RW_PAGE), .created_ms = wall_ms(),
    };
    if (getrandom(s->uuid, sizeof s->uuid, 0) != sizeof s->uuid) return rw_fail(errno, "getrandom: %s", strerror(errno));
    s->uuid[6] = (s->uuid[6] & 0x0f) | 0x40, s->uuid[8] = (s->uuid[8] & 0x3f) | 0x80; /* RFC 9562, version 4 */
    s->crc = rw_crc32c(0, s, offsetof(struct rw_super, crc));
    return 0;
}

/* A file without a name where the file system can, a unique temporary otherwise. */
static int open_unnamed(const char *directory, char *temporary, size_t capacity) {
    temporary[0] = 0;
    int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT)) return fd >= 0 ? fd : rw_fail(errno, "making a file in %s: %s", directory, strerror(errno));
    uint64_t number = 0;
    if (getrandom(&number, sizeof number, 0) != sizeof number) return -errno;
    snprintf(temporary, capacity, "%s/.ringwire-new-%016llx", directory, (unsigned long long)number);
    fd = open(temporary, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
    return fd >= 0 ? fd : rw_fail(errno, "making %s: %s", temporary, strerror(errno));
}

static int give_name(int fd, const char *temporary, const char *path) {
    char self[64];
    snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    int failed = temporary[0] ? (int)syscall(SYS_renameat2, AT_FDCWD, temporary, AT_FDCWD, path, 1 /* RENAME_NOREPLACE */) : linkat(AT_FDCWD, self, AT_FDCWD, path, AT_SYMLINK_FOLLOW);
    return failed ? -errno : 0;
}

static int read_boot_id(uint8_t id[16]) {
    char text[64];
    memset(id, 0, 16);
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return rw_fail(errno, "reading the boot id: %s", strerror(errno));
    ssize_t n = read(fd, text, sizeof text);
    close(fd);
    for (int i = 0, nibble = 0; i < n && nibble < 32; i++) {
        int c = text[i], v = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (v >= 0) id[nibble / 2] |= (uint8_t)(v << (nibble % 2 ? 0 : 4)), nibble++;
    }
    return 0;
}

int rw_boot_id(uint8_t id[16]) { return read_boot_id(id); }

static int write_all(int fd, const void *data, size_t n, uint64_t at) {
    for (const uint8_t *p = data; n;) {
        ssize_t done = pwrite(fd, p, n, (off_t)at);
        if (done < 0 && errno == EINTR) continue;
        if (done < 0) return rw_fail(errno == EDQUOT ? ENOSPC : errno, "writing the segment: %s", strerror(errno));
        p += done, n -= (size_t)done, at += (uint64_t)done;
    }
    return 0;
}

void rw_fresh_control(struct rw_control *control, const struct rw_layout *l) {
    memset(control, 0, sizeof *control);
    for (int ring = 0; ring < RW_RINGS; ring++) {
        atomic_init(&control->ring[ring].head, l->ring_entries);
        atomic_init(&control->ring[ring].tail, l->ring_entries);
    }
}

/* The part that is there from the beginning: everything up to the participants. */
static int write_base(int fd, const struct rw_layout *l) {
    uint64_t chunks = rw_base_chunks(l), map[RW_PAGE / 8] = {0};
    int status = rw_allocate(fd, 0, chunks * RW_CHUNK);
    if (status) return status;
    struct rw_control control;
    rw_fresh_control(&control, l);
    if ((status = write_all(fd, &control, sizeof control, l->control))) return status;
    for (uint64_t chunk = 0; chunk < chunks; chunk++) map[chunk / 64] |= 1ull << (chunk % 64);
    return write_all(fd, map, sizeof map, l->chunk_map);
}

static int check_file_system(int fd, const char *path, bool journal) {
    struct statfs fs;
    if (fstatfs(fd, &fs) != 0) return rw_fail(errno, "statfs %s: %s", path, strerror(errno));
    bool memory = fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC || fs.f_type == HUGETLBFS_MAGIC;
    if (!journal && !memory) return rw_fail(-EOPNOTSUPP, "%s is not on a memory file system; a queue on disk is a journal", path);
    if (fs.f_type == NFS_SUPER_MAGIC || fs.f_type == SMB_SUPER_MAGIC || fs.f_type == 0xFE534D42) return rw_fail(-EOPNOTSUPP, "%s is on a network file system, whose memory mappings are not shared", path);
    return 0;
}

static int build(int fd, const struct rwq_params *p, const char *path) {
    struct rw_super super;
    struct rw_layout l;
    int status = describe(&super, &l, p);
    if (status == 0) status = check_file_system(fd, path, p->journal != RWQ_JOURNAL_NONE);
    if (status) return status;
    if (fchmod(fd, or_default(p->mode, 0600) & 0666) != 0) return rw_fail(errno, "chmod: %s", strerror(errno));
    if (ftruncate(fd, (off_t)l.total) != 0) return rw_fail(errno == EFBIG ? ENOSPC : errno, "a segment of %llu bytes: %s", (unsigned long long)l.total, strerror(errno));
    RW_POINT("create:sized");
    if ((status = write_base(fd, &l))) return status;
    RW_POINT("create:based");
    if ((status = write_all(fd, &super, sizeof super, 0))) return status;
    if (p->journal) {
        uint8_t boot[16];
        if ((status = read_boot_id(boot))) return status;
        if ((status = write_all(fd, boot, sizeof boot, l.control + offsetof(struct rw_control, boot_id)))) return status;
        if (fsync(fd) != 0) return rw_fail(errno, "fsync: %s", strerror(errno));
    }
    RW_POINT("create:built");
    return 0;
}

/*
 * Removes the name of a CLOSED segment, if it still is this one's. Between the look and the unlink somebody else could remove it and a
 * successor take the name, so both happen under a byte lock of the closed file: who does not get it leaves the removal to who has it.
 */
static int remove_name(int fd, const char *path) {
    struct stat mine, named;
    int status = rw_lock_byte(fd, RW_LOCK_REBUILD, false);
    if (status) return status == -EAGAIN ? -EBUSY : status;
    if (fstat(fd, &mine) == 0 && lstat(path, &named) == 0 && mine.st_ino == named.st_ino && mine.st_dev == named.st_dev && unlink(path) != 0 && errno != ENOENT)
        status = rw_fail(errno, "removing %s: %s", path, strerror(errno));
    rw_unlock_byte(fd, RW_LOCK_REBUILD);
    return status;
}

/* A name whose queue was destroyed by somebody who died between the mark and the unlink. */
static bool remove_closed(const char *path) {
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) return errno == ENOENT;
    uint32_t lifecycle = 0;
    uint64_t magic = 0;
    bool closed = pread(fd, &magic, sizeof magic, 0) == sizeof magic && magic == RW_MAGIC &&
                  pread(fd, &lifecycle, sizeof lifecycle, RW_PAGE + offsetof(struct rw_control, lifecycle)) == sizeof lifecycle && (lifecycle & RWQ_CLOSED);
    bool removed = closed && remove_name(fd, path) == 0;
    close(fd);
    return removed;
}

int32_t rwq_create(const void *path_bytes, const void *params, uint32_t flags) {
    const char *path = path_bytes;
    char directory[4096], temporary[4200];
    size_t length = strnlen(path, sizeof directory);
    if (length == 0 || length >= sizeof directory) return rw_fail(length ? -ENAMETOOLONG : -EINVAL, "the path has %zu bytes", length);
    memcpy(directory, path, length + 1);
    char *slash = strrchr(directory, '/');
    if (!slash) return rw_fail(-EINVAL, "the path %s is not absolute", path);
    slash[slash == directory] = 0;
    int fd = open_unnamed(directory, temporary, sizeof temporary);
    if (fd < 0) return fd;
    int status = build(fd, params, path);
    if (status == 0 && (status = give_name(fd, temporary, path)) == -EEXIST && flags & RWQ_CREATE_REPLACE_CLOSED && remove_closed(path)) status = give_name(fd, temporary, path);
    if (status == -EEXIST) rw_fail(status, "%s is there already", path);
    else if (status == -ENOENT || status == -EACCES) rw_fail(status, "%s: %s", path, strerror(-status));
    RW_POINT("create:linked");
    if (temporary[0] && status) unlink(temporary);
    if (status == 0 && ((const struct rwq_params *)params)->journal) {
        int parent = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* the name must survive a power cut too */
        if (parent >= 0) fsync(parent), close(parent);
    }
    close(fd);
    return status;
}

/* ---- open ---- */

static int check_owner(int fd, const char *path, uint32_t flags, struct stat *st) {
    if (fstat(fd, st) != 0) return rw_fail(errno, "%s: %s", path, strerror(errno));
    if (!S_ISREG(st->st_mode)) return rw_fail(-EPROTO, "%s is not a regular file", path);
    if (!(flags & RWQ_OPEN_SHARED)) {
        if (st->st_uid != geteuid()) return rw_fail(-EPERM, "%s belongs to user %u, not to %u", path, (unsigned)st->st_uid, (unsigned)geteuid());
        if (st->st_mode & 077) return rw_fail(-EPERM, "%s may be used by others (mode %03o); say that this is wanted", path, (unsigned)st->st_mode & 0777u);
    }
    if (st->st_nlink > 1) return rw_fail(-EPERM, "%s has %lu names", path, (unsigned long)st->st_nlink);
    return 0;
}

static int check_super(struct rw_super *s, struct rw_layout *l, const struct stat *st, const char *path) {
    if (s->magic != RW_MAGIC && s->magic != __builtin_bswap64(RW_MAGIC)) return rw_fail(-EPROTO, "%s is not a ringwire segment", path);
    if (s->endian != RW_ENDIAN) return rw_fail(-EPROTONOSUPPORT, "%s was made on a machine of the other byte order", path);
    if (s->abi_major != RWQ_ABI_MAJOR) return rw_fail(-EPROTONOSUPPORT, "%s has layout %u.%u, this build knows %u.x", path, s->abi_major, s->abi_minor, RWQ_ABI_MAJOR);
    if (s->incompat & ~RW_INCOMPAT_KNOWN || s->ro_compat & ~RW_RO_COMPAT_KNOWN)
        return rw_fail(-EPROTONOSUPPORT, "%s uses features that this build does not know (%#x, %#x)", path, s->incompat & ~RW_INCOMPAT_KNOWN, s->ro_compat & ~RW_RO_COMPAT_KNOWN);
    if (s->super_bytes != sizeof *s || s->crc != rw_crc32c(0, s, offsetof(struct rw_super, crc))) return rw_fail(-EUCLEAN, "the header of %s is damaged", path);
    if (!rw_layout_compute(l, s->slots, s->participants, s->max_body, s->max_headers) || l->total != s->total_bytes || l->ring_entries != s->ring_entries || l->notes != s->notes ||
        l->small_bytes != s->small_bytes || l->large_stride != (uint64_t)s->large_stride_pages * RW_PAGE || s->journal > RWQ_JOURNAL_SYNC || s->max_deliver == 0 || s->lease_ms == 0)
        return rw_fail(-EUCLEAN, "the header of %s contradicts itself", path);
    if ((uint64_t)st->st_size != s->total_bytes) return rw_fail(-EPROTO, "%s has %lld bytes, its header says %llu: it was cut", path, (long long)st->st_size, (unsigned long long)s->total_bytes);
    return 0;
}

static void release(rwq *q) {
    if (q->base && !q->views_given) {
        munmap(q->base, q->l.total);
        if (q->view) munmap((void *)q->view, q->l.total);
    }
    if (q->send_socket >= 0) close(q->send_socket); /* leaving may have woken somebody */
    if (q->fd >= 0) close(q->fd);
    free((void *)q->chunk_seen);
    pthread_mutex_destroy(&q->lock_mutex);
    free(q);
}

/*
 * Exchange blocks are never given back to the system: a caller in JavaScript may hold a view of one for longer than its handle. They are
 * kept for the next handle that asks for the same size.
 */
static pthread_mutex_t blocks_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct block {
    struct block *next;
    struct rwq_io *io;
    uint32_t staging_bytes;
} *spare_blocks;

static struct rwq_io *take_block(uint32_t staging_bytes) {
    struct rwq_io *io = NULL;
    pthread_mutex_lock(&blocks_mutex);
    for (struct block **at = &spare_blocks; *at; at = &(*at)->next) {
        if ((*at)->staging_bytes != staging_bytes) continue;
        struct block *b = *at;
        *at = b->next;
        io = b->io;
        free(b);
        break;
    }
    pthread_mutex_unlock(&blocks_mutex);
    if (!io) {
        void *fresh = NULL;
        if (posix_memalign(&fresh, RW_PAGE, RWQ_IO_STAGING + (size_t)staging_bytes)) return NULL;
        io = fresh;
    }
    memset(io, 0, RWQ_IO_BYTES);
    return io;
}

static void keep_block(struct rwq_io *io, uint32_t staging_bytes) {
    struct block *b = malloc(sizeof *b);
    if (!b) return; /* leaked: the lesser evil */
    pthread_mutex_lock(&blocks_mutex);
    *b = (struct block){spare_blocks, io, staging_bytes};
    spare_blocks = b;
    pthread_mutex_unlock(&blocks_mutex);
}

static int map_and_check(rwq *q, uint32_t flags) {
    struct stat st;
    q->fd = open(q->path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (q->fd < 0) return rw_fail(errno == ELOOP ? -EPERM : -errno, "%s: %s", q->path, errno == ELOOP ? "is a symbolic link" : strerror(errno));
    int status = check_owner(q->fd, q->path, flags, &st);
    if (status) return status;
    /* By read(2) into private memory: a mapping could be cut under our feet, and another process could change what was checked. */
    ssize_t n = pread(q->fd, &q->super, sizeof q->super, 0);
    if (n < 0) return rw_fail(errno, "reading %s: %s", q->path, strerror(errno));
    if ((size_t)n < sizeof q->super) return rw_fail(-EPROTO, "%s is too short for a ringwire segment (%lld bytes)", q->path, (long long)st.st_size);
    if ((status = check_super(&q->super, &q->l, &st, q->path))) return status;
    q->journal = q->super.journal != RWQ_JOURNAL_NONE;
    if ((status = check_file_system(q->fd, q->path, q->journal))) return status;
    if (q->journal && (status = rw_journal_open(q))) return status;
    void *base = mmap(NULL, q->l.total, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, q->fd, 0);
    if (base == MAP_FAILED) return rw_fail(errno, "mapping %llu bytes of %s: %s", (unsigned long long)q->l.total, q->path, strerror(errno));
#ifdef RW_TEST_SHARED_MAPPING /* ThreadSanitizer sees a race only when both sides use one mapping */
    static uint8_t *shared;
    if (!shared) shared = base;
    base = shared, q->views_given = true;
#endif
    q->base = base;
    q->control = (struct rw_control *)(q->base + q->l.control);
    q->slots = (struct rw_slot *)(q->base + q->l.headers);
    q->chunk_seen = calloc(q->l.meta_end / RW_CHUNK / 64 + 1, sizeof(uint64_t));
    if (!q->chunk_seen) return rw_fail(-ENOMEM, "out of memory");
    if (rw_load(&q->control->lifecycle) & RWQ_CLOSED) return rw_fail(-ESHUTDOWN, "%s was destroyed", q->path);
    if (rw_load(&q->control->poisoned)) return rw_fail(-EUCLEAN, "%s is damaged", q->path);
    return 0;
}

int32_t rwq_open(const void *path, void *options) {
    struct rwq_open_options *o = options;
    uint32_t staging = or_default(o->staging_bytes, STAGING_DEFAULT);
    if (staging < 4096 || staging > STAGING_LIMIT) return rw_fail(-EINVAL, "a staging area of %u bytes; 4096 to %u are possible", staging, STAGING_LIMIT);
    staging = (uint32_t)rw_pad8(staging); /* as the records in it are */
    if (strnlen(path, sizeof((rwq *)0)->path) >= sizeof((rwq *)0)->path) return rw_fail(-ENAMETOOLONG, "the path is too long");
    rwq *q = calloc(1, sizeof *q);
    if (!q) return rw_fail(-ENOMEM, "out of memory");
    q->fd = -1, q->wake_socket = -1, q->send_socket = -1;
    q->observe = o->flags & RWQ_OPEN_OBSERVE;
    pthread_mutex_init(&q->lock_mutex, NULL);
    strcpy(q->path, path);
    int status = map_and_check(q, o->flags);
    if (status == 0) {
        q->staging_bytes = staging;
        q->io = take_block(staging);
        if (!q->io) status = rw_fail(-ENOMEM, "out of memory");
    }
    if (status == 0) {
        q->staging = (uint8_t *)q->io + RWQ_IO_STAGING;
        q->takes = (uint32_t)rw_precise_ns(); /* a one-shot consumer must not always begin with the highest priority */
        for (uint32_t ring = 0; ring < RW_RINGS; ring++) {
            atomic_init(&q->ring_head[ring], rw_load(&q->control->ring[ring].head));
            atomic_init(&q->ring_tail[ring], rw_load(&q->control->ring[ring].tail));
        }
        rw_now_ms(q);
        if (!q->observe) status = rw_attach(q, o->name);
        /* After a rebuild: old messages get their hints, and delayed ones their bounds, before anyone can send through this handle. */
        if (status == 0 && q->journal && !q->observe && rw_orphans(q)) rw_sweep_full(q);
    }
    if (status == 0 && q->super.journal == RWQ_JOURNAL_INTERVAL && !q->observe && !rw_helper_start(q)) status = -ENOMEM;
    if (status) {
        if (q->io) keep_block(q->io, q->staging_bytes);
        release(q);
        return status;
    }
    o->handle = (uint64_t)(uintptr_t)q, o->io = (uint64_t)(uintptr_t)q->io;
    return 0;
}

int32_t rwq_close(rwq *q) {
    rw_helper_stop(q);
    if (!q->observe) {
        rwq_disarm(q);
        rw_wake_cleanup(q);
        rw_detach(q);
        rw_stop_consuming(q);
    }
    int32_t status = q->super.journal > RWQ_JOURNAL_PROCESS ? rw_journal_write_out(q) : 0;
    keep_block(q->io, q->staging_bytes);
    release(q);
    return status;
}

/* ---- lifecycle ---- */

int32_t rwq_lifecycle(rwq *q) {
    if (rw_load(&q->control->poisoned)) return rw_fail(-EUCLEAN, "the segment is damaged");
    return (int32_t)(rw_load_seq(&q->control->lifecycle) & (RWQ_ENDED | RWQ_CLOSED | RWQ_PAUSED_BIT));
}

static int32_t change(rwq *q, uint32_t set, uint32_t clear) {
    if (rw_load_seq(&q->control->lifecycle) & RWQ_CLOSED) return rw_fail(-ESHUTDOWN, "the queue was destroyed");
    /* SYNC POINT (lifecycle): end, then look for claims / claim, then look for the end: check_open() after the claim */
    atomic_fetch_or(&q->control->lifecycle, set);
    if (clear) atomic_fetch_and(&q->control->lifecycle, ~clear);
    if (q->super.journal == RWQ_JOURNAL_SYNC) rwq_sync(q);
    rw_wake_all(q);
    return 0;
}
int32_t rwq_end(rwq *q) { return change(q, RWQ_ENDED, 0); }
int32_t rwq_pause(rwq *q, uint32_t on) { return on ? change(q, RWQ_PAUSED_BIT, 0) : change(q, 0, RWQ_PAUSED_BIT); }
int32_t rwq_reopen(rwq *q) {
    if (!(rw_load_seq(&q->control->lifecycle) & RWQ_ENDED)) return 0;
    if (!rw_drained(q)) return rw_fail(-EBUSY, "messages of the ended stream are left");
    return change(q, 0, RWQ_ENDED);
}

int32_t rwq_destroy(rwq *q) {
    uint32_t before = atomic_fetch_or(&q->control->lifecycle, RWQ_CLOSED);
    RW_POINT("destroy:marked");
    rw_wake_all(q);
    for (uint32_t i = 1; i <= rw_load(&q->control->participants_high) && i <= q->l.participants; i++)
        if (i != q->me && !rw_byte_is_locked(q->fd, RW_LOCK_BASE + i)) rw_wake_forget(q, i);
    int status = remove_name(q->fd, q->path);
    if (status && status != -EBUSY) return status;
    return before & RWQ_CLOSED ? rw_fail(-ESHUTDOWN, "the queue was destroyed before") : 0;
}

int32_t rwq_sync(rwq *q) {
    if (!q->journal) return 0;
    return rw_journal_write_out(q);
}
