/*
 * Waiting without losing a wake-up and without a count that a death would leave wrong.
 *
 * A waiter sets its bit in the armed set, raises the event's W bit, looks again, sleeps. Who publishes looks at the event word; if W is
 * set it takes one bit out of the set and wakes that participant: by its futex word, or, when it runs an event loop, by a datagram to its
 * unix socket. W goes down only by a CAS that sees no arming in between (each arming changes the event word).
 *
 * A SIGKILL of the one just woken strands that wake-up, so nobody sleeps longer than a slice (1 s). A woken event loop that is busy and
 * does not come back within 1 ms has its wake-up passed on by its own process's pass-on thread, which is asked to watch only when there
 * is somebody else to pass it to.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "queue.h"

#define SPIN_NS 20000u
#define PASS_ON_AFTER_NS 1000000
enum { WAKE_BY_FUTEX = 0, WAKE_BY_SOCKET = 1 };

static int futex_wait(_Atomic uint32_t *word, uint32_t value, const uint64_t *ms) {
    struct timespec t = {0};
    if (ms) t = (struct timespec){.tv_sec = (time_t)(*ms / 1000), .tv_nsec = (long)(*ms % 1000) * 1000000};
    return syscall(SYS_futex, word, FUTEX_WAIT, value, ms ? &t : NULL, NULL, 0) == 0 ? 0 : -errno;
}
static void futex_wake(_Atomic uint32_t *word) { syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0); }

/* ---- addresses: <directory>/<uuid>-<index>, in a directory that only this user may enter ---- */

static int socket_directory(const rwq *q, char *into, size_t capacity, bool make) {
    const char *slash = strrchr(q->path, '/');
    int n = q->journal || !slash ? snprintf(into, capacity, "/dev/shm/.ringwire-%u", (unsigned)geteuid())
                                 : snprintf(into, capacity, "%.*s/.ringwire-%u", (int)(slash - q->path), q->path, (unsigned)geteuid());
    if (n < 0 || (size_t)n >= capacity) return -ENAMETOOLONG;
    if (!make) return 0;
    if (mkdir(into, 0700) != 0 && errno != EEXIST) return rw_fail(errno, "making %s: %s", into, strerror(errno));
    struct stat st;
    if (lstat(into, &st) != 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077)) return rw_fail(-EPERM, "%s must be a directory of this user with mode 0700", into);
    return 0;
}

static int address_of(const rwq *q, uint32_t participant, struct sockaddr_un *to, socklen_t *length, bool make) {
    char directory[3800];
    int status = socket_directory(q, directory, sizeof directory, make);
    if (status) return status;
    *to = (struct sockaddr_un){.sun_family = AF_UNIX};
    const uint8_t *u = q->super.uuid;
    int n = snprintf(to->sun_path, sizeof to->sun_path, "%s/%02x%02x%02x%02x%02x%02x%02x%02x-%u", directory, u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7], participant);
    if (n < 0 || (size_t)n >= sizeof to->sun_path) return rw_fail(-ENAMETOOLONG, "%s is too long for a unix socket's address", directory);
    *length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)n + 1);
    return 0;
}

static int sending_socket(rwq *q) {
    int fd = atomic_load(&q->send_socket);
    if (fd >= 0) return fd;
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    int none = -1;
    if (!atomic_compare_exchange_strong(&q->send_socket, &none, fd)) {
        close(fd); /* the helper thread was faster */
        return none;
    }
    return fd;
}

/* ---- waking ---- */

static bool others_armed(rwq *q, uint32_t what) {
    for (uint32_t w = 0; w <= q->l.participants / 64; w++)
        if (rw_load(&q->control->armed[what][w])) return true;
    return false;
}

/* false: nobody is there to be woken. */
static bool deliver_wake(rwq *q, uint32_t what, uint32_t i) {
    if (!rw_part_present(q, i)) return false;
    struct rw_participant *p = rw_part(q, i);
    if (!rw_load(&p->active)) return false;
    /* SYNC POINT (participant.wake): pairs with rwq_wait(), which reads it before it arms; the kernel compares it before it sleeps */
    atomic_fetch_add(&p->wake, 1);
    if (rw_load(&p->wake_kind) == WAKE_BY_FUTEX) {
        futex_wake(&p->wake);
    } else {
        struct sockaddr_un to;
        socklen_t length;
        int fd = sending_socket(q);
        if (fd < 0 || address_of(q, i, &to, &length, false)) return false;
        /* A full buffer means that it has wake-ups enough. */
        if (sendto(fd, "w", 1, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&to, length) < 0 && errno != EAGAIN && errno != ENOBUFS) return false;
        if (others_armed(q, what)) {
            atomic_fetch_add(&p->watch, 1);
            futex_wake(&p->watch);
        }
    }
    if (q->me_record) rw_count(q, RWQ_COUNT_WAKES, 1); /* an observer has no counters */
    return true;
}

