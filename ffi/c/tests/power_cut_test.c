/*
 * A sync journal when the power goes, at every moment at which something was written out. A second file is "the disk": it has only what
 * went through msync(2) or fdatasync(2), and, in some rounds, pages that the kernel chose to write out by itself. Whether a real disk
 * keeps what it was told to keep is not tested here.
 */
#include "journal_files.h"

#include <sys/syscall.h>

static const struct rwq_params sync_journal = {.max_messages = 12, .max_body = 5000, .max_headers = 64, .max_participants = 4, .max_dead = 12, .max_deliver = 100, .journal = RWQ_JOURNAL_SYNC};

/* What was promised about each message when the power goes. */
enum { UNSENT, SENDING, ACCEPTED, ENDING, GONE, BURYING, BURIED };
enum { NUMBERS = 2000 };
static uint8_t promised[NUMBERS];
static uint32_t counted_attempts[NUMBERS];
static uint32_t next_number;

static struct handle h;
static int queue_fd = -1, disk_fd = -1;
static const char *disk_path;
static enum { FOR_REAL, RECORDING, NOT_AT_ALL } writing;
static unsigned cuts;

static uint32_t seed = 99;
static uint32_t random_below(uint32_t n) {
    seed ^= seed << 13, seed ^= seed >> 17, seed ^= seed << 5;
    return seed % n;
}

static void write_out(uint64_t from, uint64_t to) {
    static uint8_t page[RW_PAGE];
    for (uint64_t at = from / RW_PAGE * RW_PAGE; at < to; at += RW_PAGE) {
        CHECK(pread(queue_fd, page, sizeof page, (off_t)at) == (ssize_t)sizeof page);
        CHECK(pwrite(disk_fd, page, sizeof page, (off_t)at) == (ssize_t)sizeof page);
    }
}

/* After the power is back: another boot, the file as it is on the disk. */
static void check_after_the_cut(void) {
    static uint8_t found[NUMBERS];
    writing = NOT_AT_ALL; /* nobody cuts this one off */
    reboot(disk_path);
    struct handle after = open_queue(disk_path);
    char note[RWQ_NOTE_BYTES + 1], expected[32];
    for (from_the_start(&after); next_dead(&after, note) == 0;) {
        uint32_t number;
        memcpy(&number, after.staging, 4);
        CHECK(number < next_number && found[number]++ == 0);
        snprintf(expected, sizeof expected, "note of %u", number);
        CHECK_NOTE(promised[number] != BURIED || strcmp(note, expected) == 0, "the note of %u says '%s'", number, note);
        CHECK_EQUAL(rwq_discard(after.q, LEASE(lease_of(&after))), 0);
        CHECK_NOTE(promised[number] == BURIED || promised[number] == BURYING || promised[number] == ACCEPTED || promised[number] == ENDING, "%u is dead, and was %d", number, promised[number]);
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
        for (uint32_t i = 4; i < length; i++) CHECK(after.staging[i] == (uint8_t)number);
        CHECK_NOTE(found[number]++ == 0, "%u is there twice", number);
        CHECK_NOTE(after.io->meta.attempts > counted_attempts[number], "%u has had %u attempts, not %u", number, after.io->meta.attempts - 1, counted_attempts[number]);
        CHECK_NOTE(promised[number] != GONE && promised[number] != BURIED && promised[number] != UNSENT, "%u came back, and was %d", number, promised[number]);
    }
    for (uint32_t number = 0; number < next_number; number++)
        CHECK_NOTE(found[number] || promised[number] == UNSENT || promised[number] == SENDING || promised[number] == ENDING || promised[number] == GONE, "%u is lost, and was %d", number, promised[number]);
    expect_no_leak(&after);
    close_queue(&after);
}

