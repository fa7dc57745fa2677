/*
 * A sync journal when the power goes, at every moment at which something was written out: the disk has what went through msync(2) or
 * fdatasync(2), and, in some rounds, pages that the kernel chose to write out by itself.
 */
#include "power_cut.h"

static const struct rwq_params sync_journal = {.max_messages = 12, .max_body = 5000, .max_headers = 64, .max_participants = 4, .max_dead = 12, .max_deliver = 100, .journal = RWQ_JOURNAL_SYNC};

static void cut_the_power(void) {
    struct stat st;
    CHECK(fstat(queue_fd, &st) == 0);
    for (int by_itself = 0; by_itself < 2; by_itself++, cuts++) {
        uint32_t chosen = random_below(1u << 30) | 1;
        IN_CHILD(pid, {
            char copy[4200];
            snprintf(copy, sizeof copy, SEGMENT_DIRECTORY "/%s-cut", segment_prefix); /* memory is faster to write a thousand copies into */
            copy_disk(copy);
            disk_path = copy;
            disk_fd = open(copy, O_RDWR);
            for (uint64_t at = 0; by_itself && at < (uint64_t)st.st_size; at += RW_PAGE) {
                off_t data = lseek(queue_fd, (off_t)at, SEEK_DATA);
                if (data < 0) break;
                at = (uint64_t)data / RW_PAGE * RW_PAGE;
                chosen ^= chosen << 13, chosen ^= chosen >> 17, chosen ^= chosen << 5;
                if (chosen % 3 == 0) write_out(at, at + RW_PAGE);
            }
            check_after_the_cut();
            unlink(copy);
        });
        int status = status_of(pid);
        CHECK_NOTE(WIFEXITED(status) && WEXITSTATUS(status) == 0, "cut %u%s", cuts, by_itself ? ", the kernel having written more" : "");
    }
}

int msync(void *at, size_t length, int flags) {
    if (writing != RECORDING) return writing == FOR_REAL ? (int)syscall(SYS_msync, at, length, flags) : 0;
    cut_the_power();
    write_out((uint64_t)((uint8_t *)at - h.q->base), (uint64_t)((uint8_t *)at - h.q->base) + length);
    cut_the_power();
    return 0;
}
int fdatasync(int fd) {
    if (writing != RECORDING) return writing == FOR_REAL ? (int)syscall(SYS_fdatasync, fd) : 0;
    struct stat st;
    CHECK(fd == h.q->fd && fstat(fd, &st) == 0);
    cut_the_power();
    for (off_t at = 0; at < st.st_size; at += RW_PAGE) {
        off_t data = lseek(fd, at, SEEK_DATA);
        if (data < 0) break;
        at = data / RW_PAGE * RW_PAGE;
        write_out((uint64_t)at, (uint64_t)at + RW_PAGE);
    }
    cut_the_power();
    return 0;
}

static void pause_for_a_while(void) {
    pausing = MAY_BE_EITHER;
    CHECK_EQUAL(rwq_pause(h.q, 1), 0);
    pausing = IS_PAUSED;
    send_something();
    pausing = MAY_BE_EITHER;
    CHECK_EQUAL(rwq_pause(h.q, 0), 0);
    pausing = IS_GOING_ON;
}

static void what_was_promised_survives_a_power_cut_at_any_moment(void) {
    at_once = true;
    begin_on_a_disk(sync_journal);
    writing = RECORDING;
    for (double until = seconds_now() + 5; cuts < 1500 && seconds_now() < until;) {
        if (random_below(40)) work();
        else pause_for_a_while();
    }
    writing = FOR_REAL;
    printf("  %u cuts, %u messages\n", cuts, next_number);
    CHECK(cuts > 50);
    close_queue(&h);
}

static void each_deliberate_bug_is_found(void) {
    const char *const bugs[][2] = {{"acknowledgements_not_written", "came back"}, {"taken_not_written", "came back"}, {"bodies_not_written", "is lost"}, {"pause_not_written", "RWQ_PAUSED_BIT"}};
    for (size_t i = 0; i < sizeof bugs / sizeof bugs[0]; i++) expect_found(bugs[i][0], "what_was_promised_survives_a_power_cut_at_any_moment", bugs[i][1]);
}

static const struct test tests[] = {TEST(what_was_promised_survives_a_power_cut_at_any_moment), TEST(each_deliberate_bug_is_found)};
int main(int argc, char **argv) {
    use_a_disk();
    return RUN_TESTS(tests, argc, argv);
}
