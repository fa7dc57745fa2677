/*
 * Scripts of corruptions and operations: those that are kept in corruption_inputs/ (what was found to do harm, and cover-*: what `make fuzz` reached),
 * and some that are made up here, every second one in company. RINGWIRE_FUZZ_SEED begins elsewhere, RINGWIRE_FUZZ_ROUNDS goes on for longer.
 */
#include "corruption_script.h"

#include <sys/stat.h>

#define SCRIPT_BYTES_MAX 1500u
#define SCRIPT_SECONDS_MAX 20u /* a hang is a failure of its own kind */

static void say_what(const char *what, uint64_t which, int status) { check_failed(__FILE__, __LINE__, "%s %llu ended with status %#x", what, (unsigned long long)which, status); }

static void kept_inputs_do_no_harm(void) {
    char directory[4096];
    ssize_t n = readlink("/proc/self/exe", directory, sizeof directory - 64);
    CHECK(n > 0);
    directory[n] = 0;
    for (int up = 0; up < 3; up++) *strrchr(directory, '/') = 0; /* build/asan/this */
    strcat(directory, "/ffi/c/tests/corruption_inputs");
    DIR *inputs = opendir(directory);
    CHECK_NOTE(inputs, "no inputs in %s", directory);
    const char *path = fresh_path();
    uint64_t count = 0;
    for (struct dirent *entry; (entry = readdir(inputs));) {
        static uint8_t bytes[1 << 16];
        if (entry->d_name[0] == '.') continue;
        int fd = openat(dirfd(inputs), entry->d_name, O_RDONLY | O_CLOEXEC);
        ssize_t size = read(fd, bytes, sizeof bytes);
        CHECK(size > 0);
        close(fd);
        for (int in_company = 0; in_company < 2; in_company++) {
            IN_CHILD(pid, alarm(SCRIPT_SECONDS_MAX), run_script(path, bytes, (size_t)size, in_company));
            int status = status_of(pid);
            if (status) printf("  %s\n", entry->d_name), say_what(in_company ? "in company, input" : "input", count, status);
        }
        count++;
    }
    closedir(inputs);
    printf("  %llu inputs\n", (unsigned long long)count);
    CHECK(count > 0);
}

static void script_of(uint64_t seed, uint8_t *bytes) {
    uint64_t state = seed;
    for (uint32_t i = 0; i < SCRIPT_BYTES_MAX; i++) {
        state = state * 6364136223846793005ull + 1442695040888963407ull;
        bytes[i] = (uint8_t)(state >> 56);
    }
}

static void scripts_made_up_crash_and_hang_nobody(void) {
    enum { AT_A_TIME = 50 };
    const char *seed = getenv("RINGWIRE_FUZZ_SEED"), *rounds = getenv("RINGWIRE_FUZZ_ROUNDS"), *path = fresh_path();
    uint64_t from = seed ? strtoull(seed, NULL, 10) : 1, until = from + (rounds ? strtoull(rounds, NULL, 10) : 2000);
    _Atomic uint64_t *now = shared_memory(sizeof *now);
    for (; from < until; from += AT_A_TIME) {
        alarm(TEST_SECONDS_MAX);
        IN_CHILD(pid, {
            static uint8_t bytes[SCRIPT_BYTES_MAX];
            for (uint64_t i = from; i < from + AT_A_TIME && i < until; i++) {
                atomic_store(now, i);
                alarm(SCRIPT_SECONDS_MAX);
                script_of(i, bytes);
                run_script(path, bytes, 20 + i * 37 % (SCRIPT_BYTES_MAX - 20), i % 2);
            }
        });
        int status = status_of(pid);
        if (status) say_what("seed", atomic_load(now), status);
    }
    printf("  %s scripts, every second one in company\n", rounds ? rounds : "2000");
}

static void expect_fault(volatile const uint8_t *at) {
    IN_CHILD(pid, {
        signal(SIGSEGV, SIG_DFL); /* not the sanitizer's report */
        (void)*at;
    });
    int status = status_of(pid);
    CHECK_NOTE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "a read beyond the segment ended with status %#x", status);
}

/* Or those scripts would find less. */
static void an_access_beyond_the_segment_is_a_fault(void) {
    struct handle h = new_queue((struct rwq_params){.max_messages = SCRIPT_SLOTS, .max_body = SCRIPT_BODY_MAX});
    expect_fault(h.q->base - 1);
    expect_fault(h.q->base + (h.q->l.total + RW_PAGE - 1) / RW_PAGE * RW_PAGE);
    close_queue(&h);
}

static const struct test tests[] = {TEST(an_access_beyond_the_segment_is_a_fault), TEST(kept_inputs_do_no_harm), TEST(scripts_made_up_crash_and_hang_nobody)};
int main(int argc, char **argv) { return RUN_TESTS(tests, argc, argv); }
