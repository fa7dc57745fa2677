/*
 * Following a process instruction by instruction.
 *
 * The victim is a fork that opens a handle of its own, stops, and is then single-stepped by ptrace over one operation. After every
 * instruction the segment is compared with what it was before; whenever it changed, a copy is kept. A process that is killed leaves the
 * segment as it is at that instruction, and loses its locks and descriptors: nothing of it runs any more, and nothing of it is written
 * back from anywhere. So a copy with no process attached to it is what a kill after that instruction leaves, and all instructions between
 * two changes leave the same. That this holds is not taken for granted: the tests kill for real too (at each system call, which may
 * change more than memory, and at many other instructions) and compare.
 *
 * One instruction is one step: a system call is one, as is each turn of a repeated string instruction.
 */
#ifndef RW_INSTRUCTION_STEPS_H
#define RW_INSTRUCTION_STEPS_H
#include "use_queue.h"

#include <sched.h>
#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/user.h>

#define STEPS_MAX 2000000L
#define SYSTEM_CALLS_MAX 4096
#define BLOCKS_PER_CHUNK (RW_CHUNK / 512)

/* ---- the segment, seen from outside: nothing is read that is not there, as that would make it be there ---- */

struct segment {
    int fd;
    uint8_t *base;
    struct rw_layout l;
    uint8_t *large; /* of the last look */
};
static inline uint32_t chunks_of(const struct segment *s) { return (uint32_t)(s->l.meta_end / RW_CHUNK); }
static inline uint64_t large_bytes(const struct segment *s) { return s->l.total - s->l.meta_end; }
static inline bool is_chunk_set(const uint8_t *first_chunk, const struct rw_layout *l, uint32_t chunk) { return first_chunk[l->chunk_map + chunk / 8] >> (chunk % 8) & 1; }

static inline struct segment look_at_segment(const char *path) {
    struct segment s = {.fd = open(path, O_RDWR | O_CLOEXEC)};
    struct rw_super super;
    CHECK(s.fd >= 0 && pread(s.fd, &super, sizeof super, 0) == sizeof super);
    CHECK(rw_layout_compute(&s.l, super.slots, super.participants, super.max_body, super.max_headers));
    CHECK(s.l.parts < RW_CHUNK);
    s.base = mmap(NULL, s.l.total, PROT_READ, MAP_SHARED | MAP_NORESERVE, s.fd, 0);
    CHECK(s.base != MAP_FAILED);
    s.large = malloc(large_bytes(&s) + 1);
    return s;
}
static inline void look_away(struct segment *s) {
    munmap(s->base, s->l.total);
    close(s->fd);
    free(s->large);
}
static inline long blocks_of(const struct segment *s) {
    struct stat st;
    CHECK(fstat(s->fd, &st) == 0);
    return (long)st.st_blocks;
}

/* ---- states of it ---- */

struct state {
    long step; /* first seen after so many instructions */
    uint64_t hash;
    uint32_t chunks; /* copied: those whose bit in the chunk map is set, then the large bodies */
    uint8_t *bytes;
};
static inline void read_large(const struct segment *s, uint8_t *into) { CHECK(pread(s->fd, into, large_bytes(s), (off_t)s->l.meta_end) == (ssize_t)large_bytes(s)); }

static inline struct state copy_state(const struct segment *s, long step) {
    struct state state = {.step = step, .hash = 14695981039346656037ull};
    for (uint32_t c = 0; c < chunks_of(s); c++) state.chunks += is_chunk_set(s->base, &s->l, c);
    uint64_t bytes = (uint64_t)state.chunks * RW_CHUNK + large_bytes(s);
    uint8_t *at = state.bytes = malloc(bytes);
    CHECK(at);
    for (uint32_t c = 0; c < chunks_of(s); c++)
        if (is_chunk_set(s->base, &s->l, c)) memcpy(at, s->base + (uint64_t)c * RW_CHUNK, RW_CHUNK), at += RW_CHUNK;
    read_large(s, at);
    for (uint64_t i = 0; i + 8 <= bytes; i += 8) {
        uint64_t word;
        memcpy(&word, state.bytes + i, 8);
        state.hash = (state.hash ^ word) * 1099511628211ull;
        state.hash ^= state.hash >> 29;
    }
    return state;
}

