/* Making, opening, refusing and removing segments. */
#include "use_queue.h"

#include "queue.h"

static const struct rwq_params small = {.max_messages = 16, .max_body = 100, .max_participants = 8};

static int32_t open_status(const char *path, uint32_t flags) {
    struct handle h;
    int32_t status = try_open(&h, path, flags, 0);
    if (status == 0) rwq_close(h.q);
    return status;
}

static void a_new_queue_opens_and_says_what_it_was_made_with(void) {
    struct handle h = new_queue((struct rwq_params){.max_messages = 100, .max_body = 5000, .max_headers = 64, .max_participants = 9, .max_dead = 7, .max_deliver = 3, .lease_ms = 1234});
    CHECK_EQUAL(rwq_geometry(h.q), 0);
    struct rwq_geometry g = *(struct rwq_geometry *)h.staging;
    CHECK(g.max_messages == 100 && g.max_body == 5000 && g.max_headers == 64 && g.max_participants == 9 && g.max_dead == 7 && g.max_deliver == 3 && g.lease_ms == 1234);
    CHECK(g.journal == 0 && g.index == 1 && g.abi_major == RWQ_ABI_MAJOR && g.abi_minor == RWQ_ABI_MINOR && g.created_ms > 1.6e12 && g.total_bytes > 0);
    CHECK((g.uuid[6] & 0xf0) == 0x40 && (g.uuid[8] & 0xc0) == 0x80);
    close_queue(&h);
}

static void zero_sizes_are_the_defaults(void) {
    struct handle h = new_queue((struct rwq_params){0});
    rwq_geometry(h.q);
    struct rwq_geometry g = *(struct rwq_geometry *)h.staging;
    CHECK(g.max_messages == 16384 && g.max_body == 65536 && g.max_headers == 256 && g.max_participants == 256 && g.max_dead == 1638 && g.max_deliver == 5 && g.lease_ms == 30000);
    close_queue(&h);
    h = new_queue((struct rwq_params){.max_messages = 1, .max_headers = UINT32_MAX});
    rwq_geometry(h.q);
    g = *(struct rwq_geometry *)h.staging;
    CHECK(g.max_headers == 0 && g.max_dead == 1);
    close_queue(&h);
}

static void sizes_beyond_the_limits_are_refused(void) {
    const struct rwq_params bad[] = {
        {.max_messages = RWQ_MAX_SLOTS + 1}, {.max_messages = UINT32_MAX}, {.max_body = RWQ_MAX_BODY + 1}, {.max_headers = RWQ_MAX_HEADERS + 1},
        {.max_participants = RWQ_MAX_PARTICIPANTS + 1}, {.max_deliver = RWQ_MAX_DELIVER + 1}, {.journal = 4},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const char *path = fresh_path();
        CHECK_EQUAL(rwq_create(path, &bad[i], 0), -EINVAL);
        CHECK(access(path, F_OK) != 0);
    }
    struct rwq_params ok = {0};
    CHECK_EQUAL(rwq_create("", &ok, 0), -EINVAL);
    CHECK_EQUAL(rwq_create("relative", &ok, 0), -EINVAL);
    CHECK_EQUAL(rwq_create(SEGMENT_DIRECTORY "/no-such-directory/q", &ok, 0), -ENOENT);
    char *endless = malloc(8192);
    memset(endless, 'a', 8191), endless[0] = '/', endless[8191] = 0;
    CHECK_EQUAL(rwq_create(endless, &ok, 0), -ENAMETOOLONG);
    CHECK_EQUAL(open_status(endless, 0), -ENAMETOOLONG);
    free(endless);
}

static void a_memory_queue_is_refused_on_a_disk(void) {
    char directory[4096], path[4200];
    ssize_t n = readlink("/proc/self/exe", directory, sizeof directory - 1);
    CHECK(n > 0);
    directory[n] = 0;
    *strrchr(directory, '/') = 0;
    snprintf(path, sizeof path, "%s/%s", directory, segment_prefix);
    int32_t status = rwq_create(path, &small, 0);
    if (status == 0) unlink(path); /* a checkout on tmpfs */
    CHECK(status == -EOPNOTSUPP || status == 0);
}

