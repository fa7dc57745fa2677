/* Queues in files: over a SIGKILL of everybody, and over a reboot. */
#include "journal_files.h"

#include <sys/syscall.h>

static const struct rwq_params on_disk = {.max_messages = 16, .max_body = 5000, .max_headers = 64, .max_participants = 8, .max_dead = 8, .max_deliver = 5, .journal = RWQ_JOURNAL_PROCESS};

static void everything_survives_the_death_of_all(void) {
    const char *path = fresh_path();
    create_queue(path, on_disk);
    IN_CHILD(pid, {
        struct handle h = open_queue(path);
        send_text(&h, "a"), send_text(&h, "b"), send_extended(&h, "c", 50, 0, 0);
        lease_text(&h, "a", 0);
        kill(getpid(), SIGKILL);
    });
    status_of(pid);
    struct handle h = open_queue(path);
    rwq_sweep(h.q, RWQ_SWEEP_DEATHS);
    lease_text(&h, "a", 0);
    CHECK_EQUAL(h.io->meta.attempts, 2);
    expect_text(&h, "b");
    CHECK_EQUAL(receive_within(&h, RWQ_TAKE_ACK, 2000), 0);
    CHECK(body_is(&h, "c"));
    close_queue(&h);
}

static char large[5000];

/* In a process that dies with all of it open. */
static void before_the_reboot(const char *path, uint64_t *last_id) {
    struct handle h = open_queue(path);
    send_text(&h, "dead"), CHECK_EQUAL(bury_it(&h, lease_text(&h, "dead", 0), "the note"), 0);
    send_text(&h, "leased");
    h.io->in_headers_len = 7, h.io->in_delay_ms = h.io->in_ttl_ms = 0;
    memcpy((uint8_t *)h.io + RWQ_IO_HEADERS, "headers", 7);
    CHECK_EQUAL(rwq_send(h.q, "with headers", 12, RWQ_SEND_EXTENDED), 0);
    CHECK_EQUAL(rwq_send(h.q, large, sizeof large, 0), 0);
    send_extended(&h, "delayed", 400, 0, 0), send_extended(&h, "outlived", 0, 1, 0);
    try_send(&h, "urgent", RWQ_PRIORITY_HIGH), send_text(&h, "gone");
    CHECK_EQUAL(rwq_claim(h.q, 10, 0), 0);
    lease_text(&h, "urgent", 0), lease_text(&h, "leased", 0);
    *last_id = atomic_load(&h.q->control->sequence);
    rwq_pause(h.q, 1);
    kill(getpid(), SIGKILL);
}

static void a_reboot_keeps_every_message_with_what_belongs_to_it(void) {
    const char *path = fresh_path();
    create_queue(path, on_disk);
    uint64_t *last_id = shared_memory(sizeof *last_id);
    memset(large, 'L', sizeof large);
    double sent_at = seconds_now();
    IN_CHILD(pid, before_the_reboot(path, last_id));
    CHECK(WIFSIGNALED(status_of(pid)));
    sleep_ms(20);
    reboot(path);
    struct handle h = open_queue(path);
    CHECK_EQUAL(rwq_lifecycle(h.q), RWQ_PAUSED_BIT);
    CHECK_EQUAL(status_now(&h)->participants, 1);
    CHECK_EQUAL(in_state(&h, RWQ_SLOT_CLAIMED), 0);
    CHECK_EQUAL(in_state(&h, RWQ_SLOT_LEASED), 0);
    CHECK_EQUAL(atomic_load(&h.q->control->dead_letters), 1);
    rwq_pause(h.q, 0);
    send_text(&h, "new"); /* behind all that was there before */
    CHECK(((uint64_t)h.io->sent_id_hi << 32 | h.io->sent_id_lo) > *last_id);
    lease_text(&h, "leased", 0);
    CHECK(h.io->meta.flags & RWQ_META_REDELIVERED && h.io->meta.attempts == 2);
    lease_text(&h, "urgent", 0);
    CHECK(h.io->meta.flags & RWQ_META_REDELIVERED && h.io->meta.priority == RWQ_PRIORITY_HIGH);
    expect_text(&h, "with headers");
    CHECK(h.io->meta.headers_len == 7 && memcmp(h.staging + 16, "headers", 7) == 0);
    h.q->takes = 0;
    CHECK_EQUAL(rwq_receive(h.q, RWQ_TAKE_ACK, 0), 0);
    CHECK(h.io->meta.body_len == sizeof large && memcmp(h.staging, large, sizeof large) == 0);
    expect_text(&h, "gone"), expect_text(&h, "new");
    CHECK_EQUAL(receive_within(&h, RWQ_TAKE_ACK, 3000), 0);
    CHECK(body_is(&h, "delayed") && seconds_now() - sent_at > 0.35);
    char note[RWQ_NOTE_BYTES + 1];
    from_the_start(&h);
    CHECK_EQUAL(next_dead(&h, note), 0);
    CHECK(body_is(&h, "dead") && strcmp(note, "the note") == 0);
    CHECK_EQUAL(rwq_revive(h.q, LEASE(lease_of(&h))), 0);
    expect_text(&h, "dead");
    CHECK_EQUAL(counted(&h, RWQ_COUNT_DROPPED_EXPIRED), 1);
    close_queue(&h);
}

