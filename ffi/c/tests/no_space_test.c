/* A full file system: every operation works or answers -ENOSPC; nothing is lost, and no access is a SIGBUS. */
#include "use_queue.h"

#include <sched.h>
#include <sys/mount.h>

#define FILE_SYSTEM_BYTES (4u << 20)

static char directory[128], queue_path[160], filler_path[160];

/* A small memory file system that only this test sees. */
static void mount_small(const char *test) {
    snprintf(directory, sizeof directory, "%s", fresh_path());
    snprintf(queue_path, sizeof queue_path, "%s/queue", directory);
    snprintf(filler_path, sizeof filler_path, "%s/filler", directory);
    CHECK_EQUAL(mkdir(directory, 0700), 0);
    char options[64];
    snprintf(options, sizeof options, "size=%u", FILE_SYSTEM_BYTES);
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 || mount("none", directory, "tmpfs", 0, options) != 0) leave_out(test, "root", "to mount a small file system");
}

static void leave_free(unsigned pages) {
    static uint8_t page[4096];
    int fd = open(filler_path, O_CREAT | O_RDWR, 0600);
    CHECK(fd >= 0);
    off_t end = lseek(fd, 0, SEEK_END);
    while (pwrite(fd, page, sizeof page, end) == (ssize_t)sizeof page) end += (off_t)sizeof page;
    CHECK_EQUAL(errno, ENOSPC);
    CHECK_EQUAL(ftruncate(fd, end > (off_t)pages * 4096 ? end - (off_t)pages * 4096 : 0), 0);
    close(fd);
}

static const struct rwq_params params = {.max_messages = 600, .max_body = 20000, .max_participants = 200, .max_dead = 600, .max_deliver = 200};

static void making_and_opening_work_or_say_no_space(void) {
    mount_small(__func__);
    int made = 0, opened = 0;
    for (unsigned pages = 0; pages < 80; pages++) {
        unlink(filler_path);
        leave_free(pages);
        int32_t status = rwq_create(queue_path, &params, 0);
        CHECK_NOTE(status == 0 || status == -ENOSPC, "creating with %u pages answered %d", pages, status);
        CHECK_EQUAL(access(queue_path, F_OK) == 0, status == 0);
        if (status) continue;
        made++;
        leave_free(pages % 5);
        struct handle h, observer;
        CHECK_EQUAL(try_open(&observer, queue_path, RWQ_OPEN_OBSERVE, 0), 0);
        CHECK_EQUAL(rwq_status(observer.q), 0);
        CHECK_EQUAL(rwq_peek(observer.q), -EAGAIN);
        close_queue(&observer);
        status = try_open(&h, queue_path, 0, 0);
        CHECK_NOTE(status == 0 || status == -ENOSPC, "opening with %u pages answered %d", pages, status);
        opened += status == 0;
        if (status == 0) {
            for (int i = 0; i < 3; i++) {
                status = try_send(&h, "x", 0);
                CHECK(status == 0 || status == -ENOSPC);
                CHECK_EQUAL(rwq_receive(h.q, RWQ_TAKE_ACK, 0), status == 0 ? 0 : -EAGAIN);
            }
            CHECK_EQUAL(rwq_destroy(h.q), 0);
            close_queue(&h);
        } else {
            unlink(queue_path);
        }
    }
    CHECK(made > 10 && made < 80 && opened > 0);
}

/* ---- any operation, with any number of free pages ---- */

enum { NUMBERS = 100000 };
static uint8_t state[NUMBERS]; /* 1 accepted, 2 settled, 3 seen at the end */
static uint32_t next_number;
static struct {
    struct lease lease;
    uint32_t number;
} held[600];
static int holding;
static uint32_t seed;
static uint32_t random_below(uint32_t n) {
    seed ^= seed << 13, seed ^= seed >> 17, seed ^= seed << 5;
    return seed % n;
}

static bool worked(int32_t status) {
    CHECK_NOTE(status >= 0 || status == -EAGAIN || status == -ENOSPC, "answered %d", status);
    return status >= 0;
}

static uint32_t number_in(const uint8_t *bytes, uint32_t length) {
    uint32_t number;
    CHECK(length >= 4);
    memcpy(&number, bytes, 4);
    CHECK(number < next_number && state[number] == 1);
    for (uint32_t i = 4; i < length; i++) CHECK(bytes[i] == (uint8_t)number);
    return number;
}