static void a_taken_name_is_refused_and_left_alone(void) {
    const char *path = fresh_path();
    create_queue(path, small);
    struct handle h = open_queue(path);
    send_text(&h, "kept");
    CHECK_EQUAL(rwq_create(path, &small, 0), -EEXIST);
    CHECK_EQUAL(rwq_create(path, &small, RWQ_CREATE_REPLACE_CLOSED), -EEXIST);
    expect_text(&h, "kept");
    close_queue(&h);
}

static void a_destroyed_queue_answers_shut_down_and_its_name_is_free(void) {
    const char *path = fresh_path();
    create_queue(path, small);
    struct handle a = open_queue(path), b = open_queue(path);
    rwq_geometry(a.q);
    uint8_t uuid[16];
    memcpy(uuid, ((struct rwq_geometry *)a.staging)->uuid, sizeof uuid);
    CHECK_EQUAL(rwq_destroy(a.q), 0);
    CHECK(access(path, F_OK) != 0);
    CHECK_EQUAL(try_send(&b, "x", 0), -ESHUTDOWN);
    CHECK_EQUAL(rwq_receive(b.q, 0, 0), -ESHUTDOWN);
    CHECK_EQUAL(rwq_wait(b.q, RWQ_FOR_MESSAGE, 1000), 0);
    CHECK_EQUAL(rwq_end(b.q), -ESHUTDOWN);
    CHECK_EQUAL(rwq_lifecycle(b.q) & 3, RWQ_CLOSED);
    create_queue(path, small);
    CHECK_EQUAL(rwq_destroy(b.q), -ESHUTDOWN);
    struct handle c = open_queue(path); /* the successor's name survived that */
    rwq_geometry(c.q);
    CHECK(memcmp(uuid, ((struct rwq_geometry *)c.staging)->uuid, sizeof uuid) != 0);
    close_queue(&a), close_queue(&b), close_queue(&c);
}

static void an_observer_may_destroy_a_queue_that_somebody_waits_on(void) {
    const char *path = fresh_path();
    create_queue(path, small);
    struct handle waiter = open_queue(path), observer;
    CHECK_EQUAL(try_open(&observer, path, RWQ_OPEN_OBSERVE, 0), 0);
    int fd = rwq_wake_fd(waiter.q);
    CHECK(fd >= 0);
    CHECK_EQUAL(rwq_arm(waiter.q, RWQ_FOR_MESSAGE), 0);
    CHECK_EQUAL(rwq_destroy(observer.q), 0);
    CHECK_EQUAL(rwq_poll_wake_fd(fd, 1000), 1);
    rwq_close_fd(fd);
    close_queue(&waiter), close_queue(&observer);
}

static void an_observer_is_refused_what_changes_messages(void) {
    const char *path = fresh_path();
    create_queue(path, small);
    struct handle h = open_queue(path), observer;
    send_text(&h, "seen");
    CHECK_EQUAL(try_open(&observer, path, RWQ_OPEN_OBSERVE, 0), 0);
    sleep_ms(120); /* maintenance is due: not by an observer */
    CHECK_EQUAL(rwq_send(observer.q, "x", 1, 0), -EINVAL);
    CHECK_EQUAL(rwq_claim(observer.q, 1, 0), -EINVAL);
    CHECK_EQUAL(rwq_receive(observer.q, RWQ_TAKE_ACK, 0), -EINVAL);
    CHECK_EQUAL(rwq_receive_many(observer.q, 4, 0, 0), -EINVAL);
    CHECK_EQUAL(rwq_ack(observer.q, 0, 3, 1), -EINVAL);
    CHECK_EQUAL(rwq_nack(observer.q, 0, 3, 1, 0, 0), -EINVAL);
    CHECK_EQUAL(rwq_touch(observer.q, 0, 3, 1, 0), -EINVAL);
    CHECK_EQUAL(rwq_bury(observer.q, 0, 3, 1, NULL, 0), -EINVAL);
    CHECK_EQUAL(rwq_revive(observer.q, 0, 6, 1), -EINVAL);
    CHECK_EQUAL(rwq_sweep(observer.q, RWQ_SWEEP_FULL), -EINVAL);
    CHECK_EQUAL(rwq_trim(observer.q), -EINVAL);
    CHECK_EQUAL(rwq_watch(observer.q), -EINVAL);
    CHECK_EQUAL(rwq_wait(observer.q, RWQ_FOR_MESSAGE, 1), -EINVAL);
    CHECK_EQUAL(rwq_arm(observer.q, RWQ_FOR_MESSAGE), -EINVAL);
    CHECK(rwq_wake_fd(observer.q) == -EINVAL);
    CHECK(rwq_renew_start(observer.q, 0, 3, 1, 0, 0, 0) < 0);
    CHECK(rwq_read(observer.q, 0, 3, 1, observer.staging, 10) < 0);
    CHECK_EQUAL(rwq_release_view(observer.q), 0);
    CHECK_EQUAL(rwq_heartbeat(observer.q), 0);
    CHECK_EQUAL(in_state(&observer, RWQ_SLOT_READY), 1);
    CHECK_EQUAL(rwq_peek(observer.q), 0);
    CHECK(body_is(&observer, "seen"));
    CHECK_EQUAL(status_now(&observer)->participants, 1);
    close_queue(&observer);
    expect_text(&h, "seen");
    close_queue(&h);
}