/* A chunk whose bit was set meanwhile shows in the first chunk, where the bits are. */
static inline bool is_unchanged(const struct segment *s, const struct state *state) {
    const uint8_t *at = state->bytes;
    for (uint32_t c = 0; c < chunks_of(s); c++) {
        if (!is_chunk_set(state->bytes, &s->l, c)) continue;
        if (memcmp(at, s->base + (uint64_t)c * RW_CHUNK, RW_CHUNK) != 0) return false;
        at += RW_CHUNK;
    }
    if (large_bytes(s) == 0) return true;
    read_large(s, s->large);
    return memcmp(at, s->large, large_bytes(s)) == 0;
}

/* A segment of its own in that state, to which no process is attached. */
static inline void restore(const struct segment *s, const struct state *state, const char *path) {
    unlink(path);
    int fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && ftruncate(fd, (off_t)s->l.total) == 0);
    const uint8_t *at = state->bytes;
    for (uint32_t c = 0; c < chunks_of(s); c++) {
        if (!is_chunk_set(state->bytes, &s->l, c)) continue;
        CHECK(pwrite(fd, at, RW_CHUNK, (off_t)((uint64_t)c * RW_CHUNK)) == RW_CHUNK);
        at += RW_CHUNK;
    }
    CHECK(pwrite(fd, at, large_bytes(s), (off_t)s->l.meta_end) == (ssize_t)large_bytes(s));
    close(fd);
}

/* How many messages are accepted and not settled, by the only truth there is: the state words. */
static inline int accepted_in(const struct segment *s, const struct state *state) {
    int count = 0;
    for (uint32_t slot = 0; slot < s->l.slots; slot++) {
        uint64_t offset = s->l.headers + (uint64_t)slot * sizeof(struct rw_slot), chunk = offset / RW_CHUNK, before = 0, word;
        if (!is_chunk_set(state->bytes, &s->l, (uint32_t)chunk)) continue;
        for (uint32_t c = 0; c < chunk; c++) before += is_chunk_set(state->bytes, &s->l, c);
        memcpy(&word, state->bytes + before * RW_CHUNK + offset % RW_CHUNK, sizeof word);
        count += RW_STATE(word) != RWQ_SLOT_FREE && RW_STATE(word) != RWQ_SLOT_CLAIMED;
    }
    return count;
}

/* ---- the victim ---- */

enum { BEFORE, DURING, AFTER };
static _Atomic int *phase; /* shared with the victim */

/* In the victim, around the operation. */
static inline void be_followed(void) {
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) _exit(LEFT_OUT_STATUS);
    raise(SIGSTOP);
    atomic_store(phase, DURING);
}
static inline void be_done(void) {
    atomic_store(phase, AFTER);
    for (;;) pause();
}

static inline void await_stop(pid_t pid) {
    int status;
    while (waitpid(pid, &status, 0) < 0) CHECK(errno == EINTR);
    CHECK_NOTE(WIFSTOPPED(status), "the victim ended by itself (%#x)", status);
    CHECK_NOTE(WSTOPSIG(status) == SIGTRAP || WSTOPSIG(status) == SIGSTOP, "the victim had signal %d", WSTOPSIG(status));
}
static inline void one_step(pid_t pid) {
    CHECK_EQUAL(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
    await_stop(pid);
}
/* After the fork: up to the operation's first instruction. */
static inline void follow(pid_t pid) {
    await_stop(pid);
    CHECK_EQUAL(ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_EXITKILL), 0);
    while (atomic_load(phase) == BEFORE) one_step(pid);
}

