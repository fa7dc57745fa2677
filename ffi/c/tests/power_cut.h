/*
 * Work on a journal, what was promised about each message, and a second file that is "the disk": it has only what was written out. Whether
 * a real disk keeps what it was told to keep is not tested here.
 */
#ifndef RW_POWER_CUT_H
#define RW_POWER_CUT_H
#include "journal_files.h"
#include "mutants.h"

#include <pthread.h>
#include <sys/syscall.h>

/* What was promised about each message when the power goes: one of these, and above it how often that changed. */
enum { UNSENT, SENDING, ACCEPTED, ENDING, GONE, BURYING, BURIED };
enum { NUMBERS = 100000 };
static _Atomic uint32_t promised[NUMBERS];
static uint32_t counted_attempts[NUMBERS];
static _Atomic uint32_t next_number;
static enum { IS_GOING_ON, IS_PAUSED, MAY_BE_EITHER } pausing;
#define PROMISED(number) (promised[number] & 15u)
static inline void promise(uint32_t number, uint32_t what) { promised[number] = ((promised[number] >> 4) + 1) << 4 | what; }

/* What had been promised before all was written out for the last time. */
static uint32_t written_out[NUMBERS];
static bool at_once; /* a sync journal: what is promised is on the disk already */
/* Is the disk bound to know? */
static inline bool is_settled(uint32_t number) { return at_once || written_out[number] == promised[number]; }

static struct handle h;
static int queue_fd = -1, disk_fd = -1;
static const char *disk_path;
static enum { FOR_REAL, RECORDING, NOT_AT_ALL } writing;
static unsigned cuts;

static uint32_t seed = 99;
static inline uint32_t random_below(uint32_t n) {
    seed ^= seed << 13, seed ^= seed >> 17, seed ^= seed << 5;
    return seed % n;
}

static inline void write_out(uint64_t from, uint64_t to) {
    static uint8_t page[RW_PAGE];
    for (uint64_t at = from / RW_PAGE * RW_PAGE; at < to; at += RW_PAGE) {
        CHECK(pread(queue_fd, page, sizeof page, (off_t)at) == (ssize_t)sizeof page);
        CHECK(pwrite(disk_fd, page, sizeof page, (off_t)at) == (ssize_t)sizeof page);
    }
}

/* After the power is back: another boot, the file as it is on the disk. */
static inline void check_after_the_cut(void) {
    static uint8_t found[NUMBERS];
    writing = NOT_AT_ALL; /* nobody cuts this one off */
    reboot(disk_path);
    struct handle after = open_queue(disk_path);
    if (at_once && pausing != MAY_BE_EITHER) CHECK_EQUAL(rwq_lifecycle(after.q) & RWQ_PAUSED_BIT, pausing == IS_PAUSED ? RWQ_PAUSED_BIT : 0);
    CHECK_EQUAL(rwq_pause(after.q, 0), 0);
    char note[RWQ_NOTE_BYTES + 1], expected[32];
    for (from_the_start(&after); next_dead(&after, note) == 0;) {
        uint32_t number, what;
        memcpy(&number, after.staging, 4);
        CHECK(number < next_number && found[number]++ == 0);
        snprintf(expected, sizeof expected, "note of %u", number);
        CHECK_EQUAL(rwq_discard(after.q, LEASE(lease_of(&after))), 0);
        if (!is_settled(number)) continue;
        what = PROMISED(number);
        CHECK_NOTE(what != BURIED || strcmp(note, expected) == 0, "the note of %u says '%s'", number, note);
        CHECK_NOTE(what == BURIED || what == BURYING || (at_once && (what == ACCEPTED || what == ENDING)), "%u is dead, and was %u", number, what);
    }
    for (;;) {
        uint64_t q_high = atomic_load(&after.q->control->high_water);
        for (uint32_t slot = 0; slot < q_high; slot++) { /* what is delayed is due */
            uint64_t w = atomic_load(&after.q->slots[slot].state);
            if (RW_STATE(w) == RWQ_SLOT_DELAYED) atomic_store(&after.q->slots[slot].due, RW_TAGGED(RW_GEN(w), 1)), rw_due_note(after.q, slot, 1);
        }
        if (rwq_receive(after.q, RWQ_TAKE_ACK, 0) != 0) break;
        uint32_t number, length = after.io->meta.body_len;
        memcpy(&number, after.staging, 4);
        CHECK_NOTE(length >= 4 && number < next_number, "a torn message of %u bytes", length);
        for (uint32_t i = 4; i < length; i++) CHECK_NOTE(after.staging[i] == (uint8_t)number, "a torn message: byte %u of %u", i, number);
        CHECK_NOTE(found[number]++ == 0, "%u is there twice", number);
        if (!is_settled(number)) continue;
        uint32_t what = PROMISED(number);
        CHECK_NOTE(!at_once || after.io->meta.attempts > counted_attempts[number], "%u has had %u attempts, not %u", number, after.io->meta.attempts - 1, counted_attempts[number]);
        CHECK_NOTE(what != GONE && what != BURIED && what != UNSENT, "%u came back, and was %u", number, what);
    }
    for (uint32_t number = 0; number < next_number; number++) {
        uint32_t what = PROMISED(number);
        CHECK_NOTE(found[number] || !is_settled(number) || what == UNSENT || what == SENDING || what == ENDING || what == GONE, "%u is lost, and was %u", number, what);
    }
    expect_no_leak(&after);
    close_queue(&after);
}