/* Takes one participant out of the armed set; UINT32_MAX when it is empty. */
static uint32_t take_armed(rwq *q, uint32_t what, uint32_t seed) {
    uint32_t words = q->l.participants / 64 + 1;
    for (uint32_t n = 0; n < words; n++) {
        uint32_t w = (seed / 64 + n) % words;
        _Atomic uint64_t *word = &q->control->armed[what][w];
        uint64_t bits = rw_load_seq(word);
        while (bits) {
            /* From the seed's bit on, so that the waiters take turns. */
            uint64_t from_seed = n == 0 ? bits & (~0ull << (seed & 63)) : bits;
            uint32_t bit = (uint32_t)__builtin_ctzll(from_seed ? from_seed : bits);
            uint64_t mask = 1ull << bit;
            /* SYNC POINT (armed): one waker gets the bit; pairs with arm(), and with the clear of a waiter that leaves, which acquires what
             * the waker published */
            if (atomic_fetch_and(word, ~mask) & mask) return w * 64 + bit;
            bits = rw_load_seq(word);
        }
    }
    return UINT32_MAX;
}

void rw_wake_one(rwq *q, uint32_t what) {
    _Atomic uint32_t *event = &q->control->event[what];
    uint32_t seen = rw_load_seq(event);
    while (seen & 1) {
        uint32_t i = take_armed(q, what, (seen >> 1) % (q->l.participants + 1));
        if (i == UINT32_MAX) {
            /* SYNC POINT (event): fails if anybody armed since `seen`, whose bit take_armed() may have missed */
            if (rw_cas(event, &seen, seen & ~1u)) return;
            continue; /* somebody armed meanwhile: seen is fresh */
        }
        RW_POINT("wake:taken");
        if (deliver_wake(q, what, i)) return;
    }
}

void rw_wake_all(rwq *q) {
    for (uint32_t what = 0; what < 2; what++)
        for (uint32_t i; (i = take_armed(q, what, 0)) != UINT32_MAX;) deliver_wake(q, what, i);
}

/* ---- waiting ---- */

static bool available(rwq *q, uint32_t what) {
    /* SYNC POINT (event): all these looks are seq_cst, as they come after arm()'s CAS; poisoned wakes nobody and waits for a slice's end */
    uint32_t lifecycle = rw_load_seq(&q->control->lifecycle);
    if (lifecycle & RWQ_CLOSED || rw_load(&q->control->poisoned)) return true;
    if (what == RWQ_FOR_SPACE) return lifecycle & RWQ_ENDED || rw_used_any_free(q);
    if (lifecycle & RWQ_PAUSED_BIT) return false;
    uint64_t due = rw_load_seq(&q->control->next_due);
    if (due && due <= rw_due_clock(q)) return true;
    if (rw_anything_ready(q) || rw_orphans(q) == RW_ORPHANS_NEW) return true;
    return lifecycle & RWQ_ENDED && rw_drained(q);
}

void rw_wake_seen(rwq *q) { rw_store(&q->me_record->wake_seen, rw_load(&q->me_record->wake)); }

static void arm(rwq *q, uint32_t what) {
    rw_wake_seen(q);
    q->chain[what] = true;
    q->armed |= 1u << what;
    /* SYNC POINT (armed): releases wake_kind to who takes the bit out; pairs with take_armed() */
    atomic_fetch_or(&q->control->armed[what][q->me / 64], 1ull << (q->me & 63));
    RW_POINT("arm:listed");
    /* One's own positions may be a whole round of cycles old after a long rest. */
    for (uint32_t ring = 0; ring < RW_RINGS; ring++) rw_store_relaxed(&q->ring_head[ring], rw_ring_head(q, ring));
    _Atomic uint32_t *event = &q->control->event[what];
    uint32_t seen = rw_load_seq(event);
    /* SYNC POINT (event): armed bit, then W, then the look at the queue / the ring's CAS, then the look at W. */
    while (!rw_cas(event, &seen, ((seen >> 1) + 1) << 1 | 1u)) {}
}

