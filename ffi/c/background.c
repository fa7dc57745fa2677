/*
 * The helper thread of a handle: renews leases while the owner lives and shows signs of life, watches other participants' processes,
 * writes an interval journal out. It never calls into JavaScript and touches only shared words and its own state.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "queue.h"

#define RENEWALS_MAX (2u << 20) /* every slot's lease, and as many that are lost but not forgotten yet */
#define LOOK_FOR_NEWCOMERS_MS 100u

struct renewal {
    uint64_t token, next_ms, until_ms;
    uint32_t slot, lease_ms;
    uint32_t state; /* RWQ_RENEWAL_* */
    uint32_t chain; /* the next one of its bucket, by its place + 1 */
    double max_stall_ms;
};

struct rw_helper {
    rwq *q;
    pthread_t thread;
    pthread_mutex_t mutex; /* guards renewals */
    struct renewal *renewals;
    uint32_t *buckets; /* as many as there is capacity: the first one of those slots, by its place + 1 */
    uint32_t count, capacity;
    _Atomic uint32_t active; /* renewals, to be looked at without the mutex */
    _Atomic uint64_t heartbeat_ms;
    _Atomic uint64_t wakes_ms; /* when the thread looks again by itself; UINT64_MAX: not before it is nudged, or nobody can say yet */
    _Atomic bool stop, watch;
    int event; /* eventfd: look again */
    /* watched processes; only the thread touches them */
    struct pollfd *polls;
    struct watched {
        uint32_t participant, registrations; /* a place may change hands while its former holder lives */
    } *watched;
    uint32_t watched_count;
};

static void nudge(struct rw_helper *h) {
    uint64_t one = 1;
    ssize_t n = write(h->event, &one, sizeof one);
    (void)n; /* a full counter is readable all the same */
}

static void renew(struct rw_helper *h, struct renewal *r, uint64_t now) {
    uint64_t stalled_for = now - atomic_load(&h->heartbeat_ms);
    if (now >= r->until_ms || (r->max_stall_ms > 0 && (double)stalled_for > r->max_stall_ms)) {
        r->state = RWQ_RENEWAL_STALLED; /* a hung handler must lose its lease one day */
    } else if (!rw_touch(h->q, r->slot, r->token, r->lease_ms)) {
        r->state = RWQ_RENEWAL_LOST;
    } else {
        r->next_ms = now + (r->lease_ms / 3 ? r->lease_ms / 3 : 1);
    }
}

static uint64_t serve_renewals(struct rw_helper *h, uint64_t now) {
    uint64_t next = UINT64_MAX;
    pthread_mutex_lock(&h->mutex);
    for (uint32_t i = 0; i < h->count; i++) {
        struct renewal *r = &h->renewals[i];
        if (r->state == RWQ_RENEWAL_LOST || r->state == RWQ_RENEWAL_STALLED) continue;
        if (r->next_ms <= now) renew(h, r, now);
        if (r->next_ms < next) next = r->next_ms;
    }
    atomic_store(&h->wakes_ms, UINT64_MAX); /* under the mutex: a renewal that comes after this look nudges */
    pthread_mutex_unlock(&h->mutex);
    return next;
}

static void unwatch(struct rw_helper *h, uint32_t at) {
    close(h->polls[at + 1].fd);
    h->watched_count--;
    h->polls[at + 1] = h->polls[h->watched_count + 1];
    h->watched[at] = h->watched[h->watched_count];
}

static bool is_watched(struct rw_helper *h, uint32_t participant, uint32_t registrations) {
    for (uint32_t i = 0; i < h->watched_count; i++) {
        if (h->watched[i].participant != participant) continue;
        if (h->watched[i].registrations == registrations) return true;
        unwatch(h, i);
        return false;
    }
    return false;
}

static void look_for_newcomers(struct rw_helper *h) {
    rwq *q = h->q;
    uint32_t high = rw_load(&q->control->participants_high);
    for (uint32_t i = 1; i <= high && i <= q->l.participants; i++) {
        if (i == q->me || !rw_part_present(q, i)) continue;
        struct rw_participant *p = rw_part(q, i);
        uint32_t registrations = rw_load(&p->registrations);
        if (is_watched(h, i, registrations) || !rw_load(&p->active) || rw_load(&p->pid) == (uint32_t)getpid() || !rw_process_is_here(p)) continue;
        int fd = (int)syscall(SYS_pidfd_open, (pid_t)rw_load(&p->pid), 0);
        if (fd < 0) {
            rw_recover_participant(q, i); /* gone already */
            continue;
        }
        h->polls[h->watched_count + 1] = (struct pollfd){.fd = fd, .events = POLLIN};
        h->watched[h->watched_count++] = (struct watched){i, registrations};
    }
}

static void serve_deaths(struct rw_helper *h) {
    for (uint32_t i = h->watched_count; i-- > 0;) {
        if (!(h->polls[i + 1].revents & (POLLIN | POLLERR | POLLNVAL))) continue;
        uint32_t participant = h->watched[i].participant;
        unwatch(h, i);
        rw_recover_participant(h->q, participant);
    }
}

