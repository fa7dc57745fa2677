/*
 * What lies where in a segment. Offsets only, little-endian, 64-bit; all-zero pages are the valid initial state of everything but page 0
 * and the control page, so that a part of the segment that nobody has needed yet costs no memory.
 *
 *   page 0      struct rw_super    immutable, validated, copied to private memory and never read again
 *   page 1-2    struct rw_control  the hot words, each on its own pair of cache lines
 *   page 3      chunk map          one bit per 64 KiB of everything before the payloads: 1 = memory is really there
 *   then        used bitmap and its summary, lease minima, due minima, participants, slot headers, small bodies, rings, notes
 *   then        large bodies       one stride of whole pages per slot
 */
#ifndef RW_LAYOUT_H
#define RW_LAYOUT_H
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ringwire_shm.h"

#define RW_MAGIC 0x45524957474e4952ull /* "RINGWIRE" */
#define RW_ENDIAN 0x01020304u
#define RW_PAGE 4096u
#define RW_CHUNK 65536u
#define RW_CHUNK_MAP_BITS (RW_PAGE * 8u)
#define RW_LINE 128 /* two cache lines: the adjacent-line prefetcher pairs them */

/* Features: an unknown bit in incompat refuses the segment, in ro_compat refuses all but looking, in compat is ignored. */
#define RW_INCOMPAT_JOURNAL 1u
#define RW_INCOMPAT_KNOWN RW_INCOMPAT_JOURNAL
#define RW_RO_COMPAT_KNOWN 0u

struct rw_super {
    uint64_t magic;
    uint32_t endian;
    uint16_t abi_major, abi_minor;
    uint32_t compat, ro_compat, incompat, super_bytes;
    uint64_t total_bytes;
    uint32_t slots, ring_entries, participants, notes;
    uint32_t max_body, max_headers, max_dead, max_deliver;
    uint32_t lease_ms, journal, interval_ms, creator_uid;
    uint32_t small_bytes, large_stride_pages;
    uint64_t created_ms;
    uint8_t uuid[16];
    uint32_t reserved[8];
    uint32_t crc; /* CRC32C of everything before it */
};

/* ---- slot state word: the only truth about a slot, changed by whole-word CAS only ---- */
/* gen 32 | attempts 8 | owner 12 | priority 2 | flags 6 | state 4 */
#define RW_STATE(w) ((uint32_t)((w)&15u))
#define RW_FLAGS(w) ((uint32_t)(((w) >> 4) & 63u))
#define RW_PRIORITY(w) ((uint32_t)(((w) >> 10) & 3u))
#define RW_OWNER(w) ((uint32_t)(((w) >> 12) & 4095u))
#define RW_ATTEMPTS(w) ((uint32_t)(((w) >> 24) & 255u))
#define RW_GEN(w) ((uint32_t)((w) >> 32))
#define RW_WORD(state, flags, prio, owner, attempts, gen)                                                                                            \
    ((uint64_t)(state) | ((uint64_t)(flags) << 4) | ((uint64_t)(prio) << 10) | ((uint64_t)(owner) << 12) | ((uint64_t)(attempts) << 24) |            \
     ((uint64_t)(uint32_t)(gen) << 32))
enum {
    RW_REDELIVERED = 1, /* taken before without having been acknowledged */
    RW_EVICTED = 2,     /* this claim took the place of a waiting message, and the drop is not counted yet: whoever recovers it does */
    RW_UNSUMMED = 4,    /* zero-copy body in a memory segment: no checksum was made */
    RW_UNCOUNTED = 8,   /* this lease is no attempt yet: given back, none is to be taken off; means nothing when the slot is not leased */
};

/* Deadline and due words carry the low bits of the generation they were written for: a stale tag means "not set yet". */
#define RW_TIME_BITS 42
#define RW_TIME_MASK ((1ull << RW_TIME_BITS) - 1)
#define RW_TAG(gen) ((uint64_t)(gen) << RW_TIME_BITS)
#define RW_TAGGED(gen, ms) (RW_TAG(gen) | ((uint64_t)(ms)&RW_TIME_MASK))
#define RW_TAG_MATCHES(word, gen) ((((word) ^ RW_TAG(gen)) >> RW_TIME_BITS) == 0)
#define RW_TIME(word) ((word)&RW_TIME_MASK)
#define RW_DEADLINE_EXPIRED 1u /* not 0, which is what a word says that was never written; a time no clock shows: the lease was judged expired, a touch must fail */

struct rw_slot {
    _Atomic uint64_t state;
    _Atomic uint64_t deadline; /* tagged ms */
    _Atomic uint64_t due;      /* tagged ms */
    _Atomic uint64_t id;       /* publish sequence */
    _Atomic uint64_t enqueued_ms;
    _Atomic uint32_t body_len, headers_len;
    _Atomic uint32_t crc, note; /* note: its number + 1 */
    _Atomic uint64_t expires_ms;
    /* second line: cold */
    _Atomic uint64_t reserved_bytes; /* of the large body; only the claim's owner writes it */
    _Atomic uint64_t cancel;         /* id of the message that is asked to be given up */
    uint64_t pad[6];
};
_Static_assert(sizeof(struct rw_slot) == 128, "slot header is two cache lines");

