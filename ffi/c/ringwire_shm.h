/*
 * ringwire_shm: a crash-proof message queue in shared memory.
 *
 * This is the stable ABI between the shim and its callers (bun:ffi, Deno.dlopen, C). Rules that hold for every function:
 *   - the result is >= 0 on success and -errno on failure (table below); errno itself is not part of the contract
 *   - no structure is passed or returned by value; what does not fit an int32 goes through the handle's exchange block (struct rwq_io)
 *   - nothing blocks except rwq_wait() and rwq_poll_wake_fd(), and those are bounded by the time given
 *   - a handle belongs to one thread; the shim's own helper thread never touches what that thread owns, and never calls back
 *   - the library is linked -z nodelete: it must never be unloaded while a handle or the helper thread lives
 *
 * Errors:   -EAGAIN nothing to take / no room     -ENOSPC shared memory or disk is full     -EMSGSIZE body or headers too large
 *           -EPIPE the stream has ended           -ESHUTDOWN the queue was destroyed        -ESTALE the lease is lost
 *           -EUCLEAN the segment is damaged       -EUSERS too many participants             -EPROTO not a ringwire segment
 *           -EPROTONOSUPPORT other version, byte order or feature                           -EPERM another user's, or unsafe permissions
 *           -EEXIST -ENOENT -ENAMETOOLONG -EINVAL -EOPNOTSUPP -ETIMEDOUT -EBUSY and what the operating system reports
 */
#ifndef RINGWIRE_SHM_H
#define RINGWIRE_SHM_H
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RWQ_ABI_MAJOR 1
#define RWQ_ABI_MINOR 0
#define RWQ_API __attribute__((visibility("default")))

typedef struct rwq rwq;

/* ---- limits ---- */
#define RWQ_MAX_SLOTS (1u << 20)            /* 1,048,576 messages */
#define RWQ_MAX_BODY (1u << 30)             /* 1 GiB */
#define RWQ_MAX_HEADERS 2048u               /* bytes */
#define RWQ_MAX_PARTICIPANTS 4095u
#define RWQ_NAME_BYTES 32u                  /* participant name with its NUL */
#define RWQ_NOTE_BYTES 4064u                /* a dead letter's note: reason and the end of stderr */
#define RWQ_MAX_DELIVER 255u

/* ---- creation ---- */
enum { RWQ_JOURNAL_NONE = 0, RWQ_JOURNAL_PROCESS = 1, RWQ_JOURNAL_INTERVAL = 2, RWQ_JOURNAL_SYNC = 3 };

struct rwq_params {                          /* 64 bytes; zero means the default */
    uint32_t max_messages;                   /*  0: 16384 */
    uint32_t max_body;                       /*  4: 65536 bytes */
    uint32_t max_headers;                    /*  8: 256 bytes; UINT32_MAX: none */
    uint32_t max_participants;               /* 12: 256 */
    uint32_t max_dead;                       /* 16: max_messages / 10, at least 1 */
    uint32_t max_deliver;                    /* 20: 5 */
    uint32_t lease_ms;                       /* 24: 30000 */
    uint32_t journal;                        /* 28: RWQ_JOURNAL_*; NONE needs a memory file system */
    uint32_t interval_ms;                    /* 32: 100, for RWQ_JOURNAL_INTERVAL */
    uint32_t mode;                           /* 36: permission bits, 0600; group or other bits are opted into here */
    uint32_t reserved[6];
};
enum { RWQ_CREATE_REPLACE_CLOSED = 1 };

/* Version of the library: major << 16 | minor. */
RWQ_API uint32_t rwq_abi_version(void);
/* Text about the calling thread's last failure; bytes written without the NUL. */
RWQ_API int32_t rwq_error_detail(void *text, uint32_t capacity);
/* Builds the segment beside `path` and links it there whole; the name never shows a half-built one. -EEXIST when the name is taken. */
RWQ_API int32_t rwq_create(const void *path, const void *params, uint32_t flags);

struct rwq_open_options {                    /* 64 bytes */
    uint32_t staging_bytes;                  /*  0: size of the exchange block's data area, default 262144 */
    uint32_t flags;                          /*  4: RWQ_OPEN_* */
    uint64_t handle;                         /*  8: out: rwq * */
    uint64_t io;                             /* 16: out: struct rwq_io *, staging follows at RWQ_IO_STAGING */
    uint8_t name[RWQ_NAME_BYTES];            /* 24: participant name, UTF-8, NUL-terminated */
    uint32_t reserved[2];
};
enum {
    RWQ_OPEN_OBSERVE = 1,                    /* no participant: status, inspection and peek only */
    RWQ_OPEN_SHARED = 2,                     /* accept group or other permission bits and another owner */
};
RWQ_API int32_t rwq_open(const void *path, void *options);
/* Leaves: leases go back uncounted, the lock is released. Idempotent through the caller; the handle is gone afterwards. */
RWQ_API int32_t rwq_close(rwq *q);
/* Marks the queue CLOSED, wakes everyone, removes the name. Open handles answer -ESHUTDOWN. */
RWQ_API int32_t rwq_destroy(rwq *q);

