/*
 * Every labelled point of the shim: a process dies there, another recovers, and exactly what the design's table says is left. Then pairs:
 * a sweeper dies at each of its own points while it recovers the first victim.
 */
#include "victims.h"

struct scenario {
    const char *point;
    void (*before)(struct handle *h); /* accepted before */
    void (*prepare)(struct handle *h); /* by the victim, unharmed */
    void (*act)(struct handle *h);
    const char *left; /* see drain() and is_left() */
    int uncounted;    /* what the victim had no time to count: -1 a send, 1 a message that left */
    uint32_t slots;   /* 8 */
};

/* Its place was taken, and nobody counted that yet. */
static void dead_dropper(struct handle *h) {
    const char *path = h->q->path;
    full(h);
    IN_CHILD(pid, {
        struct handle dropper = open_queue(path);
        die_at("evict:after", NULL);
        act_send_dropping(&dropper);
    });
    CHECK(was_killed(status_of(pid)));
}

static const struct scenario scenarios[] = {
    /* P1, P2: not accepted, never visible */
    {"claim:before", one, nothing, act_send, "a1", 0, 0},
    {"claim:after", one, nothing, act_send, "a1", 0, 0},
    {"claim:after:2", one, nothing, act_send_many, "a1 x1", 0, 0},
    {"claim:after", one, nothing, act_claim, "a1", 0, 0},
    {"reserve:allocated", nothing, nothing, act_send, "", 0, 3000},
    {"reserve:allocated:2", nothing, nothing, act_send, "x1", -1, 3000},
    {"reserve:allocated", one, nothing, act_send_low, "a1 x1", -1, 3000},
    {"reserve:body", one, nothing, act_send_large, "a1", 0, 0},
    {"send:copied", one, nothing, act_send, "a1", 0, 0},
    {"send:copied", one, nothing, act_send_large, "a1", 0, 0},
    {"commit:before", one, nothing, act_send, "a1", 0, 0},
    {"commit:before", one, nothing, act_send_later, "a1", 0, 0},
    {"commit:before", one, nothing, act_claim, "a1", 0, 0},
    {"free:state", one, nothing, act_abort, "a1", 0, 0},
    /* P3, P4, P5: accepted, although send never returned */
    {"commit:after", one, nothing, act_send, "a1 x1", -1, 0},
    {"commit:after", one, nothing, act_send_large, "a1 X1", -1, 0},
    {"commit:after:2", one, nothing, act_send_many, "a1 x1 y1", -1, 0},
    {"commit:after", one, nothing, act_claim, "a1 x1", -1, 0},
    {"commit:after", one, nothing, act_send_later, "~a1 x1", -1, 0},
    {"due:noted", one, nothing, act_send_later, "~a1 x1", -1, 0},
    {"insert:before", one, nothing, act_send, "a1 x1", -1, 0},
    {"insert:after", one, nothing, act_send, "a1 x1", -1, 0},
    {"insert:tail", one, nothing, act_send, "a1 x1", -1, 0},
    {"send:woken", one, nothing, act_send, "a1 x1", 0, 0},
    {"wake:taken", nothing, another_waits, act_send, "x1", 0, 0},
    {"arm:listed", one, nothing, act_arm, "a1", 0, 0},
    /* drop-oldest: nothing goes before its place is had, and it is counted */
    {"evict:before", full, nothing, act_send_dropping, "a1 b1 c1 d1 e1 f1 g1 h1", 0, 0},
    {"evict:after", full, nothing, act_send_dropping, "b1 c1 d1 e1 f1 g1 h1", 0, 0},
    {"send:copied", full, nothing, act_send_dropping, "b1 c1 d1 e1 f1 g1 h1", 0, 0},
    {"drop:noted", full, nothing, act_send_dropping, "b1 c1 d1 e1 f1 g1 h1", 0, 0},
    {"drop:counted", full, nothing, act_send_dropping, "b1 c1 d1 e1 f1 g1 h1", 0, 0},
    {"evict:counted", full, nothing, act_send_dropping, "b1 c1 d1 e1 f1 g1 h1", 0, 0},
    {"commit:after", full, nothing, act_send_dropping, "b1 c1 d1 e1 f1 g1 h1 x1", -1, 0},
    {"drop:noted", dead_dropper, nothing, act_sweep_deaths, "b1 c1 d1 e1 f1 g1 h1", 0, 0},
    {"drop:counted", dead_dropper, nothing, act_sweep_deaths, "b1 c1 d1 e1 f1 g1 h1", 0, 0},
    {"recover:freed", dead_dropper, nothing, act_sweep_deaths, "b1 c1 d1 e1 f1 g1 h1", 0, 0},
    /* C1 … C5 */
    {"lease:before", two, nothing, act_lease, "a1 b1", 0, 0},
    {"lease:after", two, nothing, act_lease, "a2* b1", 0, 0},
    {"lease:passed", two, nothing, act_lease, "a2* b1", 0, 0},
    {"lease:deadline", two, nothing, act_lease, "a2* b1", 0, 0},
    {"receive:copied", two, nothing, act_lease, "a2* b1", 0, 0},
    {"receive:copied:2", two, nothing, act_take_many, "b2*", 0, 0},
    {"receive:before-ack", two, nothing, act_take, "a2* b1", 0, 0},
    {"free:state", two, nothing, act_take, "b1", 1, 0},
    {"free:state", outlived, nothing, act_take, "b1", 1, 0},
    {"ack:before", two, lease_first, act_ack, "a2* b1", 0, 0},
    {"free:state", two, lease_first, act_ack, "b1", 1, 0},
    {"ack:before", last_attempt, lease_first, act_ack, "b1 |a", 0, 0},
    {"touch:before", two, lease_first, act_touch, "a2* b1", 0, 0},
    {"touch:after", two, lease_first, act_touch, "a2* b1", 0, 0},
    {"count:before", two, lease_first, act_count, "a2* b1", 0, 0},
    {"count:after", two, lease_first, act_count, "a3* b1", 0, 0},
    {"count:after", second_attempt, lease_first, act_count, "b1 |a", 0, 0},
    /* N1 */
    {"nack:before", two, lease_first, act_nack, "a2* b1", 0, 0},
    {"ready:state", two, lease_first, act_nack, "a2* b1", 0, 0},
    {"insert:after", two, lease_first, act_nack, "a2* b1", 0, 0},
    {"nack:settling", two, lease_first, act_nack_later, "a2* b1", 0, 0},
    {"nack:due", two, lease_first, act_nack_later, "a2* b1", 0, 0},
    {"nack:delayed", two, lease_first, act_nack_later, "~a2* b1", 0, 0},
    {"due:noted", two, lease_first, act_nack_later, "~a2* b1", 0, 0},
    {"nack:delayed", two, lease_first, act_nack_uncounted, "~a1* b1", 0, 0},
    {"bury:settling", last_attempt, lease_first, act_nack, "a4* b1", 0, 0},
    {"bury:settling", two, lease_first, act_bury, "a2* b1", 0, 0},
    {"bury:noted", two, lease_first, act_bury, "a2* b1", 0, 0},
    {"bury:buried", two, lease_first, act_bury, "b1 |a", 0, 0},
    {"free:state", dead_two, lease_first, act_bury, "b1 |qa", 1, 0},
    {"revive:before", dead_one, find_dead, act_revive, " |a", 0, 0},
    {"ready:state", dead_one, find_dead, act_revive, "a1", 0, 0},
    {"free:state", dead_one, find_dead, act_discard, "", 1, 0},
    /* what falls due */
    {"promote:due", due_one, nothing, act_take, "~b1 a1", 0, 0},
    {"promote:begun", due_one, nothing, act_take, "~b1 a1", 0, 0},
    {"promote:taken", due_one, nothing, act_take, "~b1 a1", 0, 0},
    {"ready:state", due_one, nothing, act_take, "~b1 a1", 0, 0},
    {"expire:due", expired_lease, nothing, act_sweep_full, "~b1 a2*", 0, 0},
    {"expire:marked", expired_lease, nothing, act_sweep_full, "~b1 a2*", 0, 0},
    {"ready:state", expired_lease, nothing, act_sweep_full, "~a2* b1", 0, 0},
    /* S1, and every other step of a sweeper */
    {"sweep:elected", two, nothing, act_sweep_due, "a1 b1", 0, 0},
    {"sweep:positions", two, nothing, act_sweep_due, "a1 b1", 0, 0},
    {"recover:locked", dead_holder, nothing, act_sweep_deaths, "a2* b2* c1", 0, 0},
    {"ready:state", dead_holder, nothing, act_sweep_deaths, "a2* b2* c1", 0, 0},
    {"recover:one", dead_holder, nothing, act_sweep_deaths, "a2* b2* c1", 0, 0},
    {"recover:done", dead_holder, nothing, act_sweep_deaths, "a2* b2* c1", 0, 0},
    {"rehint:begun", dead_sender, nothing, act_sweep_deaths, "a1 o1", -1, 0},
    {"rehint:one", dead_sender, nothing, act_sweep_deaths, "a1 o1", -1, 0},
    {"insert:after", dead_sender, nothing, act_sweep_deaths, "a1 o1", -1, 0},
    {"free:state", dead_claimer, nothing, act_sweep_deaths, "a1", 0, 0},
    {"recover:freed", dead_claimer, nothing, act_sweep_deaths, "a1", 0, 0},
    {"bury:settling", dead_last_attempt, nothing, act_sweep_deaths, "a4* b1", 0, 0},
    {"bury:buried", dead_last_attempt, nothing, act_sweep_deaths, "b1 |a", 0, 0},
    {"trim:claimed", freed_large, nothing, act_trim, "a1", 0, 0},
    {"trim:unreserved", freed_large, nothing, act_trim, "a1", 0, 0},
    {"trim:punched", freed_large, nothing, act_trim, "a1", 0, 0},
    /* A2, D1 */
    {"attach:locked", one, nothing, act_attach, "a1", 0, 0},
    {"attach:registering", one, nothing, act_attach, "a1", 0, 0},
    {"attach:registered", one, nothing, act_attach, "a1", 0, 0},
    {"ready:state", two, lease_first, act_leave, "a1* b1", 0, 0},
    {"detach:released", two, lease_first, act_leave, "a1* b1", 0, 0},
    {"detach:forgotten", two, lease_first, act_leave, "a1* b1", 0, 0},
};
enum { SCENARIOS = sizeof scenarios / sizeof scenarios[0] };
/* Exercised by tests of their own, here and in journal_crash_test.c. */
static const char *const elsewhere[] = {"create:sized", "create:based", "create:built", "create:linked", "destroy:marked", "rebuild:cleared", "rebuild:before-control"};