static inline void copy_disk(const char *to) {
    static uint8_t piece[RW_CHUNK];
    int fd = open(to, O_CREAT | O_TRUNC | O_RDWR, 0600);
    struct stat st;
    CHECK(fd >= 0 && fstat(disk_fd, &st) == 0 && ftruncate(fd, st.st_size) == 0);
    for (off_t at = 0; at < st.st_size; at += RW_CHUNK) {
        off_t data = lseek(disk_fd, at, SEEK_DATA);
        if (data < 0) break;
        at = data / RW_CHUNK * RW_CHUNK;
        ssize_t n = pread(disk_fd, piece, sizeof piece, at);
        CHECK(n > 0 && pwrite(fd, piece, (size_t)n, at) == n);
    }
    close(fd);
}

/* ---- the work ---- */

static inline uint32_t compose(uint8_t *body) {
    const uint32_t sizes[] = {4, 100, 300, 4096, 5000};
    uint32_t length = sizes[random_below(5)], number = next_number++;
    CHECK(number < NUMBERS);
    memset(body, (int)number, length);
    memcpy(body, &number, 4);
    promise(number, SENDING);
    return length;
}

static inline void send_something(void) {
    static uint8_t body[3 * 5000];
    if (in_state(&h, RWQ_SLOT_FREE) < 2) return; /* of three, one may still be refused */
    uint32_t first = next_number, lengths[3], count = 1 + random_below(3), at = 0;
    for (uint32_t i = 0; i < count; i++) lengths[i] = compose(body + at), at += lengths[i];
    h.io->in_delay_ms = random_below(4) ? 0 : 20, h.io->in_ttl_ms = 0, h.io->in_headers_len = random_below(2) ? 0 : 30;
    int32_t status;
    if (count > 1) {
        status = rwq_send_many(h.q, body, lengths, count, RWQ_SEND_EXTENDED);
    } else if (random_below(3)) {
        status = rwq_send(h.q, body, lengths[0], RWQ_SEND_EXTENDED) == 0 ? 1 : 0;
    } else {
        status = rwq_claim(h.q, 5000, 0);
        if (status == 0) {
            memcpy((void *)(uintptr_t)h.io->out_pointer, body, lengths[0]);
            status = rwq_commit(h.q, LEASE(lease_of(&h)), lengths[0], 0) == 0;
        }
    }
    for (uint32_t i = 0; i < count; i++) promise(first + i, (int32_t)i < status ? ACCEPTED : UNSENT);
}