static void a_half_destroyed_name_is_replaced_when_asked(void) {
    const char *path = fresh_path();
    create_queue(path, small);
    struct handle h = open_queue(path);
    atomic_fetch_or(&h.q->control->lifecycle, RWQ_CLOSED); /* as if its destroyer died before the unlink */
    CHECK_EQUAL(open_status(path, 0), -ESHUTDOWN);
    CHECK_EQUAL(rwq_create(path, &small, 0), -EEXIST);
    CHECK_EQUAL(rwq_create(path, &small, RWQ_CREATE_REPLACE_CLOSED), 0);
    CHECK_EQUAL(open_status(path, 0), 0);
    close_queue(&h);
}

static void creating_over_something_that_is_no_segment_neither_hangs_nor_removes_it(void) {
    const char *pipe_path = fresh_path(), *text_path = fresh_path();
    CHECK_EQUAL(mkfifo(pipe_path, 0600), 0);
    alarm(5);
    CHECK_EQUAL(rwq_create(pipe_path, &small, RWQ_CREATE_REPLACE_CLOSED), -EEXIST);
    int fd = open(text_path, O_CREAT | O_WRONLY, 0600);
    CHECK_EQUAL(write(fd, "precious", 8), 8);
    close(fd);
    CHECK_EQUAL(rwq_create(text_path, &small, RWQ_CREATE_REPLACE_CLOSED), -EEXIST);
    CHECK(access(text_path, F_OK) == 0);
}

static void nobody_removes_the_successor_of_a_destroyed_queue(void) {
    const char *path = fresh_path();
    _Atomic int *made = shared_memory(sizeof *made);
    pid_t pids[4];
    for (int i = 0; i < 4; i++) {
        IN_CHILD(pid, {
            for (double until = seconds_now() + 0.4; seconds_now() < until;) {
                int32_t status = rwq_create(path, &small, RWQ_CREATE_REPLACE_CLOSED);
                CHECK_NOTE(status == 0 || status == -EEXIST || status == -EBUSY, "creating answered %d", status);
                if (status) continue;
                struct handle h = open_queue(path); /* ours, until we say otherwise */
                atomic_fetch_add(made, 1);
                send_text(&h, "x"), expect_text(&h, "x");
                CHECK_EQUAL(rwq_destroy(h.q), 0);
                close_queue(&h);
            }
        });
        pids[i] = pid;
    }
    for (int i = 0; i < 4; i++) expect_good(pids[i]);
    CHECK_NOTE(*made > 50, "%d were made", *made);
}

/* ---- what open refuses ---- */