/* ---- rings: hints that can be rebuilt ---- */
enum { RW_RING_REDELIVERY = 0, RW_RING_HIGH = 1, RW_RING_NORMAL = 2, RW_RING_LOW = 3, RW_RINGS = 4 };
/* entry = cycle 18 | gen 26 | idx 20; head and tail start at N, so that zero pages read as "previous cycle" */
#define RW_ENTRY_CYCLE(e) ((uint32_t)((e) >> 46))
#define RW_ENTRY_GEN(e) ((uint32_t)(((e) >> 20) & 0x3ffffffu))
#define RW_ENTRY_IDX(e) ((uint32_t)((e)&0xfffffu))
#define RW_ENTRY(cycle, gen, idx) (((uint64_t)((cycle)&0x3ffffu) << 46) | ((uint64_t)((gen)&0x3ffffffu) << 20) | (uint64_t)(idx))
#define RW_GEN_MASK 0x3ffffffu

struct rw_ring_words {
    alignas(RW_LINE) _Atomic uint64_t tail;
    alignas(RW_LINE) _Atomic uint64_t head;
};

#define RW_ARMED_WORDS 64 /* one bit per participant */

/*
 * orphans: whether a READY slot may have no hint; a count in the upper bits, so that who has rebuilt the hints can tell whether more was
 * found meanwhile. TRIED: a rebuild found no memory for some, so nobody should be in a hurry.
 */
enum { RW_ORPHANS_NONE = 0, RW_ORPHANS_NEW = 1, RW_ORPHANS_TRIED = 2 };
#define RW_ORPHANS_STATE(word) ((word)&3u)
#define RW_ORPHANS_NEXT(word, state) (((word) & ~3u) + 4u + (state))

struct rw_control {
    struct rw_ring_words ring[RW_RINGS];
    alignas(RW_LINE) _Atomic uint32_t event[2]; /* RWQ_FOR_MESSAGE, RWQ_FOR_SPACE: seq << 1 | someone waits */
    alignas(RW_LINE) _Atomic uint32_t lifecycle;
    _Atomic uint32_t poisoned;
    alignas(RW_LINE) _Atomic uint64_t sequence;
    alignas(RW_LINE) _Atomic uint64_t next_due; /* ms, 0 none */
    alignas(RW_LINE) _Atomic uint64_t high_water;
    alignas(RW_LINE) _Atomic uint32_t orphans; /* RW_ORPHANS_STATE, counted */
    _Atomic uint32_t dead_letters;
    _Atomic uint64_t sweep_turn, death_turn; /* ms of the last round */
    _Atomic uint32_t cursor;
    _Atomic uint32_t participants_high; /* highest index that ever registered */
    uint8_t boot_id[16];                /* journal: of the boot that wrote last */
    alignas(RW_LINE) _Atomic uint64_t armed[2][RW_ARMED_WORDS];
};
_Static_assert(sizeof(struct rw_control) <= 2 * RW_PAGE, "control fits its pages");

struct rw_participant {
    _Atomic uint32_t active; /* 0: clean place. Else registered, or died so. */
    _Atomic uint32_t pid;
    _Atomic uint64_t start_ms, pid_namespace, process_start;
    _Atomic uint64_t heartbeat_ms;
    _Atomic uint32_t reading; /* copies and views in progress: no page may be given back meanwhile */
    _Atomic uint32_t wake;    /* futex: wake-ups given */
    _Atomic uint32_t wake_seen;
    _Atomic uint32_t watch;     /* futex of the helper thread: somebody else waits too, see that the wake-up is taken */
    _Atomic uint32_t wake_kind; /* 0 futex, 1 socket */
    _Atomic uint32_t registrations;
    uint8_t name[RWQ_NAME_BYTES];
    _Atomic uint64_t base[RWQ_COUNTERS]; /* counters when it registered: they count on over all who ever held this place */
    _Atomic uint32_t consumes; /* RWQ_CONSUMES_*: what it says of itself; the lock on RW_LOCK_CONSUME decides */
    _Atomic uint64_t dropping; /* a drop that is being counted, drops.c; 0 none */
    alignas(RW_LINE) _Atomic uint64_t counters[RWQ_COUNTERS];
};
_Static_assert(sizeof(struct rw_participant) % RW_LINE == 0, "participants do not share lines");

struct rw_note {
    _Atomic uint64_t owner; /* gen << 32 | slot + 1; free when that slot is not SETTLING or BURIED at that gen */
    _Atomic uint32_t length;
    uint32_t pad[5];
    uint8_t text[RWQ_NOTE_BYTES];
};
_Static_assert(sizeof(struct rw_note) == 4096, "a note is a page");

/* Byte locks (open file description locks) far beyond the data. */
#define RW_LOCK_BASE (1ull << 60)
#define RW_LOCK_REBUILD (RW_LOCK_BASE - 1)
#define RW_LOCK_CONSUME (RW_LOCK_BASE - 2) /* shared: takes messages; exclusive: takes them alone */

/* Private, validated geometry and the offsets that follow from it. */
struct rw_layout {
    uint32_t slots, ring_entries, participants, notes, max_body, max_headers, small_bytes;
    uint64_t large_stride; /* 0: every message is small */
    uint64_t control, chunk_map, used, used_summary, lease_min, due_min, parts, headers, small, rings, note_area, meta_end, large, total;
    uint32_t words;      /* 64-slot words */
    uint32_t ring_shift; /* ring_entries is 1 << ring_shift */
};
/* false when the numbers are out of range */
bool rw_layout_compute(struct rw_layout *l, uint32_t slots, uint32_t participants, uint32_t max_body, uint32_t max_headers);
#endif
