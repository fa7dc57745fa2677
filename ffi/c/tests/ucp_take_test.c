/* rwu_take against functions that stand for UCX's and note how they were called; the real ones are tested from TypeScript. */
#include <stdbool.h>

#include "check.h"
#include "ringwire_ucp.h"

static struct {
    unsigned turns, probes, receives;
    /* After so many turns the message is there; 0: from the beginning. */
    unsigned comes_after;
    /* The turn that counts something. 0: none does. */
    unsigned counted_turn;
    size_t length;
    void *answer;
} ucx;

static char message;

static unsigned progress(void *worker) {
    CHECK(worker == &ucx);
    ucx.turns++;
    return ucx.turns == ucx.counted_turn ? 3 : 0;
}

static void *probe(void *worker, uint64_t tag, uint64_t mask, int remove, void *info) {
    uint64_t found[2] = {0x1122334455667788, ucx.length};
    CHECK(worker == &ucx && tag == 7 && mask == UINT64_MAX && remove == 1);
    ucx.probes++;
    if (ucx.turns < ucx.comes_after) return NULL;
    memcpy(info, found, sizeof found);
    return &message;
}

static void *receive(void *worker, void *buffer, size_t length, void *taken, const void *params) {
    CHECK(worker == &ucx && taken == &message && params == &ucx.turns && length == ucx.length);
    ucx.receives++;
    if (ucx.answer == NULL) memset(buffer, 'x', length);
    return ucx.answer;
}

static const uint64_t match[2] = {7, UINT64_MAX};

static struct rwu_port fresh(void) {
    memset(&ucx, 0, sizeof ucx);
    ucx.length = 8;
    return (struct rwu_port){.worker = &ucx, .params = &ucx.turns, .progress = progress, .probe = probe, .receive = receive};
}

static char buffer[16];

static void one_that_is_there_needs_no_turn(void) {
    struct rwu_port port = fresh();
    CHECK(sizeof port == 80);
    CHECK_EQUAL(rwu_take(&port, match, buffer, sizeof buffer, 100), RWU_TAKEN);
    CHECK(ucx.turns == 0 && ucx.probes == 1 && port.events == 0);
    CHECK(port.length == 8 && port.sender_tag == 0x1122334455667788 && buffer[7] == 'x' && buffer[8] == 0);
}

static void without_turns_ucx_does_not_progress(void) {
    struct rwu_port port = fresh();
    ucx.comes_after = 1;
    CHECK_EQUAL(rwu_take(&port, match, buffer, sizeof buffer, 0), RWU_NOTHING);
    CHECK(ucx.turns == 0 && ucx.probes == 1);
}

static void it_looks_when_ucx_counts_something(void) {
    struct rwu_port port = fresh();
    ucx.comes_after = ucx.counted_turn = 5;
    CHECK_EQUAL(rwu_take(&port, match, buffer, sizeof buffer, 100), RWU_TAKEN);
    CHECK(ucx.turns == 5 && ucx.probes == 2 && port.events == 3);
}

static void it_looks_every_16_turns_all_the_same(void) {
    struct rwu_port port = fresh();
    ucx.comes_after = 17;
    CHECK_EQUAL(rwu_take(&port, match, buffer, sizeof buffer, 100), RWU_TAKEN);
    CHECK(ucx.turns == 32 && port.events == 0);
}

static void what_else_happens_is_the_callers(void) {
    struct rwu_port port = fresh();
    ucx.comes_after = 50;
    ucx.counted_turn = 5;
    CHECK_EQUAL(rwu_take(&port, match, buffer, sizeof buffer, 100), RWU_NOTHING);
    CHECK(ucx.turns == 5 && port.events == 3);
}

static void it_takes_no_more_turns_than_given(void) {
    struct rwu_port port = fresh();
    ucx.comes_after = UINT32_MAX;
    CHECK_EQUAL(rwu_take(&port, match, buffer, sizeof buffer, 100), RWU_NOTHING);
    CHECK_EQUAL(ucx.turns, 100);
}

static void one_that_is_too_long_is_handed_over(void) {
    struct rwu_port port = fresh();
    ucx.length = sizeof buffer + 1;
    CHECK_EQUAL(rwu_take(&port, match, buffer, sizeof buffer, 100), RWU_TOO_LONG);
    CHECK(port.message == &message && port.length == sizeof buffer + 1 && ucx.receives == 0);
}

static void one_that_does_not_come_at_once_is_handed_over(void) {
    struct rwu_port port = fresh();
    ucx.answer = (void *)(intptr_t)-2;
    CHECK_EQUAL(rwu_take(&port, match, buffer, sizeof buffer, 100), RWU_REFUSED);
    CHECK(port.message == &message && port.status == -2);
}

static void it_progresses_until_something_happens(void) {
    struct rwu_port port = fresh();
    ucx.counted_turn = 5;
    CHECK_EQUAL(rwu_progress(&port, 4), 0);
    CHECK_EQUAL(rwu_progress(&port, 4), 3);
    CHECK(ucx.turns == 5 && ucx.probes == 0);
    CHECK_EQUAL(rwu_progress(&port, 0), 0);
    CHECK_EQUAL(ucx.turns, 5);
}

static void nothing_is_loaded_to_be_bound(void) {
    struct rwu_port port = fresh();
    CHECK_EQUAL(rwu_bind(&port, "libringwire-none.so.0"), -ENOENT);
    /* This program has none of the functions. */
    CHECK_EQUAL(rwu_bind(&port, NULL), -ENOSYS);
}

static const struct test tests[] = {
    TEST(one_that_is_there_needs_no_turn), TEST(without_turns_ucx_does_not_progress), TEST(it_looks_when_ucx_counts_something),
    TEST(it_looks_every_16_turns_all_the_same), TEST(what_else_happens_is_the_callers), TEST(it_takes_no_more_turns_than_given),
    TEST(one_that_is_too_long_is_handed_over), TEST(one_that_does_not_come_at_once_is_handed_over), TEST(it_progresses_until_something_happens), TEST(nothing_is_loaded_to_be_bound),
};
int main(int argc, char **argv) { return RUN_TESTS(tests, argc, argv); }
