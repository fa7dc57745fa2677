/*
 * Journals that are not written out before each call returns, when the power goes. The kernel writes out what it likes, when it likes, in
 * the middle of any operation: a thread does that here. Then nothing torn may be delivered, nothing twice, and nothing that was settled
 * before all was written out for the last time; what was accepted before that, and left alone since, is there.
 */
#include "power_cut.h"

static pthread_mutex_t disk_mutex = PTHREAD_MUTEX_INITIALIZER;
static _Atomic uint32_t whole; /* how often all was written out */
static _Atomic bool stop;

static void write_page_out(uint64_t at) {
    pthread_mutex_lock(&disk_mutex);
    write_out(at, at + 1);
    pthread_mutex_unlock(&disk_mutex);
}

/* Page by page, while others go on. */
static void write_all_out(void) {
    static uint32_t before[NUMBERS];
    struct stat st;
    uint32_t numbers = next_number;
    for (uint32_t number = 0; number < numbers; number++) before[number] = promised[number];
    CHECK(fstat(queue_fd, &st) == 0);
    for (off_t at = 0; at < st.st_size; at += RW_PAGE) {
        off_t data = lseek(queue_fd, at, SEEK_DATA);
        if (data < 0) break;
        at = data / RW_PAGE * RW_PAGE;
        write_page_out((uint64_t)at);
    }
    pthread_mutex_lock(&disk_mutex);
    memcpy(written_out, before, numbers * sizeof before[0]);
    pthread_mutex_unlock(&disk_mutex);
    atomic_fetch_add(&whole, 1);
}

/* Some pages by itself; and, unless the library asks for it, all of them now and then. */
static void *be_the_kernel(void *of_itself) {
    uint32_t random = 4711;
    struct stat st;
    CHECK(fstat(queue_fd, &st) == 0);
    while (!atomic_load(&stop)) {
        random ^= random << 13, random ^= random >> 17, random ^= random << 5;
        if (of_itself && random % 200 == 0) write_all_out();
        off_t data = lseek(queue_fd, (off_t)(random % (uint64_t)st.st_size), SEEK_DATA);
        if (data >= 0) write_page_out((uint64_t)data);
    }
    return NULL;
}

/* The library's own request, on its helper thread or at the end. */
int fdatasync(int fd) {
    if (writing == FOR_REAL) return (int)syscall(SYS_fdatasync, fd);
    if (writing == RECORDING && disk_fd >= 0) write_all_out();
    return 0;
}

static void cut_the_power(void) {
    pthread_mutex_lock(&disk_mutex);
    cuts++;
    IN_CHILD(pid, {
        char copy[4200];
        snprintf(copy, sizeof copy, SEGMENT_DIRECTORY "/%s-cut", segment_prefix);
        copy_disk(copy);
        disk_path = copy;
        check_after_the_cut();
        unlink(copy);
    });
    int status = status_of(pid);
    pthread_mutex_unlock(&disk_mutex);
    CHECK_NOTE(WIFEXITED(status) && WEXITSTATUS(status) == 0, "cut %u", cuts);
}

static int settled_now(void) {
    int count = 0;
    for (uint32_t number = 0; number < next_number; number++) count += is_settled(number) && PROMISED(number) != UNSENT && PROMISED(number) != GONE;
    return count;
}

enum { CUTS = 150 };

/* What does not come about by then never will. */
static double seconds_max(void) {
    const char *given = getenv("RINGWIRE_CUT_SECONDS");
    return given ? strtod(given, NULL) : 60;
}

static void cut_it_often(struct rwq_params params, bool kernel_writes_all) {
    pthread_t kernel;
    int kept = 0;
    begin_on_a_disk(params);
    writing = RECORDING;
    CHECK_EQUAL(pthread_create(&kernel, NULL, be_the_kernel, kernel_writes_all ? &whole : NULL), 0);
    for (double until = seconds_now() + seconds_max(); (cuts < CUTS || whole < 20) && seconds_now() < until;) {
        for (uint32_t n = random_below(60); n && next_number < NUMBERS - 10; n--) work();
        sleep_ms(random_below(8)); /* so that some is written out and left alone */
        kept += settled_now();
        cut_the_power();
    }
    atomic_store(&stop, true);
    CHECK_EQUAL(pthread_join(kernel, NULL), 0);
    printf("  %u cuts, %u messages; all was written out %u times; %d times something had to be there\n", cuts, next_number, whole, kept);
    CHECK(cuts >= CUTS && whole >= 20 && kept > CUTS);
}

static const struct rwq_params journal = {.max_messages = 40, .max_body = 5000, .max_headers = 64, .max_participants = 4, .max_dead = 40, .max_deliver = 100, .interval_ms = 20};

static void with_an_interval_only_what_came_after_the_last_write_is_in_doubt(void) {
    struct rwq_params params = journal;
    params.journal = RWQ_JOURNAL_INTERVAL;
    cut_it_often(params, false);
    /* Without any call: it is the time that counts. */
    uint32_t now = whole;
    for (double until = seconds_now() + seconds_max(); whole < now + 2 && seconds_now() < until;) sleep_ms(5);
    CHECK(whole >= now + 2);
    for (uint32_t number = 0; number < next_number; number++) CHECK_NOTE(is_settled(number), "%u was not written out in time", number);
    cut_the_power();
    close_queue(&h);
    writing = FOR_REAL;
}

static void closing_an_interval_journal_writes_the_rest(void) {
    struct rwq_params params = journal;
    params.journal = RWQ_JOURNAL_INTERVAL, params.interval_ms = 3600000;
    writing = RECORDING;
    begin_on_a_disk(params);
    for (double until = seconds_now() + seconds_max(); whole < 1 && seconds_now() < until;) sleep_ms(1); /* once at the beginning */
    CHECK_EQUAL(whole, 1);
    for (int n = 0; n < 50; n++) work();
    CHECK_EQUAL(whole, 1);
    close_queue(&h);
    for (uint32_t number = 0; number < next_number; number++) CHECK_NOTE(is_settled(number), "%u was not written out", number);
    cut_the_power();
    writing = FOR_REAL;
}

static void what_the_kernel_has_written_is_whole_and_there(void) {
    struct rwq_params params = journal;
    params.journal = RWQ_JOURNAL_PROCESS;
    cut_it_often(params, true);
    close_queue(&h);
    writing = FOR_REAL;
}

static void each_deliberate_bug_is_found(void) {
    const char *const interval = "with_an_interval_only_what_came_after_the_last_write_is_in_doubt", *const process = "what_the_kernel_has_written_is_whole_and_there";
    expect_found("sums_not_checked", process, "in_state(h, RWQ_SLOT_FREE)"); /* they are taken for damaged later, and buried */
    expect_found("delayed_dropped", process, "is lost");
    expect_found("not_written_at_the_end", "closing_an_interval_journal_writes_the_rest", "was not written out");
    setenv("RINGWIRE_CUT_SECONDS", "3", 1);
    expect_found("never_written", interval, "whole >= 20");
}

static const struct test tests[] = {TEST(each_deliberate_bug_is_found), TEST(with_an_interval_only_what_came_after_the_last_write_is_in_doubt), TEST(closing_an_interval_journal_writes_the_rest), TEST(what_the_kernel_has_written_is_whole_and_there)};
int main(int argc, char **argv) {
    use_a_disk();
    return RUN_TESTS(tests, argc, argv);
}
