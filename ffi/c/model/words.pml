/*
 * The shared memory of the model: the same words as in layout.h, with fewer bits, and what is only there to judge with.
 * A configuration defines: S slots, N ring entries (a power of two, at least 2 S), M messages, P participants,
 * Q processes, CRASHES, and which of the processes, 1 to VICTIMS, may be killed.
 */
#ifndef R
#define R 2 /* rings: redelivery, normal */
#endif
#ifndef CRASHES
#define CRASHES 1
#endif
#ifndef Q
#define Q P
#endif
#ifndef VICTIMS
#define VICTIMS Q
#endif
#ifndef MAX_DELIVER
#define MAX_DELIVER 6
#endif
#ifndef RANK
#define RANK 0 /* of what a producer sends; with more than two rings: the number of one */
#endif
#define NORMAL (R - 1)
#define REDELIVERY 0

/* gen | attempts 3 | owner 3 | priority 2 | flags 2 | state 3 */
#define FREE 0
#define CLAIMED 1
#define READY 2
#define LEASED 3
#define SETTLING 4
#define DELAYED 5
#define BURIED 6
#define REDELIVERED 1
#define EVICTED 2
#define STATE(w) ((w) & 7)
#define FLAGS(w) (((w) >> 3) & 3)
#define PRIORITY(w) (((w) >> 5) & 3)
#define OWNER(w) (((w) >> 7) & 7)
#define ATTEMPTS(w) (((w) >> 10) & 7)
#define GEN(w) ((w) >> 13)
#define WORD(state, flags, priority, owner, attempts, gen) \
  ((state) | ((flags) << 3) | ((priority) << 5) | ((owner) << 7) | ((attempts) << 10) | ((gen) << 13))

/* A deadline: gen << 2 | time; times only differ, whether one is over is the checker's choice. */
#define NO_TIME 0
#define EXPIRED 1
#define DEADLINE(gen, time) (((gen) << 2) | (time))
#define TIME(d) ((d) & 3)
#define TAG(d) ((d) >> 2)

/* A ring's entry: cycle | gen 5 | slot 3. Head and tail start at N, so that zeros are of the previous cycle. */
#define ENTRY(cycle, gen, slot) (((cycle) << 8) | ((gen) << 3) | (slot))
#define CYCLE(e) ((e) >> 8)
#define ENTRY_GEN(e) (((e) >> 3) & 31)
#define ENTRY_SLOT(e) ((e) & 7)
#define CYCLE_OF(position) ((position) / N)
#define AT(ring, position) entry[(ring) * N + (position) % N]

#define BIT(i) (1 << (i))
#define NOBODY 1 /* the set of message 0 */
#define ALL_SLOTS (BIT(S) - 1)

#define NONE 0 /* of orphans: state 2, counted above */
#define NEW 1
#define TRIED 2
#define ORPHANS(word) ((word) & 3)
#define ORPHANS_NEXT(word, state) ((((word) & 252) + 4 + (state)) & 255)

int word[S];
short deadline[S];
short due[S];
byte body[S];
short entry[R * N];
byte head[R] = N;
byte tail[R] = N;
#ifdef USED_BITS
byte used;
#endif
byte orphans;
bool registered[P + 1];
byte lock[P + 1]; /* which description holds the byte; 0: nobody */

/* What has happened, to judge with: sets of messages (bit m; bit 0 is none), of slots, and how often a message was leased. */
byte committed, accepted, taken, acknowledged, dropped, buried;
byte tries[M + 1];
byte told[S];  /* gen + 1 for which the insertion of the hint has returned */
#ifdef SETTLING_WAYS
byte clock, wanted[S]; /* and the due time that its owner meant */
#endif
byte note[S]; /* the gen that a dead letter's note was written for */
bool touched[S]; /* a touch has succeeded since an expiry looked at this lease */
byte crashes, victim;
bool ended, concluded; /* the stream; a reader has said so */
#ifdef DROP_OLDEST
byte counted[P + 1], dropping[P + 1]; /* drops; and one that is being counted: count << 2 | slot + 1 */
#define NOTE(slot_, count_) (((count_) << 2) | ((slot_) + 1))
#define NOTE_SLOT(note_) ((note_) & 3)
#define NOTE_COUNT(note_) ((note_) >> 2)
#endif
bool gone[Q + 1]; /* ended, by itself or killed */
bool anyone_died;

#ifdef CONSUME_LOCK
byte sharing, held_alone; /* the consumers' lock: a set of processes, or one */
#define JUDGED (_pid > Q) /* the environment */
byte consuming, alone_pid; /* who was told that he may take, or that he takes alone */
#endif

/* A process whose kill is under way is the only one that moves. */
#define RUNS (victim == 0 || victim == _pid)

/* The word of a READY slot belongs into this ring. Without priorities there are two rings. */
#if R > 2
#define RING_OF(w) ((FLAGS(w) & REDELIVERED) != 0 -> REDELIVERY : PRIORITY(w))
#else
#define RING_OF(w) ((FLAGS(w) & REDELIVERED) != 0 -> REDELIVERY : NORMAL)
#endif
#define IS_LIVE(e) (STATE(word[ENTRY_SLOT(e)]) == READY && (GEN(word[ENTRY_SLOT(e)]) & 31) == ENTRY_GEN(e))

/* What every process has for itself. */
#ifdef IN_ORDER
#define ORDER_LOCALS byte alone, takes, low_first, until, until_id, oldest, last_id, ordered, phase, asked, passed_over;
#else
#define ORDER_LOCALS
#endif
#ifdef ATTEMPTS_IN_PLACE
#define ATTEMPTS_LOCALS bool uncounted;
#else
#define ATTEMPTS_LOCALS
#define uncounted 0
#endif
#define LOCALS \
  ORDER_LOCALS ATTEMPTS_LOCALS \
  byte k, j, ring, position, last, first, slot, result, turns, bits, n, i, scans, begun, hinted, missing, place, sending; \
  byte missing_gen[S], over; \
  short e; \
  int w, mine, found[S]

/* All locals as at the beginning, so that states differ only in what matters. */
inline forget_locals() {
  k = 0; j = 0; ring = 0; position = 0; last = 0; first = 0; slot = 0; result = 0; turns = 0; bits = 0; n = 0; i = 0; scans = 0;
  begun = 0; hinted = 0; missing = 0; place = 0; sending = 0; over = 0; e = 0; w = 0; mine = 0;
  for (k : 0 .. S - 1) {
    missing_gen[k] = 0; found[k] = 0
  }
  k = 0;
#ifdef IN_ORDER
  takes = 0; low_first = 0; until = 0; until_id = 0; oldest = 0; last_id = 0; ordered = 0; phase = 0; asked = 0; passed_over = 0
#endif
}

/* rw_sort(), for whoever then takes the first: the slot of the set, if there is one, whose message was sent first. */
inline oldest_of(set) {
  i = S;
  for (n : 0 .. S - 1) {
    if
    :: (set & BIT(n)) != 0 && (i == S || body[n] < body[i]) -> i = n
    :: else
    fi
  }
  n = 0
}

/* Is there a hint of the current cycle, between the shared head and the first entry of an older one? */
inline find_hint(s, g) {
  result = 0; ring = RING_OF(word[s]); position = head[ring]; n = 0;
  do
  :: n == N || CYCLE(AT(ring, position)) != CYCLE_OF(position) -> break
  :: else ->
    if
    :: ENTRY_SLOT(AT(ring, position)) == s && ENTRY_GEN(AT(ring, position)) == (g & 31) -> result = 1; break
    :: else -> position++; n++
    fi
  od;
  ring = 0; position = 0; n = 0
}