/* A victim's death; its queue's path. */
static const char *stage(const struct scenario *s) {
    const char *path = fresh_path();
    keeper.q = NULL;
    create_queue(path, (struct rwq_params){.max_messages = s->slots ? s->slots : 8, .max_body = 5000, .max_participants = 8, .max_dead = 2, .max_deliver = 3, .lease_ms = 60000});
    struct handle h = open_queue(path);
    s->before(&h);
    close_queue(&h);
    IN_CHILD(pid, {
        h = open_queue(path);
        s->prepare(&h);
        die_at(s->point, NULL);
        s->act(&h);
    });
    CHECK_NOTE(was_killed(status_of(pid)), "'%s' was not reached", s->point);
    return path;
}

/* Each drop is counted, and counted once, whoever died over it. */
static long drops_of(const struct scenario *s) { return (s->before == full || s->before == dead_dropper) && s->left[0] != 'a'; }

static void finish(struct handle *h, const char *path) {
    if (keeper.q) close_queue(&keeper);
    CHECK_EQUAL(atomic_load(&h->q->control->dead_letters), 0);
    expect_no_leak(h);
    close_queue(h);
    unlink(path);
}

static void recover_and_check(const struct scenario *s, int manner) {
    const char *path = stage(s);
    if (manner == BY_ANOTHER_PROCESS) {
        IN_CHILD(pid, {
            struct handle sweeper = open_queue(path);
            CHECK(rwq_sweep(sweeper.q, RWQ_SWEEP_DEATHS) >= 0);
            close_queue(&sweeper);
        });
        expect_good(pid);
    }
    struct handle h = open_queue(path);
    if (manner == BY_FULL_SWEEP) CHECK(rwq_sweep(h.q, RWQ_SWEEP_FULL) >= 0);
    if (manner == BY_THE_WAY) maintenance_is_due(&h);
    char left[512];
    drain(&h, left, sizeof left);
    CHECK_NOTE(is_left(left, s->left), "'%s', recovered in manner %d: '%s' is left, not '%s'", s->point, manner, left, s->left);
    CHECK_NOTE(unaccounted(&h) == s->uncounted, "'%s', recovered in manner %d: %ld messages are not accounted for, not %d", s->point, manner, unaccounted(&h), s->uncounted);
    CHECK_NOTE(counted(&h, RWQ_COUNT_DROPPED_OLDEST) == drops_of(s), "'%s', recovered in manner %d: %ld drops are counted", s->point, manner, counted(&h, RWQ_COUNT_DROPPED_OLDEST));
    if (keeper.q) CHECK_EQUAL(rwq_ack(keeper.q, LEASE(held)), -ESTALE);
    finish(&h, path);
}