int32_t rwq_disarm(rwq *q) {
    if (q->observe || !q->armed) return 0;
    for (uint32_t what = 0; what < 2; what++)
        if (q->armed >> what & 1) atomic_fetch_and(&q->control->armed[what][q->me / 64], ~(1ull << (q->me & 63)));
    q->armed = 0;
    rw_wake_seen(q);
    /* A wake-up that came just now may have been meant for a message that somebody else should take. */
    if (rw_load_seq(&q->control->event[RWQ_FOR_MESSAGE]) & 1u && rw_anything_ready(q)) rw_wake_one(q, RWQ_FOR_MESSAGE);
    rw_pass_on_room(q);
    return 0;
}

/* Many places may be freed with one wake-up: who was woken wakes the next while there is room. */
void rw_pass_on_room(rwq *q) {
    q->chain[RWQ_FOR_SPACE] = false;
    if (rw_load_seq(&q->control->event[RWQ_FOR_SPACE]) & 1u && rw_used_any_free(q)) rw_wake_one(q, RWQ_FOR_SPACE);
}

static void tell_next_due(rwq *q) {
    uint64_t work = rw_next_work_in(q);
    q->io->out_next_due_ms = work == UINT64_MAX ? -1 : (double)work;
}

int32_t rwq_arm(rwq *q, uint32_t what) {
    if (q->observe || what > RWQ_FOR_SPACE) return rw_fail(-EINVAL, "this handle cannot wait for %u", what);
    rw_maintain(q, rw_now_ms(q));
    rw_store(&q->me_record->wake_kind, WAKE_BY_SOCKET);
    arm(q, what);
    tell_next_due(q);
    if (!available(q, what)) return 0;
    atomic_fetch_and(&q->control->armed[what][q->me / 64], ~(1ull << (q->me & 63)));
    q->armed &= ~(1u << what);
    return 1;
}

static bool spin(rwq *q, uint32_t what) {
    uint64_t until = rw_precise_ns() + SPIN_NS;
    do {
        for (int i = 0; i < 16; i++) {
            if (available(q, what)) return true;
#if defined(__x86_64__)
            __builtin_ia32_pause();
#endif
        }
    } while (rw_precise_ns() < until);
    return false;
}

int32_t rwq_wait(rwq *q, uint32_t what, double timeout_ms) {
    if (q->observe || what > RWQ_FOR_SPACE) return rw_fail(-EINVAL, "this handle cannot wait for %u", what);
    rw_now_ms(q);
    if (available(q, what)) return 0;
    if (!(timeout_ms > 0)) return -ETIMEDOUT;
    if (spin(q, what)) return 0;
    struct rw_participant *p = q->me_record;
    rw_store(&p->wake_kind, WAKE_BY_FUTEX);
    uint32_t value = rw_load_seq(&p->wake);
    arm(q, what);
    int32_t result = 0;
    if (!available(q, what)) {
        uint64_t ms = timeout_ms < RW_SLICE_MS ? (uint64_t)(timeout_ms + 0.999) : RW_SLICE_MS, due = rw_next_work_in(q);
        bool whole = timeout_ms <= RW_SLICE_MS && due >= ms;
        if (what == RWQ_FOR_MESSAGE && due < ms) ms = due + 1;
        if (futex_wait(&p->wake, value, &ms) == -ETIMEDOUT && whole) result = -ETIMEDOUT;
    }
    rw_maintain(q, rw_now_ms(q));
    atomic_fetch_and(&q->control->armed[what][q->me / 64], ~(1ull << (q->me & 63)));
    q->armed &= ~(1u << what);
    rw_wake_seen(q);
    return result == -ETIMEDOUT && available(q, what) ? 0 : result;
}

/* ---- event loops ---- */