static void what_is_no_segment_is_refused(void) {
    CHECK_EQUAL(open_status(fresh_path(), 0), -ENOENT);
    const char *path = fresh_path();
    int fd = open(path, O_CREAT | O_RDWR, 0600);
    CHECK_EQUAL(open_status(path, 0), -EPROTO); /* empty */
    CHECK_EQUAL(ftruncate(fd, 1 << 20), 0);
    CHECK_EQUAL(open_status(path, 0), -EPROTO); /* zeros */
    CHECK(pwrite(fd, "#!/bin/sh\nexit 0\n", 17, 0) == 17);
    CHECK_EQUAL(open_status(path, 0), -EPROTO);
    close(fd);
    CHECK_EQUAL(open_status("/dev/null", RWQ_OPEN_SHARED), -EPROTO);
    const char *directory = fresh_path(), *pipe_path = fresh_path();
    CHECK_EQUAL(mkdir(directory, 0700), 0);
    CHECK_EQUAL(open_status(directory, 0), -EISDIR);
    CHECK_EQUAL(mkfifo(pipe_path, 0600), 0);
    alarm(5);
    CHECK_EQUAL(open_status(pipe_path, 0), -EPROTO);
}

static void a_link_is_refused(void) {
    const char *path = fresh_path(), *symbolic = fresh_path(), *hard = fresh_path();
    create_queue(path, small);
    CHECK_EQUAL(symlink(path, symbolic), 0);
    CHECK_EQUAL(open_status(symbolic, 0), -EPERM);
    CHECK_EQUAL(open_status(symbolic, RWQ_OPEN_SHARED), -EPERM);
    CHECK_EQUAL(link(path, hard), 0);
    CHECK_EQUAL(open_status(path, 0), -EPERM);
    CHECK_EQUAL(open_status(hard, RWQ_OPEN_SHARED), -EPERM);
    unlink(hard);
    CHECK_EQUAL(open_status(path, 0), 0);
}

static void permissions_for_others_must_be_asked_for(void) {
    const char *path = fresh_path();
    umask(077); /* must not narrow what was asked for */
    struct rwq_params shared = small;
    shared.mode = 0660;
    create_queue(path, shared);
    struct stat st;
    CHECK(stat(path, &st) == 0);
    CHECK_EQUAL(st.st_mode & 0777, 0660);
    CHECK_EQUAL(open_status(path, 0), -EPERM);
    CHECK_EQUAL(open_status(path, RWQ_OPEN_SHARED), 0);
    CHECK_EQUAL(chmod(path, 0601), 0);
    CHECK_EQUAL(open_status(path, 0), -EPERM);
    CHECK_EQUAL(chmod(path, 0600), 0);
    CHECK_EQUAL(open_status(path, 0), 0);
    const char *private = fresh_path();
    umask(0);
    create_queue(private, small);
    CHECK(stat(private, &st) == 0);
    CHECK_EQUAL(st.st_mode & 0777, 0600);
}

static void another_users_queue_is_refused(void) {
    if (geteuid() != 0) leave_out(__func__, "root", "to become another user");
    const char *path = fresh_path();
    struct rwq_params shared = small;
    shared.mode = 0666;
    create_queue(path, shared);
    const char *theirs = fresh_path();
    IN_CHILD(pid, {
        CHECK(seteuid(65534) == 0);
        CHECK_EQUAL(open_status(path, 0), -EPERM);
        CHECK_EQUAL(open_status(path, RWQ_OPEN_SHARED), 0);
        CHECK_EQUAL(chmod(path, 0600), -1);
        create_queue(theirs, small);
        CHECK_EQUAL(open_status(theirs, 0), 0);
    });
    expect_good(pid);
    CHECK_EQUAL(open_status(theirs, 0), -EPERM); /* not even to root, unless asked for */
    CHECK_EQUAL(chmod(path, 0600), 0);
    IN_CHILD(stranger, {
        CHECK(seteuid(65534) == 0);
        CHECK_EQUAL(open_status(path, RWQ_OPEN_SHARED), -EACCES);
    });
    expect_good(stranger);
}