static void send_some(struct handle *h, uint32_t options) {
    static uint8_t body[20000];
    const uint32_t sizes[] = {4, 200, 256, 257, 4096, 5000, 20000};
    uint32_t length = sizes[random_below(7)], number = next_number++;
    CHECK(number < NUMBERS);
    memset(body, (int)number, length);
    memcpy(body, &number, 4);
    int32_t status;
    h->io->in_headers_len = random_below(2) ? 0 : 10, h->io->in_delay_ms = random_below(5) ? 0 : 2, h->io->in_ttl_ms = 0;
    if (random_below(4) == 0) {
        status = rwq_claim(h->q, random_below(2) ? length : 20000, options);
        if (worked(status)) {
            struct lease claim = lease_of(h);
            memcpy((void *)(uintptr_t)h->io->out_pointer, body, length);
            if (random_below(5) == 0) {
                CHECK_EQUAL(rwq_abort(h->q, LEASE(claim)), 0);
                return;
            }
            status = rwq_commit(h->q, LEASE(claim), length, options);
            if (!worked(status)) CHECK_EQUAL(rwq_abort(h->q, LEASE(claim)), 0);
        }
    } else {
        status = rwq_send(h->q, body, length, options | RWQ_SEND_EXTENDED);
    }
    if (worked(status)) state[number] = 1;
}

static void take_some(struct handle *h) {
    uint32_t how = random_below(3) == 0 ? RWQ_TAKE_POINTER : RWQ_TAKE_LEASE;
    if (holding == 600 || !worked(rwq_receive(h->q, how, 0))) return;
    const uint8_t *at = how == RWQ_TAKE_POINTER ? (const uint8_t *)(uintptr_t)h->io->out_pointer : h->staging;
    held[holding].number = number_in(at, h->io->meta.body_len);
    held[holding++].lease = lease_of(h);
    if (how == RWQ_TAKE_POINTER) rwq_release_view(h->q);
}

static void settle_some(struct handle *h) {
    if (holding == 0) return;
    int i = (int)random_below((uint32_t)holding);
    struct lease l = held[i].lease;
    uint32_t number = held[i].number;
    held[i] = held[--holding];
    static char note[5000];
    switch (random_below(6)) {
    case 0: CHECK(worked(rwq_nack(h->q, LEASE(l), 0, 0))); break;
    case 1: CHECK(worked(rwq_nack(h->q, LEASE(l), 2, 0))); break;
    case 2: CHECK(worked(rwq_bury(h->q, LEASE(l), note, random_below(5000)))); break;
    default:
        CHECK(worked(rwq_touch(h->q, LEASE(l), 100000)));
        CHECK_EQUAL(rwq_ack(h->q, LEASE(l)), 0);
        state[number] = 2;
    }
}

static void look_around(struct handle *h) {
    struct handle other;
    switch (random_below(8)) {
    case 0: worked(rwq_sweep(h->q, random_below(3))); break;
    case 1: worked(rwq_trim(h->q)); break;
    case 2: worked(rwq_status(h->q)); break;
    case 3:
        for (from_the_start(h); worked(rwq_peek(h->q));) {}
        break;
    case 4:
        for (from_the_start(h); worked(rwq_inspect(h->q, UINT32_MAX));) {}
        break;
    case 5:
        from_the_start(h);
        if (worked(next_dead(h, NULL))) CHECK_EQUAL(rwq_revive(h->q, LEASE(lease_of(h))), 0);
        break;
    case 6:
        rwq_arm(h->q, random_below(2)), rwq_disarm(h->q);
        break;
    default:
        if (worked(try_open(&other, queue_path, random_below(2), 0))) {
            worked(rwq_status(other.q));
            rwq_close(other.q);
        }
    }
}

static void drain_and_compare(struct handle *h) {
    for (; holding; holding--) CHECK_EQUAL(rwq_ack(h->q, LEASE(held[holding - 1].lease)), 0), state[held[holding - 1].number] = 2;
    for (int idle = 0; idle < 2;) {
        int32_t status = receive_within(h, RWQ_TAKE_ACK, 20);
        CHECK(status == 0 || status == -EAGAIN);
        idle = status ? idle + 1 : 0;
        if (status == 0) state[number_in(h->staging, h->io->meta.body_len)] = 3;
    }
    for (from_the_start(h); next_dead(h, NULL) == 0;) {
        state[number_in(h->staging, h->io->meta.body_len)] = 3;
        CHECK_EQUAL(rwq_discard(h->q, LEASE(lease_of(h))), 0);
    }
    long missing = 0;
    for (uint32_t number = 0; number < next_number; number++) missing += state[number] == 1;
    CHECK_EQUAL(missing, counted(h, RWQ_COUNT_DROPPED_OLDEST));
    CHECK_EQUAL(counted(h, RWQ_COUNT_CORRUPT), 0);
}