static void *pass_on(void *argument) {
    rwq *q = argument;
    struct rw_participant *p = q->me_record;
    uint32_t watched = q->pass_on_from;
    while (!atomic_load(&q->pass_on_stop)) {
        if (futex_wait(&p->watch, watched, NULL) == -EINTR) continue;
        watched = rw_load(&p->watch);
        if (atomic_load(&q->pass_on_stop)) break;
        uint32_t wake = rw_load(&p->wake);
        nanosleep(&(struct timespec){.tv_nsec = PASS_ON_AFTER_NS}, NULL);
        if (rw_load(&p->wake_seen) != wake && rw_anything_ready(q)) rw_wake_one(q, RWQ_FOR_MESSAGE);
    }
    return NULL;
}

/*
 * Sockets that nobody listens on any more: their processes were killed, and their queues may be gone too, so that no recovery will ever
 * come by. Whoever makes a socket looks at some of what lies there. A file appears bound, so a refusal means that its owner is dead.
 */
#define STALE_LOOKS_MAX 256

static void remove_stale_sockets(const char *directory) {
    DIR *entries = opendir(directory);
    if (!entries) return;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct dirent *entry;
    for (int looks = 0; fd >= 0 && looks < STALE_LOOKS_MAX && (entry = readdir(entries)); looks++) {
        struct sockaddr_un at = {.sun_family = AF_UNIX};
        int n = snprintf(at.sun_path, sizeof at.sun_path, "%s/%s", directory, entry->d_name);
        if (entry->d_name[0] == '.' || n < 0 || (size_t)n >= sizeof at.sun_path) continue;
        if (connect(fd, (struct sockaddr *)&at, sizeof at) != 0 && errno == ECONNREFUSED) unlink(at.sun_path);
    }
    if (fd >= 0) close(fd);
    closedir(entries);
}

int32_t rwq_wake_fd(rwq *q) {
    if (q->observe) return rw_fail(-EINVAL, "this handle only observes");
    if (q->wake_socket < 0) {
        struct sockaddr_un at;
        socklen_t length;
        int status = address_of(q, q->me, &at, &length, true);
        if (status) return status;
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0) return rw_fail(errno, "socket: %s", strerror(errno));
        char directory[sizeof at.sun_path];
        if (socket_directory(q, directory, sizeof directory, false) == 0) remove_stale_sockets(directory);
        unlink(at.sun_path); /* of a dead predecessor in this place: its byte lock is ours now */
        if (bind(fd, (struct sockaddr *)&at, length) != 0) {
            status = rw_fail(errno, "binding %s: %s", at.sun_path, strerror(errno));
            close(fd);
            return status;
        }
        atomic_store(&q->pass_on_stop, false);
        q->pass_on_from = rw_load(&q->me_record->watch); /* a wake-up may come before the thread runs */
        if ((status = pthread_create(&q->pass_on_thread, NULL, pass_on, q))) {
            close(fd);
            unlink(at.sun_path);
            return rw_fail(status, "starting a thread: %s", strerror(status));
        }
        q->wake_socket = fd;
    }
    int copy = fcntl(q->wake_socket, F_DUPFD_CLOEXEC, 3);
    return copy < 0 ? rw_fail(errno, "duplicating a descriptor: %s", strerror(errno)) : copy;
}

int32_t rwq_close_fd(int32_t fd) { return close(fd) == 0 ? 0 : -errno; }

void rw_wake_forget(rwq *q, uint32_t participant) {
    struct sockaddr_un at;
    socklen_t length;
    if (address_of(q, participant, &at, &length, false) == 0) unlink(at.sun_path);
}

void rw_wake_cleanup(rwq *q) {
    if (q->wake_socket >= 0) {
        atomic_store(&q->pass_on_stop, true);
        atomic_fetch_add(&q->me_record->watch, 1);
        futex_wake(&q->me_record->watch);
        pthread_join(q->pass_on_thread, NULL);
        rw_wake_forget(q, q->me);
        close(q->wake_socket);
        q->wake_socket = -1;
    }
}

int32_t rwq_drain_wake_fd(rwq *q) {
    char bytes[64];
    int32_t count = 0;
    if (q->wake_socket < 0) return 0;
    while (recv(q->wake_socket, bytes, sizeof bytes, MSG_DONTWAIT) > 0) count++;
    return count;
}

int32_t rwq_poll_wake_fd(int32_t fd, int32_t timeout_ms) {
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int n = poll(&p, 1, timeout_ms);
    return n < 0 ? (errno == EINTR ? 0 : -errno) : n;
}
