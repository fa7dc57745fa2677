#include "layout.h"

static uint64_t round_up(uint64_t value, uint64_t unit) { return (value + unit - 1) / unit * unit; }

static uint32_t power_of_two_at_least(uint32_t value) {
    uint32_t p = 1;
    while (p < value) p <<= 1;
    return p;
}

/* Bodies up to this size (with their headers) lie packed; larger ones begin on a page of their own. */
#define SMALL_DEFAULT 256u
#define SMALL_LIMIT 512u
/* Below this the cycle counter of a ring entry would wrap too fast for a stopped process. */
#define RING_MINIMUM 1024u

bool rw_layout_compute(struct rw_layout *l, uint32_t slots, uint32_t participants, uint32_t max_body, uint32_t max_headers) {
    if (slots < 1 || slots > RWQ_MAX_SLOTS || participants < 1 || participants > RWQ_MAX_PARTICIPANTS) return false;
    if (max_body < 1 || max_body > RWQ_MAX_BODY || max_headers > RWQ_MAX_HEADERS) return false;
    *l = (struct rw_layout){.slots = slots, .participants = participants, .max_body = max_body, .max_headers = max_headers};
    l->ring_entries = power_of_two_at_least(slots * 2);
    if (l->ring_entries < RING_MINIMUM) l->ring_entries = RING_MINIMUM;
    l->ring_shift = (uint32_t)__builtin_ctz(l->ring_entries);
    l->words = (slots + 63) / 64;
    l->notes = slots < 1024 ? slots : 1024;
    uint64_t whole = round_up(max_body, 8) + round_up(max_headers, 8);
    l->small_bytes = whole <= SMALL_LIMIT ? (uint32_t)round_up(whole, 64) : SMALL_DEFAULT;
    l->large_stride = whole <= l->small_bytes ? 0 : round_up(whole, RW_PAGE);

    uint64_t at = RW_PAGE;
    l->control = at, at += 2 * RW_PAGE;
    l->chunk_map = at, at += RW_PAGE;
    l->used = at, at += round_up((uint64_t)l->words * 8, RW_LINE);
    l->used_summary = at, at += round_up((uint64_t)(l->words + 63) / 64 * 8, RW_LINE);
    l->lease_min = at, at += round_up((uint64_t)l->words * 8, RW_LINE);
    l->due_min = at, at += round_up((uint64_t)l->words * 8, RW_LINE);
    l->parts = at, at += (uint64_t)(participants + 1) * sizeof(struct rw_participant);
    l->headers = at = round_up(at, RW_LINE), at += (uint64_t)slots * sizeof(struct rw_slot);
    l->small = at, at += (uint64_t)slots * l->small_bytes;
    l->rings = at = round_up(at, RW_PAGE), at += (uint64_t)RW_RINGS * l->ring_entries * 8;
    l->note_area = at = round_up(at, RW_PAGE), at += (uint64_t)l->notes * sizeof(struct rw_note);
    l->meta_end = at = round_up(at, RW_CHUNK);
    if (l->meta_end / RW_CHUNK > RW_CHUNK_MAP_BITS) return false;
    l->large = at, at += l->large_stride * slots;
    l->total = at;
    return true;
}
