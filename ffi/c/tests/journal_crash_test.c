/* Killed while a journal is rebuilt after a reboot: the next one begins anew, and finds the same. */
#include "crash_points.h"
#include "journal_files.h"

static void a_rebuild_that_is_killed_is_done_again(void) {
    const char *const points[] = {"rebuild:cleared", "rebuild:before-control", "attach:locked", "rehint:begun", "rehint:one", "insert:after", "attach:registering"};
    enum { POINTS = sizeof points / sizeof points[0] };
    for (size_t first = 0; first < POINTS; first++)
        for (size_t second = 0; second < POINTS; second++) {
            const char *path = fresh_path();
            create_queue(path, (struct rwq_params){.max_messages = 8, .max_body = 5000, .max_participants = 4, .max_dead = 4, .journal = RWQ_JOURNAL_PROCESS});
            struct handle h = open_queue(path);
            send_text(&h, "d"), CHECK_EQUAL(bury_it(&h, lease_text(&h, "d", 0), "note"), 0);
            send_text(&h, "a"), send_text(&h, "b"), send_extended(&h, "e", 60000, 0, 0);
            rwq_end(h.q);
            uint64_t sequence = atomic_load(&h.q->control->sequence);
            IN_CHILD(holder, {
                struct handle c = open_queue(path);
                lease_text(&c, "a", 0);
                kill(getpid(), SIGKILL);
            });
            status_of(holder);
            close_queue(&h);
            reboot(path);
            for (int death = 0; death < 2; death++) {
                IN_CHILD(pid, {
                    die_at(death ? points[second] : points[first], NULL);
                    h = open_queue(path);
                });
                int status = status_of(pid);
                CHECK_NOTE(death || was_killed(status), "'%s' was not reached", points[first]);
            }
            h = open_queue(path);
            CHECK_EQUAL(rwq_lifecycle(h.q), RWQ_ENDED);
            CHECK(atomic_load(&h.q->control->sequence) >= sequence);
            from_the_start(&h);
            char note[RWQ_NOTE_BYTES + 1], left[100];
            CHECK(next_dead(&h, note) == 0 && strcmp(note, "note") == 0);
            rwq_sweep(h.q, RWQ_SWEEP_FULL);
            drain(&h, left, sizeof left);
            CHECK_NOTE(strcmp(left, "a2* b1 e1 |d") == 0 || strcmp(left, "a2* e1 b1 |d") == 0, "'%s', then '%s': '%s'", points[first], points[second], left);
            CHECK_EQUAL(rwq_reopen(h.q), 0);
            expect_no_leak(&h);
            close_queue(&h);
            unlink(path);
        }
}

static const struct test tests[] = {TEST(a_rebuild_that_is_killed_is_done_again)};
int main(int argc, char **argv) {
    use_a_disk();
    return RUN_TESTS(tests, argc, argv);
}
