/*
 * Every operation is killed at every instruction, in the code that users run: optimised, without sanitizers, without labelled points. After
 * each kill somebody else recovers, and what was accepted is there: once, whole, with plausible attempts; no place is lost, drops are
 * counted, nobody is blocked. What is left may only go on from one allowed outcome to the next while the operation proceeds, and each of
 * them must be met. Then the one who recovers is killed at every instruction too.
 *
 * RINGWIRE_KILL_EVERY=1 leaves nothing out; by default pairs and real kills are a sample. RINGWIRE_KILL_OFFSET repeats a sample,
 * RINGWIRE_KILL_ONLY="name" follows one operation only.
 */
#include "instruction_steps.h"
#include "mutants.h"
#include "victims.h"

struct operation {
    const char *name;
    void (*before)(struct handle *h);  /* by somebody who lives */
    void (*prepare)(struct handle *h); /* by the victim, unharmed; NULL: it has no handle yet */
    void (*act)(struct handle *h);     /* followed */
    const char *outcomes[5];           /* in this order, each of them met; see drain() and is_left() */
    uint32_t slots, participants;      /* 8, 8 */
    bool forgets;                      /* what recovery finds may be more than max_dead, or too old: it is dropped, counted */
};

static const char *victim_path;
#define LARGE 700 /* a body that has pages of its own; larger ones have thousands of states, one for each byte copied */
#define REAL_KILLS_MAX 250 /* of one operation */

static void send_long(struct handle *h, const char *letters, uint32_t options) {
    char bodies[3 * 150];
    uint32_t lengths[3], count = (uint32_t)strlen(letters);
    for (uint32_t i = 0; i < count; i++) memset(bodies + 150 * i, letters[i], lengths[i] = 150);
    if (count == 1) rwq_send(h->q, bodies, 150, options);
    else rwq_send_many(h->q, bodies, lengths, count, options);
}
static void long_one(struct handle *h) { send_long(h, "x", 0); }
static void long_three(struct handle *h) { send_long(h, "xyz", 0); }
static void long_dropping(struct handle *h) { send_long(h, "x", RWQ_SEND_DROP_OLDEST); }
static void two_long(struct handle *h) { send_long(h, "ab", 0); }
static void three(struct handle *h) { two(h), send_text(h, "c"); }
static void take_all(struct handle *h) { rwq_receive_many(h->q, 3, RWQ_TAKE_LEASE, 100); }
static void nack_uncounted(struct handle *h) { rwq_nack(h->q, LEASE(held), 0, RWQ_NACK_UNCOUNTED); }
static void end(struct handle *h) { rwq_end(h->q); }
static void pause_it(struct handle *h) { rwq_pause(h->q, 1); }
static void take_alone(struct handle *h) { rwq_consume_alone(h->q); }
static void sweep_when_due(struct handle *h) { rwq_sweep(h->q, RWQ_SWEEP_DUE); }
static void attach(struct handle *h) { try_open(h, victim_path, 0, 0); }
/* All that somebody does who comes, recovers and goes. */
static void recover_all(struct handle *h) {
    *h = open_queue(victim_path);
    rwq_sweep(h->q, RWQ_SWEEP_DEATHS), rwq_sweep(h->q, RWQ_SWEEP_FULL);
    rwq_close(h->q);
}
static void dead_claimer_of(struct handle *h) {
    const char *path = h->q->path;
    one(h);
    IN_CHILD(pid, {
        struct handle other = open_queue(path);
        CHECK_EQUAL(rwq_claim(other.q, 1, 0), 0);
        kill(getpid(), SIGKILL);
    });
    CHECK(was_killed(status_of(pid)));
}
/* As one that died right after it had taken the place of the oldest: nothing is counted yet. */
static void dead_dropper(struct handle *h) {
    const char *path = h->q->path;
    full(h);
    IN_CHILD(pid, {
        struct handle other = open_queue(path);
        CHECK_EQUAL(rwq_claim(other.q, 1, RWQ_SEND_DROP_OLDEST), 0);
        atomic_fetch_or(&other.q->slots[other.io->meta.slot].state, (uint64_t)RW_EVICTED << 4);
        atomic_fetch_sub(&other.q->me_record->counters[RWQ_COUNT_DROPPED_OLDEST], 1);
        kill(getpid(), SIGKILL);
    });
    CHECK(was_killed(status_of(pid)));
}
static void large_one(struct handle *h) {
    char body[LARGE];
    memset(body, 'x', sizeof body);
    rwq_send(h->q, body, sizeof body, 0);
}
static void claim_large(struct handle *h) { rwq_claim(h->q, LARGE, 0); }
static void begin_claim(struct handle *h) {
    CHECK_EQUAL(rwq_claim(h->q, LARGE, 0), 0);
    memset((void *)(uintptr_t)h->io->out_pointer, 'x', LARGE), held = lease_of(h);
}
static void commit_claim(struct handle *h) { rwq_commit(h->q, LEASE(held), LARGE, 0); }
static void commit_shortened(struct handle *h) { rwq_commit(h->q, LEASE(held), 100, 0); }
static void due_for_sweep(struct handle *h) { maintenance_is_due(h); }