static void each_point_leaves_what_the_design_says(void) {
    for (size_t i = 0; i < SCENARIOS; i++)
        for (int manner = 0; manner < MANNERS; manner++) recover_and_check(&scenarios[i], manner);
}

static const char *const sweeper_points[] = {
    "attach:locked", "attach:registering", "attach:registered", "recover:locked", "recover:one", "recover:done", "rehint:begun", "rehint:one", "ready:state", "insert:before", "insert:after", "insert:tail",
    "bury:settling", "bury:noted", "bury:buried", "free:state", "promote:begun", "promote:taken", "due:noted", "expire:marked", "drop:noted", "drop:counted", "recover:freed", "promote:due", "expire:due", "detach:released", "detach:forgotten",
};

static void pairs_of_deaths_lose_nothing(void) {
    int both = 0;
    for (size_t i = 0; i < SCENARIOS; i++)
        for (size_t p = 0; p < sizeof sweeper_points / sizeof sweeper_points[0]; p++) {
            const struct scenario *s = &scenarios[i];
            if (s->slots && p % 4) continue; /* large queues cost time and show nothing new */
            const char *path = stage(s);
            IN_CHILD(pid, {
                die_at(sweeper_points[p], NULL);
                struct handle sweeper = open_queue(path);
                travel_in_time(&sweeper);
                rwq_sweep(sweeper.q, RWQ_SWEEP_DEATHS), rwq_sweep(sweeper.q, RWQ_SWEEP_FULL);
                rwq_close(sweeper.q);
            });
            both += was_killed(status_of(pid));
            struct handle h = open_queue(path);
            CHECK(rwq_sweep(h.q, RWQ_SWEEP_FULL) >= 0);
            char left[512], found[128], expected[128];
            drain(&h, left, sizeof left);
            sort_bodies(left, found), sort_bodies(s->left, expected);
            CHECK_NOTE(strcmp(found, expected) == 0, "'%s', then '%s': '%s' is left of '%s'", s->point, sweeper_points[p], left, s->left);
            long lost = unaccounted(&h) - s->uncounted;
            CHECK_NOTE(lost >= 0 && lost <= 1, "'%s', then '%s': %ld messages are not accounted for", s->point, sweeper_points[p], lost);
            CHECK_NOTE(counted(&h, RWQ_COUNT_DROPPED_OLDEST) == drops_of(s), "'%s', then '%s': %ld drops are counted", s->point, sweeper_points[p], counted(&h, RWQ_COUNT_DROPPED_OLDEST));
            finish(&h, path);
        }
    printf("  %d pairs in which both died\n", both);
    CHECK(both > 200);
}

