/*
 * Who takes part. Each participant holds an open-file-description lock on a byte of its own; the kernel drops it when the process dies,
 * however it dies. The lock is the liveness test and the right to recover what its holder left.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "queue.h"

static struct flock byte_at(uint64_t at, short type) { return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)at, .l_len = 1}; }

static int lock_byte(int fd, int command, struct flock lock) {
    while (fcntl(fd, command, &lock) != 0) {
        if (errno == EINTR) continue;
        return errno == EACCES ? -EAGAIN : -errno;
    }
    return 0;
}

int rw_lock_byte(int fd, uint64_t at, bool wait) { return lock_byte(fd, wait ? F_OFD_SETLKW : F_OFD_SETLK, byte_at(at, F_WRLCK)); }

int rw_share_byte(int fd, uint64_t at) { return lock_byte(fd, F_OFD_SETLK, byte_at(at, F_RDLCK)); }

void rw_unlock_byte(int fd, uint64_t at) {
    struct flock lock = byte_at(at, F_UNLCK);
    fcntl(fd, F_OFD_SETLK, &lock);
}

bool rw_byte_is_locked(int fd, uint64_t at) {
    struct flock lock = byte_at(at, F_WRLCK);
    return fcntl(fd, F_OFD_GETLK, &lock) != 0 || lock.l_type != F_UNLCK;
}

static uint64_t process_start(uint32_t pid) {
    char path[64], line[1024];
    snprintf(path, sizeof path, "/proc/%u/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    ssize_t n = read(fd, line, sizeof line - 1);
    close(fd);
    if (n <= 0) return 0;
    line[n] = 0;
    char *after_name = strrchr(line, ')');
    if (!after_name) return 0;
    char *at = after_name + 1;
    for (int field = 3; field < 22 && at; field++) at = strchr(at + 1, ' ');
    return at ? strtoull(at, NULL, 10) : 0;
}

static uint64_t pid_namespace(void) {
    struct stat st;
    return stat("/proc/self/ns/pid", &st) == 0 ? (uint64_t)st.st_ino : 0;
}

bool rw_process_is_here(const struct rw_participant *p) { return rw_load(&p->pid_namespace) == pid_namespace() && rw_load(&p->process_start) == process_start(rw_load(&p->pid)); }

static void forget(rwq *q, struct rw_participant *p, uint32_t i) {
    for (int what = 0; what < 2; what++) atomic_fetch_and(&q->control->armed[what][i / 64], ~(1ull << (i & 63)));
    rw_store(&p->reading, 0);
    rw_store(&p->wake_kind, 0);
    rw_store(&p->consumes, RWQ_CONSUMES_NOTHING);
    rw_drop_is_counted(p); /* its claims are free: nobody needs the note any more */
    rw_store_seq(&p->active, 0);
}

static void register_me(rwq *q, uint32_t i, const uint8_t *name) {
    struct rw_participant *p = rw_part(q, i);
    q->me = i;
    q->me_record = p;
    for (int c = 0; c < RWQ_COUNTERS; c++) rw_store_relaxed(&p->base[c], rw_load_relaxed(&p->counters[c]));
    uint32_t pid = (uint32_t)getpid();
    rw_store_relaxed(&p->pid, pid);
    rw_store_relaxed(&p->pid_namespace, pid_namespace());
    rw_store_relaxed(&p->process_start, process_start(pid));
    rw_now_ms(q);
    rw_store_relaxed(&p->start_ms, rw_wall_ms(q));
    rw_store_relaxed(&p->heartbeat_ms, q->clock_ms);
    memset(p->name, 0, sizeof p->name);
    memcpy(p->name, name, strnlen((const char *)name, RWQ_NAME_BYTES - 1));
    atomic_fetch_add(&p->registrations, 1);
    uint32_t high = rw_load(&q->control->participants_high);
    while (high < i && !rw_cas(&q->control->participants_high, &high, i)) {}
    RW_POINT("attach:registering");
    /* SYNC POINT (participant.active): releases the record; pairs with all who look at it before they read the rest */
    rw_store_seq(&p->active, 1);
    RW_POINT("attach:registered");
}

static struct rw_owners only(uint32_t i) {
    struct rw_owners owners = {0};
    owners.bits[i / 64] = 1ull << (i & 63);
    return owners;
}

