/* What starting a process costs at least: posix_spawn of /bin/true and waiting for it, N at a time. */
#define _GNU_SOURCE
#include <spawn.h>

#include "measure.h"

enum { JOBS = 400 };
extern char **environ;

static void spawn(void) {
    pid_t child;
    char *arguments[] = {"true", NULL};
    if (posix_spawn(&child, "/bin/true", NULL, NULL, arguments, environ)) fail("posix_spawn");
}

/* `spawning N...`: jobs per second with as many at a time. */
int main(int argc, char **argv) {
    char name[64];
    for (int a = 1; a < argc; a++) {
        int at_a_time = atoi(argv[a]);
        snprintf(name, sizeof name, "limit.spawn.p%d", at_a_time);
        for (int run = -1; run < RUNS; run++) {
            double t = now_ns();
            for (int started = 0, ended = 0; ended < JOBS;) {
                for (; started < JOBS && started - ended < at_a_time; started++) spawn();
                if (wait(NULL) < 0) fail("wait");
                ended++;
            }
            if (run >= 0) emit(name, JOBS / ((now_ns() - t) / 1e9), "jobs/s");
        }
    }
    return 0;
}