/* Is the victim about to enter the kernel? Its code is looked at once. */
static inline bool is_at_system_call(pid_t pid) {
#ifdef __x86_64__
    static struct {
        long at;
        bool is;
    } seen[4096];
    long at = ptrace(PTRACE_PEEKUSER, pid, offsetof(struct user_regs_struct, rip), NULL);
    size_t place = (size_t)(at ^ at >> 12) % 4096;
    if (seen[place].at != at) {
        errno = 0;
        long code = ptrace(PTRACE_PEEKTEXT, pid, at, NULL);
        seen[place].at = at, seen[place].is = errno == 0 && (code & 0xffff) == 0x050f;
    }
    return seen[place].is;
#else
    (void)pid;
    return true; /* any instruction may be one */
#endif
}

/* ---- one operation, followed to its end ---- */

struct recording {
    long steps, system_calls, *system_call_at; /* at: done after so many steps */
    struct state *states;
    size_t count, capacity;
    char violation[200];
};

/* false: it was like this before */
static inline bool note_state(struct recording *r, struct state state) {
    for (size_t i = 0; i < r->count; i++)
        if (r->states[i].hash == state.hash) return false;
    if (r->count == r->capacity) {
        r->capacity = r->capacity ? 2 * r->capacity : 64;
        r->states = realloc(r->states, r->capacity * sizeof *r->states);
        CHECK(r->states);
    }
    r->states[r->count++] = state;
    return true;
}

/* Memory may come only by being reserved: a page that is there because somebody touched it would have been a SIGBUS on a full file system. */
static inline void check_memory(struct recording *r, const struct segment *s, bool grew, long now, bool changed) {
    long set = 0;
    if (grew) snprintf(r->violation, sizeof r->violation, "memory was touched that was not reserved, after %ld instructions", r->steps);
    if (!changed) return;
    for (uint32_t c = 0; c < chunks_of(s); c++) set += is_chunk_set(s->base, &s->l, c);
    if (now < set * BLOCKS_PER_CHUNK) snprintf(r->violation, sizeof r->violation, "memory is said to be there that is not, after %ld instructions", r->steps);
}

static inline struct recording record(pid_t pid, const struct segment *s) {
    struct recording r = {.system_call_at = malloc(SYSTEM_CALLS_MAX * sizeof(long))};
    follow(pid);
    long blocks = blocks_of(s);
    struct state last = copy_state(s, 0);
    bool kept = note_state(&r, last);
    while (atomic_load(phase) == DURING && !r.violation[0]) {
        bool entering = is_at_system_call(pid);
        one_step(pid);
        CHECK_NOTE(++r.steps < STEPS_MAX, "the operation has no end");
        if (entering && r.system_calls < SYSTEM_CALLS_MAX) r.system_call_at[r.system_calls++] = r.steps;
        long now = blocks_of(s);
        bool changed = !is_unchanged(s, &last);
        if (changed || now != blocks) check_memory(&r, s, now > blocks && !entering, now, changed);
        blocks = now;
        if (!changed) continue;
        if (!kept) free(last.bytes);
        last = copy_state(s, r.steps);
        kept = note_state(&r, last);
    }
    if (!kept) free(last.bytes);
    return r;
}
static inline void forget_recording(struct recording *r) {
    for (size_t i = 0; i < r->count; i++) free(r->states[i].bytes);
    free(r->states);
    free(r->system_call_at);
    *r = (struct recording){0};
}

/* May this process follow another one? */
static inline bool may_follow(void) {
    *phase = BEFORE;
    pid_t pid = fork();
    if (pid == 0) {
        be_followed();
        be_done();
    }
    int status;
    bool may = waitpid(pid, &status, 0) == pid && WIFSTOPPED(status);
    while (may && atomic_load(phase) == BEFORE) may = ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) == 0 && waitpid(pid, &status, 0) == pid && WIFSTOPPED(status);
    kill(pid, SIGKILL);
    if (!may && !WIFSTOPPED(status)) return false;
    waitpid(pid, &status, 0);
    return may;
}
#endif
