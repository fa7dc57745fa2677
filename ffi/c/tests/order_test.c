/* In which order messages come again: after deaths, returns, expiries and rebuilds, and when there was no place for a hint. */
#include "journal_files.h"

#include <signal.h>

static const struct rwq_params small = {.max_messages = 64, .max_body = 600, .max_participants = 16, .max_deliver = 200, .max_dead = 8, .lease_ms = 60000};

static struct handle open_alone(const char *path) {
    struct handle h = open_queue(path);
    CHECK_EQUAL(rwq_consume_alone(h.q), 0);
    return h;
}
static void send_letters(struct handle *h, const char *letters) {
    for (char text[2] = {*letters}; text[0]; text[0] = *++letters) send_text(h, text);
}
static void expect_letters(struct handle *h, const char *letters) {
    for (char text[2] = {*letters}; text[0]; text[0] = *++letters) expect_text(h, text);
    expect_empty(h);
}
/* Places and age do not go together: `late` has the places of what was in front. */
static void send_in_reused_places(struct handle *h, const char *early, const char *late) {
    send_letters(h, "12345678");
    send_letters(h, early);
    for (const char *at = "12345678"; *at; at++) expect_text(h, ((char[2]){*at}));
    send_letters(h, late);
}
static struct lease lease_next(struct handle *h) {
    h->q->takes = 0;
    CHECK_EQUAL(rwq_receive(h->q, RWQ_TAKE_LEASE, 0), 0);
    return lease_of(h);
}

static void what_several_dead_held_comes_in_the_order_of_sending(void) {
    const char *path = fresh_path();
    create_queue(path, small);
    struct handle h = open_queue(path);
    send_in_reused_places(&h, "abc", "defghi");
    pid_t pids[3];
    int *turn = shared_memory(sizeof *turn);
    for (int i = 0; i < 3; i++) { /* a d g; b e h; c f */
        IN_CHILD(pid, {
            struct handle c = open_queue(path);
            for (int n = i; n < 8; n += 3) {
                while (__atomic_load_n(turn, __ATOMIC_SEQ_CST) != n) sleep_ms(0.2);
                lease_next(&c);
                __atomic_store_n(turn, n + 1, __ATOMIC_SEQ_CST);
            }
            for (;;) pause();
        });
        pids[i] = pid;
    }
    while (__atomic_load_n(turn, __ATOMIC_SEQ_CST) != 8) sleep_ms(1);
    kill_now(pids[1]), kill_now(pids[2]), kill_now(pids[0]);
    CHECK_EQUAL(rwq_sweep(h.q, RWQ_SWEEP_DEATHS), 8);
    expect_letters(&h, "abcdefghi");
    close_queue(&h);
}

static void what_is_given_back_in_order_comes_in_order_and_to_one_alone_in_any(void) {
    for (int reversed = 0; reversed < 2; reversed++)
        for (int uncounted = 0; uncounted < 2; uncounted++) {
            const char *path = fresh_path();
            create_queue(path, small);
            struct handle h = reversed ? open_alone(path) : open_queue(path);
            send_in_reused_places(&h, "abc", "defg");
            struct lease l[5];
            for (int i = 0; i < 5; i++) l[i] = lease_next(&h);
            for (int i = 0; i < 5; i++) CHECK_EQUAL(rwq_nack(h.q, LEASE(l[reversed ? 4 - i : i]), 0, uncounted ? RWQ_NACK_UNCOUNTED : 0), 0);
            expect_letters(&h, "abcdefg");
            close_queue(&h);
        }
}

static void leases_that_end_in_one_sweep_come_in_the_order_of_sending(void) {
    for (int bounds_are_lost = 0; bounds_are_lost < 2; bounds_are_lost++) {
        struct handle h = new_queue(small);
        send_in_reused_places(&h, "abc", "defg");
        struct lease l[7];
        for (int i = 0; i < 7; i++) l[i] = lease_next(&h);
        for (int i = 0; i < 7; i++) CHECK_EQUAL(rwq_touch(h.q, LEASE(l[i]), 1), 0);
        _Atomic uint64_t *lease_min = (_Atomic uint64_t *)(h.q->base + h.q->l.lease_min);
        if (bounds_are_lost) atomic_store(lease_min, 0); /* as by the death of a sweeper; the cursor finds them */
        sleep_ms(10);
        CHECK_EQUAL(rwq_sweep(h.q, RWQ_SWEEP_FULL), 7);
        expect_letters(&h, "abcdefg");
        close_queue(&h);
    }
}

