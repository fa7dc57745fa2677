/*
 * Deliberate bugs: mutants/PROGRAM/NAME.sed is an edit of one source file, whose functions come before those of the shim in
 * build/mutants/PROGRAM/NAME. A test that passes must fail there, or it proves nothing.
 */
#ifndef RW_MUTANTS_H
#define RW_MUTANTS_H
#include <stdbool.h>

#include "check.h"

/* What the mutant of this program said when it ran `test`; its exit status. */
static inline int run_mutant(const char *name, const char *test, char *text, size_t capacity) {
    char self[4096], mutant[4096 + 200];
    int ends[2];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    CHECK(n > 0 && pipe(ends) == 0);
    self[n] = 0;
    const char *program = strrchr(self, '/') + 1;
    for (int up = 0; up < 2; up++) *strrchr(self, '/') = 0; /* build/VARIANT/this */
    snprintf(mutant, sizeof mutant, "%s/mutants/%s/%s", self, program, name);
    IN_CHILD(pid, {
        dup2(ends[1], 1), dup2(ends[1], 2), close(ends[0]), close(ends[1]);
        execl(mutant, mutant, test, (char *)NULL);
        _exit(126);
    });
    close(ends[1]);
    size_t used = 0;
    while (used < capacity - 1 && (n = read(ends[0], text + used, capacity - 1 - used)) > 0) used += (size_t)n;
    text[used] = 0;
    close(ends[0]);
    int status = status_of(pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The mutant must fail at `test`, and say so with `complaint`. */
static inline void expect_found(const char *name, const char *test, const char *complaint) {
    static char text[1 << 20];
    alarm(TEST_SECONDS_MAX);
    int status = run_mutant(name, test, text, sizeof text);
    CHECK_NOTE(status == 1 && strstr(text, complaint), "%s: %s ended with %d and did not find it:\n%s", name, test, status, text);
}
#endif