static void copy_disk(const char *to) {
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

static void cut_the_power(void) {
    struct stat st;
    CHECK(fstat(queue_fd, &st) == 0);
    for (int by_itself = 0; by_itself < 2; by_itself++, cuts++) {
        uint32_t chosen = random_below(1u << 30) | 1;
        IN_CHILD(pid, {
            char copy[4200];
            snprintf(copy, sizeof copy, SEGMENT_DIRECTORY "/%s-cut", segment_prefix); /* memory is faster to write a thousand copies into */
            copy_disk(copy);
            disk_path = copy;
            disk_fd = open(copy, O_RDWR);
            for (uint64_t at = 0; by_itself && at < (uint64_t)st.st_size; at += RW_PAGE) {
                off_t data = lseek(queue_fd, (off_t)at, SEEK_DATA);
                if (data < 0) break;
                at = (uint64_t)data / RW_PAGE * RW_PAGE;
                chosen ^= chosen << 13, chosen ^= chosen >> 17, chosen ^= chosen << 5;
                if (chosen % 3 == 0) write_out(at, at + RW_PAGE);
            }
            check_after_the_cut();
            unlink(copy);
        });
        int status = status_of(pid);
        CHECK_NOTE(WIFEXITED(status) && WEXITSTATUS(status) == 0, "cut %u%s", cuts, by_itself ? ", the kernel having written more" : "");
    }
}

int msync(void *at, size_t length, int flags) {
    if (writing != RECORDING) return writing == FOR_REAL ? (int)syscall(SYS_msync, at, length, flags) : 0;
    cut_the_power();
    write_out((uint64_t)((uint8_t *)at - h.q->base), (uint64_t)((uint8_t *)at - h.q->base) + length);
    cut_the_power();
    return 0;
}
int fdatasync(int fd) {
    if (writing != RECORDING) return writing == FOR_REAL ? (int)syscall(SYS_fdatasync, fd) : 0;
    struct stat st;
    CHECK(fd == h.q->fd && fstat(fd, &st) == 0);
    cut_the_power();
    for (off_t at = 0; at < st.st_size; at += RW_PAGE) {
        off_t data = lseek(fd, at, SEEK_DATA);
        if (data < 0) break;
        at = data / RW_PAGE * RW_PAGE;
        write_out((uint64_t)at, (uint64_t)at + RW_PAGE);
    }
    cut_the_power();
    return 0;
}

/* ---- the work ---- */

static uint32_t compose(uint8_t *body) {
    const uint32_t sizes[] = {4, 100, 300, 4096, 5000};
    uint32_t length = sizes[random_below(5)], number = next_number++;
    CHECK(number < NUMBERS);
    memset(body, (int)number, length);
    memcpy(body, &number, 4);
    promised[number] = SENDING;
    return length;
}

static void send_something(void) {
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
    for (uint32_t i = 0; i < count; i++) promised[first + i] = (int32_t)i < status ? ACCEPTED : UNSENT;
}

static void settle_something(void) {
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
        promised[number] = BURYING;
        CHECK_EQUAL(bury_it(&h, l, note), 0);
        promised[number] = BURIED;
        break;
    default:
        promised[number] = ENDING;
        CHECK_EQUAL(ack_it(&h, l), 0);
        promised[number] = GONE;
    }
}

static void settle_the_dead(void) {
    from_the_start(&h);
    if (next_dead(&h, NULL) != 0) return;
    uint32_t number;
    memcpy(&number, h.staging, 4);
    struct lease l = lease_of(&h);
    if (random_below(2)) {
        promised[number] = BURYING;
        counted_attempts[number] = 0;
        CHECK_EQUAL(rwq_revive(h.q, LEASE(l)), 0);
        promised[number] = ACCEPTED;
    } else {
        promised[number] = ENDING;
        CHECK_EQUAL(rwq_discard(h.q, LEASE(l)), 0);
        promised[number] = GONE;
    }
}

static void what_was_promised_survives_a_power_cut_at_any_moment(void) {
    const char *path = fresh_path();
    disk_path = fresh_path();
    create_queue(path, sync_journal);
    queue_fd = open(path, O_RDWR);
    disk_fd = open(disk_path, O_CREAT | O_RDWR, 0600);
    struct stat st;
    CHECK(fstat(queue_fd, &st) == 0 && ftruncate(disk_fd, st.st_size) == 0);
    for (off_t at = 0, data; (data = lseek(queue_fd, at, SEEK_DATA)) >= 0; at = data + RW_PAGE) write_out((uint64_t)data, (uint64_t)data + 1); /* made and synced */
    h = open_queue(path);
    writing = RECORDING;
    for (double until = seconds_now() + 4; cuts < 1500 && seconds_now() < until;) {
        uint32_t kind = random_below(10);
        if (kind < 4) send_something();
        else if (kind < 8) settle_something();
        else settle_the_dead();
    }
    writing = FOR_REAL;
    printf("  %u cuts, %u messages\n", cuts, next_number);
    CHECK(cuts > 50);
    close_queue(&h);
}

static const struct test tests[] = {TEST(what_was_promised_survives_a_power_cut_at_any_moment)};
int main(int argc, char **argv) {
    use_a_disk();
    return RUN_TESTS(tests, argc, argv);
}