static void a_rebuilt_journal_has_its_order(void) {
    const char *path = fresh_path();
    struct rwq_params journal = small;
    journal.journal = RWQ_JOURNAL_PROCESS;
    create_queue(path, journal);
    struct handle h = open_queue(path);
    send_in_reused_places(&h, "abc", "defg");
    IN_CHILD(pid, {
        struct handle c = open_queue(path);
        for (int i = 0; i < 4; i++) lease_next(&c);
        kill(getpid(), SIGKILL);
    });
    status_of(pid);
    close_queue(&h);
    reboot(path);
    h = open_alone(path); /* its byte is not that of the rebuild */
    struct handle other = open_queue(path);
    CHECK_EQUAL(rwq_receive(other.q, RWQ_TAKE_ACK, 0), -EBUSY);
    expect_letters(&h, "abcdefg");
    close_queue(&h), close_queue(&other);
}

/* Behind a live hint, a ring full of dead ones: whatever is sent now finds no place there. */
static void fill_ring(struct handle *h) {
    for (uint32_t n = 0; n < h->q->l.ring_entries; n++) {
        if (send_extended(h, "short-lived", 0, 60000, 0) == 0) atomic_store(&h->q->slots[h->io->sent_slot].expires_ms, 1);
        if (n % 32 == 31) rwq_sweep(h->q, RWQ_SWEEP_FULL);
    }
    rwq_sweep(h->q, RWQ_SWEEP_FULL);
    CHECK(in_state(h, RWQ_SLOT_READY) == 1 && rw_orphans(h->q) == RW_ORPHANS_NONE);
}
/* As if this handle had looked for its hints already. */
static void has_looked(struct handle *h) { h->q->rehinted_ms = rw_now_ms(h->q); }

static void a_message_that_found_no_place_for_its_hint_is_not_overtaken(void) {
    for (int alone = 0; alone < 2; alone++)
        for (int by_the_sender = 0; by_the_sender < 2; by_the_sender++) {
            const char *path = fresh_path();
            create_queue(path, small);
            struct handle sender = open_queue(path), filler = open_queue(path), h = alone ? open_alone(path) : open_queue(path);
            send_text(&sender, "m");
            fill_ring(&filler);
            atomic_store(&h.q->control->sweep_turn, rw_now_ms(h.q)); /* no sweep comes to help */
            send_text(&sender, "x");
            CHECK_EQUAL(rw_orphans(h.q), RW_ORPHANS_NEW);
            expect_text(&h, "m");
            if (!by_the_sender) has_looked(&sender);
            send_letters(&sender, "yz");
            if (by_the_sender) CHECK_EQUAL(rw_orphans(h.q), RW_ORPHANS_NONE);
            expect_letters(&h, "xyz");
            sender.q->rehinted_ms = 0;
            send_letters(&sender, "abc");
            CHECK_EQUAL(rw_orphans(h.q), RW_ORPHANS_NONE);
            expect_letters(&h, "abc");
            close_queue(&h), close_queue(&filler), close_queue(&sender);
            unlink(path);
        }
}

/* As long as there is no place for some hints, whoever takes alone goes by the slots: by what came back, by priority, by age. */
static void alone_nothing_is_overtaken_for_want_of_hints(void) {
    const char *path = fresh_path();
    create_queue(path, small);
    struct handle sender = open_queue(path), filler = open_queue(path), h = open_alone(path);
    send_text(&sender, "m");
    fill_ring(&filler);
    atomic_store(&h.q->control->sweep_turn, rw_now_ms(h.q));
    send_letters(&sender, "xyz");
    try_send(&sender, "H", RWQ_PRIORITY_HIGH);
    has_looked(&sender);
    try_send(&sender, "L", RWQ_PRIORITY_LOW), try_send(&sender, "I", RWQ_PRIORITY_HIGH);
    struct lease first = lease_text(&h, "H", 0), second = lease_text(&h, "I", 0);
    CHECK_EQUAL(rw_orphans(h.q), RW_ORPHANS_TRIED); /* "m" is still in front */
    CHECK(nack_it(&h, second, 0) == 0 && nack_it(&h, first, 0) == 0);
    expect_letters(&h, "HImxyzL");
    close_queue(&h), close_queue(&filler), close_queue(&sender);
}

