/* Notes of dead letters: a page each, claimed by CAS in the name of the slot. A note whose slot is no longer that dead letter is free. */
#include "queue.h"

static struct rw_note *note_at(const rwq *q, uint32_t number) { return (struct rw_note *)(q->base + q->l.note_area) + number; }

static bool in_use(const rwq *q, uint64_t owner) {
    if (owner == 0) return false;
    uint32_t slot = (uint32_t)owner - 1;
    if (!rw_slot_index_ok(q, slot) || !rw_slot_present(q, slot)) return false;
    uint64_t w = rw_load(&q->slots[slot].state);
    return (RW_STATE(w) == RWQ_SLOT_SETTLING || RW_STATE(w) == RWQ_SLOT_BURIED) && RW_GEN(w) == (uint32_t)(owner >> 32);
}

/* Number + 1, 0 when there is no place: the dead letter then has no note. The end of a long text is what tells most. */
uint32_t rw_note_write(rwq *q, uint32_t slot, uint64_t settling, const void *text, uint32_t length) {
    const uint8_t *from = text;
    if (length == 0) return 0;
    if (length > RWQ_NOTE_BYTES) from += length - RWQ_NOTE_BYTES, length = RWQ_NOTE_BYTES;
    uint64_t mine = (uint64_t)RW_GEN(settling) << 32 | (slot + 1);
    for (uint32_t turn = 0; turn < q->l.notes; turn++) {
        uint32_t number = (slot + turn) % q->l.notes;
        struct rw_note *note = note_at(q, number);
        if (rw_reserve(q, q->l.note_area + (uint64_t)number * sizeof *note, sizeof *note)) return 0;
        uint64_t owner = rw_load(&note->owner);
        if (in_use(q, owner) || !rw_cas(&note->owner, &owner, mine)) continue;
        /* SYNC POINT (note.text): the look in in_use(), then the new text / a copy of the old one, then the look at the state */
        rw_overwrite_barrier();
        memcpy(note->text, from, length);
        rw_store(&note->length, length);
        return number + 1;
    }
    return 0;
}

static struct rw_note *note_of(rwq *q, uint32_t slot, uint64_t w) {
    uint32_t number = rw_load(&q->slots[slot].note);
    if (number == 0 || number > q->l.notes) return NULL;
    if (!rw_present(q, q->l.note_area + (uint64_t)(number - 1) * sizeof(struct rw_note))) return NULL;
    struct rw_note *note = note_at(q, number - 1);
    return rw_load(&note->owner) == ((uint64_t)RW_GEN(w) << 32 | (slot + 1)) ? note : NULL;
}

uint32_t rw_note_read(rwq *q, uint32_t slot, uint64_t w, uint8_t *into, uint32_t capacity) {
    struct rw_note *note = note_of(q, slot, w);
    if (!note) return 0;
    uint32_t length = rw_load(&note->length);
    if (length > RWQ_NOTE_BYTES) length = RWQ_NOTE_BYTES;
    if (length > capacity) length = capacity;
    memcpy(into, note->text, length);
    rw_copy_barrier(); /* SYNC POINT (note.text): before the caller's second look at the state */
    return length;
}
