#define _GNU_SOURCE
#include <stdarg.h>
#include <stdio.h>

#include "queue.h"

static _Thread_local char detail[512];

int32_t rw_fail(int32_t error, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    return error > 0 ? -error : error;
}

int32_t rwq_error_detail(void *text, uint32_t capacity) {
    if (capacity == 0) return 0;
    size_t length = strnlen(detail, sizeof detail - 1);
    if (length > capacity - 1) length = capacity - 1;
    memcpy(text, detail, length);
    ((char *)text)[length] = 0;
    detail[0] = 0; /* one failure, one text */
    return (int32_t)length;
}

int32_t rw_poison(rwq *q, const char *what) {
    /* Everyone learns of it: working on beside a damaged structure would spread the damage. */
    if (!q->observe) rw_store(&q->control->poisoned, 1);
    return rw_fail(-EUCLEAN, "the segment is damaged: %s", what);
}

uint32_t rwq_abi_version(void) { return (uint32_t)RWQ_ABI_MAJOR << 16 | RWQ_ABI_MINOR; }