static void an_ended_stream_is_still_ended_after_a_reboot(void) {
    const char *path = fresh_path();
    create_queue(path, on_disk);
    struct handle h = open_queue(path);
    send_text(&h, "x");
    rwq_end(h.q);
    close_queue(&h);
    reboot(path);
    h = open_queue(path);
    CHECK_EQUAL(try_send(&h, "y", 0), -EPIPE);
    expect_text(&h, "x");
    expect_empty(&h);
    CHECK_EQUAL(h.io->out_reason, RWQ_EMPTY_ENDED);
    close_queue(&h);
}

static void a_full_journal_is_rebuilt_in_the_order_of_sending(void) {
    const char *path = fresh_path();
    struct rwq_params large = on_disk;
    large.max_messages = 5000, large.max_body = 100;
    create_queue(path, large);
    struct handle h = open_queue(path);
    for (uint32_t i = 0; i < 9000; i++) { /* slots are used anew: their order is not the messages' */
        CHECK_EQUAL(rwq_send(h.q, &i, sizeof i, 0), 0);
        if (i >= 1000 && i < 5000) CHECK_EQUAL(rwq_receive(h.q, RWQ_TAKE_ACK, 0), 0);
    }
    close_queue(&h);
    for (int boots = 0; boots < 3; boots++) {
        reboot(path);
        h = open_queue(path);
        close_queue(&h);
    }
    h = open_queue(path);
    CHECK_EQUAL(in_state(&h, RWQ_SLOT_READY), 5000);
    CHECK_EQUAL(rwq_send(h.q, "x", 1, 0), -EAGAIN);
    for (uint32_t i = 4000, got; i < 9000; i++) {
        CHECK_EQUAL(rwq_receive(h.q, RWQ_TAKE_ACK, 0), 0);
        memcpy(&got, h.staging, 4);
        CHECK_EQUAL(got, i);
    }
    expect_no_leak(&h);
    close_queue(&h);
}

static void flip_byte(const char *path, uint64_t at) {
    uint8_t byte;
    int fd = open(path, O_RDWR);
    CHECK(pread(fd, &byte, 1, (off_t)at) == 1);
    byte ^= 0x10;
    CHECK(pwrite(fd, &byte, 1, (off_t)at) == 1);
    close(fd);
}

static void what_is_torn_is_dropped_and_nothing_else(void) {
    const char *path = fresh_path();
    create_queue(path, on_disk);
    struct handle h = open_queue(path);
    static char large[5000];
    send_text(&h, "a"), send_text(&h, "torn small"), CHECK_EQUAL(rwq_send(h.q, large, sizeof large, 0), 0), send_text(&h, "b"), send_text(&h, "longer than it is"), send_text(&h, "other id"), send_text(&h, "c");
    struct rw_layout l = h.q->l;
    close_queue(&h);
    flip_byte(path, l.small + 1 * l.small_bytes + 3);
    flip_byte(path, l.large + 2 * l.large_stride + 4999);
    flip_byte(path, l.headers + 4 * sizeof(struct rw_slot) + offsetof(struct rw_slot, body_len));
    flip_byte(path, l.headers + 5 * sizeof(struct rw_slot) + offsetof(struct rw_slot, id));
    reboot(path);
    h = open_queue(path);
    expect_text(&h, "a"), expect_text(&h, "b"), expect_text(&h, "c");
    expect_no_leak(&h);
    close_queue(&h);
}

static void many_who_open_after_a_reboot_rebuild_once(void) {
    const char *path = fresh_path();
    create_queue(path, on_disk);
    struct handle h = open_queue(path);
    for (char text[2] = "a"; text[0] <= 'p'; text[0]++) send_text(&h, text);
    close_queue(&h);
    reboot(path);
    _Atomic int *taken = shared_memory(64 * sizeof *taken);
    pid_t pids[6];
    for (int i = 0; i < 6; i++) {
        IN_CHILD(pid, {
            struct handle c = open_queue(path);
            while (rwq_receive(c.q, RWQ_TAKE_ACK, 0) == 0) atomic_fetch_add(&taken[c.staging[0] - 'a'], 1);
            close_queue(&c);
        });
        pids[i] = pid;
    }
    for (int i = 0; i < 6; i++) expect_good(pids[i]);
    for (int i = 0; i < 16; i++) CHECK_EQUAL(taken[i], 1);
    h = open_queue(path);
    expect_no_leak(&h);
    close_queue(&h);
}