static const struct operation operations[] = {
    {"send", one, nothing, long_one, {"a1", "a1 x1"}, 0, 0, 0},
    {"send of a large body", one, nothing, large_one, {"a1", "a1 x1"}, 0, 0, 0},
    {"send of a low priority", one, nothing, act_send_low, {"a1", "a1 x1"}, 0, 0, 0},
    {"send to one that waits", nothing, another_waits, long_one, {"", "x1"}, 0, 0, 0},
    {"delayed send", one, nothing, act_send_later, {"a1", "~a1 x1"}, 0, 0, 0},
    {"send of a batch", one, nothing, long_three, {"a1", "a1 x1", "a1 x1 y1", "a1 x1 y1 z1"}, 0, 0, 0},
    {"send that reserves memory", nothing, nothing, act_send, {"", "x1"}, 3000, 0, 0},
    {"send that reserves memory for a ring", one, nothing, act_send_low, {"a1", "a1 x1"}, 3000, 0, 0},
    {"send that drops the oldest", full, nothing, long_dropping, {"a1 b1 c1 d1 e1 f1 g1 h1", "b1 c1 d1 e1 f1 g1 h1", "b1 c1 d1 e1 f1 g1 h1 x1"}, 0, 0, 0},
    {"claim", one, nothing, claim_large, {"a1"}, 0, 0, 0},
    {"commit", one, begin_claim, commit_claim, {"a1", "a1 x1"}, 0, 0, 0},
    {"commit of less", one, begin_claim, commit_shortened, {"a1", "a1 x1"}, 0, 0, 0},
    {"abort", one, nothing, act_abort, {"a1"}, 0, 0, 0},
    {"receive", two_long, nothing, act_lease, {"a1 b1", "a2* b1"}, 0, 0, 0},
    {"receive and acknowledge", two_long, nothing, act_take, {"a1 b1", "a2* b1", "b1"}, 0, 0, 0},
    {"receive of a batch", three, nothing, take_all, {"a1 b1 c1", "a2* b1 c1", "a2* b2* c1", "a2* b2* c2*"}, 0, 0, 0},
    {"receive of a batch, acknowledged", two, nothing, act_take_many, {"a1 b1", "a2* b1", "b1", "b2*", ""}, 0, 0, 0},
    {"receive of what falls due", due_one, nothing, act_take, {"~a1 b1", "~a1 b2*", "a1"}, 0, 0, 0},
    {"receive of what is too old", outlived, nothing, act_take, {"b1", "b2*", ""}, 0, 0, true},
    {"acknowledge", two, lease_first, act_ack, {"a2* b1", "b1"}, 0, 0, 0},
    {"acknowledge the last attempt", last_attempt, lease_first, act_ack, {"b1 |a", "b1"}, 0, 0, 0},
    {"give back", two, lease_first, act_nack, {"a2* b1"}, 0, 0, 0},
    {"give back uncounted", two, lease_first, nack_uncounted, {"a2* b1", "a1* b1"}, 0, 0, 0},
    {"give back for later", two, lease_first, act_nack_later, {"~a2* b1"}, 0, 0, 0},
    {"give back for later uncounted", two, lease_first, act_nack_uncounted, {"~a2* b1", "~a1* b1"}, 0, 0, 0},
    {"give back too often", last_attempt, lease_first, act_nack, {"b1 |a", "a4* b1", "b1 |a"}, 0, 0, 0},
    {"touch", two, lease_first, act_touch, {"a2* b1"}, 0, 0, 0},
    {"count an attempt", two, lease_first, act_count, {"a2* b1", "a3* b1"}, 0, 0, 0},
    {"bury", two, lease_first, act_bury, {"a2* b1", "b1 |a"}, 0, 0, 0},
    {"bury one too many", dead_two, lease_first, act_bury, {"a2* b1 |pq", "b1 |qa"}, 0, 0, true},
    {"revive", dead_one, find_dead, act_revive, {" |a", "a1"}, 0, 0, 0},
    {"discard", dead_one, find_dead, act_discard, {" |a", ""}, 0, 0, 0},
    {"sweep", two, due_for_sweep, sweep_when_due, {"a1 b1"}, 0, 0, 0},
    {"sweep when a consumer is dead", dead_holder, nothing, act_sweep_deaths, {"a2* b2* c1"}, 0, 0, 0},
    {"full sweep when a consumer is dead", dead_holder, nothing, act_sweep_full, {"a2* b2* c1"}, 0, 0, 0},
    {"full sweep when a sender is dead", dead_claimer_of, nothing, act_sweep_full, {"a1"}, 0, 0, 0},
    {"full sweep when one that dropped the oldest is dead", dead_dropper, nothing, act_sweep_full, {"b1 c1 d1 e1 f1 g1 h1"}, 0, 0, 0},
    {"sweep when a last attempt is dead", dead_last_attempt, nothing, act_sweep_deaths, {"b1 |a", "a4* b1", "b1 |a"}, 0, 0, 0},
    {"full sweep when a lease is over", expired_lease, nothing, act_sweep_full, {"~a2* b1"}, 0, 0, 0},
    {"full sweep when a message is due", due_one, nothing, act_sweep_full, {"~a1 b1"}, 0, 0, 0},
    {"attach", one, NULL, attach, {"a1"}, 0, 0, 0},
    {"attach in a dead one's place", three, NULL, attach, {"a2* b2* c1"}, 0, 1, 0},
    {"detach", two, nothing, act_leave, {"a1 b1"}, 0, 0, 0},
    {"detach with a lease", two, lease_first, act_leave, {"a2* b1", "a1* b1"}, 0, 0, 0},
    {"begin to wait", one, nothing, act_arm, {"a1"}, 0, 0, 0},
    {"take alone when a consumer is dead", dead_holder, nothing, take_alone, {"a2* b2* c1"}, 0, 0, 0},
    {"end", one, nothing, end, {"a1", "a1 ended"}, 0, 0, 0},
    {"pause", one, nothing, pause_it, {"a1", "a1 paused"}, 0, 0, 0},
    {"trim", freed_large, nothing, act_trim, {"a1"}, 0, 0, 0},
};
enum { OPERATIONS = sizeof operations / sizeof operations[0] };