static inline void settle_something(void) {
    if (rwq_receive(h.q, RWQ_TAKE_LEASE, 0) != 0) return;
    struct lease l = lease_of(&h);
    uint32_t number;
    char note[32];
    memcpy(&number, h.staging, 4);
    for (uint32_t more = random_below(3); more; more--) {
        CHECK_EQUAL(rwq_count_attempt(h.q, LEASE(l)), 0);
        l = lease_of(&h);
        counted_attempts[number] = h.io->meta.attempts;
    }
    switch (random_below(5)) {
    case 0: CHECK_EQUAL(rwq_nack(h.q, LEASE(l), 0, 0), 0); break;
    case 1: CHECK_EQUAL(rwq_nack(h.q, LEASE(l), 20, 0), 0); break;
    case 2:
        snprintf(note, sizeof note, "note of %u", number);
        promise(number, BURYING);
        CHECK_EQUAL(bury_it(&h, l, note), 0);
        promise(number, BURIED);
        break;
    default:
        promise(number, ENDING);
        CHECK_EQUAL(ack_it(&h, l), 0);
        promise(number, GONE);
    }
}

/* Of those that wait, any may be taken by what comes now. */
static inline void all_that_is_accepted(uint32_t becomes, uint32_t from) {
    static uint32_t first; /* that is not over */
    while (first < next_number && (PROMISED(first) == GONE || PROMISED(first) == UNSENT)) first++;
    for (uint32_t number = first; number < next_number; number++)
        if (PROMISED(number) == from) promise(number, becomes);
}
static inline uint32_t number_of(const uint8_t *record) {
    uint32_t number;
    memcpy(&number, record + sizeof(struct rwq_meta), 4);
    return number;
}

static inline void take_several(void) {
    all_that_is_accepted(ENDING, ACCEPTED);
    int32_t count = rwq_receive_many(h.q, 1 + random_below(4), RWQ_TAKE_ACK, 0);
    const uint8_t *at = h.staging;
    for (int32_t i = 0; i < count; i++, at += ((const struct rwq_meta *)at)->record_bytes) promise(number_of(at), GONE);
    all_that_is_accepted(ACCEPTED, ENDING);
}

static inline void acknowledge_several(void) {
    uint32_t triples[3 * 4], numbers[4];
    int32_t count = rwq_receive_many(h.q, 1 + random_below(4), RWQ_TAKE_LEASE, 0);
    const uint8_t *at = h.staging;
    for (int32_t i = 0; i < count; i++, at += ((const struct rwq_meta *)at)->record_bytes) {
        const struct rwq_meta *meta = (const struct rwq_meta *)at;
        triples[3 * i] = meta->slot, triples[3 * i + 1] = meta->token_lo, triples[3 * i + 2] = meta->token_hi;
        promise(numbers[i] = number_of(at), ENDING);
    }
    if (count <= 0) return;
    CHECK_EQUAL(rwq_ack_many(h.q, triples, (uint32_t)count), count);
    for (int32_t i = 0; i < count; i++) promise(numbers[i], GONE);
}

static inline void settle_the_dead(void) {
    from_the_start(&h);
    if (next_dead(&h, NULL) != 0) return;
    uint32_t number;
    memcpy(&number, h.staging, 4);
    struct lease l = lease_of(&h);
    if (random_below(2)) {
        promise(number, BURYING);
        counted_attempts[number] = 0;
        CHECK_EQUAL(rwq_revive(h.q, LEASE(l)), 0);
        promise(number, ACCEPTED);
    } else {
        promise(number, ENDING);
        CHECK_EQUAL(rwq_discard(h.q, LEASE(l)), 0);
        promise(number, GONE);
    }
}

static inline void work(void) {
    uint32_t kind = random_below(12);
    if (kind < 5) send_something();
    else if (kind < 8) settle_something();
    else if (kind < 9) take_several();
    else if (kind < 10) acknowledge_several();
    else settle_the_dead();
}

/* A journal, and the disk as it is when that was made. */
static inline void begin_on_a_disk(struct rwq_params params) {
    const char *path = fresh_path();
    disk_path = fresh_path();
    create_queue(path, params);
    queue_fd = open(path, O_RDWR);
    disk_fd = open(disk_path, O_CREAT | O_RDWR, 0600);
    struct stat st;
    CHECK(fstat(queue_fd, &st) == 0 && ftruncate(disk_fd, st.st_size) == 0);
    for (off_t at = 0, data; (data = lseek(queue_fd, at, SEEK_DATA)) >= 0; at = data + RW_PAGE) write_out((uint64_t)data, (uint64_t)data + 1);
    h = open_queue(path);
}
#endif
