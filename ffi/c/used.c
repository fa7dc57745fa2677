/*
 * Which slots are taken, as hints: one bit per slot (1 = used, so that a fresh queue's zero pages say "free"), and a summary bit per
 * 64-slot word that is full. The slot's state word decides; a bit that is wrong costs time, never a message:
 *   - set, but the slot is FREE (its owner died between the two): found by sweeps, and by the claimer that sees everything full
 *   - clear, but the slot is taken: the claimer sees it, sets the bit and goes on
 */
#include "queue.h"

#define CLAIMS_BEFORE_BOTTOM 64u /* how long a claimer stays in its words before it looks for lower ones again */

static _Atomic uint64_t *used_word(const rwq *q, uint32_t word) { return (_Atomic uint64_t *)(q->base + q->l.used) + word; }
static _Atomic uint64_t *summary_word(const rwq *q, uint32_t word) { return (_Atomic uint64_t *)(q->base + q->l.used_summary) + word; }

static uint64_t valid_bits(const rwq *q, uint32_t word) {
    uint32_t left = q->l.slots - word * 64;
    return left >= 64 ? ~0ull : (1ull << left) - 1;
}

void rw_used_mark(rwq *q, uint32_t slot) {
    uint32_t word = slot / 64;
    uint64_t all = valid_bits(q, word), bit = 1ull << (slot & 63);
    atomic_fetch_or(used_word(q, word), bit); /* its result unused, so that it is one instruction and no CAS loop */
    if ((rw_load_seq(used_word(q, word)) & all) != all) return;
    _Atomic uint64_t *summary = summary_word(q, word / 64);
    uint64_t summary_bit = 1ull << (word & 63);
    atomic_fetch_or(summary, summary_bit);
    /* SYNC POINT (used): pairs with clear_bits(): set summary, then look at the word / clear in the word, then look at the summary */
    if ((rw_load_seq(used_word(q, word)) & all) != all) atomic_fetch_and(summary, ~summary_bit);
}

static void clear_bits(rwq *q, uint32_t word, uint64_t mask) {
    atomic_fetch_and(used_word(q, word), ~mask);
    _Atomic uint64_t *summary = summary_word(q, word / 64);
    uint64_t summary_bit = 1ull << (word & 63);
    if (rw_load_seq(summary) & summary_bit) atomic_fetch_and(summary, ~summary_bit);
}

void rw_used_clear(rwq *q, uint32_t slot) { clear_bits(q, slot / 64, 1ull << (slot & 63)); }

/* The word moves between the processors of whoever frees and whoever claims, which costs more than all the rest of freeing a message. */
void rw_used_clear_later(rwq *q, uint32_t slot) {
    if (q->clear_word != slot / 64) rw_used_clear_now(q);
    q->clear_word = slot / 64;
    q->clear_mask |= 1ull << (slot & 63);
}

void rw_used_clear_now(rwq *q) {
    if (!q->clear_mask) return;
    clear_bits(q, q->clear_word, q->clear_mask);
    q->clear_mask = 0;
}

/* One slot: reserve its header, raise the high-water mark before anyone could have to find it, then the CAS that names the owner. */
static int32_t claim_slot(rwq *q, uint32_t slot, uint64_t *word_out, uint32_t priority) {
    struct rw_slot *s = &q->slots[slot];
    int status = rw_reserve(q, q->l.headers + (uint64_t)slot * sizeof *s, sizeof *s);
    if (status) return status;
    uint64_t high = rw_load(&q->control->high_water);
    /* SYNC POINT (high_water): before the claim; pairs with rw_drained() and the scanners, which read it after what makes them look */
    while (high <= slot && !rw_cas(&q->control->high_water, &high, (uint64_t)slot + 1)) {}
    RW_POINT("claim:before");
    uint64_t w = rw_load(&s->state);
    if (RW_STATE(w) != RWQ_SLOT_FREE) {
        /* Cleared too late, by somebody who freed an earlier use of it: who waits for room would never sleep. */
        rw_used_mark(q, slot);
        /* SYNC POINT (used): bit, then state / state, then bit in rw_free(): one of the two clears it */
        if (RW_STATE(rw_load_seq(&s->state)) == RWQ_SLOT_FREE) rw_used_clear(q, slot);
        return -EAGAIN;
    }
    uint64_t claimed = RW_WORD(RWQ_SLOT_CLAIMED, 0, priority, q->me, 0, RW_GEN(w) + 1);
    if (!rw_cas(&s->state, &w, claimed)) return -EAGAIN;
    RW_POINT("claim:after");
    /* SYNC POINT (slot.body): this CAS, then the new message / a copy of an older one, then the look at the state */
    rw_overwrite_barrier();
    rw_used_mark(q, slot);
    *word_out = claimed;
    return 0;
}