static struct {
    long operations, steps, states, recoveries, kills, violations;
} sum;
static long every, offset;

static void violation(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void violation(const char *format, ...) {
    va_list args;
    printf("  violation: ");
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
    fflush(stdout);
    CHECK_NOTE(++sum.violations < 20, "too many violations");
}

/* ---- before, and the victim ---- */

static const char *stage(const struct operation *o) {
    victim_path = fresh_path();
    keeper.q = NULL;
    create_queue(victim_path, (struct rwq_params){.max_messages = o->slots ? o->slots : 8, .max_body = o->slots ? 200 : 5000, .max_participants = o->participants ? o->participants : 8, .max_dead = 2, .max_deliver = 3, .lease_ms = 60000});
    struct handle h = open_queue(victim_path);
    o->before(&h);
    close_queue(&h);
    if (o->participants == 1) killed_holding(victim_path, NULL, 2, NULL); /* nobody else may be there with it */
    return victim_path;
}
static pid_t start(void (*prepare)(struct handle *), void (*act)(struct handle *)) {
    struct handle h = {0};
    *phase = BEFORE;
    IN_CHILD(pid, {
        if (prepare) h = open_queue(victim_path), prepare(&h);
        be_followed();
        act(&h);
        be_done();
    });
    return pid;
}
static void unstage(void) {
    if (keeper.q) rwq_close(keeper.q), keeper.q = NULL;
    unlink(victim_path);
}

/* ---- after ---- */

static struct verdict {
    char left[256];
    long unaccounted, dropped_oldest; /* see unaccounted() */
    bool finished;
} *verdict; /* shared with the one that judges */

/* In a process of its own, which may not hang either. */
static void judge(const char *path, int manner) {
    struct handle h;
    alarm(60);
    if (manner == BY_ANOTHER_PROCESS) {
        h = open_queue(path);
        CHECK(rwq_sweep(h.q, RWQ_SWEEP_DEATHS) >= 0);
        close_queue(&h);
    }
    h = open_queue(path);
    if (manner == BY_FULL_SWEEP) CHECK(rwq_sweep(h.q, RWQ_SWEEP_FULL) >= 0);
    if (manner == BY_THE_WAY) maintenance_is_due(&h);
    int32_t lifecycle = rwq_lifecycle(h.q);
    if (lifecycle & RWQ_PAUSED_BIT) CHECK_EQUAL(rwq_pause(h.q, 0), 0);
    drain(&h, verdict->left, sizeof verdict->left - 16);
    verdict->dropped_oldest = counted(&h, RWQ_COUNT_DROPPED_OLDEST);
    verdict->unaccounted = unaccounted(&h);
    if (lifecycle & RWQ_ENDED) {
        CHECK_EQUAL(rwq_send(h.q, "x", 1, 0), -EPIPE);
        CHECK_EQUAL(rwq_reopen(h.q), 0);
    }
    strcat(verdict->left, lifecycle & RWQ_ENDED ? " ended" : lifecycle & RWQ_PAUSED_BIT ? " paused" : "");
    CHECK_EQUAL(atomic_load(&h.q->control->dead_letters), 0);
    CHECK_EQUAL(status_now(&h)->participants, 1 + (keeper.q != NULL && path == victim_path));
    expect_no_leak(&h);
    close_queue(&h);
    verdict->finished = true;
}

static bool recovers(const char *path, int manner) {
    alarm(TEST_SECONDS_MAX);
    memset(verdict, 0, sizeof *verdict);
    IN_CHILD(pid, judge(path, manner));
    status_of(pid);
    sum.recoveries++;
    return verdict->finished;
}

static int letters_in(const char *left) {
    char bodies[256];
    sort_bodies(left, bodies);
    return (int)strlen(bodies);
}
static int messages_left(void) {
    char left[256];
    snprintf(left, sizeof left, "%s", verdict->left);
    char *end_of_messages = strstr(left, " ended");
    if (!end_of_messages) end_of_messages = strstr(left, " paused");
    if (end_of_messages) *end_of_messages = 0;
    return letters_in(left);
}

/* Each drop is counted, and counted once, at whatever instruction somebody dies. */
static bool drops_are_counted(const struct operation *o, int outcome) { return verdict->dropped_oldest == (o->act == long_dropping ? outcome > 0 : o->before == dead_dropper); }

/* The outcome that this is, from `from` on; -1 none. */
static int outcome_of(const struct operation *o, int from) {
    for (int i = from; i < 5 && o->outcomes[i]; i++)
        if (is_left(verdict->left, o->outcomes[i])) return i;
    return -1;
}
static const char *allowed_for(const struct operation *o, int from) {
    static char text[300];
    text[0] = 0;
    for (int i = from; i < 5 && o->outcomes[i]; i++) append(text, sizeof text, "%s'%s'", i > from ? " or " : "", o->outcomes[i]);
    return text;
}

/* ---- each state of each operation ---- */

static const char *copy_path;

static void judge_state(const struct operation *o, const struct segment *s, const struct state *state, int manner, bool returned, int *outcome) {
    restore(s, state, copy_path);
    if (!recovers(copy_path, manner)) {
        violation("%s, killed after %ld instructions, recovered in manner %d: see above", o->name, state->step, manner);
        return;
    }
    int found = outcome_of(o, *outcome), accepted = accepted_in(s, state);
    if (found < 0) violation("%s, killed after %ld instructions, recovered in manner %d: '%s' is left, not %s", o->name, state->step, manner, verdict->left, allowed_for(o, *outcome));
    else if (found > *outcome + 1) violation("%s, killed after %ld instructions: '%s' is left before '%s' was met", o->name, state->step, verdict->left, o->outcomes[*outcome + 1]);
    else *outcome = found;
    if (!o->forgets && messages_left() != accepted) violation("%s, killed after %ld instructions: '%s' is left, %d messages were accepted", o->name, state->step, verdict->left, accepted);
    if (labs(verdict->unaccounted) > 1 || (returned && verdict->unaccounted != 0)) violation("%s, killed after %ld instructions: %ld messages are not accounted for", o->name, state->step, verdict->unaccounted);
    if (found >= 0 && !drops_are_counted(o, found)) violation("%s, killed after %ld instructions: %ld drops were counted, '%s' is left", o->name, state->step, verdict->dropped_oldest, verdict->left);
}

static struct recording follow_operation(const struct operation *o, struct segment *s, pid_t *victim) {
    const char *path = stage(o);
    *s = look_at_segment(path);
    *victim = start(o->prepare, o->act);
    struct recording r = record(*victim, s);
    sum.operations++, sum.steps += r.steps, sum.states += (long)r.count;
    if (getenv("RINGWIRE_KILL_VERBOSE")) printf("  %s: %ld instructions, %ld system calls, %zu states\n", o->name, r.steps, r.system_calls, r.count), fflush(stdout);
    if (r.violation[0]) violation("%s: %s", o->name, r.violation);
    return r;
}

static void each_state_of(const struct operation *o) {
    struct segment s;
    pid_t victim;
    struct recording r = follow_operation(o, &s, &victim);
    kill_now(victim);
    int outcome = 0;
    for (size_t i = 0; i < r.count; i++)
        for (int manner = 0; manner < MANNERS; manner++)
            if (every == 1 || manner == ((long)i + offset) % MANNERS) judge_state(o, &s, &r.states[i], manner, i + 1 == r.count, &outcome);
    unlink(copy_path);
    forget_recording(&r);
    look_away(&s);
    unstage();
}

static bool is_chosen(const struct operation *o) {
    const char *only = getenv("RINGWIRE_KILL_ONLY");
    return !only || strcmp(only, o->name) == 0;
}
static void begin(const char *name) {
    const char *wanted = getenv("RINGWIRE_KILL_EVERY"), *from = getenv("RINGWIRE_KILL_OFFSET");
    every = wanted ? atol(wanted) : 7;
    offset = from ? atol(from) : (long)(rw_precise_ns() / 1000 % 1000);
    CHECK(every > 0);
    phase = shared_memory(sizeof *phase);
    verdict = shared_memory(sizeof *verdict);
    copy_path = strdup(fresh_path());
    if (!may_follow()) leave_out(name, "ptrace", "to follow a process instruction by instruction");
    /* The two never run at the same time: on one processor the turns are shorter. */
    cpu_set_t here;
    CPU_ZERO(&here);
    CPU_SET(sched_getcpu(), &here);
    sched_setaffinity(0, sizeof here, &here);
}
static void conclude(void) {
    printf("  %ld operations, %ld instructions, %ld distinct states, %ld real kills, %ld recoveries, %ld violations (every %ld, offset %ld)\n", sum.operations, sum.steps, sum.states, sum.kills, sum.recoveries, sum.violations, every, offset);
    CHECK_EQUAL(sum.violations, 0);
}

/* ---- real kills ---- */

static bool is_like(const struct segment *s, const struct state *before) {
    struct state now = copy_state(s, 0);
    bool same = now.hash == before->hash && now.chunks == before->chunks;
    free(now.bytes);
    return same;
}

static void kill_after(const struct operation *o, long steps) {
    const char *path = stage(o);
    struct segment s = look_at_segment(path);
    pid_t victim = start(o->prepare, o->act);
    follow(victim);
    for (long i = 0; i < steps && atomic_load(phase) == DURING; i++) one_step(victim);
    struct state state = copy_state(&s, steps);
    kill_now(victim);
    sum.kills++;
    int accepted = accepted_in(&s, &state);
    if (!is_like(&s, &state)) violation("%s, really killed after %ld instructions: the kill itself changed the segment", o->name, steps);
    if (!recovers(path, (int)(steps % MANNERS))) violation("%s, really killed after %ld instructions: see above", o->name, steps);
    else if (outcome_of(o, 0) < 0) violation("%s, really killed after %ld instructions: '%s' is left, not %s", o->name, steps, verdict->left, allowed_for(o, 0));
    else if (!o->forgets && messages_left() != accepted) violation("%s, really killed after %ld instructions: '%s' is left, %d messages were accepted", o->name, steps, verdict->left, accepted);
    free(state.bytes);
    look_away(&s);
    unstage();
}

/* Before and after each system call, and at some of the other instructions. */
static void real_kills_of(const struct operation *o) {
    struct segment s;
    pid_t victim;
    struct recording r = follow_operation(o, &s, &victim);
    kill_now(victim);
    look_away(&s);
    unstage();
    long stride = every == 1 ? r.steps / REAL_KILLS_MAX + 1 : r.steps + 1;
    for (long k = offset % stride; k <= r.steps; k += stride) kill_after(o, k);
    for (long i = 0; i < r.system_calls; i++) {
        if ((i + offset) % every) continue;
        kill_after(o, r.system_call_at[i] - 1), kill_after(o, r.system_call_at[i]);
    }
    forget_recording(&r);
}

/* ---- the one who recovers is killed too ---- */

/* What is left has the same bodies, once each; how often, in which order, and whether dead, may differ. */
static void judge_pair(const struct operation *o, const struct segment *s, long first, const struct state *second, const char *bodies, const struct verdict *alone) {
    char found[256];
    restore(s, second, copy_path);
    if (!recovers(copy_path, (int)(second->step % MANNERS))) {
        violation("%s, killed after %ld instructions, then a sweeper after %ld: see above", o->name, first, second->step);
        return;
    }
    sort_bodies(verdict->left, found);
    if (strcmp(found, bodies) != 0) violation("%s, killed after %ld instructions, then a sweeper after %ld: '%s' is left of '%s'", o->name, first, second->step, verdict->left, bodies);
    if (verdict->dropped_oldest != alone->dropped_oldest) violation("%s, killed after %ld instructions, then a sweeper after %ld: %ld drops were counted, not %ld", o->name, first, second->step, verdict->dropped_oldest, alone->dropped_oldest);
    long lost = verdict->unaccounted - alone->unaccounted;
    if (lost < 0 || lost > 1) violation("%s, killed after %ld instructions, then a sweeper after %ld: %ld messages are not accounted for", o->name, first, second->step, lost);
}

static void pairs_with(const struct operation *o, const struct segment *s, const struct state *first) {
    char bodies[256];
    restore(s, first, copy_path);
    if (!recovers(copy_path, BY_ANOTHER_PROCESS)) {
        violation("%s, killed after %ld instructions: see above", o->name, first->step);
        return;
    }
    sort_bodies(verdict->left, bodies);
    struct verdict alone = *verdict;
    victim_path = fresh_path();
    restore(s, first, victim_path);
    struct segment second = look_at_segment(victim_path);
    pid_t sweeper = start(NULL, recover_all);
    struct recording r = record(sweeper, &second);
    kill_now(sweeper);
    sum.steps += r.steps, sum.states += (long)r.count;
    if (r.violation[0]) violation("%s, killed after %ld instructions, then recovered: %s", o->name, first->step, r.violation);
    for (size_t i = 0; i < r.count; i++)
        if (((long)i + offset) % every == 0) judge_pair(o, &second, first->step, &r.states[i], bodies, &alone);
    forget_recording(&r);
    look_away(&second);
    unlink(victim_path);
}

static void pairs_of(const struct operation *o) {
    static long nth; /* state of all operations: each follows a sweeper through thousands of instructions */
    struct segment s;
    pid_t victim;
    struct recording r = follow_operation(o, &s, &victim);
    const char *path = victim_path;
    kill_now(victim);
    if (keeper.q) rwq_close(keeper.q), keeper.q = NULL;
    for (size_t i = 0; i < r.count; i++)
        if ((nth++ + offset) % (every * every) == 0) pairs_with(o, &s, &r.states[i]);
    forget_recording(&r);
    look_away(&s);
    unlink(path), unlink(copy_path);
}

static void a_kill_at_any_instruction_loses_nothing(void) {
    begin(__func__);
    for (int i = 0; i < OPERATIONS; i++)
        if (is_chosen(&operations[i])) each_state_of(&operations[i]);
    conclude();
}

static void real_kills_leave_what_copies_show(void) {
    begin(__func__);
    for (int i = 0; i < OPERATIONS; i++)
        if (is_chosen(&operations[i])) real_kills_of(&operations[i]);
    conclude();
}

static void a_sweeper_may_be_killed_at_any_instruction_too(void) {
    begin(__func__);
    for (int i = 0; i < OPERATIONS; i++)
        if (is_chosen(&operations[i])) pairs_of(&operations[i]);
    conclude();
}

/* ---- a test that cannot fail would prove nothing ---- */

static const struct {
    const char *file; /* says what is wrong */
    const char *test, *operation;
} mutants[] = {
    {"published_before_copied", "a_kill_at_any_instruction_loses_nothing", "send"},
    {"high_water_after_claim", "a_kill_at_any_instruction_loses_nothing", "send"},
    {"eviction_unmarked", "a_kill_at_any_instruction_loses_nothing", "send that drops the oldest"},
    {"memory_noted_before_reserved", "a_kill_at_any_instruction_loses_nothing", "send that reserves memory"},
    {"settling_not_recovered", "a_kill_at_any_instruction_loses_nothing", "bury"},
    {"redelivery_unmarked", "a_kill_at_any_instruction_loses_nothing", "receive"},
    {"redelivery_unmarked", "real_kills_leave_what_copies_show", "touch"},
    {"drop_counted_again", "a_kill_at_any_instruction_loses_nothing", "full sweep when one that dropped the oldest is dead"},
    {"forgotten_before_recovered", "a_sweeper_may_be_killed_at_any_instruction_too", "acknowledge"},
};

static void each_deliberate_bug_is_found(void) {
    begin(__func__);
    for (size_t m = 0; m < sizeof mutants / sizeof mutants[0]; m++) {
        setenv("RINGWIRE_KILL_ONLY", mutants[m].operation, 1), setenv("RINGWIRE_KILL_EVERY", "1", 1);
        expect_found(mutants[m].file, mutants[m].test, "violation: ");
    }
    printf("  %zu mutants\n", sizeof mutants / sizeof mutants[0]);
}

static const struct test tests[] = {
    TEST(a_kill_at_any_instruction_loses_nothing), TEST(real_kills_leave_what_copies_show), TEST(a_sweeper_may_be_killed_at_any_instruction_too), TEST(each_deliberate_bug_is_found),
};
int main(int argc, char **argv) { return RUN_TESTS(tests, argc, argv); }