static void work_with(unsigned pages) {
    seed = pages * 77 + 1, holding = 0, next_number = 0;
    create_queue(queue_path, params);
    struct handle h = open_queue(queue_path);
    for (int i = 0; pages % 3 && i < 20; i++) send_some(&h, 0); /* something is there already */
    leave_free(pages);
    for (int turn = 0; turn < 600; turn++) {
        switch (random_below(4)) {
        case 0: send_some(&h, 0); break;
        case 1: send_some(&h, random_below(4) | (random_below(2) ? RWQ_SEND_DROP_OLDEST : 0)); break;
        case 2: random_below(2) ? take_some(&h) : settle_some(&h); break;
        default: random_below(3) ? settle_some(&h) : look_around(&h);
        }
        if (turn % 150 == 149) leave_free(random_below(3) ? 0 : random_below(40)); /* others write there too */
    }
    if (pages % 2) unlink(filler_path); /* otherwise all of it comes out of a full file system */
    drain_and_compare(&h);
    unlink(filler_path);
    rwq_sweep(h.q, RWQ_SWEEP_FULL);
    rwq_trim(h.q); /* so that a full queue fits */
    expect_no_leak(&h);
    CHECK_EQUAL(rwq_destroy(h.q), 0);
    close_queue(&h);
}

static void every_operation_works_or_says_no_space(void) {
    mount_small(__func__);
    for (unsigned pages = 0; pages < 70; pages++) {
        IN_CHILD(pid, work_with(pages)); /* a process: views of the mapping keep its memory until the end */
        int status = status_of(pid);
        CHECK_NOTE(WIFEXITED(status) && WEXITSTATUS(status) == 0, "with %u pages: %#x", pages, status);
    }
}

static void drop_oldest_drops_nothing_when_there_is_no_memory(void) {
    mount_small(__func__);
    create_queue(queue_path, (struct rwq_params){.max_messages = 8, .max_body = 20000});
    struct handle h = open_queue(queue_path);
    char text[2] = "a";
    for (; text[0] <= 'h'; text[0]++) send_text(&h, text);
    leave_free(2);
    static const char body[20000];
    for (int i = 0; i < 3; i++) CHECK_EQUAL(rwq_send(h.q, body, sizeof body, RWQ_SEND_DROP_OLDEST), -ENOSPC);
    CHECK_EQUAL(counted(&h, RWQ_COUNT_DROPPED_OLDEST), 0);
    CHECK_EQUAL(try_send(&h, "i", RWQ_SEND_DROP_OLDEST), 0); /* one that needs no memory */
    for (text[0] = 'b'; text[0] <= 'i'; text[0]++) expect_text(&h, text);
    close_queue(&h);
}

static void a_death_is_recovered_without_memory(void) {
    mount_small(__func__);
    create_queue(queue_path, params);
    struct handle h = open_queue(queue_path);
    for (int i = 0; i < 20; i++) send_text(&h, "x");
    IN_CHILD(pid, {
        struct handle c = open_queue(queue_path);
        for (int i = 0; i < 10; i++) CHECK_EQUAL(rwq_receive(c.q, RWQ_TAKE_LEASE, 0), 0);
        kill(getpid(), SIGKILL);
    });
    status_of(pid);
    leave_free(0);
    CHECK_EQUAL(rwq_sweep(h.q, RWQ_SWEEP_DEATHS) >= 10, 1);
    for (int i = 0; i < 20; i++) CHECK_EQUAL(rwq_receive(h.q, RWQ_TAKE_ACK, 0), 0); /* whether or not there was a page for their hints */
    expect_empty(&h);
    unlink(filler_path);
    rwq_sweep(h.q, RWQ_SWEEP_FULL);
    expect_no_leak(&h);
    close_queue(&h);
}

static const struct test tests[] = {
    TEST(making_and_opening_work_or_say_no_space), TEST(every_operation_works_or_says_no_space), TEST(drop_oldest_drops_nothing_when_there_is_no_memory), TEST(a_death_is_recovered_without_memory),
};
int main(int argc, char **argv) { return RUN_TESTS(tests, argc, argv); }
