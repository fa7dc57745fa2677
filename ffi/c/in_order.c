/* Slots that are to be dealt with in the order in which their messages were sent. */
#include <stdlib.h>

#include "queue.h"

static int by_id(const void *a, const void *b) {
    uint64_t x = ((const struct rw_found *)a)->id, y = ((const struct rw_found *)b)->id;
    return x < y ? -1 : x > y;
}

bool rw_remember(rwq *q, struct rw_list *list, uint32_t slot, uint64_t word) {
    if (list->count == list->capacity) {
        uint32_t capacity = list->capacity ? list->capacity * 2 : 64;
        struct rw_found *more = realloc(list->items, capacity * sizeof *more);
        if (!more) return false;
        list->items = more, list->capacity = capacity;
    }
    list->items[list->count++] = (struct rw_found){rw_load_relaxed(&q->slots[slot].id), word, slot};
    return true;
}

void rw_sort(struct rw_list *list) {
    if (list->count > 1) qsort(list->items, list->count, sizeof *list->items, by_id);
}

void rw_release_list(struct rw_list *list) {
    free(list->items);
    *list = (struct rw_list){0};
}