/* ---- exchange block: written by the shim, read by the caller (and the other way round for `in`) ---- */
struct rwq_meta {                            /* 64 bytes, one message */
    uint32_t slot;                           /*  0 */
    uint32_t token_lo, token_hi;             /*  4, 8: the acknowledgement token */
    uint32_t body_len;                       /* 12 */
    uint32_t headers_len;                    /* 16 */
    uint32_t attempts;                       /* 20: deliveries including this one */
    uint32_t priority;                       /* 24: RWQ_PRIORITY_* */
    uint32_t flags;                          /* 28: RWQ_META_* | state << 24 for rwq_inspect */
    uint32_t id_lo, id_hi;                   /* 32: publish sequence */
    double enqueued_ms;                      /* 40: wall clock */
    uint32_t record_bytes;                   /* 48: size of this record in a packed buffer, this header included */
    uint32_t note_len;                       /* 52: rwq_inspect only */
    double expires_ms;                       /* 56: wall clock, 0 none; for DELAYED seen by rwq_inspect: due time */
};
enum {
    RWQ_META_REDELIVERED = 1,                /* was delivered before, or may have been; a revived dead letter begins anew */
    RWQ_META_BIG = 2,                        /* did not fit: fetch it with rwq_read() */
    RWQ_META_CANCELLED = 4,                  /* rwq_cancel() named this message */
};
#define RWQ_IO_BYTES 4096u
#define RWQ_IO_STAGING 4096u                 /* offset of the staging area from the block's start */
#define RWQ_IO_HEADERS 1024u                 /* offset of the headers given to send or claim with RWQ_SEND_EXTENDED */
struct rwq_io {
    struct rwq_meta meta;                    /*    0: receive, claim, peek, inspect */
    double in_delay_ms;                      /*   64: RWQ_SEND_EXTENDED */
    double in_ttl_ms;                        /*   72 */
    uint32_t in_headers_len;                 /*   80 */
    uint32_t out_count;                      /*   84: messages in the staging area */
    uint32_t out_bytes;                      /*   88: bytes used in the staging area */
    uint32_t out_reason;                     /*   92: RWQ_EMPTY_* after -EAGAIN of a receive */
    double out_next_due_ms;                  /*   96: milliseconds until the next delayed message, -1 none */
    uint64_t out_pointer;                    /*  104: address for claim and peek */
    uint32_t sent_id_lo, sent_id_hi;         /*  112: id of the message just sent (the last of a batch) */
    uint32_t sent_slot, pad;                 /*  120: its slot, for rwq_cancel */
    uint64_t cursor[2];                      /*  128: rwq_peek and rwq_inspect: 0 to start */
};
enum { RWQ_EMPTY_NOW = 0, RWQ_EMPTY_PAUSED = 1, RWQ_EMPTY_ENDED = 2 /* ended and nothing is left in any state */ };

/* ---- sending ---- */
enum { RWQ_PRIORITY_HIGH = 1, RWQ_PRIORITY_NORMAL = 2, RWQ_PRIORITY_LOW = 3 };
#define RWQ_SEND_PRIORITY_MASK 3u            /* 0 means NORMAL */
#define RWQ_SEND_DROP_OLDEST 4u              /* when full, the oldest waiting message makes room and is counted */
#define RWQ_SEND_EXTENDED 8u                 /* io.in_* and the headers at RWQ_IO_HEADERS hold */
/* Sends `length` bytes; body NULL means the start of the staging area. 0, or -EAGAIN full, -ENOSPC, -EMSGSIZE, -EPIPE, -ESHUTDOWN. */
RWQ_API int32_t rwq_send(rwq *q, const void *body, uint32_t length, uint32_t options);
/* Sends `count` bodies that lie one after the other at `bodies` (NULL: staging), `lengths` uint32 each. Returns how many were accepted
 * (a prefix); an error only when none was. EXTENDED applies to each. One wake-up for all. */