static void change_header(const char *path, void (*change)(struct rw_super *), bool with_sum) {
    struct rw_super s;
    int fd = open(path, O_RDWR);
    CHECK(fd >= 0 && pread(fd, &s, sizeof s, 0) == sizeof s);
    change(&s);
    if (with_sum) s.crc = rw_crc32c(0, &s, offsetof(struct rw_super, crc));
    CHECK(pwrite(fd, &s, sizeof s, 0) == sizeof s);
    close(fd);
}
static void other_endian(struct rw_super *s) {
    s->magic = __builtin_bswap64(s->magic), s->endian = __builtin_bswap32(s->endian);
    s->abi_major = __builtin_bswap16(s->abi_major);
}
static void newer_major(struct rw_super *s) { s->abi_major++; }
static void newer_minor(struct rw_super *s) { s->abi_minor++; }
static void unknown_incompat(struct rw_super *s) { s->incompat |= 1u << 30; }
static void unknown_ro_compat(struct rw_super *s) { s->ro_compat |= 1u; }
static void unknown_compat(struct rw_super *s) { s->compat |= 1u; }
static void more_slots(struct rw_super *s) { s->slots++; }
static void no_slots(struct rw_super *s) { s->slots = 0; }
static void endless_slots(struct rw_super *s) { s->slots = UINT32_MAX; }
static void other_total(struct rw_super *s) { s->total_bytes += 4096; }
static void other_ring(struct rw_super *s) { s->ring_entries *= 2; }
static void other_small(struct rw_super *s) { s->small_bytes += 64; }
static void endless_body(struct rw_super *s) { s->max_body = UINT32_MAX; }
static void no_lease(struct rw_super *s) { s->lease_ms = 0; }
static void no_deliver(struct rw_super *s) { s->max_deliver = 0; }
static void unknown_journal(struct rw_super *s) { s->journal = 9; }
static void other_size(struct rw_super *s) { s->super_bytes += 8; }

static void headers_that_do_not_hold_are_refused(void) {
    static const struct {
        void (*change)(struct rw_super *);
        bool with_sum;
        int32_t status;
    } cases[] = {
        {other_endian, false, -EPROTONOSUPPORT}, {newer_major, true, -EPROTONOSUPPORT}, {unknown_incompat, true, -EPROTONOSUPPORT}, {unknown_ro_compat, true, -EPROTONOSUPPORT},
        {unknown_compat, true, 0}, {newer_minor, true, 0}, {newer_minor, false, -EUCLEAN}, {more_slots, false, -EUCLEAN}, {more_slots, true, -EUCLEAN},
        {no_slots, true, -EUCLEAN}, {endless_slots, true, -EUCLEAN}, {other_total, true, -EUCLEAN}, {other_ring, true, -EUCLEAN}, {other_small, true, -EUCLEAN},
        {endless_body, true, -EUCLEAN}, {no_lease, true, -EUCLEAN}, {no_deliver, true, -EUCLEAN}, {unknown_journal, true, -EUCLEAN}, {other_size, true, -EUCLEAN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *path = fresh_path();
        create_queue(path, small);
        change_header(path, cases[i].change, cases[i].with_sum);
        int32_t status = open_status(path, 0);
        CHECK_NOTE(status == cases[i].status, "case %zu answered %d, not %d", i, status, cases[i].status);
    }
    for (size_t byte = 0; byte < offsetof(struct rw_super, crc) + 4; byte++) { /* any flipped bit */
        const char *path = fresh_path();
        create_queue(path, small);
        int fd = open(path, O_RDWR);
        uint8_t value;
        CHECK(pread(fd, &value, 1, (off_t)byte) == 1);
        value ^= (uint8_t)(1u << byte % 8);
        CHECK(pwrite(fd, &value, 1, (off_t)byte) == 1);
        close(fd);
        int32_t status = open_status(path, 0);
        CHECK_NOTE(status == -EUCLEAN || status == -EPROTO || status == -EPROTONOSUPPORT, "byte %zu changed, and open answered %d", byte, status);
        unlink(path);
    }
}

static void a_truncated_segment_is_refused(void) {
    const char *path = fresh_path();
    create_queue(path, small);
    struct stat st;
    CHECK(stat(path, &st) == 0);
    const off_t sizes[] = {st.st_size - 1, st.st_size - 65536, 65536, 4096, 200, 8, 0};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        CHECK_EQUAL(truncate(path, sizes[i]), 0);
        CHECK_EQUAL(open_status(path, 0), -EPROTO);
    }
    const char *longer = fresh_path();
    create_queue(longer, small);
    CHECK_EQUAL(truncate(longer, st.st_size + 4096), 0);
    CHECK_EQUAL(open_status(longer, 0), -EPROTO);
}

