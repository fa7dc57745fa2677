/*
 * Messages that are dropped for a full queue, by processes that die on the way, while others send, take and recover: every one is counted,
 * and counted once. Droppers die at labelled points only, so it is known of each message whether it was accepted, and the sum must be exact.
 */
#include "crash_points.h"
#include "mutants.h"

enum { ROUNDS = 150, DROPPERS = 2, SENDS_MAX = 60, PLACES = 16 };

static uint32_t seed;
static uint32_t random_below(uint32_t n) {
    seed ^= seed << 13, seed ^= seed >> 17, seed ^= seed << 5;
    return seed % n;
}

/* Where a dropper dies; from `first_accepted` on the message that it was sending is accepted. */
static const char *const points[] = {"evict:before", "evict:after", "drop:noted", "drop:counted", "evict:counted", "send:copied", "commit:before", "commit:after", "insert:after", "insert:tail"};
enum { POINTS = sizeof points / sizeof points[0], FIRST_ACCEPTED = 7 };
static const char *const sweeper_points[] = {"recover:locked", "drop:noted", "drop:counted", "free:state", "recover:freed", "recover:done", "detach:released"};
enum { SWEEPER_POINTS = sizeof sweeper_points / sizeof sweeper_points[0] };

static _Atomic uint32_t *accepted; /* by droppers that lived to see it */

static void send_dropping(struct handle *h) {
    int32_t status;
    if (random_below(3)) {
        status = try_send(h, "message", RWQ_SEND_DROP_OLDEST | (1 + random_below(3)));
    } else {
        status = rwq_claim(h->q, 7, RWQ_SEND_DROP_OLDEST);
        if (status == 0) memcpy((void *)(uintptr_t)h->io->out_pointer, "message", 7), status = rwq_commit(h->q, LEASE(lease_of(h)), 7, 0);
    }
    CHECK_NOTE(status == 0 || status == -EAGAIN, "sending answered %d", status);
    if (status == 0) atomic_fetch_add(accepted, 1);
}

static pid_t start_dropper(const char *path, uint32_t point) {
    char label[64];
    snprintf(label, sizeof label, "%s:%u", points[point], 1 + random_below(20));
    uint32_t own_seed = random_below(1u << 30) | 1;
    IN_CHILD(pid, {
        seed = own_seed;
        struct handle h = open_queue(path);
        die_at(label, NULL);
        for (int n = 0; n < SENDS_MAX; n++) send_dropping(&h);
        rwq_close(h.q);
    });
    return pid;
}

static void sweep_and_perhaps_die(const char *path) {
    const char *point = sweeper_points[random_below(SWEEPER_POINTS)];
    IN_CHILD(pid, {
        struct handle h = open_queue(path);
        die_at(point, NULL);
        rwq_sweep(h.q, RWQ_SWEEP_DEATHS);
        rwq_close(h.q);
    });
    int status = status_of(pid);
    CHECK_NOTE(status == 0 || was_killed(status), "a sweeper ended with status %#x", status);
}

static uint32_t take(struct handle *h, int32_t most) {
    int32_t taken = rwq_receive_many(h->q, (uint32_t)most, RWQ_TAKE_ACK, 0);
    CHECK(taken >= 0 || taken == -EAGAIN);
    return taken > 0 ? (uint32_t)taken : 0;
}

static void each_drop_is_counted_once_whoever_dies(void) {
    const char *path = fresh_path();
    seed = (uint32_t)getpid() * 2654435761u | 1;
    accepted = shared_memory(sizeof *accepted);
    /* Enough for all that die: sweeps are left to chance here. */
    create_queue(path, (struct rwq_params){.max_messages = PLACES, .max_body = 100, .max_participants = 512});
    struct handle h = open_queue(path);
    uint32_t taken = 0, deaths = 0;
    for (int round = 0; round < ROUNDS; round++) {
        pid_t droppers[DROPPERS];
        uint32_t point[DROPPERS];
        for (int i = 0; i < DROPPERS; i++) droppers[i] = start_dropper(path, point[i] = random_below(POINTS));
        for (int i = 0; i < DROPPERS; i++) {
            int status;
            while (waitpid(droppers[i], &status, WNOHANG) == 0) taken += random_below(8) ? 0 : take(&h, 3), sleep_ms(0.05);
            CHECK_NOTE(status == 0 || was_killed(status), "a dropper ended with status %#x", status);
            if (status == 0) continue;
            deaths++;
            if (point[i] >= FIRST_ACCEPTED) atomic_fetch_add(accepted, 1);
        }
        if (random_below(2)) sweep_and_perhaps_die(path);
    }
    CHECK(rwq_sweep(h.q, RWQ_SWEEP_FULL) >= 0);
    for (uint32_t more; (more = take(&h, PLACES)) > 0;) taken += more;
    long dropped = counted(&h, RWQ_COUNT_DROPPED_OLDEST), gone = (long)*accepted - (long)taken;
    printf("  %u deaths; %u accepted, %u taken, %ld dropped\n", deaths, *accepted, taken, dropped);
    CHECK(deaths > ROUNDS / 2 && dropped > 1000);
    CHECK_NOTE(dropped == gone, "%ld are gone, %ld were counted as dropped", gone, dropped);
    expect_no_leak(&h);
    close_queue(&h);
}

static void each_deliberate_bug_is_found(void) {
    const char *const bugs[] = {"drop_counted_after_the_commit", "drop_not_counted_by_recovery", "drop_counted_again"};
    for (size_t i = 0; i < sizeof bugs / sizeof bugs[0]; i++) expect_found(bugs[i], "each_drop_is_counted_once_whoever_dies", "were counted as dropped");
}

static const struct test tests[] = {TEST(each_drop_is_counted_once_whoever_dies), TEST(each_deliberate_bug_is_found)};
int main(int argc, char **argv) { return RUN_TESTS(tests, argc, argv); }
