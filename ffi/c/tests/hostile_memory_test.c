/*
 * Somebody writes nonsense into a segment while others use it. Each of them may see QueueCorrupt, wrong counts or lost messages: what was
 * written over cannot be known. But none may crash, hang, or read or write outside the segment (the sanitizers watch).
 */
#include "guarded_mapping.h"
#include "use_queue.h"

enum { USERS = 3, OPERATIONS = 3000, SCRIBBLES = 150, ROUND_SECONDS_MAX = 20 };

/* A generator of its own, so that a seed means the same everywhere. */
static uint64_t random_state;
static uint32_t pick(uint32_t below) {
    random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)((random_state >> 33) % below);
}

static void settle_somehow(struct handle *h) {
    static const uint8_t note[5000];
    struct lease l = lease_of(h);
    switch (pick(5)) {
    case 0: rwq_ack(h->q, LEASE(l)); break;
    case 1: rwq_nack(h->q, LEASE(l), pick(3), pick(2)); break;
    case 2: rwq_bury(h->q, LEASE(l), note, pick(sizeof note)); break;
    case 3: rwq_touch(h->q, LEASE(l), 1 + pick(50)); break;
    default: break; /* kept until it expires */
    }
}

static void look_around(struct handle *h) {
    from_the_start(h);
    for (int i = 0; i < 5 && rwq_peek(h->q) == 0; i++) {}
    from_the_start(h);
    for (int i = 0; i < 5 && rwq_inspect(h->q, 0x7e) == 0; i++) {
        struct rwq_meta meta = h->io->meta;
        if (meta.flags >> 24 == RWQ_SLOT_BURIED && pick(2)) rwq_revive(h->q, meta.slot, meta.token_lo, meta.token_hi);
    }
    rwq_status(h->q);
    rwq_participant(h->q, 1 + pick(8));
}

static int32_t do_something(struct handle *h) {
    static const uint8_t body[8000];
    int32_t status = 0;
    switch (pick(16)) {
    case 0: case 1: case 2: case 3: case 4: return rwq_send(h->q, body, pick(pick(4) ? 200 : sizeof body), pick(8));
    case 5: case 6: case 7: return rwq_receive(h->q, RWQ_TAKE_ACK, 0);
    case 8: case 9: case 10:
        if ((status = rwq_receive(h->q, RWQ_TAKE_LEASE, pick(2) * 20)) == 0) settle_somehow(h);
        return status;
    case 11: return rwq_receive_many(h->q, 5, pick(2), 0);
    case 12: return rwq_sweep(h->q, pick(3));
    case 13: look_around(h); return 0;
    case 14: return pick(50) ? 0 : rwq_trim(h->q);
    default: return rwq_wait(h->q, pick(2), pick(2));
    }
}

static void use(const char *path, uint64_t seed) {
    struct handle h;
    alarm(ROUND_SECONDS_MAX); /* a hang is a failure of its own kind */
    random_state = seed;
    if (try_open(&h, path, 0, 8192) != 0) return; /* damaged already */
    for (int i = 0; i < OPERATIONS && do_something(&h) != -EUCLEAN; i++) {}
    rwq_close(h.q);
}

/* Anything but page 0, which is validated once and never read again, and the map of what memory is there: a SIGBUS by a lie about that
 * cannot be helped. */
static void scribble(uint8_t *segment, const struct rw_layout *l) {
    const uint64_t regions[][2] = {{l->control, l->chunk_map}, {l->used, l->headers}, {l->parts, l->headers}, {l->headers, l->small}, {l->rings, l->note_area}, {l->small, l->meta_end}};
    const uint64_t *region = regions[pick(6)];
    uint64_t at = (region[0] + (((uint64_t)pick(1u << 31) << 31 | pick(1u << 31)) % (region[1] - region[0]))) & ~7ull;
    uint64_t chunk = at / RW_CHUNK;
    if (!(segment[l->chunk_map + chunk / 8] >> (chunk % 8) & 1)) return;
    _Atomic uint64_t *word = (_Atomic uint64_t *)(segment + at);
    uint64_t now = atomic_load(word), to[] = {(uint64_t)pick(1u << 31) << 33 ^ pick(1u << 31), ~0ull, now ^ 1ull << pick(64), pick(300)};
    atomic_store(word, to[pick(4)]);
}

static void round_of(uint64_t seed) {
    const char *path = fresh_path();
    struct rwq_params params = {.max_messages = 128, .max_body = 8000, .max_participants = 8, .lease_ms = 50};
    create_queue(path, params);
    pid_t users[USERS];
    for (int i = 0; i < USERS; i++) {
        IN_CHILD(pid, use(path, seed * USERS + (uint64_t)i));
        users[i] = pid;
    }
    struct rw_layout l;
    CHECK(rw_layout_compute(&l, 128, 8, 8000, 256));
    int fd = open(path, O_RDWR | O_CLOEXEC);
    uint8_t *segment = mmap(NULL, l.total, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(fd >= 0 && segment != MAP_FAILED);
    random_state = seed;
    for (int i = 0; i < SCRIBBLES; i++) {
        scribble(segment, &l);
        sleep_ms(pick(4) * 0.05);
    }
    for (int i = 0; i < USERS; i++) {
        int status = status_of(users[i]);
        CHECK_NOTE(WIFEXITED(status) && WEXITSTATUS(status) == 0, "seed %llu: user %d ended with status %#x", (unsigned long long)seed, i, status);
    }
    munmap(segment, l.total);
    close(fd);
    unlink(path);
}

static void nonsense_in_a_used_segment_crashes_and_hangs_nobody(void) {
    /* RINGWIRE_FUZZ_SEED begins elsewhere, RINGWIRE_FUZZ_ROUNDS goes on for longer. */
    const char *seed = getenv("RINGWIRE_FUZZ_SEED"), *rounds = getenv("RINGWIRE_FUZZ_ROUNDS");
    uint64_t first = seed ? strtoull(seed, NULL, 10) : 1;
    printf("  %s rounds of %d processes\n", rounds ? rounds : "60", USERS);
    for (uint64_t i = 0; i < (rounds ? strtoull(rounds, NULL, 10) : 60); i++) {
        round_of(first + i);
        alarm(TEST_SECONDS_MAX);
    }
}

int main(int argc, char **argv) {
    static const struct test tests[] = {TEST(nonsense_in_a_used_segment_crashes_and_hangs_nobody)};
    return RUN_TESTS(tests, argc, argv);
}