RWQ_API int32_t rwq_send_many(rwq *q, const void *bodies, const void *lengths, uint32_t count, uint32_t options);
/* Zero-copy: claims a slot with room for `length` bytes; io.out_pointer is where to write, io.meta slot and token name the claim. */
RWQ_API int32_t rwq_claim(rwq *q, uint32_t length, uint32_t options);
RWQ_API int32_t rwq_commit(rwq *q, uint32_t slot, uint32_t token_lo, uint32_t token_hi, uint32_t length, uint32_t options);
RWQ_API int32_t rwq_abort(rwq *q, uint32_t slot, uint32_t token_lo, uint32_t token_hi);
/* Asks that message `id` in `slot` be given up: seen by its worker through rwq_renewal() and by RWQ_META_CANCELLED. */
RWQ_API int32_t rwq_cancel(rwq *q, uint32_t slot, uint32_t id_lo, uint32_t id_hi);

/* ---- receiving ---- */
/*
 * From now on, and until it is closed or its process is dead, this handle alone takes messages: whoever else tries is refused with -EBUSY,
 * as this call is while others take. Any other handle counts as taking from its first take until it is closed. Sending, looking and
 * maintenance are everybody's. What former consumers left is put back first. Such a handle takes in strict order: what was given back, the
 * oldest first; then high, normal, low, so that the lowest may starve.
 */
RWQ_API int32_t rwq_consume_alone(rwq *q);
enum { RWQ_TAKE_ACK = 1, /* acknowledged before the call returns (unless RWQ_META_BIG) */ RWQ_TAKE_LEASE = 0, RWQ_TAKE_POINTER = 2 /* lease, no copy, io.out_pointer */,
       RWQ_TAKE_UNCOUNTED = 4 /* a lease that is no attempt before rwq_count_attempt() says so; given back, uncounted or not, it takes none off */ };
/* Takes the next message: io.meta; body at the staging area's start, headers after it at the next multiple of 8. 0 or -EAGAIN … */
RWQ_API int32_t rwq_receive(rwq *q, uint32_t how, uint32_t lease_ms);
/* The same with the body in memory of the caller's; the headers are at the staging area's start. RWQ_META_BIG: the body is longer. */
RWQ_API int32_t rwq_receive_into(rwq *q, void *into, uint32_t capacity, uint32_t how, uint32_t lease_ms);
/* Up to `max` messages as records {meta, body padded to 8, headers padded to 8} in the staging area. Returns the count. */
RWQ_API int32_t rwq_receive_many(rwq *q, uint32_t max, uint32_t how, uint32_t lease_ms);
/* Copies body (then headers at the next multiple of 8) of a leased message; verifies its checksum and the lease. Bytes copied. */
RWQ_API int32_t rwq_read(rwq *q, uint32_t slot, uint32_t token_lo, uint32_t token_hi, void *into, uint32_t capacity);

/* Gives back one view taken with RWQ_TAKE_POINTER, when nobody looks at it any more: before or after its lease is settled. */
RWQ_API int32_t rwq_release_view(rwq *q);

/* ---- settling a lease; -ESTALE when it is lost ---- */
RWQ_API int32_t rwq_ack(rwq *q, uint32_t slot, uint32_t token_lo, uint32_t token_hi);
/* `triples`: count × {slot, token_lo, token_hi}; returns how many were acknowledged. A lost one has its slot set to UINT32_MAX. */
RWQ_API int32_t rwq_ack_many(rwq *q, void *triples, uint32_t count);
enum { RWQ_NACK_UNCOUNTED = 1 /* this delivery does not count as an attempt */ };
/* Gives it back, at once or after delay_ms. After max_deliver counted attempts it is buried. 0 requeued, 1 buried. */
RWQ_API int32_t rwq_nack(rwq *q, uint32_t slot, uint32_t token_lo, uint32_t token_hi, double delay_ms, uint32_t flags);
RWQ_API int32_t rwq_touch(rwq *q, uint32_t slot, uint32_t token_lo, uint32_t token_hi, uint32_t lease_ms);
/* Counts one more attempt at a message that is kept: for who tries again without giving it back. 0: io.meta has the new token, which
 * replaces the old one, also where it is being renewed, and the new number of attempts. 1: it has had max_deliver of them, nothing changed. */