/* Half steps first: a message that lost its hint is older than what is put back now. */
static uint32_t recover(rwq *q, const struct rw_owners *dead) {
    rw_mend_half_steps(q);
    return rw_recover_owned(q, dead, true);
}

/* -EAGAIN when somebody lives (or recovers) there. */
static int try_place(rwq *q, uint32_t i, const uint8_t *name) {
    int status = rw_reserve(q, q->l.parts + (uint64_t)i * sizeof(struct rw_participant), sizeof(struct rw_participant));
    if (status) return status;
    if ((status = rw_lock_byte(q->fd, RW_LOCK_BASE + i, false))) return status;
    RW_POINT("attach:locked");
    struct rw_participant *p = rw_part(q, i);
    q->me = i, q->me_record = p;
    if (rw_load(&p->active)) {
        /* Its holder died; what it left comes first, under the lock that is now ours. */
        struct rw_owners dead = only(i);
        recover(q, &dead);
        forget(q, p, i);
    }
    register_me(q, i, name);
    return 0;
}

int rw_attach(rwq *q, const uint8_t *name) {
    for (int pass = 0; pass < 2; pass++) {
        /* Clean places first: taking a dead one's place costs a scan. */
        for (uint32_t i = 1; i <= q->l.participants; i++) {
            if (pass == 0 && rw_part_present(q, i) && rw_load(&rw_part(q, i)->active)) continue;
            int status = try_place(q, i, name);
            if (status == 0) return 0;
            if (status != -EAGAIN) return status == -ENOSPC ? status : rw_fail(status, "locking participant %u: %s", i, strerror(-status));
        }
    }
    return rw_fail(-EUSERS, "all %u participants' places are taken", q->l.participants);
}

void rw_detach(rwq *q) {
    if (!q->me_record) return;
    rw_ring_share(q);
    struct rw_owners me = only(q->me);
    rw_recover_owned(q, &me, false);
    RW_POINT("detach:released");
    forget(q, q->me_record, q->me);
    RW_POINT("detach:forgotten");
    rw_unlock_byte(q->fd, RW_LOCK_BASE + q->me);
}

/* Takes the byte of a dead participant. It stays registered, and the byte locked, until everything of it is put back: whoever recovers may
 * die in between. */
static bool take_dead(rwq *q, uint32_t i) {
    /* One's own byte would answer "free" on one's own description; a second locker on it would believe to be alone. */
    if (i == q->me || !rw_part_present(q, i) || !rw_load(&rw_part(q, i)->active)) return false;
    if (rw_byte_is_locked(q->fd, RW_LOCK_BASE + i) || rw_lock_byte(q->fd, RW_LOCK_BASE + i, false) != 0) return false;
    RW_POINT("recover:locked");
    if (rw_load_seq(&rw_part(q, i)->active)) return true;
    rw_unlock_byte(q->fd, RW_LOCK_BASE + i);
    return false;
}

static void release_dead(rwq *q, uint32_t i) {
    rw_wake_forget(q, i);
    forget(q, rw_part(q, i), i);
    rw_unlock_byte(q->fd, RW_LOCK_BASE + i);
}

/* However many died, in one pass over the slots. */
static uint32_t recover_range(rwq *q, uint32_t from, uint32_t to) {
    struct rw_owners dead = {0};
    bool any = false;
    uint32_t moved = 0;
    pthread_mutex_lock(&q->lock_mutex);
    if (to > q->l.participants) to = q->l.participants;
    for (uint32_t i = from; i <= to; i++)
        if (take_dead(q, i)) dead.bits[i / 64] |= 1ull << (i & 63), any = true;
    if (any) {
        moved = recover(q, &dead);
        RW_POINT("recover:done");
        for (uint32_t i = from; i <= to; i++)
            if (dead.bits[i / 64] >> (i & 63) & 1) release_dead(q, i);
    }
    pthread_mutex_unlock(&q->lock_mutex);
    return moved;
}

uint32_t rw_recover_participant(rwq *q, uint32_t i) { return recover_range(q, i, i); }

uint32_t rw_recover_deaths(rwq *q) { return recover_range(q, 1, rw_load(&q->control->participants_high)); }