static int32_t claim_in_word(rwq *q, uint32_t word, uint32_t *slot, uint64_t *claimed, uint32_t priority) {
    uint64_t free_bits = ~rw_load_relaxed(used_word(q, word)) & valid_bits(q, word);
    while (free_bits) {
        uint32_t candidate = word * 64 + (uint32_t)__builtin_ctzll(free_bits);
        int32_t status = claim_slot(q, candidate, claimed, priority);
        if (status != -EAGAIN) {
            *slot = candidate;
            return status;
        }
        free_bits &= free_bits - 1;
    }
    return -EAGAIN;
}

int32_t rw_used_claim(rwq *q, uint32_t *slot, uint64_t *claimed, uint32_t priority) {
    /* Near where the last one succeeded first: neighbours in the cache, and several producers drift apart. Every so often from the
     * bottom again, so that the memory in use stays dense. */
    if (++q->claims_in_turn < CLAIMS_BEFORE_BOTTOM) {
        if (claim_in_word(q, q->rotor, slot, claimed, priority) == 0) return 0; /* no memory here may still mean some further down */
    }
    q->claims_in_turn = 0;
    uint32_t summaries = (q->l.words + 63) / 64;
    for (uint32_t s = 0; s < summaries; s++) {
        uint64_t open = ~rw_load(summary_word(q, s));
        while (open) {
            uint32_t word = s * 64 + (uint32_t)__builtin_ctzll(open);
            if (word >= q->l.words) break;
            int32_t status = claim_in_word(q, word, slot, claimed, priority);
            if (status != -EAGAIN) {
                q->rotor = word;
                return status;
            }
            open &= open - 1;
        }
    }
    return -EAGAIN;
}

bool rw_used_any_free(rwq *q) {
    for (uint32_t s = 0; s < (q->l.words + 63) / 64; s++) {
        uint64_t open = ~rw_load_seq(summary_word(q, s));
        for (; open; open &= open - 1) {
            uint32_t word = s * 64 + (uint32_t)__builtin_ctzll(open);
            if (word >= q->l.words) break;
            if (~rw_load_seq(used_word(q, word)) & valid_bits(q, word)) return true;
        }
    }
    return false;
}

int32_t rw_used_repair(rwq *q, uint32_t from, uint32_t to) {
    int32_t repaired = 0;
    for (uint32_t word = from / 64; word < (to + 63) / 64; word++) {
        uint64_t bits = rw_load(used_word(q, word)) & valid_bits(q, word);
        while (bits) {
            uint32_t slot = word * 64 + (uint32_t)__builtin_ctzll(bits);
            bits &= bits - 1;
            /* Beyond the high-water mark nothing was ever claimed. A claim that comes between the look and the clear leaves a clear bit
             * on a taken slot, which is harmless. */
            if (!rw_slot_present(q, slot) || RW_STATE(rw_load(&q->slots[slot].state)) == RWQ_SLOT_FREE) {
                rw_used_clear(q, slot);
                repaired++;
            }
        }
        uint64_t all = valid_bits(q, word), summary_bit = 1ull << (word & 63);
        if ((rw_load(summary_word(q, word / 64)) & summary_bit) && (rw_load_seq(used_word(q, word)) & all) != all)
            atomic_fetch_and(summary_word(q, word / 64), ~summary_bit), repaired++;
    }
    return repaired;
}