/* ---- attaching in a dead one's place; names ---- */

static void a_newcomer_in_a_dead_ones_place_may_die_too(void) {
    const char *const points[] = {"attach:locked", "ready:state", "insert:after", "recover:one", "rehint:begun", "attach:registering", "attach:registered"};
    for (size_t p = 0; p < sizeof points / sizeof points[0]; p++) {
        const char *path = fresh_path();
        create_queue(path, (struct rwq_params){.max_messages = 8, .max_body = 100, .max_participants = 1});
        struct handle h = open_queue(path);
        two(&h);
        close_queue(&h);
        killed_holding(path, NULL, 1, NULL);
        IN_CHILD(pid, {
            die_at(points[p], NULL);
            h = open_queue(path);
        });
        CHECK_NOTE(was_killed(status_of(pid)), "'%s' was not reached", points[p]);
        h = open_queue(path);
        char left[100];
        drain(&h, left, sizeof left);
        CHECK_NOTE(strcmp(left, "a2* b1") == 0, "'%s': '%s'", points[p], left);
        expect_no_leak(&h);
        close_queue(&h);
    }
}

static int names_beside(const char *path) {
    const char *name = strrchr(path, '/') + 1;
    int count = 0;
    DIR *directory = opendir(SEGMENT_DIRECTORY);
    for (struct dirent *entry; (entry = readdir(directory));) count += strcmp(entry->d_name, name) == 0 || strncmp(entry->d_name, ".ringwire-new-", 14) == 0;
    closedir(directory);
    return count;
}