static void *run(void *argument) {
    struct rw_helper *h = argument;
    uint64_t next_sync = 0, next_look = 0;
    while (!atomic_load(&h->stop)) {
        uint64_t now = rw_now_ms_threadsafe(), next = serve_renewals(h, now);
        if (h->q->super.journal == RWQ_JOURNAL_INTERVAL) {
            if (now >= next_sync) {
                rw_journal_flush(h->q); /* a failure is told by rwq_sync() or rwq_close() */
                next_sync = now + h->q->super.interval_ms;
            }
            if (next_sync < next) next = next_sync;
        }
        if (atomic_load(&h->watch)) {
            if (now >= next_look) {
                look_for_newcomers(h);
                next_look = now + LOOK_FOR_NEWCOMERS_MS;
            }
            if (next_look < next) next = next_look;
        }
        h->polls[0] = (struct pollfd){.fd = h->event, .events = POLLIN};
        int timeout = next == UINT64_MAX ? -1 : next <= now ? 0 : next - now > RW_SLICE_MS ? (int)RW_SLICE_MS : (int)(next - now) + 1;
        if (timeout >= 0) atomic_store(&h->wakes_ms, now + (uint64_t)timeout);
        if (poll(h->polls, h->watched_count + 1, timeout) <= 0) continue;
        uint64_t drained;
        if (h->polls[0].revents && read(h->event, &drained, sizeof drained) < 0) continue;
        serve_deaths(h);
    }
    while (h->watched_count) unwatch(h, 0);
    return NULL;
}

struct rw_helper *rw_helper_start(rwq *q) {
    struct rw_helper *h = atomic_load(&q->helper);
    if (h) return h;
    h = calloc(1, sizeof *h);
    if (h) {
        h->polls = calloc(q->l.participants + 2, sizeof *h->polls);
        h->watched = calloc(q->l.participants + 1, sizeof *h->watched);
        h->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    }
    if (!h || !h->polls || !h->watched || h->event < 0) {
        rw_fail(-ENOMEM, "no memory or descriptor for the helper thread");
    } else {
        h->q = q;
        pthread_mutex_init(&h->mutex, NULL);
        atomic_store(&h->heartbeat_ms, rw_now_ms_threadsafe());
        int status = pthread_create(&h->thread, NULL, run, h);
        if (status == 0) {
            atomic_store(&q->helper, h);
            return h;
        }
        rw_fail(status, "starting a thread: %s", strerror(status));
    }
    if (h) {
        if (h->event >= 0) close(h->event);
        free(h->polls), free(h->watched), free(h);
    }
    return NULL;
}

void rw_helper_stop(rwq *q) {
    struct rw_helper *h = atomic_exchange(&q->helper, NULL);
    if (!h) return;
    atomic_store(&h->stop, true);
    nudge(h);
    pthread_join(h->thread, NULL);
    pthread_mutex_destroy(&h->mutex);
    close(h->event);
    free(h->polls), free(h->watched), free(h->renewals), free(h->buckets), free(h);
}

/* The capacity is a power of two. */
static uint32_t *bucket(struct rw_helper *h, uint32_t slot) { return &h->buckets[slot & (h->capacity - 1)]; }

static struct renewal *find(struct rw_helper *h, uint32_t slot, uint64_t token) {
    for (uint32_t at = h->count ? *bucket(h, slot) : 0; at; at = h->renewals[at - 1].chain)
        if (h->renewals[at - 1].slot == slot && h->renewals[at - 1].token == token) return &h->renewals[at - 1];
    return NULL;
}

/* What leads to a place. */
static uint32_t *link_to(struct rw_helper *h, uint32_t place) {
    uint32_t *link = bucket(h, h->renewals[place].slot);
    while (*link != place + 1) link = &h->renewals[*link - 1].chain;
    return link;
}

static void enter(struct rw_helper *h, uint32_t place) {
    uint32_t *first = bucket(h, h->renewals[place].slot);
    h->renewals[place].chain = *first;
    *first = place + 1;
}

static void drop(struct rw_helper *h, struct renewal *r) {
    uint32_t place = (uint32_t)(r - h->renewals), last = h->count - 1;
    *link_to(h, place) = r->chain;
    if (place != last) {
        *link_to(h, last) = place + 1;
        *r = h->renewals[last];
    }
    h->count = last;
}

/* Without memory all stays as it is. */
static void make_room(struct rw_helper *h) {
    if (h->count < h->capacity || h->capacity >= RENEWALS_MAX) return;
    uint32_t capacity = h->capacity ? h->capacity * 2 : 16;
    struct renewal *renewals = realloc(h->renewals, capacity * sizeof *renewals);
    if (!renewals) return;
    h->renewals = renewals;
    uint32_t *buckets = calloc(capacity, sizeof *buckets);
    if (!buckets) return;
    free(h->buckets);
    h->buckets = buckets, h->capacity = capacity;
    for (uint32_t place = 0; place < h->count; place++) enter(h, place);
}