static void a_poisoned_segment_refuses_everything(void) {
    const char *path = fresh_path();
    create_queue(path, small);
    struct handle h = open_queue(path);
    send_text(&h, "x");
    rw_poison(h.q, "a test");
    CHECK_EQUAL(try_send(&h, "y", 0), -EUCLEAN);
    CHECK_EQUAL(rwq_receive(h.q, 0, 0), -EUCLEAN);
    CHECK_EQUAL(rwq_lifecycle(h.q), -EUCLEAN);
    CHECK_EQUAL(open_status(path, 0), -EUCLEAN);
    CHECK_EQUAL(open_status(path, RWQ_OPEN_OBSERVE), -EUCLEAN);
    close_queue(&h);
}

static void staging_areas_have_limits(void) {
    const char *path = fresh_path();
    create_queue(path, small);
    struct handle h;
    CHECK_EQUAL(try_open(&h, path, 0, 4095), -EINVAL);
    CHECK_EQUAL(try_open(&h, path, 0, (1u << 30) + 1), -EINVAL);
    CHECK_EQUAL(try_open(&h, path, 0, 4096), 0);
    close_queue(&h);
}

static int open_descriptors(void) {
    int count = 0;
    DIR *directory = opendir("/proc/self/fd");
    while (readdir(directory)) count++;
    closedir(directory);
    return count;
}

static void closing_gives_back_every_descriptor_and_socket(void) {
    const char *path = fresh_path();
    create_queue(path, small);
    struct handle waiter = open_queue(path);
    int fd = rwq_wake_fd(waiter.q), before = open_descriptors();
    for (int i = 0; i < 3; i++) {
        struct handle h = open_queue(path);
        send_text(&h, "x");
        CHECK_EQUAL(rwq_receive(h.q, RWQ_TAKE_LEASE, 0), 0);
        rwq_watch(h.q);
        rwq_close_fd(rwq_wake_fd(h.q));
        rwq_arm(waiter.q, RWQ_FOR_MESSAGE);
        close_queue(&h); /* gives a lease back, which wakes the waiter by a datagram */
        CHECK_EQUAL(rwq_poll_wake_fd(fd, 1000), 1);
        rwq_drain_wake_fd(waiter.q);
        expect_text(&waiter, "x");
        CHECK_EQUAL(open_status(path, RWQ_OPEN_OBSERVE), 0);
    }
    CHECK_EQUAL(open_descriptors(), before);
    rwq_close_fd(fd);
    close_queue(&waiter);
}

static const struct test tests[] = {
    TEST(a_new_queue_opens_and_says_what_it_was_made_with), TEST(zero_sizes_are_the_defaults), TEST(sizes_beyond_the_limits_are_refused),
    TEST(a_memory_queue_is_refused_on_a_disk), TEST(a_taken_name_is_refused_and_left_alone), TEST(a_destroyed_queue_answers_shut_down_and_its_name_is_free),
    TEST(an_observer_may_destroy_a_queue_that_somebody_waits_on), TEST(an_observer_is_refused_what_changes_messages), TEST(a_half_destroyed_name_is_replaced_when_asked),
    TEST(nobody_removes_the_successor_of_a_destroyed_queue),
    TEST(creating_over_something_that_is_no_segment_neither_hangs_nor_removes_it), TEST(what_is_no_segment_is_refused), TEST(a_link_is_refused),
    TEST(permissions_for_others_must_be_asked_for), TEST(another_users_queue_is_refused), TEST(headers_that_do_not_hold_are_refused),
    TEST(a_truncated_segment_is_refused), TEST(a_poisoned_segment_refuses_everything), TEST(staging_areas_have_limits),
    TEST(closing_gives_back_every_descriptor_and_socket),
};
int main(int argc, char **argv) { return RUN_TESTS(tests, argc, argv); }