static void a_name_never_shows_a_half_built_queue(void) {
    const char *const points[] = {"create:sized", "create:based", "create:built", "create:linked"};
    for (size_t p = 0; p < 4; p++) {
        const char *path = fresh_path();
        struct rwq_params params = {.max_messages = 8, .max_body = 100};
        IN_CHILD(pid, {
            die_at(points[p], NULL);
            rwq_create(path, &params, 0);
        });
        CHECK_NOTE(was_killed(status_of(pid)), "'%s' was not reached", points[p]);
        CHECK_EQUAL(names_beside(path), p == 3);
        if (p < 3) create_queue(path, params);
        struct handle h = open_queue(path);
        expect_no_leak(&h);
        close_queue(&h);
    }
}

static void a_destroyer_that_dies_leaves_a_name_that_can_be_had(void) {
    const char *path = fresh_path();
    struct rwq_params params = {.max_messages = 8, .max_body = 100};
    create_queue(path, params);
    struct handle h = open_queue(path), other;
    IN_CHILD(pid, {
        other = open_queue(path);
        die_at("destroy:marked", NULL);
        rwq_destroy(other.q);
    });
    CHECK(was_killed(status_of(pid)));
    CHECK_EQUAL(try_send(&h, "x", 0), -ESHUTDOWN);
    CHECK_EQUAL(try_open(&other, path, 0, 0), -ESHUTDOWN);
    CHECK_EQUAL(rwq_create(path, &params, 0), -EEXIST);
    CHECK_EQUAL(rwq_create(path, &params, RWQ_CREATE_REPLACE_CLOSED), 0);
    other = open_queue(path);
    expect_no_leak(&other);
    close_queue(&h), close_queue(&other);
}

/* ---- no point is forgotten ---- */

static bool is_exercised(const char *label, size_t length) {
    for (size_t i = 0; i < SCENARIOS; i++)
        if (strncmp(scenarios[i].point, label, length) == 0 && (scenarios[i].point[length] == 0 || (scenarios[i].point[length] == ':' && scenarios[i].point[length + 1] <= '9'))) return true;
    for (size_t i = 0; i < sizeof elsewhere / sizeof elsewhere[0]; i++)
        if (strlen(elsewhere[i]) == length && strncmp(elsewhere[i], label, length) == 0) return true;
    return false;
}

static void every_label_of_the_sources_is_exercised(void) {
    char directory[4096];
    ssize_t n = readlink("/proc/self/exe", directory, sizeof directory - 64);
    CHECK(n > 0);
    directory[n] = 0;
    for (int up = 0; up < 3; up++) *strrchr(directory, '/') = 0; /* build/crash/this */
    strcat(directory, "/ffi/c");
    DIR *sources = opendir(directory);
    CHECK_NOTE(sources, "no sources in %s", directory);
    int labels = 0, forgotten = 0;
    for (struct dirent *entry; (entry = readdir(sources));) {
        size_t length = strlen(entry->d_name);
        if (length < 3 || strcmp(entry->d_name + length - 2, ".c") != 0) continue;
        static char text[1 << 20];
        int fd = openat(dirfd(sources), entry->d_name, O_RDONLY);
        ssize_t bytes = read(fd, text, sizeof text - 1);
        close(fd);
        text[bytes > 0 ? bytes : 0] = 0;
        for (char *at = text; (at = strstr(at, "RW_POINT(\""));) {
            at += strlen("RW_POINT(\"");
            size_t label = strcspn(at, "\"");
            labels++;
            if (!is_exercised(at, label)) printf("  forgotten: %.*s in %s\n", (int)label, at, entry->d_name), forgotten++;
        }
    }
    closedir(sources);
    CHECK(labels > 50);
    CHECK_EQUAL(forgotten, 0);
}

static const struct test tests[] = {
    TEST(every_label_of_the_sources_is_exercised), TEST(each_point_leaves_what_the_design_says), TEST(pairs_of_deaths_lose_nothing), TEST(a_newcomer_in_a_dead_ones_place_may_die_too),
    TEST(a_name_never_shows_a_half_built_queue), TEST(a_destroyer_that_dies_leaves_a_name_that_can_be_had),
};
int main(int argc, char **argv) { return RUN_TESTS(tests, argc, argv); }
