/*
 * Who may take messages: any number of handles, or one alone. A lock byte of the segment says which, held shared by everybody who has
 * taken anything, and exclusively by an exclusive consumer. The kernel releases it when its holder is dead.
 */
#define _GNU_SOURCE
#include <time.h>

#include "queue.h"

/* How long to wait for somebody who is putting back at this moment what the dead left. */
#define RECOVERY_TURNS 50
#define RECOVERY_TURN_NS 2000000

/* The lock itself does not tell who holds it; the participants do. */
static int32_t excluded(rwq *q, uint32_t at_least, const char *what) {
    uint32_t high = rw_load(&q->control->participants_high);
    for (uint32_t i = 1; i <= high && i <= q->l.participants; i++) {
        if (i == q->me || !rw_part_present(q, i)) continue;
        struct rw_participant *p = rw_part(q, i);
        if (!rw_load(&p->active) || rw_load(&p->consumes) < at_least || !rw_byte_is_locked(q->fd, RW_LOCK_BASE + i)) continue;
        char name[RWQ_NAME_BYTES];
        memcpy(name, p->name, sizeof name);
        name[sizeof name - 1] = 0;
        return rw_fail(-EBUSY, "%s: %s (process %u)", what, name, rw_load_relaxed(&p->pid));
    }
    return rw_fail(-EBUSY, "%s", what);
}

static int32_t lock_failed(rwq *q, int status) { return rw_fail(status, "locking %s: %s", q->path, strerror(-status)); }

int32_t rw_start_consuming(rwq *q) {
    int status = rw_share_byte(q->fd, RW_LOCK_CONSUME);
    if (status == -EAGAIN) return excluded(q, RWQ_CONSUMES_ALONE, "an exclusive consumer takes the messages of this queue");
    if (status) return lock_failed(q, status);
    rw_store(&q->me_record->consumes, RWQ_CONSUMES_SHARED);
    q->consumes = true;
    return 0;
}

/* Explicitly: a mapping that a view still needs keeps the open file description, and with it its locks. */
void rw_stop_consuming(rwq *q) {
    if (q->consumes) rw_unlock_byte(q->fd, RW_LOCK_CONSUME);
    q->consumes = q->alone = false;
}

static bool somebody_holds_a_lease(rwq *q) {
    uint64_t high = rw_load_seq(&q->control->high_water);
    for (uint32_t slot = 0; slot < high && slot < q->l.slots; slot++) {
        if (!rw_slot_present(q, slot)) continue;
        uint64_t w = rw_load_seq(&q->slots[slot].state);
        if ((RW_STATE(w) == RWQ_SLOT_LEASED || RW_STATE(w) == RWQ_SLOT_SETTLING) && RW_OWNER(w) != q->me) return true;
    }
    return false;
}

/* Whoever lived has given its leases back before its lock. What is left is that of the dead; somebody else may be at it already. */
static bool put_back_what_is_left(rwq *q) {
    for (int turn = 0; turn < RECOVERY_TURNS; turn++) {
        rw_recover_deaths(q);
        if (!somebody_holds_a_lease(q)) {
            rw_orphans_found(q);
            rw_rehint(q);
            return true;
        }
        nanosleep(&(struct timespec){.tv_nsec = RECOVERY_TURN_NS}, NULL);
    }
    return false;
}

int32_t rwq_consume_alone(rwq *q) {
    if (q->observe) return rw_fail(-EINVAL, "this handle only observes");
    int status = rw_lock_byte(q->fd, RW_LOCK_CONSUME, false);
    if (status == -EAGAIN) return excluded(q, RWQ_CONSUMES_SHARED, "somebody else takes the messages of this queue");
    if (status) return lock_failed(q, status);
    if (!put_back_what_is_left(q)) {
        if (q->consumes) rw_share_byte(q->fd, RW_LOCK_CONSUME);
        else rw_unlock_byte(q->fd, RW_LOCK_CONSUME);
        return rw_fail(-EBUSY, "messages that a former consumer held are still being put back");
    }
    rw_store(&q->me_record->consumes, RWQ_CONSUMES_ALONE);
    q->consumes = q->alone = true;
    return 0;
}
