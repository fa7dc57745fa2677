/* The scripts of corruption_script.h, made up by libFuzzer: `make fuzz`. RINGWIRE_FUZZ_COMPANY=1: each in company. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <unistd.h>

#define _exit(status) abort() /* so that a failed check is a find */
#include "corruption_script.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    static const char *path;
    if (!path) {
        snprintf(segment_prefix, sizeof segment_prefix, "ringwire-fuzz-%d", (int)getpid());
        path = strdup(fresh_path());
    }
    unlink(path);
    run_script(path, bytes, size, getenv("RINGWIRE_FUZZ_COMPANY") != NULL);
    return 0;
}
