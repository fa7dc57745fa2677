#define _GNU_SOURCE
#include "crash_point.h"

#ifdef RW_CRASH_POINTS
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void rw_crash_point(const char *label) {
    static long reached;
    const char *wanted = getenv("RINGWIRE_CRASH_AT");
    if (!wanted) return;
    const char *colon = strrchr(wanted, ':'); /* labels have colons of their own */
    if (colon && (colon[1] < '0' || colon[1] > '9')) colon = NULL;
    size_t length = colon ? (size_t)(colon - wanted) : strlen(wanted);
    if (strlen(label) != length || strncmp(label, wanted, length) != 0) return;
    if (++reached != (colon ? atol(colon + 1) : 1)) return;
    const char *signal_name = getenv("RINGWIRE_CRASH_SIGNAL");
    kill(getpid(), signal_name && strcmp(signal_name, "STOP") == 0 ? SIGSTOP : SIGKILL);
}
#else
typedef int rw_crash_points_are_off;
#endif