RWQ_API int32_t rwq_count_attempt(rwq *q, uint32_t slot, uint32_t token_lo, uint32_t token_hi);
/* Dead letter, with a note of at most RWQ_NOTE_BYTES (longer ones keep their end). */
RWQ_API int32_t rwq_bury(rwq *q, uint32_t slot, uint32_t token_lo, uint32_t token_hi, const void *note, uint32_t note_len);
/* Dead letters: back to the queue with attempts 0, or dropped for good (counted). Token from rwq_inspect(). */
RWQ_API int32_t rwq_revive(rwq *q, uint32_t slot, uint32_t token_lo, uint32_t token_hi);
RWQ_API int32_t rwq_discard(rwq *q, uint32_t slot, uint32_t token_lo, uint32_t token_hi);

/* ---- lease renewal on the helper thread ---- */
/* Renews every lease_ms/3 until settled, for at most max_processing_ms (0: no limit), while rwq_heartbeat() is called at least every max_stall_ms. */
RWQ_API int32_t rwq_renew_start(rwq *q, uint32_t slot, uint32_t token_lo, uint32_t token_hi, uint32_t lease_ms, double max_processing_ms, double max_stall_ms);
/* Ends the renewal; the lease lasts as long as it was last renewed for. */
RWQ_API int32_t rwq_renew_stop(rwq *q, uint32_t slot, uint32_t token_lo, uint32_t token_hi);
RWQ_API int32_t rwq_heartbeat(rwq *q);
enum { RWQ_RENEWAL_NONE = 0, RWQ_RENEWAL_HELD = 1, RWQ_RENEWAL_LOST = 2, RWQ_RENEWAL_CANCELLED = 3, RWQ_RENEWAL_STALLED = 4 };
/* How a lease stands, renewed (HELD) or not (NONE): LOST, CANCELLED by rwq_cancel(), STALLED: renewal was given up. */
RWQ_API int32_t rwq_renewal(rwq *q, uint32_t slot, uint32_t token_lo, uint32_t token_hi);

/* ---- waiting ---- */
enum { RWQ_FOR_MESSAGE = 0, RWQ_FOR_SPACE = 1 };
/* Blocks the calling thread until there may be something (0), at most timeout_ms (-ETIMEDOUT); spins for a moment first.
 * Returns early, with 0, for maintenance, delayed messages that fall due and lifecycle changes: loop. */
RWQ_API int32_t rwq_wait(rwq *q, uint32_t what, double timeout_ms);
/* Event loops: a descriptor (unix datagram socket) that becomes readable on a wake-up. The caller owns it (it is a duplicate): whoever it
 * is given to closes it, or rwq_close_fd(). */
RWQ_API int32_t rwq_wake_fd(rwq *q);
RWQ_API int32_t rwq_close_fd(int32_t fd);
/* 1: look again now. 0: armed; the descriptor wakes. Wait no longer than min(1000, io.out_next_due_ms). */
RWQ_API int32_t rwq_arm(rwq *q, uint32_t what);
RWQ_API int32_t rwq_disarm(rwq *q);
/* Reads the pending datagrams off the descriptor (for runtimes that do not do so themselves). */
RWQ_API int32_t rwq_drain_wake_fd(rwq *q);
/* poll() on the wake descriptor; to be called off the main thread (Deno: nonblocking). 1 readable, 0 timed out. */
RWQ_API int32_t rwq_poll_wake_fd(int32_t fd, int32_t timeout_ms);

/* ---- maintenance ---- */
enum { RWQ_SWEEP_DUE = 0, RWQ_SWEEP_DEATHS = 1, RWQ_SWEEP_FULL = 2 };
/* One bounded round (DUE: as any operation does by itself), a look for dead participants, or a full scan. Returns how many messages it moved. */
RWQ_API int32_t rwq_sweep(rwq *q, uint32_t how);
/* The helper thread watches the other participants' processes and recovers what they held within milliseconds of their death. */
RWQ_API int32_t rwq_watch(rwq *q);
/* Gives memory of free slots back to the system. Returns KiB released (saturating). */
RWQ_API int32_t rwq_trim(rwq *q);
/* Journal: writes everything out now (msync). */
RWQ_API int32_t rwq_sync(rwq *q);

/* ---- lifecycle ---- */
enum { RWQ_OPEN = 0, RWQ_ENDED = 1, RWQ_CLOSED = 2, RWQ_PAUSED_BIT = 256 };
RWQ_API int32_t rwq_lifecycle(rwq *q);                       /* one of the three, | RWQ_PAUSED_BIT */
RWQ_API int32_t rwq_end(rwq *q);                             /* no more sends; sticky */
RWQ_API int32_t rwq_reopen(rwq *q);                          /* a new stream after the end; -EBUSY while messages of the old one are left */
RWQ_API int32_t rwq_pause(rwq *q, uint32_t on);

