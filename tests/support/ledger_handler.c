/*
 * A handler that proves when it ran: `ledger_handler FILE MILLISECONDS`. From its start to its end it appends a line to FILE every
 * few hundred microseconds, each with one write: message id, attempt, pid, CLOCK_MONOTONIC in ns, and `s`, `r` or `e` (start,
 * running, end). Whoever is killed leaves no `e`; its last line says how long it certainly lived.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static long long now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (long long)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int note(int file, char what) {
    char line[128];
    int length = snprintf(line, sizeof line, "%s %s %d %lld %c\n", getenv("RINGWIRE_MSG_ID"), getenv("RINGWIRE_MSG_ATTEMPT"), (int)getpid(), now_ns(), what);
    return write(file, line, (size_t)length) == length ? 0 : 75;
}

int main(int argc, char **argv) {
    if (argc != 3) return 65;
    int file = open(argv[1], O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0) return 65;
    long long until = now_ns() + atoll(argv[2]) * 1000000;
    int status = note(file, 's');
    while (status == 0 && now_ns() < until) {
        nanosleep(&(struct timespec){.tv_nsec = 300000}, NULL);
        status = note(file, 'r');
    }
    return status ? status : note(file, 'e');
}