/* ---- at random ---- */

enum { NUMBERS = 40000, UNSENT = 0, WAITING, HELD, DONE };
static struct {
    uint8_t state[NUMBERS];
    uint32_t sent, first; /* all before `first` are done */
    uint32_t taken, again;
} *ledger;

static uint32_t seed = 1;
static uint32_t random_below(uint32_t n) {
    seed ^= seed << 13, seed ^= seed >> 17, seed ^= seed << 5;
    return seed % n;
}
static void send_numbers(struct handle *h, uint32_t count) {
    static uint32_t bodies[64], lengths[64];
    for (uint32_t i = 0; i < count; i++) bodies[i] = ledger->sent + i, lengths[i] = sizeof bodies[i];
    int32_t sent = random_below(2) ? rwq_send_many(h->q, bodies, lengths, count, 0) : rwq_send(h->q, bodies, sizeof bodies[0], 0) == 0;
    for (; sent > 0; sent--) ledger->state[ledger->sent++] = WAITING;
}
static uint32_t oldest_waiting(void) {
    while (ledger->first < ledger->sent && ledger->state[ledger->first] == DONE) ledger->first++;
    uint32_t number = ledger->first;
    while (number < ledger->sent && ledger->state[number] != WAITING) number++;
    return number;
}
static void note_taken(const struct rwq_meta *m, const uint8_t *bytes, bool ordered) {
    uint32_t number, expected = oldest_waiting();
    memcpy(&number, bytes, sizeof number);
    /* What the dead held is back when one takes alone; when several take, it may be. */
    bool waits = number < ledger->sent && (ledger->state[number] == WAITING || (!ordered && ledger->state[number] == HELD));
    CHECK_NOTE(waits, "%u was taken, in state %u", number, number < NUMBERS ? ledger->state[number] : 99u);
    CHECK_NOTE(!ordered || number == expected, "%u was taken before %u", number, expected);
    ledger->state[number] = HELD;
    ledger->taken++, ledger->again += m->flags & RWQ_META_REDELIVERED;
}

struct holding {
    uint32_t number;
    struct lease lease;
};
static void give_back(struct handle *h, struct holding *held, uint32_t *count, uint32_t which, int how) {
    struct holding one = held[which];
    held[which] = held[--*count];
    if (how == 0) CHECK_EQUAL(ack_it(h, one.lease), 0);
    else CHECK_EQUAL(rwq_nack(h->q, LEASE(one.lease), 0, RWQ_NACK_UNCOUNTED), 0);
    ledger->state[one.number] = how == 0 ? DONE : WAITING;
}
static void take_some(struct handle *h, struct holding *held, uint32_t *count) {
    int32_t got = rwq_receive_many(h->q, 1 + random_below(6), RWQ_TAKE_LEASE, 0);
    CHECK(got > 0 || (got == -EAGAIN && oldest_waiting() == ledger->sent));
    const uint8_t *at = h->staging;
    for (; got > 0; got--) {
        const struct rwq_meta *m = (const struct rwq_meta *)at;
        note_taken(m, at + sizeof *m, true);
        memcpy(&held[*count].number, at + sizeof *m, 4);
        held[(*count)++].lease = (struct lease){m->slot, m->token_lo, m->token_hi};
        at += m->record_bytes;
    }
}
static void let_some_expire(struct handle *h, struct holding *held, uint32_t *count) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < *count; i++) {
        if (random_below(2)) {
            held[kept++] = held[i];
            continue;
        }
        CHECK_EQUAL(rwq_touch(h->q, LEASE(held[i].lease), 1), 0);
        ledger->state[held[i].number] = WAITING;
    }
    uint32_t over = *count - kept;
    *count = kept;
    sleep_ms(8);
    CHECK_EQUAL(rwq_sweep(h->q, RWQ_SWEEP_FULL), over);
}