/* ---- looking ---- */
/* Counters of a participant; every drop has a reason of its own. */
enum {
    RWQ_COUNT_SENT = 0,            /* accepted */
    RWQ_COUNT_SENT_BYTES = 1,
    RWQ_COUNT_TAKEN = 2,           /* leased, redeliveries included */
    RWQ_COUNT_TAKEN_BYTES = 3,
    RWQ_COUNT_ACKED = 4,
    RWQ_COUNT_NACKED = 5,          /* given back by the worker */
    RWQ_COUNT_BURIED = 6,          /* made a dead letter */
    RWQ_COUNT_REQUEUED = 7,        /* leases and claims of the dead, and expired leases, put back by this participant */
    RWQ_COUNT_DROPPED_OLDEST = 8,  /* evicted by drop-oldest */
    RWQ_COUNT_DROPPED_EXPIRED = 9, /* time to live passed */
    RWQ_COUNT_DROPPED_DEAD = 10,   /* dead letters dropped: max_dead reached, or rwq_discard */
    RWQ_COUNT_LEASES_LOST = 11,    /* settlements that came too late */
    RWQ_COUNT_CLAIMS_FREED = 12,   /* unfinished sends of the dead, never accepted */
    RWQ_COUNT_CORRUPT = 13,        /* messages buried because their checksum was wrong */
    RWQ_COUNT_WAKES = 14,          /* wake-ups sent */
    RWQ_COUNTERS = 16,
};
enum {                                                       /* slot states, as rwq_inspect masks (1 << state) */
    RWQ_SLOT_FREE = 0, RWQ_SLOT_CLAIMED = 1, RWQ_SLOT_READY = 2, RWQ_SLOT_LEASED = 3,
    RWQ_SLOT_SETTLING = 4, RWQ_SLOT_DELAYED = 5, RWQ_SLOT_BURIED = 6,
};
/* Fills the staging area with struct rwq_status. */
RWQ_API int32_t rwq_status(rwq *q);
struct rwq_status {                                          /* doubles hold integers up to 2^53 */
    double state_count[8];                                   /*   0: slots per state, up to the high-water mark (FREE: all free ones) */
    double ready_by_priority[4];                             /*  64: index RWQ_PRIORITY_* */
    double oldest_ms;                                        /*  96: age of the oldest READY message, -1 none */
    double next_due_ms;                                      /* 104: -1 none */
    double memory_bytes;                                     /* 112: blocks really allocated to the segment */
    double segment_bytes;                                    /* 120: its apparent size */
    double high_water;                                       /* 128: slots ever used */
    double participants;                                     /* 136: registered now */
    double totals[RWQ_COUNTERS];                 /* 144: RWQ_COUNT_* summed over all participants that ever were */
};
enum { RWQ_CONSUMES_NOTHING = 0, RWQ_CONSUMES_SHARED = 1, RWQ_CONSUMES_ALONE = 2 };
/* One participant (1 … max_participants) into the staging area as struct rwq_participant_info; -ENOENT for a free place. */
RWQ_API int32_t rwq_participant(rwq *q, uint32_t index);
struct rwq_participant_info {
    uint32_t index, pid;                                     /*   0 */
    double start_ms;                                         /*   8: wall clock at registration */
    double heartbeat_age_ms;                                 /*  16: since its last sign of life to the shim, -1 unknown */
    double leased;                                           /*  24: messages it holds now */
    uint8_t name[RWQ_NAME_BYTES];                            /*  32 */
    double counters[RWQ_COUNTERS];               /*  64: RWQ_COUNT_* since it registered */
    uint32_t consumes, reserved;                             /* 192: RWQ_CONSUMES_* */
};
/* What this queue was created with: struct rwq_geometry into the staging area. */
RWQ_API int32_t rwq_geometry(rwq *q);
struct rwq_geometry {
    uint32_t max_messages, max_body, max_headers, max_participants, max_dead, max_deliver, lease_ms, journal, interval_ms, index;
    uint32_t abi_major, abi_minor;
    double created_ms;                                       /*  48 */
    double total_bytes;                                      /*  56 */
    uint8_t uuid[16];                                        /*  64 */
};
/* Snapshot of the next waiting message in delivery order without taking it: like rwq_receive, but io.cursor says where to go on. -EAGAIN at the end. */
RWQ_API int32_t rwq_peek(rwq *q);
/* Snapshot of the next slot whose state is in `mask` (1 << state), by slot number from io.cursor[0]; body, headers and note (each padded to 8) in the staging area. */
RWQ_API int32_t rwq_inspect(rwq *q, uint32_t mask);

#ifdef __cplusplus
}
#endif
#endif