/* ---- writing out ---- */

static _Atomic int synced, failing;
int fdatasync(int fd) {
    synced++;
    if (failing) return errno = EIO, -1;
    return (int)syscall(SYS_fdatasync, fd);
}
int msync(void *at, size_t length, int flags) {
    synced++;
    if (failing) return errno = EIO, -1;
    return (int)syscall(SYS_msync, at, length, flags);
}

static void an_interval_journal_is_written_out_by_itself(void) {
    const char *path = fresh_path();
    struct rwq_params interval = on_disk;
    interval.journal = RWQ_JOURNAL_INTERVAL, interval.interval_ms = 20;
    create_queue(path, interval);
    struct handle h = open_queue(path);
    double begun = seconds_now();
    int before = synced;
    send_text(&h, "x");
    while (synced - before < 8 && seconds_now() < begun + 30) sleep_ms(5);
    double passed_ms = (seconds_now() - begun) * 1000;
    int times = synced - before;
    CHECK_NOTE(times >= 8 && times <= passed_ms / 20 + 2, "%d times in %.0f ms", times, passed_ms);
    close_queue(&h);
}

/* Nobody was in a call to hear of it. */
static void an_interval_journal_tells_of_a_failure_later(void) {
    struct rwq_params interval = on_disk;
    interval.journal = RWQ_JOURNAL_INTERVAL, interval.interval_ms = 20;
    for (int closing = 0; closing < 2; closing++) {
        const char *path = fresh_path();
        create_queue(path, interval);
        struct handle h = open_queue(path);
        failing = 1;
        int before = synced;
        send_text(&h, "x");
        for (double until = seconds_now() + 30; synced - before < 2 && seconds_now() < until;) sleep_ms(1);
        failing = 0;
        CHECK_EQUAL(closing ? rwq_close(h.q) : rwq_sync(h.q), -EIO);
        if (closing) continue;
        CHECK_EQUAL(rwq_sync(h.q), 0);
        close_queue(&h);
    }
}

static void the_usual_journal_is_written_out_when_asked(void) {
    const char *path = fresh_path();
    create_queue(path, on_disk);
    struct handle h = open_queue(path);
    int before = synced;
    send_text(&h, "x"), expect_text(&h, "x");
    CHECK_EQUAL(synced, before);
    CHECK_EQUAL(rwq_sync(h.q), 0);
    CHECK_EQUAL(synced, before + 1);
    failing = 1;
    CHECK_EQUAL(rwq_sync(h.q), -EIO);
    failing = 0;
    close_queue(&h);
}

static void a_disk_that_fails_is_reported(void) {
    const char *path = fresh_path();
    struct rwq_params sync = on_disk;
    sync.journal = RWQ_JOURNAL_SYNC;
    create_queue(path, sync);
    struct handle h = open_queue(path);
    failing = 1;
    CHECK_EQUAL(try_send(&h, "x", 0), -EIO);
    const uint32_t lengths[] = {1, 1};
    CHECK_EQUAL(rwq_send_many(h.q, "yz", lengths, 2, 0), -EIO);
    failing = 0;
    send_text(&h, "fine");
    h.q->takes = 0;
    while (rwq_receive(h.q, RWQ_TAKE_LEASE, 0) == 0 && !body_is(&h, "fine")) CHECK_EQUAL(ack_it(&h, lease_of(&h)), 0);
    CHECK(body_is(&h, "fine"));
    failing = 1;
    CHECK_EQUAL(ack_it(&h, lease_of(&h)), -EIO);
    failing = 0;
    expect_no_leak(&h);
    close_queue(&h);
}

static const struct test tests[] = {
    TEST(everything_survives_the_death_of_all), TEST(a_reboot_keeps_every_message_with_what_belongs_to_it), TEST(an_ended_stream_is_still_ended_after_a_reboot),
    TEST(a_full_journal_is_rebuilt_in_the_order_of_sending), TEST(what_is_torn_is_dropped_and_nothing_else), TEST(many_who_open_after_a_reboot_rebuild_once),
    TEST(an_interval_journal_is_written_out_by_itself), TEST(an_interval_journal_tells_of_a_failure_later), TEST(the_usual_journal_is_written_out_when_asked), TEST(a_disk_that_fails_is_reported),
};
int main(int argc, char **argv) {
    use_a_disk();
    return RUN_TESTS(tests, argc, argv);
}