/* One that takes alone, and whose end is left to its caller. */
static void consume_for_a_while(struct handle *h, struct handle *sender) {
    struct holding held[64];
    uint32_t count = 0;
    for (uint32_t turns = random_below(60); turns; turns--) {
        uint32_t what = random_below(12);
        if (what < 4 && count < 50) take_some(h, held, &count);
        else if (what < 8 && count) give_back(h, held, &count, random_below(count), 0);
        else if (what < 10 && count) give_back(h, held, &count, random_below(count), 1);
        else if (what == 10 && sender) send_numbers(sender, 1 + random_below(20));
        else if (count && random_below(8) == 0) let_some_expire(h, held, &count);
    }
}
static void expect_killed(pid_t pid) {
    int status = status_of(pid);
    CHECK_NOTE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "a child ended with status %#x", status);
}
static void give_up_what_is_held(void) {
    for (uint32_t number = ledger->first; number < ledger->sent; number++)
        if (ledger->state[number] == HELD) ledger->state[number] = WAITING;
}

static void one_alone_always_gets_the_oldest(void) {
    const char *path = fresh_path();
    create_queue(path, small);
    ledger = shared_memory(sizeof *ledger);
    struct handle sender = open_queue(path);
    for (uint32_t round = 0; round < 400 && ledger->sent < NUMBERS - 2000; round++) {
        send_numbers(&sender, 1 + random_below(30));
        uint32_t kind = random_below(4), next_seed = random_below(1u << 30) | 1;
        if (kind == 0) { /* in this process, and closed in good order */
            struct handle h = open_alone(path);
            consume_for_a_while(&h, &sender);
            close_queue(&h);
        } else if (kind == 1) { /* several that are killed, one of which was not alone */
            for (int n = 0; n < 3; n++) {
                IN_CHILD(pid, {
                    struct handle c = open_queue(path);
                    for (uint32_t i = next_seed % 5; i && rwq_receive(c.q, RWQ_TAKE_LEASE, 0) == 0; i--) note_taken(&c.io->meta, c.staging, false);
                    kill(getpid(), SIGKILL);
                });
                expect_killed(pid);
            }
        } else { /* killed */
            IN_CHILD(pid, {
                seed = next_seed;
                struct handle h = open_alone(path);
                consume_for_a_while(&h, NULL);
                kill(getpid(), SIGKILL);
            });
            expect_killed(pid);
        }
        give_up_what_is_held();
    }
    struct handle h = open_alone(path);
    while (rwq_receive(h.q, RWQ_TAKE_ACK, 0) == 0) note_taken(&h.io->meta, h.staging, true);
    CHECK_EQUAL(oldest_waiting(), ledger->sent);
    printf("  %u messages, %u taken, %u of them again, %.1f turns of the rings\n", ledger->sent, ledger->taken, ledger->again, (double)atomic_load(&h.q->control->ring[RW_RING_NORMAL].tail) / h.q->l.ring_entries - 1);
    CHECK(ledger->again > 1000 && ledger->sent > 2 * h.q->l.ring_entries);
    close_queue(&sender);
    expect_no_leak(&h);
    close_queue(&h);
}

static const struct test tests[] = {
    TEST(what_several_dead_held_comes_in_the_order_of_sending), TEST(what_is_given_back_in_order_comes_in_order_and_to_one_alone_in_any), TEST(leases_that_end_in_one_sweep_come_in_the_order_of_sending),
    TEST(a_rebuilt_journal_has_its_order), TEST(a_message_that_found_no_place_for_its_hint_is_not_overtaken), TEST(alone_nothing_is_overtaken_for_want_of_hints), TEST(one_alone_always_gets_the_oldest),
};
int main(int argc, char **argv) { return RUN_TESTS(tests, argc, argv); }