int32_t rwq_renew_start(rwq *q, uint32_t slot, uint32_t lo, uint32_t hi, uint32_t lease_ms, double max_processing_ms, double max_stall_ms) {
    uint64_t token = rw_token(lo, hi);
    if (q->observe || !rw_slot_index_ok(q, slot) || RW_STATE(token) != RWQ_SLOT_LEASED) return rw_fail(-ESTALE, "this is not a lease of this handle");
    struct rw_helper *h = rw_helper_start(q);
    if (!h) return -ENOMEM;
    uint64_t now = rw_now_ms_threadsafe();
    atomic_store(&h->heartbeat_ms, now);
    if (lease_ms == 0) lease_ms = q->super.lease_ms;
    if (!rw_touch(q, slot, token, lease_ms)) return rw_fail(-ESTALE, "the lease is lost");
    int32_t status = 0;
    uint64_t next_ms = now + (lease_ms / 3 ? lease_ms / 3 : 1);
    pthread_mutex_lock(&h->mutex);
    struct renewal *r = find(h, slot, token);
    if (!r) make_room(h);
    if (!r && h->count < h->capacity) {
        r = &h->renewals[h->count];
        *r = (struct renewal){.token = token, .slot = slot};
        enter(h, h->count++);
    }
    if (r) {
        r->lease_ms = lease_ms, r->state = RWQ_RENEWAL_HELD, r->max_stall_ms = max_stall_ms;
        r->next_ms = next_ms;
        r->until_ms = max_processing_ms > 0 ? now + (uint64_t)rw_bounded_ms(max_processing_ms) : UINT64_MAX;
    } else {
        status = rw_fail(-ENOMEM, "%u leases are being renewed already", h->count);
    }
    atomic_store(&h->active, h->count);
    pthread_mutex_unlock(&h->mutex);
    /* Waking the thread costs more than everything else here; mostly it looks in time by itself. */
    if (atomic_load(&h->wakes_ms) > next_ms) nudge(h);
    return status;
}

void rw_renew_forget(rwq *q, uint32_t slot, uint64_t token) {
    struct rw_helper *h = atomic_load(&q->helper);
    if (!h || atomic_load(&h->active) == 0) return;
    pthread_mutex_lock(&h->mutex);
    struct renewal *r = find(h, slot, token);
    if (r) drop(h, r);
    atomic_store(&h->active, h->count);
    pthread_mutex_unlock(&h->mutex);
}

bool rw_renew_as(rwq *q, uint32_t slot, uint64_t token, uint64_t next) {
    struct rw_helper *h = atomic_load(&q->helper);
    uint64_t expected = token;
    if (!h || atomic_load(&h->active) == 0) return rw_cas(&q->slots[slot].state, &expected, next);
    /* Under the mutex, so that no renewal comes in between, and finds a lease that seems to be lost. */
    pthread_mutex_lock(&h->mutex);
    struct renewal *r = find(h, slot, token);
    bool done = rw_cas(&q->slots[slot].state, &expected, next);
    if (done && r) r->token = next;
    pthread_mutex_unlock(&h->mutex);
    return done;
}

int32_t rwq_renew_stop(rwq *q, uint32_t slot, uint32_t lo, uint32_t hi) {
    rw_renew_forget(q, slot, rw_token(lo, hi));
    return 0;
}

int32_t rwq_renewal(rwq *q, uint32_t slot, uint32_t lo, uint32_t hi) {
    uint64_t token = rw_token(lo, hi);
    if (!rw_slot_index_ok(q, slot) || RW_STATE(token) != RWQ_SLOT_LEASED) return rw_fail(-ESTALE, "this is not a lease of this handle");
    struct rw_helper *h = atomic_load(&q->helper);
    int32_t state = RWQ_RENEWAL_NONE;
    if (h) {
        pthread_mutex_lock(&h->mutex);
        struct renewal *r = find(h, slot, token);
        if (r) state = (int32_t)r->state;
        pthread_mutex_unlock(&h->mutex);
    }
    /* The slot itself knows best, renewed or not. */
    struct rw_slot *s = &q->slots[slot];
    if (rw_load(&s->state) != token) return RWQ_RENEWAL_LOST;
    return rw_load(&s->cancel) == rw_load_relaxed(&s->id) ? RWQ_RENEWAL_CANCELLED : state;
}

int32_t rwq_heartbeat(rwq *q) {
    struct rw_helper *h = atomic_load(&q->helper);
    uint64_t now = rw_now_ms_threadsafe();
    if (h) atomic_store(&h->heartbeat_ms, now);
    if (q->me_record) rw_store_relaxed(&q->me_record->heartbeat_ms, now);
    return 0;
}

int32_t rwq_watch(rwq *q) {
    if (q->observe) return rw_fail(-EINVAL, "this handle only observes");
    struct rw_helper *h = rw_helper_start(q);
    if (!h) return -ENOMEM;
    atomic_store(&h->watch, true);
    nudge(h);
    return 0;
}
